package feed

import (
	"context"
	"errors"
	"sync"

	"switchboard/db"
)

// A Watcher reads one workspace's log from a position at its own pace: call Next until it returns
// no events, then Wait. It must not be used by several goroutines at a time.
type Watcher struct {
	feed     *Feed
	tail     *tail
	position db.EventCursor
	behind   int64 // number of events after its first position when it began
	pause    pause // after a failed read
	once     sync.Once
}

// Watch returns a watcher that starts after a cursor, or at the present end if it is nil. It
// returns db.ErrBadEventCursor for a cursor of another workspace, and ErrExpired for one that is
// too old (30 days or 1,000,000 events) or names an event that is not in the log.
func (f *Feed) Watch(ctx context.Context, workspace db.WorkspaceKey, after *db.EventCursor) (*Watcher, error) {
	head, err := f.db.ForWorkspace(workspace).Head(ctx)
	if err != nil {
		return nil, err
	}
	position := head.Cursor()
	if after != nil {
		if err := f.checkResume(ctx, head, *after); err != nil {
			return nil, err
		}
		position = *after
	}
	return f.join(ctx, head.Cursor(), position)
}

// WatchFrom returns a watcher that starts at a recent end of the log. It does not check the cursor;
// cursors from clients need Watch.
func (f *Feed) WatchFrom(ctx context.Context, end db.EventCursor) (*Watcher, error) {
	return f.join(ctx, end, end)
}

// join registers a watcher. For the first one of a log it creates the tail.
func (f *Feed) join(ctx context.Context, end, position db.EventCursor) (*Watcher, error) {
	if err := f.checkTail(ctx, end); err != nil {
		return nil, err
	}
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
		f.mark(end.Workspace, wakeUp{via: viaPoll}) // a commit since the end was read may have been missed
	}
	return &Watcher{feed: f, tail: t, position: position, behind: int64(end.Seq - position.Seq)}, nil
}

// checkTail ends the tail that a watcher would join if the log does not have its end. Without this
// check the watcher would be given events of the lost log after a position that both logs have.
func (f *Feed) checkTail(ctx context.Context, end db.EventCursor) error {
	t := f.tail(end.Workspace)
	if t == nil || t.position() == end {
		return nil
	}
	if err := f.confirm(ctx, t); !errors.Is(err, ErrExpired) {
		return err
	}
	return nil
}

// confirm returns ErrExpired if the log does not have the end of a tail: it was replaced by an older
// one, and this process had not noticed yet. Of many callers that wait together one asks for all.
func (f *Feed) confirm(ctx context.Context, t *tail) error {
	arrived := t.asked.Load()
	select {
	case t.asking <- struct{}{}:
		defer func() { <-t.asking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if cached := t.position(); t.confirmed <= arrived && cached.Seq > 0 { // nobody has asked since
		number := t.asked.Add(1)
		events, err := f.db.ForWorkspace(t.workspace).EventsBySeq(ctx, []db.Seq{cached.Seq})
		if err != nil {
			return err
		}
		if len(events) == 0 || events[0].Cursor() != cached {
			f.endTail(t, ErrExpired)
		}
		t.confirmed = number
	}
	return t.failure()
}

// checkResume reports as an error why a watcher cannot resume after a cursor.
func (f *Feed) checkResume(ctx context.Context, head db.Head, after db.EventCursor) error {
	switch {
	case after.Workspace != head.WorkspaceID:
		return db.ErrBadEventCursor
	case after.Seq > head.Seq, head.Seq-after.Seq > maxResumeEvents:
		return ErrExpired
	}
	around, err := f.db.ForWorkspace(head.WorkspaceID).EventsBySeq(ctx, []db.Seq{after.Seq, after.Seq + 1})
	if err != nil {
		return err
	}
	// The start of the log is a valid cursor, but not an event.
	named := after == db.Head{WorkspaceID: head.WorkspaceID}.Cursor()
	for _, e := range around {
		named = named || after == e.Cursor()
		if e.Seq == after.Seq+1 && f.now().Sub(e.CreatedAt) > maxResumeAge {
			return ErrExpired
		}
	}
	if !named {
		return ErrExpired
	}
	return nil
}

// Position returns the position that the watcher reads on from.
func (w *Watcher) Position() db.EventCursor { return w.position }

// Behind returns how many events were after the watcher's first position when it was made.
func (w *Watcher) Behind() int64 { return w.behind }

// Confirm reports whether the log has all that the watcher was given and will be given from memory.
// It has not after it was replaced by an older one; the watcher ends then.
func (w *Watcher) Confirm(ctx context.Context) bool { return w.feed.confirm(ctx, w.tail) == nil }

// Next returns the next events in log order, each exactly once. It does not wait for new events: it
// returns none at the end of what this process has read, and while the log cannot be read. Its
// error is ErrExpired or that of ctx.
func (w *Watcher) Next(ctx context.Context) ([]*db.Event, error) {
	events, _, fromLog, err := w.tail.eventsAfter(w.position.Seq)
	if fromLog {
		events, err = w.readLog(ctx)
	}
	if err == nil && len(events) > 0 {
		w.position = events[len(events)-1].Cursor()
	}
	return events, err
}

// readLog reads events that are not cached. If there are none, the log was replaced by a shorter
// one.
func (w *Watcher) readLog(ctx context.Context) ([]*db.Event, error) {
	if w.pause.remaining() > 0 {
		return nil, nil
	}
	events, err := w.feed.readAfter(ctx, w.position)
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

// Wait returns when Next may have events, at once if it has some already. Its only error is that of
// ctx. It checks the tail again, so nothing that happened since Next is missed.
func (w *Watcher) Wait(ctx context.Context) error { return w.WaitOr(ctx, nil) }

// WaitOr is Wait, but returns as well when it receives from other.
func (w *Watcher) WaitOr(ctx context.Context, other <-chan struct{}) error {
	events, more, fromLog, err := w.tail.eventsAfter(w.position.Seq)
	if err != nil || len(events) > 0 {
		return ctx.Err()
	}
	if fromLog { // there are events, but reading them failed
		return w.pause.sleep(ctx)
	}
	select {
	case <-more:
		return nil
	case <-other:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the watcher. With its last watcher the process stops following the log.
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
