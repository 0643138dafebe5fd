// Package projection keeps in memory what is shown of each workspace: how many conversations each
// view holds, the open conversations in their orders, and the dashboard. A projection starts from
// the rows, follows the log of events, and is brought to its end by each read.
package projection

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/db"
)

// state is what is kept of one workspace.
type state interface {
	// advance brings the state to the end of the log. After an error it can be called again.
	advance(ctx context.Context, w db.ForWorkspace) error
}

// projection keeps the state of one workspace: it is started from a snapshot and brought to the end
// of the log by each read, so that a read is exact.
type projection[T state] struct {
	began atomic.Int64 // how many times an advance to the end of the log has begun

	turn  chan struct{} // held by the goroutine that reads or changes the fields below
	done  int64         // which of these advances was the last one, if it succeeded; else 0
	state T
	idle  *time.Timer
}

// projections are those in use, by workspace.
type projections[T state] struct {
	empty    func(*measures) T
	kind     string // in measures
	measures *measures

	mu sync.Mutex
	of map[db.WorkspaceKey]*projection[T]
}

const (
	lifetime    = 10 * time.Minute // of a projection without a read
	advanceTime = 30 * time.Second // for one advance to the end of the log, or one start
)

func newProjections[T state](kind string, empty func(*measures) T) *projections[T] {
	return &projections[T]{empty: empty, kind: kind, measures: newMeasures(kind), of: map[db.WorkspaceKey]*projection[T]{}}
}

// get returns the projection of a workspace. It is dropped when it is not read for a while.
func (ps *projections[T]) get(workspace db.WorkspaceKey) *projection[T] {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.of[workspace]
	if p == nil {
		p = &projection[T]{turn: make(chan struct{}, 1), state: ps.empty(ps.measures)}
		p.idle = time.AfterFunc(lifetime, func() {
			ps.mu.Lock()
			defer ps.mu.Unlock()
			delete(ps.of, workspace)
		})
		ps.of[workspace] = p
	}
	p.idle.Reset(lifetime)
	return p
}

// has reports whether a workspace's projection is in use.
func (ps *projections[T]) has(workspace db.WorkspaceKey) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.of[workspace] != nil
}

// read brings a workspace's projection to the end of the log and calls look with its state. Of many
// callers that wait together one advances it for all, since a thousand subscribers may come at
// once. No caller waits longer than its own context lasts.
func (ps *projections[T]) read(ctx context.Context, w db.ForWorkspace, look func(T)) error {
	p := ps.get(w.Key)
	arrived := p.began.Load()
	if err := p.await(ctx); err != nil {
		return err
	}
	if p.done <= arrived { // no advance has begun since
		if err := p.lead(ctx, w); err != nil {
			return err
		}
	}
	defer func() { <-p.turn }()
	look(p.state)
	return nil
}

// peek calls look with a workspace's projection as it is, perhaps not at the end of the log.
func (ps *projections[T]) peek(ctx context.Context, w db.ForWorkspace, look func(T)) error {
	p := ps.get(w.Key)
	if err := p.await(ctx); err != nil {
		return err
	}
	defer func() { <-p.turn }()
	look(p.state)
	return nil
}

// await waits for the turn, which the caller then holds unless there is an error.
func (p *projection[T]) await(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lead advances the projection for all callers that wait. The caller holds the turn, and still
// holds it afterwards unless there is an error. The advance goes on when the caller gives up, as
// others wait for it, but no longer than advanceTime.
func (p *projection[T]) lead(ctx context.Context, w db.ForWorkspace) error {
	worked := make(chan error) // unbuffered: the turn is handed over with the result
	go func() {
		work, cancel := context.WithTimeout(context.WithoutCancel(ctx), advanceTime)
		defer cancel()
		p.done = 0
		began := p.began.Add(1)
		// In a goroutine of its own a panic would stop the server.
		_, err := db.Contained(func() (any, error) { return nil, p.state.advance(work, w) })
		if err == nil {
			p.done = began
		}
		select {
		case worked <- err:
		case <-ctx.Done():
			<-p.turn
		}
	}()
	select {
	case err := <-worked:
		if err != nil {
			<-p.turn
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
