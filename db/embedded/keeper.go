//go:build unix

package embedded

import (
	"context"
	"time"
)

// checkInterval is how often it is checked that PostgreSQL runs.
const checkInterval = 250 * time.Millisecond

// keepRunning restarts PostgreSQL if it dies while processes use it, until ctx ends. The first
// process to notice restarts it; the others then find it running.
func (s *Server) keepRunning(ctx context.Context) {
	defer close(s.keepingStopped)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(checkInterval):
		}
		if !s.isDead() {
			continue
		}
		s.log.Warn("PostgreSQL ended without being asked to; starting it again", "folder", s.folder.root)
		if err := s.restart(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("PostgreSQL could not be started again; still trying", "error", err)
		}
	}
}

// isDead reports whether no process of PostgreSQL is left.
func (s *Server) isDead() bool {
	work, err := s.folder.claim()
	if err != nil || work == nil {
		return false
	}
	return work.Close() == nil
}

func (s *Server) restart(ctx context.Context) error {
	if _, err := s.folder.entry.TryLockContext(ctx, pollInterval); err != nil {
		return err
	}
	defer s.folder.entry.Unlock()
	if s.child != nil {
		_ = s.child.Wait() // reap the child
		s.child = nil
	}
	return s.ensureRunning(ctx)
}
