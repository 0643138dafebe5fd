package service

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/db"
)

// folded is what the log of one workspace is folded into.
type folded interface {
	// start begins from the rows themselves and says as of which end of the log.
	start(ctx context.Context, w db.ForWorkspace) (db.Head, error)
	// next goes on by the events that follow; not ok if it has to start again instead.
	next(ctx context.Context, w db.ForWorkspace, events []*db.Event) (ok bool, err error)
}

// folding keeps what a log is folded into: started from a snapshot, brought to the log's
// end whenever it is read, and so exact there. Nothing is counted on the way of a request.
type folding[T folded] struct {
	began atomic.Int64 // how often somebody began to bring it to the end

	turn  chan struct{} // holds whoever reads or changes what follows
	done  int64         // which of these times was the last, if that went well; else 0
	head  db.Head       // as far as it is folded
	ready bool
	into  T
	idle  *time.Timer
}

// foldings are those in use, by workspace.
type foldings[T folded] struct {
	empty func() T

	mu sync.Mutex
	of map[int64]*folding[T]
}

const (
	foldLifetime = 10 * time.Minute // without a read
	foldTime     = 30 * time.Second // of bringing one to the end of the log, or of starting it
	foldBatch    = 1000             // events read in one statement
	foldLimit    = 100_000          // events behind at which starting again is cheaper
)

func newFoldings[T folded](empty func() T) *foldings[T] {
	return &foldings[T]{empty: empty, of: map[int64]*folding[T]{}}
}

// get gives a workspace's folding, which goes away when it is not used for a while.
func (f *foldings[T]) get(workspace int64) *folding[T] {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.of[workspace]
	if one == nil {
		one = &folding[T]{turn: make(chan struct{}, 1), into: f.empty()}
		one.idle = time.AfterFunc(foldLifetime, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			delete(f.of, workspace)
		})
		f.of[workspace] = one
	}
	one.idle.Reset(foldLifetime)
	return one
}

// read brings a workspace's folding to the end of the log and looks at what it holds. Of
// those who wait for it together one does so for all: a thousand subscribers may come at
// once. Nobody waits longer than the own context lasts.
func (f *foldings[T]) read(ctx context.Context, w db.ForWorkspace, look func(T)) error {
	one := f.get(w.Key)
	arrived := one.began.Load()
	select {
	case one.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if one.done <= arrived { // nobody began since
		if err := one.lead(ctx, w); err != nil {
			return err
		}
	}
	defer func() { <-one.turn }()
	look(one.into)
	return nil
}

// lead brings the folding to the end of the log for all who wait. The turn, which the
// caller has, is still the caller's afterwards, unless there is an error. The work goes on
// when the caller gives up, as the others wait for it, but no longer than foldTime.
func (f *folding[T]) lead(ctx context.Context, w db.ForWorkspace) error {
	worked := make(chan error) // unbuffered: with the result goes the turn
	go func() {
		work, cancel := context.WithTimeout(context.WithoutCancel(ctx), foldTime)
		defer cancel()
		f.done = 0
		began := f.began.Add(1)
		_, err := contained(func() (bool, error) { return true, f.advance(work, w) })
		if err == nil {
			f.done = began
		}
		select {
		case worked <- err:
		case <-ctx.Done():
			<-f.turn
		}
	}()
	select {
	case err := <-worked:
		if err != nil {
			<-f.turn
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *folding[T]) advance(ctx context.Context, w db.ForWorkspace) error {
	head, err := w.Head(ctx)
	if err != nil {
		return err
	}
	for f.ready && f.head != head {
		if head.Seq-f.head.Seq > foldLimit || head.Seq <= f.head.Seq {
			f.ready = false // far behind, or the log was replaced by an older one
			break
		}
		if err := f.goOn(ctx, w); err != nil {
			return err
		}
		if f.head.Seq >= head.Seq {
			return nil
		}
	}
	if !f.ready {
		f.head, err = f.into.start(ctx, w)
		f.ready = err == nil
	}
	return err
}

// goOn folds the next events. It reads the last folded one again: another id under its
// number means that the log was replaced.
func (f *folding[T]) goOn(ctx context.Context, w db.ForWorkspace) error {
	events, err := w.EventsAfter(ctx, max(f.head.Seq-1, 0), foldBatch)
	if err != nil {
		return err
	}
	if f.head.Seq > 0 {
		if len(events) == 0 || events[0].Seq != f.head.Seq || events[0].ID != f.head.EventID {
			f.ready = false
			return nil
		}
		events = events[1:]
	}
	if len(events) == 0 {
		f.ready = false
		return nil
	}
	ok, err := f.into.next(ctx, w, events)
	if f.ready = ok || err != nil; err != nil || !ok {
		return err // what could not go on is as it was
	}
	last := events[len(events)-1]
	f.head = db.Head{WorkspaceID: last.WorkspaceID, Seq: last.Seq, EventID: last.ID}
	return nil
}
