// Package feed follows the event log: it notices that something was committed, reads it
// once per process and workspace, and lets any number of watchers read on from where
// they are. It knows no rule of the product and no GraphQL.
//
// The log is the truth; wake-ups are hints. A watcher has a position and pulls: what the
// process remembers comes from memory, everything older from the log. Starting,
// resuming, lagging and reconnecting are therefore one and the same loop.
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

// ErrExpired says that a cursor lies too far back to resume from, or that the log was
// replaced by an older one: the client has to load again.
var ErrExpired = errors.New("the cursor has expired")

const (
	remembered  = 1024            // events that a process keeps per watched workspace
	batch       = 500             // events read from the log in one statement
	pollEvery   = time.Second     // what a lost wake-up costs, about
	readTime    = 5 * time.Second // of one statement, the wait for a connection included
	coalesce    = 5 * time.Millisecond
	resumeAge   = 30 * 24 * time.Hour
	resumeLimit = 1_000_000 // events
)

// Feed follows the logs of those workspaces that somebody in this process watches.
type Feed struct {
	db     *db.DB
	log    *slog.Logger
	now    func() time.Time
	before func(events []*db.Event)
	waker  Waker

	mu    sync.Mutex
	tails map[int64]*tail
	dirty map[int64]bool // workspaces with something new to read
	all   bool           // every watched workspace may have something new
	wake  chan struct{}

	teller   teller
	reading  outage
	lastRead atomic.Int64 // when a statement was last answered, in Unix nanoseconds; 0 before Run
}

// Options tune a feed. The zero value is the default.
type Options struct {
	Waker Waker            // between processes; NewNotify of the feed's database
	Now   func() time.Time // the clock that says how old an event is; time.Now
	Log   *slog.Logger     // slog.Default

	// Before is called with events of one workspace, in log order, that were read from its
	// log, before any watcher sees them; with those of the past, again, whenever a watcher
	// reads them. Everybody who reads waits for it, so it must not wait itself. nil: nothing
	// comes before.
	Before func(events []*db.Event)
}

// New makes a feed of the logs in a database. It delivers while Run is running.
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
	return &Feed{
		db: d, log: o.Log, now: o.Now, before: o.Before, waker: o.Waker, teller: newTeller(o.Waker, o.Log),
		reading: outage{log: o.Log, began: "reading the log failed; trying again until it works", ended: "reading the log works again"},
		tails:   map[int64]*tail{}, dirty: map[int64]bool{}, wake: make(chan struct{}, 1),
	}
}

