// Package projection keeps what is computed from the event log of each workspace: how many
// conversations each view holds, and the dashboard. A projection is in memory only: it starts from
// the rows, applies the events that follow, and is brought to the end of the log by each read.
package projection

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/db"
)

// state is what the log of one workspace is projected into.
type state interface {
	// start computes the state from the rows and returns the end of the log that they show.
	start(ctx context.Context, w db.ForWorkspace) (db.Head, error)
	// next applies the events that follow. It reports false, having changed nothing, if the
	// state has to be started again instead.
	next(ctx context.Context, w db.ForWorkspace, events []*db.Event) (ok bool, err error)
}

// projection keeps the state of one workspace: it is started from a snapshot and brought to the end
// of the log by each read, so that a read is exact.
type projection[T state] struct {
	began atomic.Int64 // how many times an advance to the end of the log has begun

	turn  chan struct{} // held by the goroutine that reads or changes the fields below
	done  int64         // which of these advances was the last one, if it succeeded; else 0
	head  db.Head       // the last event that the state includes
	ready bool
	state T
	idle  *time.Timer
}

// projections are those in use, by workspace.
type projections[T state] struct {
	empty func() T

	mu sync.Mutex
	of map[db.WorkspaceKey]*projection[T]
}

const (
	lifetime    = 10 * time.Minute // of a projection without a read
	advanceTime = 30 * time.Second // for one advance to the end of the log, or one start
	batchSize   = 1000             // events read in one statement
	maxBehind   = 100_000          // events behind from which starting again is cheaper
)

func newProjections[T state](empty func() T) *projections[T] {
	return &projections[T]{empty: empty, of: map[db.WorkspaceKey]*projection[T]{}}
}

// get returns the projection of a workspace. It is dropped when it is not read for a while.
func (ps *projections[T]) get(workspace db.WorkspaceKey) *projection[T] {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.of[workspace]
	if p == nil {
		p = &projection[T]{turn: make(chan struct{}, 1), state: ps.empty()}
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

// read brings a workspace's projection to the end of the log and calls look with its state. Of many
// callers that wait together one advances it for all, since a thousand subscribers may come at
// once. No caller waits longer than its own context lasts.
func (ps *projections[T]) read(ctx context.Context, w db.ForWorkspace, look func(T)) error {
	p := ps.get(w.Key)
	arrived := p.began.Load()
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
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
		err := p.advanceContained(work, w)
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

// advanceContained is advance with a panic turned into an error: in a goroutine of its own a panic
// would stop the server.
func (p *projection[T]) advanceContained(ctx context.Context, w db.ForWorkspace) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v\n%s", reason, debug.Stack())
		}
	}()
	return p.advance(ctx, w)
}

func (p *projection[T]) advance(ctx context.Context, w db.ForWorkspace) error {
	head, err := w.Head(ctx)
	if err != nil {
		return err
	}
	for p.ready && p.head != head {
		if head.Seq-p.head.Seq > maxBehind || head.Seq <= p.head.Seq {
			p.ready = false // far behind, or the log was replaced by an older one
			break
		}
		if err := p.applyNext(ctx, w); err != nil {
			return err
		}
		if p.head.Seq >= head.Seq {
			return nil
		}
	}
	if !p.ready {
		p.head, err = p.state.start(ctx, w)
		p.ready = err == nil
	}
	return err
}

// applyNext applies the next batch of events. It reads the last applied event again: another id
// under its number means that the log was replaced.
func (p *projection[T]) applyNext(ctx context.Context, w db.ForWorkspace) error {
	events, err := w.EventsAfter(ctx, max(p.head.Seq-1, 0), batchSize)
	if err != nil {
		return err
	}
	if p.head.Seq > 0 {
		if len(events) == 0 || events[0].Seq != p.head.Seq || events[0].ID != p.head.EventID {
			p.ready = false
			return nil
		}
		events = events[1:]
	}
	if len(events) == 0 {
		p.ready = false
		return nil
	}
	ok, err := p.state.next(ctx, w, events)
	if p.ready = ok || err != nil; err != nil || !ok {
		return err // a state that could not apply the events is unchanged
	}
	last := events[len(events)-1]
	p.head = db.Head{WorkspaceID: last.WorkspaceID, Seq: last.Seq, EventID: last.ID}
	return nil
}
