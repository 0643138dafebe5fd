package feed

import (
	"context"
	"sync"

	"switchboard/db"
)

// Watcher reads one workspace's log from a place on, at its own pace.
type Watcher struct {
	feed *Feed
	tail *tail
	at   db.EventCursor
	once sync.Once
}

// Watch begins after a place in the workspace's log, or with nil at its present end. The
// error is db.ErrBadCursor for a cursor of another workspace and ErrExpired for one that
// lies too far back (30 days, 1,000,000 events) or names an event that is not there.
func (f *Feed) Watch(ctx context.Context, workspace int64, after *db.EventCursor) (*Watcher, error) {
	t, err := f.join(ctx, workspace)
	if err != nil {
		return nil, err
	}
	w := &Watcher{feed: f, tail: t}
	if w.at, err = f.start(ctx, workspace, after); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Start is the place that the watcher reads after next.
func (w *Watcher) Start() db.EventCursor { return w.at }

// join registers a watcher, starting to follow the log with the first one.
func (f *Feed) join(ctx context.Context, workspace int64) (*tail, error) {
	if t := f.joinFollowed(workspace, nil); t != nil {
		return t, nil
	}
	head, err := f.db.ForWorkspace(workspace).Head(ctx)
	if err != nil {
		return nil, err
	}
	t := f.joinFollowed(workspace, newTail(head))
	f.mark(workspace) // a commit between reading the head and registering woke nobody
	return t, nil
}

// joinFollowed registers a watcher with the tail that exists, else with the fresh one.
func (f *Feed) joinFollowed(workspace int64, fresh *tail) *tail {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.tails[workspace]
	if t == nil {
		if fresh == nil {
			return nil
		}
		t, f.tails[workspace] = fresh, fresh
	}
	t.watchers++
	return t
}

// start checks where a watcher wants to begin.
func (f *Feed) start(ctx context.Context, workspace int64, after *db.EventCursor) (db.EventCursor, error) {
	log := f.db.ForWorkspace(workspace)
	head, err := log.Head(ctx)
	switch {
	case err != nil:
		return db.EventCursor{}, err
	case after == nil:
		return head.Cursor(), nil
	case after.Workspace != workspace:
		return db.EventCursor{}, db.ErrBadCursor
	case after.Seq > head.Seq, head.Seq-after.Seq > resumeLimit:
		return db.EventCursor{}, ErrExpired
	}
	around, err := log.EventsBySeq(ctx, []int64{after.Seq, after.Seq + 1})
	if err != nil {
		return db.EventCursor{}, err
	}
	named := *after == db.Head{WorkspaceID: workspace}.Cursor() // the beginning names no event
	for _, e := range around {
		named = named || *after == e.Cursor()
		if e.Seq == after.Seq+1 && f.now().Sub(e.CreatedAt) > resumeAge {
			return db.EventCursor{}, ErrExpired
		}
	}
	if !named {
		return db.EventCursor{}, ErrExpired
	}
	return *after, nil
}

// Next gives the next events in log order, at least one, waiting for them if need be.
// Each event is given exactly once. The error is the context's, ErrExpired, or the
// database's; the watcher keeps its place, so Next may be called again.
func (w *Watcher) Next(ctx context.Context) ([]*db.Event, error) {
	for {
		events, wait, fromLog, err := w.tail.after(w.at.Seq)
		if fromLog {
			events, err = w.readLog(ctx)
		}
		if err != nil {
			return nil, err
		}
		if len(events) > 0 {
			w.at = events[len(events)-1].Cursor()
			return events, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// readLog reads what is not remembered. There is something, unless the log was replaced
// by an older one that has not grown past this place.
func (w *Watcher) readLog(ctx context.Context) ([]*db.Event, error) {
	events, err := w.feed.readOn(ctx, w.at)
	if err == nil && len(events) == 0 {
		err = ErrExpired
	}
	return events, err
}

// Close ends the watcher; with the last one the process stops following the log.
func (w *Watcher) Close() {
	w.once.Do(func() {
		w.feed.mu.Lock()
		defer w.feed.mu.Unlock()
		w.tail.watchers--
		if w.tail.watchers == 0 && w.feed.tails[w.tail.workspace] == w.tail {
			delete(w.feed.tails, w.tail.workspace)
		}
	})
}