// Run follows the logs until the context ends.
func (f *Feed) Run(ctx context.Context) {
	f.lastRead.CompareAndSwap(0, time.Now().UnixNano())
	var listening sync.WaitGroup
	defer listening.Wait()
	listening.Go(func() { f.listen(ctx) })
	// The timer goes on whatever wakes the loop: busy workspaces must not put off the poll
	// by which quiet ones are served when a wake-up was lost.
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

// Silence returns how long the feed has read nothing, which it does every second or two
// even if nobody watches. It is 0 before Run.
func (f *Feed) Silence() time.Duration {
	last := f.lastRead.Load()
	if last == 0 {
		return 0
	}
	return time.Since(time.Unix(0, last))
}

// pollPause spreads the polls of many processes.
func pollPause() time.Duration { return pollEvery/2 + rand.N(pollEvery) }

// Poke says that this process committed something to a workspace's log: its own watchers
// are served at once, other processes are told.
func (f *Feed) Poke(workspace int64) {
	f.mark(workspace)
	f.teller.add(workspace)
}

// Flush tells other processes what still waits to be told together.
func (f *Feed) Flush() { f.teller.flush() }

// mark wakes the reader for one workspace, if anybody here watches it.
func (f *Feed) mark(workspace int64) {
	f.mu.Lock()
	watched := f.tails[workspace] != nil
	if watched {
		f.dirty[workspace] = true
	}
	f.mu.Unlock()
	if watched {
		f.signal()
	}
}

// markAll wakes the reader for everything, after a time in which hints may have been lost.
func (f *Feed) markAll() {
	f.mu.Lock()
	f.all = true
	f.mu.Unlock()
	f.signal()
}

func (f *Feed) signal() {
	select {
	case f.wake <- struct{}{}:
	default: // the reader has yet to see the last one
	}
}

func (f *Feed) readDirty(ctx context.Context) {
	f.mu.Lock()
	dirty, all := f.dirty, f.all
	f.dirty, f.all = map[int64]bool{}, false
	f.mu.Unlock()
	if all {
		f.poll(ctx)
	}
	for workspace := range dirty {
		if t := f.tail(workspace); t != nil {
			f.advance(ctx, t)
		}
	}
}

// poll compares the end of each watched log with what was read of it. It asks also when
// there is none, as that shows whether logs can be read.
func (f *Feed) poll(ctx context.Context) {
	f.mu.Lock()
	tails := maps.Clone(f.tails)
	f.mu.Unlock()
	reading, cancel := context.WithTimeout(ctx, readTime)
	heads, err := f.db.Heads(reading, slices.Collect(maps.Keys(tails)))
	cancel()
	f.note(ctx, err)
	if err != nil {
		return
	}
	for _, head := range heads {
		f.compare(ctx, tails[head.WorkspaceID], head)
	}
}

// compare reads what a log has more than was read of it, or ends its watchers if it was
// replaced by an older one. Only this goroutine advances tails, so a head that was read
// after its tail began cannot rightly be behind it.
func (f *Feed) compare(ctx context.Context, t *tail, head db.Head) {
	at := t.position()
	switch {
	case head.Seq > at.Seq:
		f.advance(ctx, t)
	case head.Cursor() != at:
		f.drop(t, ErrExpired)
	}
}

// advance reads what is new in one log.
func (f *Feed) advance(ctx context.Context, t *tail) {
	for {
		events, err := f.readOn(ctx, t.position())
		switch {
		case errors.Is(err, ErrExpired):
			f.drop(t, err)
			return
		case err != nil: // the next poll tries again
			return
		}
		t.append(events)
		if len(events) < batch {
			return
		}
	}
}

// readOn reads the next events after a place. The event before them is read again: if it
// is not the one that the place names, the log was replaced by an older one, which may
// have grown past the place meanwhile. That, and a gap, is ErrExpired.
func (f *Feed) readOn(ctx context.Context, at db.EventCursor) ([]*db.Event, error) {
	known := min(at.Seq, 1) // at the beginning there is none before
	reading, cancel := context.WithTimeout(ctx, readTime)
	events, err := f.db.ForWorkspace(at.Workspace).EventsAfter(reading, at.Seq-known, batch+int(known))
	cancel()
	f.note(ctx, err)
	if err != nil {
		return nil, err
	}
	if known == 1 {
		if len(events) == 0 || events[0].Cursor() != at {
			return nil, ErrExpired
		}
		events = events[1:]
	}
	for i, e := range events {
		if e.Seq != at.Seq+1+int64(i) {
			return nil, ErrExpired
		}
	}
	f.before(events)
	return events, nil
}

// note logs once when the log cannot be read, whoever reads, and once when it can again.
func (f *Feed) note(ctx context.Context, err error) {
	if err == nil {
		f.lastRead.Store(time.Now().UnixNano())
	}
	if ctx.Err() == nil {
		f.reading.note(err)
	}
}

func (f *Feed) tail(workspace int64) *tail {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tails[workspace]
}

// drop ends all watchers of a log with an error.
func (f *Feed) drop(t *tail, err error) {
	f.mu.Lock()
	if f.tails[t.workspace] == t {
		delete(f.tails, t.workspace)
	}
	f.mu.Unlock()
	t.fail(err)
}
