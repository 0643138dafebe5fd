package feed

import (
	"slices"
	"sync"
	"sync/atomic"

	"switchboard/db"
)

// A tail is what this process has read and cached at the end of one workspace's log.
type tail struct {
	workspace db.WorkspaceKey
	watchers  int // guarded by Feed.mu

	mu      sync.Mutex
	end     db.EventCursor
	events  []*db.Event   // the cached events, in order, up to end
	changed chan struct{} // closed at the next change
	err     error         // why the tail was ended

	asked     atomic.Int64  // how often it was asked whether the log has the end
	asking    chan struct{} // held by the goroutine that asks
	confirmed int64         // which of these times was the last that was answered; guarded by asking
}

func newTail(end db.EventCursor) *tail {
	return &tail{workspace: end.Workspace, end: end, changed: make(chan struct{}), asking: make(chan struct{}, 1)}
}

func (t *tail) position() db.EventCursor {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.end
}

// append adds the next events of the log.
func (t *tail) append(events []*db.Event) {
	if len(events) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events, t.end = append(t.events, events...), events[len(events)-1].Cursor()
	if len(t.events) > 2*cachedEvents {
		t.events = slices.Clone(t.events[len(t.events)-cachedEvents:])
	}
	t.broadcast()
}

func (t *tail) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
	t.broadcast()
}

// failure returns why the tail was ended; nil if it was not.
func (t *tail) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *tail) broadcast() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// eventsAfter returns the cached events after seq. If there are none yet, wait is closed when that
// changes. If seq is older than the cache, fromLog is true.
func (t *tail) eventsAfter(seq db.Seq) (events []*db.Event, wait <-chan struct{}, fromLog bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	behind := t.end.Seq - seq
	switch {
	case t.err != nil:
		return nil, nil, false, t.err
	case behind <= 0:
		return nil, t.changed, false, nil
	case behind > db.Seq(len(t.events)):
		return nil, nil, true, nil
	}
	// Returning a part of the slice is safe: it grows or is replaced, but never modified in place.
	n := db.Seq(len(t.events))
	return t.events[n-behind : n : n], nil, false, nil
}
