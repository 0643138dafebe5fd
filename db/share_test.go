package db

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestShares: a workspace gets three quarters of the connections, and one that waits too long for
// its own is told so, while others still get one.
func TestShares(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShares(16, 2*time.Second)
		var release []func()
		for range 12 {
			end, err := s.acquire(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			release = append(release, end)
		}
		began := time.Now()
		if _, err := s.acquire(t.Context(), 1); !errors.Is(err, errBusy) || !Unavailable(err) || time.Since(began) != 2*time.Second {
			t.Errorf("a 13th connection: %v after %v", err, time.Since(began))
		}
		if end, err := s.acquire(t.Context(), 2); err != nil {
			t.Errorf("another workspace: %v", err)
		} else {
			end()
		}
		left, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := s.acquire(left, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("one that leaves: %v", err)
		}
		time.AfterFunc(time.Second, release[0])
		end, err := s.acquire(t.Context(), 1)
		if err != nil {
			t.Errorf("one is free again: %v", err)
		}
		end()
		for _, end := range release[1:] {
			end()
		}
		if len(s.all) != 0 {
			t.Errorf("%d shares are kept though nothing is in use", len(s.all))
		}
	})
}

// TestNoFreeConnection: while other workspaces use all connections, a statement waits only for so
// long.
func TestNoFreeConnection(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, Options{MaxConns: 1, PoolTimeout: 20 * time.Millisecond})
	busy, err := w.db.connFor(t.Context(), w.Key+1)
	fine(t, err)
	err = bounded(t, "waiting for a connection", func() error {
		conn, err := w.db.connFor(t.Context(), w.Key)
		if err == nil {
			fine(t, conn.Close())
		}
		return err
	})
	if !errors.Is(err, errBusy) {
		t.Errorf("while none is free: %v", err)
	}
	fine(t, busy.Close())
	conn, err := w.db.connFor(t.Context(), w.Key)
	fine(t, err)
	fine(t, conn.Close())
}
