//go:build unix

package embedded

import (
	"context"
	"time"
)

// keepEvery is how often a server is looked at.
const keepEvery = 250 * time.Millisecond

// keep starts PostgreSQL again when it dies under the processes that use it, until ctx
// ends. Whoever sees it first does; the others find it running.
func (s *Server) keep(ctx context.Context) {
	defer close(s.kept)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(keepEvery):
		}
		if !s.isGone() {
			continue
		}
		s.log.Warn("PostgreSQL ended without being asked to; starting it again", "folder", s.folder.root)
		if err := s.revive(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("PostgreSQL could not be started again; still trying", "error", err)
		}
	}
}

// isGone says whether no process of PostgreSQL is left.
func (s *Server) isGone() bool {
	work, err := s.folder.claim()
	if err != nil || work == nil {
		return false
	}
	return work.Close() == nil
}

func (s *Server) revive(ctx context.Context) error {
	if _, err := s.folder.gate.TryLockContext(ctx, poll); err != nil {
		return err
	}
	defer s.folder.gate.Unlock()
	if s.child != nil {
		_ = s.child.Wait() // or it would stay a zombie
		s.child = nil
	}
	return s.raise(ctx)
}
