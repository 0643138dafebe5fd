// Package feed follows the event log. It notices commits, reads each workspace's log once per
// process, and serves any number of watchers, each from its own position. It contains no rule of
// the product and no GraphQL.
//
// The log is the truth; wake-ups are only hints. A watcher has a position and pulls: recent events
// come from the process's cache, older ones from the log. Starting, resuming, lagging and
// reconnecting are therefore one and the same loop.
package feed

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/db"
)

// ErrExpired is returned for a cursor that is too old to resume from, or if the log was replaced by
// an older one. The client has to load everything again.
var ErrExpired = errors.New("the cursor has expired")

const (
	cachedEvents    = 1024            // events cached per watched workspace
	batchSize       = 500             // events read by one statement
	pollInterval    = time.Second     // average delay of an event whose wake-up was lost
	readTimeout     = 5 * time.Second // for one statement, including the wait for a connection
	publishDelay    = 5 * time.Millisecond
	maxResumeAge    = 30 * 24 * time.Hour
	maxResumeEvents = 1_000_000 // events
)

// A Feed follows the logs of the workspaces that have watchers in this process.
type Feed struct {
	db     *db.DB
	log    *slog.Logger
	now    func() time.Time
	before func(events []*db.Event)
	waker  Waker

	mu       sync.Mutex
	tails    map[db.WorkspaceKey]*tail
	dirty    map[db.WorkspaceKey]wakeUp // workspaces with events to read
	allDirty bool                       // every watched workspace may have events to read
	wake     chan struct{}

	publisher  publisher
	reads      reads
	readOutage outage
	lastRead   atomic.Int64 // last successful read, in Unix nanoseconds; 0 before Run
	measures   *measures
}

// Options configure a feed. The zero value has the defaults.
type Options struct {
	Waker Waker            // wakes other processes; default: NewNotify of the feed's database
	Now   func() time.Time // clock for the age of events; default: time.Now
	Log   *slog.Logger     // default: slog.Default()

	// Before runs on every batch of events of one workspace before watchers see it, including
	// replays of old events. It must not block. It may be nil.
	Before func(events []*db.Event)
}

// New returns a feed of the logs in a database. It delivers events while Run is running.
func New(d *db.DB, o Options) *Feed {
	if o.Waker == nil {
		o.Waker = NewNotify(d)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Before == nil {
		o.Before = func([]*db.Event) {}
	}
	f := &Feed{
		db: d, log: o.Log, now: o.Now, before: o.Before, waker: o.Waker, publisher: newPublisher(o.Waker, o.Log),
		readOutage: outage{log: o.Log, failedMessage: "reading the log failed; trying again until it works", recoveredMessage: "reading the log works again"},
		reads:      reads{all: map[readBy]map[*ReadWatch]bool{}},
		tails:      map[db.WorkspaceKey]*tail{}, dirty: map[db.WorkspaceKey]wakeUp{}, wake: make(chan struct{}, 1),
	}
	f.measures = newMeasures(f)
	return f
}

// Run follows the logs until ctx ends.
func (f *Feed) Run(ctx context.Context) {
	f.lastRead.CompareAndSwap(0, time.Now().UnixNano())
	var listening sync.WaitGroup
	defer listening.Wait()
	listening.Go(func() { f.listen(ctx) })
	// Other wake-ups do not reset the timer: otherwise busy workspaces would delay the poll that
	// finds lost wake-ups of quiet ones.
	poll := time.NewTimer(pollPause())
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			f.poll(ctx)
			poll.Reset(pollPause())
		case <-f.wake:
			f.readDirty(ctx)
		}
	}
}

// Silence returns how long ago the feed last read successfully. It reads about once a second, even
// without watchers. Before Run, Silence is 0.
func (f *Feed) Silence() time.Duration {
	last := f.lastRead.Load()
	if last == 0 {
		return 0
	}
	return time.Since(time.Unix(0, last))
}

// pollPause returns a random pause, so that the polls of many processes are spread.
func pollPause() time.Duration { return pollInterval/2 + rand.N(pollInterval) }

// Poke reports that this process committed events to a workspace's log. Its own watchers are woken
// at once, other processes after a short delay.
func (f *Feed) Poke(workspace db.WorkspaceKey) {
	f.mark(workspace, wakeUp{viaOwn, time.Now()})
	f.publisher.add(Hint{Workspace: workspace})
}

// Flush publishes pending wake-ups to other processes now.
func (f *Feed) Flush() { f.publisher.flush() }

// mark wakes the reader for one workspace, if it has watchers in this process. The first of several
// wake-ups counts.
func (f *Feed) mark(workspace db.WorkspaceKey, by wakeUp) {
	f.mu.Lock()
	watched := f.tails[workspace] != nil
	if _, marked := f.dirty[workspace]; watched && !marked {
		f.dirty[workspace] = by
	}
	f.mu.Unlock()
	if watched {
		f.signal()
	}
}

