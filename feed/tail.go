package feed

import (
	"slices"
	"sync"

	"switchboard/db"
)

// tail is the end of one workspace's log as far as this process has read it.
type tail struct {
	workspace int64
	watchers  int // guarded by Feed.mu

	mu      sync.Mutex
	at      db.EventCursor
	events  []*db.Event   // the last ones read, in order, ending at "at"
	changed chan struct{} // closed at the next change
	err     error         // why it ended
}

func newTail(end db.EventCursor) *tail {
	return &tail{workspace: end.Workspace, at: end, changed: make(chan struct{})}
}

func (t *tail) position() db.EventCursor {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.at
}

// append takes the next events of the log.
func (t *tail) append(events []*db.Event) {
	if len(events) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events, t.at = append(t.events, events...), events[len(events)-1].Cursor()
	if len(t.events) > 2*remembered {
		t.events = slices.Clone(t.events[len(t.events)-remembered:])
	}
	t.broadcast()
}

func (t *tail) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
	t.broadcast()
}

func (t *tail) broadcast() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// after gives the remembered events after a number. If there are none yet, wait is the
// signal for more; if the number lies before what is remembered, fromLog is true.
func (t *tail) after(seq int64) (events []*db.Event, wait <-chan struct{}, fromLog bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	behind := t.at.Seq - seq
	switch {
	case t.err != nil:
		return nil, nil, false, t.err
	case behind <= 0:
		return nil, t.changed, false, nil
	case behind > int64(len(t.events)):
		return nil, nil, true, nil
	}
	// Handing out a part is safe: the slice grows and is replaced, but never changed in place.
	n := int64(len(t.events))
	return t.events[n-behind : n : n], nil, false, nil
}
