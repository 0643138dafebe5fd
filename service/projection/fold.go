package projection

import (
	"context"
	"maps"
	"time"

	"switchboard/db"
)

// folded is what the events of one workspace are folded into.
type folded interface {
	// resume takes over a state that was stored, and returns its place in the log; zero if there is
	// none from which the end of the log is reached sooner than by start.
	resume(ctx context.Context, w db.ForWorkspace, end db.Head) (db.Head, error)
	// start computes the state from the rows and returns the end of the log that they show.
	start(ctx context.Context, w db.ForWorkspace) (db.Head, error)
	// next applies the events that follow. It reports false, having changed nothing, if the
	// state has to be started again instead.
	next(ctx context.Context, w db.ForWorkspace, events []*db.Event) (ok bool, err error)
}

// fold is a state that starts from a snapshot and applies each event that follows.
type fold[T folded] struct {
	head     db.Head // the last event that the state includes
	ready    bool
	state    T
	measures *measures

	saved    db.Head // the head when the state was last stored; only save uses it
	empty    func() T
	renewal  *renewal[T]   // nil unless the state came from a checkpoint
	renewals chan struct{} // holds a value for each renewal under way, of all folds of the kind
}

const (
	batchSize = 1000    // events read in one statement
	maxBehind = 100_000 // events behind from which starting again is cheaper
)

// folds are those in use, by workspace.
type folds[T folded] struct{ *projections[*fold[T]] }

func newFolds[T folded](kind string, empty func() T) folds[T] {
	renewals := make(chan struct{}, maxRenewals)
	return folds[T]{newProjections(kind, func(m *measures) *fold[T] {
		return &fold[T]{state: empty(), measures: m, empty: empty, renewals: renewals}
	})}
}

// read brings a workspace's fold to the end of the log and calls look with its state.
func (fs folds[T]) read(ctx context.Context, w db.ForWorkspace, look func(T)) error {
	return fs.projections.read(ctx, w, func(f *fold[T]) { look(f.state) })
}

// each calls look with each fold that is in use and not being read, without bringing it to the end of
// the log.
func (fs folds[T]) each(look func(*fold[T])) {
	fs.mu.Lock()
	all := maps.Clone(fs.of)
	fs.mu.Unlock()
	for _, p := range all {
		select {
		case p.turn <- struct{}{}:
			look(p.state)
			<-p.turn
		default:
		}
	}
}

// advance brings the state to the end of the log, from where it is, or else from what was stored, or
// else from the rows.
func (f *fold[T]) advance(ctx context.Context, w db.ForWorkspace) error {
	f.take(w)
	head, err := w.Head(ctx)
	if err != nil {
		return err
	}
	if err := f.follow(ctx, w, head); err != nil || f.ready {
		return err
	}
	if err := f.resume(ctx, w, head); err != nil || f.ready {
		return err
	}
	began := time.Now()
	f.renewal = nil
	f.head, err = f.state.start(ctx, w)
	if f.ready = err == nil; f.ready {
		f.measures.built(began)
	}
	return err
}

// follow applies the events up to a place. The state is not ready afterwards if it is too far behind
// for that, or if the log was replaced.
func (f *fold[T]) follow(ctx context.Context, w db.ForWorkspace, to db.Head) error {
	for f.ready && f.head != to {
		if to.Seq-f.head.Seq > maxBehind || to.Seq <= f.head.Seq {
			f.ready = false
			break
		}
		if err := f.applyNext(ctx, w); err != nil {
			return err
		}
		if f.head.Seq >= to.Seq {
			break
		}
	}
	return nil
}

// applyNext applies the next batch of events. It reads the last applied event again: another id
// under its number means that the log was replaced.
func (f *fold[T]) applyNext(ctx context.Context, w db.ForWorkspace) error {
	events, err := w.EventsAfter(ctx, max(f.head.Seq-1, 0), batchSize)
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
	ok, err := f.state.next(ctx, w, events)
	if f.ready = ok || err != nil; err != nil || !ok {
		return err // a state that could not apply the events is unchanged
	}
	last := events[len(events)-1]
	f.head = db.Head{WorkspaceID: last.WorkspaceID, Seq: last.Seq, EventID: last.ID}
	return nil
}