// markAll wakes the reader for every log, after wake-ups may have been lost.
func (f *Feed) markAll() {
	f.mu.Lock()
	f.allDirty = true
	f.mu.Unlock()
	f.signal()
}

func (f *Feed) signal() {
	select {
	case f.wake <- struct{}{}:
	default: // the reader has not handled the last signal yet
	}
}

func (f *Feed) readDirty(ctx context.Context) {
	f.mu.Lock()
	dirty, all := f.dirty, f.allDirty
	f.dirty, f.allDirty = map[db.WorkspaceKey]wakeUp{}, false
	f.mu.Unlock()
	if all {
		f.poll(ctx)
	}
	for workspace, by := range dirty {
		if t := f.tail(workspace); t != nil {
			f.advance(ctx, t, by)
		}
	}
}

// poll compares the end of each watched log with what was read of it. Without watchers it still
// runs a statement, to find out whether the database can be read.
func (f *Feed) poll(ctx context.Context) {
	f.mu.Lock()
	tails := maps.Clone(f.tails)
	f.mu.Unlock()
	readCtx, cancel := context.WithTimeout(ctx, readTimeout)
	heads, err := db.Contained(func() ([]db.Head, error) { return f.db.Heads(readCtx, slices.Collect(maps.Keys(tails))) })
	cancel()
	f.recordRead(ctx, err)
	if err != nil {
		return
	}
	unread := db.Seq(0)
	for _, head := range heads {
		unread += max(head.Seq-tails[head.WorkspaceID].position().Seq, 0)
	}
	f.measures.lagEvents.Set(float64(unread))
	for _, head := range heads {
		f.compareHead(ctx, tails[head.WorkspaceID], head)
	}
}

// compareHead reads new events of a log, or ends its watchers if the log was replaced by an older
// one. Only this goroutine advances tails, so a head behind the tail means a replaced log.
func (f *Feed) compareHead(ctx context.Context, t *tail, head db.Head) {
	position := t.position()
	switch {
	case head.Seq > position.Seq:
		f.advance(ctx, t, wakeUp{via: viaPoll})
	case head.Cursor() != position:
		f.endTail(t, ErrExpired)
	}
}

// advance reads all new events of one log, after a wake-up.
func (f *Feed) advance(ctx context.Context, t *tail, by wakeUp) {
	for {
		events, err := db.Contained(func() ([]*db.Event, error) { return f.readAfter(ctx, t.position()) })
		var panicked *db.Panic
		switch {
		case errors.As(err, &panicked):
			f.log.Error("reading new events panicked; those who watch them start again", "workspace", t.workspace, "error", err)
			f.endTail(t, err)
			return
		case errors.Is(err, ErrExpired):
			f.endTail(t, err)
			return
		case err != nil: // the next poll tries again
			return
		}
		f.measures.read(events, by)
		t.append(events)
		if len(events) < batchSize {
			return
		}
	}
}

// readAfter reads the events after a position. It reads the event at the position again: if that is
// a different one, the log was replaced by an older one, which may have grown since. For that, and
// for a gap, readAfter returns ErrExpired.
func (f *Feed) readAfter(ctx context.Context, position db.EventCursor) ([]*db.Event, error) {
	overlap := min(position.Seq, 1) // the start of the log has no event before it
	readCtx, cancel := context.WithTimeout(ctx, readTimeout)
	events, err := f.db.ForWorkspace(position.Workspace).EventsAfter(readCtx, position.Seq-overlap, batchSize+int(overlap))
	cancel()
	f.recordRead(ctx, err)
	if err != nil {
		return nil, err
	}
	if overlap == 1 {
		if len(events) == 0 || events[0].Cursor() != position {
			return nil, ErrExpired
		}
		events = events[1:]
	}
	for i, e := range events {
		if e.Seq != position.Seq+1+db.Seq(i) {
			return nil, ErrExpired
		}
	}
	f.before(events)
	return events, nil
}

// recordRead logs once when reading starts to fail, and once when it works again.
func (f *Feed) recordRead(ctx context.Context, err error) {
	if err == nil {
		f.lastRead.Store(time.Now().UnixNano())
	}
	if ctx.Err() == nil {
		f.readOutage.record(err)
	}
}

func (f *Feed) tail(workspace db.WorkspaceKey) *tail {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tails[workspace]
}

// endTail ends all watchers of a log with an error.
func (f *Feed) endTail(t *tail, err error) {
	f.mu.Lock()
	if f.tails[t.workspace] == t {
		delete(f.tails, t.workspace)
	}
	f.mu.Unlock()
	t.fail(err)
}
