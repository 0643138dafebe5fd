package feed

import (
	"context"
	"errors"
	"sync"

	"switchboard/db"
)

// Watcher reads one workspace's log from a place on, at its own pace: Next until there is
// nothing, then Wait. One goroutine at a time may use it.
type Watcher struct {
	feed  *Feed
	tail  *tail
	at    db.EventCursor
	pause pause // after the log could not be read
	once  sync.Once
}

// Watch begins after a place in the workspace's log, or with nil at its present end. The
// error is db.ErrBadCursor for a cursor of another workspace and ErrExpired for one that
// lies too far back (30 days, 1,000,000 events) or names an event that is not there.
func (f *Feed) Watch(ctx context.Context, workspace int64, after *db.EventCursor) (*Watcher, error) {
	head, err := f.db.ForWorkspace(workspace).Head(ctx)
	if err != nil {
		return nil, err
	}
	at := head.Cursor()
	if after != nil {
		if err := f.checkResume(ctx, head, *after); err != nil {
			return nil, err
		}
		at = *after
	}
	return f.join(head.Cursor(), at), nil
}

// WatchFrom begins after a place that was the end of the log a moment ago. It is not
// checked: what a client sends is for Watch.
func (f *Feed) WatchFrom(end db.EventCursor) *Watcher { return f.join(end, end) }

// join registers a watcher, starting to follow the log at its end with the first one.
func (f *Feed) join(end, at db.EventCursor) *Watcher {
	f.mu.Lock()
	t := f.tails[end.Workspace]
	first := t == nil
	if first {
		t = newTail(end)
		f.tails[end.Workspace] = t
	}
	t.watchers++
	f.mu.Unlock()
	if first {
		f.mark(end.Workspace) // a commit between reading the end and registering woke nobody
	}
	return &Watcher{feed: f, tail: t, at: at}
}

// checkResume checks where a watcher wants to begin in a log with this end.
func (f *Feed) checkResume(ctx context.Context, head db.Head, after db.EventCursor) error {
	switch {
	case after.Workspace != head.WorkspaceID:
		return db.ErrBadCursor
	case after.Seq > head.Seq, head.Seq-after.Seq > resumeLimit:
		return ErrExpired
	}
	around, err := f.db.ForWorkspace(head.WorkspaceID).EventsBySeq(ctx, []int64{after.Seq, after.Seq + 1})
	if err != nil {
		return err
	}
	named := after == db.Head{WorkspaceID: head.WorkspaceID}.Cursor() // the beginning names no event
	for _, e := range around {
		named = named || after == e.Cursor()
		if e.Seq == after.Seq+1 && f.now().Sub(e.CreatedAt) > resumeAge {
			return ErrExpired
		}
	}
	if !named {
		return ErrExpired
	}
	return nil
}

// At is the place that the watcher reads after next.
func (w *Watcher) At() db.EventCursor { return w.at }

// Next gives the next events in log order, each exactly once, without waiting for any to
// happen: none at the end of what this process has read of the log, and while the log
// cannot be read. The error is ErrExpired, or the context's.
func (w *Watcher) Next(ctx context.Context) ([]*db.Event, error) {
	events, _, fromLog, err := w.tail.after(w.at.Seq)
	if fromLog {
		events, err = w.readLog(ctx)
	}
	if err == nil && len(events) > 0 {
		w.at = events[len(events)-1].Cursor()
	}
	return events, err
}

// readLog reads what is not remembered. There is something, unless the log was replaced
// by an older one that has not grown past this place.
func (w *Watcher) readLog(ctx context.Context) ([]*db.Event, error) {
	if w.pause.left() > 0 {
		return nil, nil
	}
	events, err := w.feed.readOn(ctx, w.at)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err == nil && len(events) == 0:
		return nil, ErrExpired
	case err == nil, errors.Is(err, ErrExpired):
		w.pause = pause{}
		return events, err
	}
	w.pause.grow()
	return nil, nil
}

// Wait waits until Next may give more, or at once if it would already. The error is the
// context's. What Next has not seen is looked for in the tail, so nothing that happens
// between the two is slept through.
func (w *Watcher) Wait(ctx context.Context) error {
	events, more, fromLog, err := w.tail.after(w.at.Seq)
	if err != nil || len(events) > 0 {
		return ctx.Err()
	}
	if fromLog { // there is more already
		return w.pause.sleep(ctx)
	}
	select {
	case <-more:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
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
