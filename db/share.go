package db

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/uptrace/bun"
)

// shares limits how many connections of the pool each workspace holds at a time, so that a busy one
// cannot keep all of them from others.
type shares struct {
	most int
	wait time.Duration // for a connection; 0: without limit, and nothing is shared out
	mu   sync.Mutex
	all  map[WorkspaceKey]*share
}

// A share is what one workspace holds. It is forgotten when the workspace uses nothing.
type share struct {
	slots chan struct{}
	users int // that hold a slot or wait for one
}

// errBusy is the error of a wait for a connection that took too long.
var errBusy = errors.New("no connection to the database was free in time")

func newShares(conns int, wait time.Duration) *shares {
	return &shares{most: (3*conns + 3) / 4, wait: wait, all: map[WorkspaceKey]*share{}}
}

// acquire waits until a workspace may hold one more connection; release ends that.
// What belongs to no workspace is not limited.
func (s *shares) acquire(ctx context.Context, key WorkspaceKey) (release func(), err error) {
	if key == 0 || s.wait == 0 {
		return func() {}, nil
	}
	of := s.enter(key)
	select {
	case of.slots <- struct{}{}:
	default:
		if err := s.await(ctx, of); err != nil {
			s.leave(key, of)
			return nil, err
		}
	}
	return func() {
		<-of.slots
		s.leave(key, of)
	}, nil
}

func (s *shares) await(ctx context.Context, of *share) error {
	late := time.NewTimer(s.wait)
	defer late.Stop()
	select {
	case of.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return errBusy
	}
}

func (s *shares) enter(key WorkspaceKey) *share {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.all[key]
	if of == nil {
		of = &share{slots: make(chan struct{}, s.most)}
		s.all[key] = of
	}
	of.users++
	return of
}

func (s *shares) leave(key WorkspaceKey, of *share) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of.users--; of.users == 0 {
		delete(s.all, key)
	}
}

// A sharedConn is a connection of the pool that counts among those of a workspace.
type sharedConn struct {
	bun.Conn
	release func()
}

// Close returns the connection to the pool.
func (c sharedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// connFor returns a connection for a workspace. It waits only for so long while all are in use.
func (d *DB) connFor(ctx context.Context, key WorkspaceKey) (sharedConn, error) {
	release, err := d.shares.acquire(ctx, key)
	if err != nil {
		return sharedConn{}, err
	}
	conn, err := d.freeConn(ctx)
	if err != nil {
		release()
		return sharedConn{}, err
	}
	return sharedConn{conn, release}, nil
}

func (d *DB) freeConn(ctx context.Context) (bun.Conn, error) {
	if d.shares.wait == 0 {
		return d.Conn(ctx)
	}
	waiting, cancel := context.WithTimeout(ctx, d.shares.wait)
	defer cancel()
	conn, err := d.Conn(waiting)
	if err == nil || waiting.Err() == nil || ctx.Err() != nil {
		return conn, err
	}
	if stats := d.Stats(); stats.InUse < stats.MaxOpenConnections {
		return d.Conn(ctx) // it was being opened, which has a limit of its own
	}
	return conn, errBusy
}

// sharing runs a statement that takes a connection of the pool, as one of the workspace's. Inside a
// transaction the connection counts already.
func (w ForWorkspace) sharing(ctx context.Context, run func() error) error {
	if w.conn != nil {
		return run()
	}
	release, err := w.db.shares.acquire(ctx, w.Key)
	if err != nil {
		return err
	}
	defer release()
	return run()
}
