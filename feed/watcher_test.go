package feed

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"switchboard/db"
)

// TestExactlyOnceInOrder starts watchers at the present end, the beginning and in between, while
// eight writers commit, half of them in another process.
func TestExactlyOnceInOrder(t *testing.T) {
	t.Parallel()
	forEachWaker(t, true, exactlyOnceInOrder)
}

func exactlyOnceInOrder(t *testing.T, j *journal, x transport) {
	const writers, commits = 8, 40
	f, _ := x.process(t, j, quiet)
	elsewhere, _ := x.process(t, j, quiet)
	early := []*Watcher{watch(t, f, j.key, nil), watch(t, f, j.key, j.beginning())}

	sizes := make(chan db.Seq, writers)
	for i := range writers {
		committer := []*Feed{f, elsewhere}[i%2]
		go func() {
			total := 0
			for range commits {
				n := 1 + rand.IntN(3)
				err := j.Transact(t.Context(), j.key, func(tx db.Tx) error { return tx.AppendEvents(t.Context(), newEvents(n)) })
				if err != nil {
					t.Error(err)
					break
				}
				total += n
				committer.Poke(j.key)
			}
			sizes <- db.Seq(total)
		}()
	}
	// A watcher that starts in between resumes where an earlier one is.
	ctx := timeoutContext(t)
	var late []*Watcher
	for range 10 {
		_, err := next(ctx, early[0])
		fine(t, err)
		position := early[0].Position()
		late = append(late, watch(t, f, j.key, nil), watch(t, f, j.key, &position), watch(t, f, j.key, j.beginning()))
	}
	var head db.Seq
	for range writers {
		head += <-sizes
	}

	logged, err := j.ForWorkspace(j.key).EventsAfter(ctx, 0, 10_000)
	fine(t, err)
	var readers sync.WaitGroup
	for _, w := range append(late, early...) {
		readers.Go(func() {
			r := &reader{Watcher: w, seq: w.Position().Seq}
			began := r.seq
			if err := r.read(ctx, head); err != nil {
				t.Error(err)
				return
			}
			if !slices.EqualFunc(r.ids, logged[began:], func(id db.EventID, e *db.Event) bool { return id == e.ID }) {
				t.Error("other events than those in the log")
			}
			idle(t, w)
		})
	}
	readers.Wait()
}

// TestLag lets a watcher fall behind further than the cache reaches.
func TestLag(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	f := newFeed(t, j.url)
	slow, fast := watch(t, f, j.key, nil), watch(t, f, j.key, nil)
	const total = 3600
	var wrote []*db.Event
	for range total / 400 {
		wrote = append(wrote, j.write(newEvents(400)...)...)
		f.Poke(j.key)
	}
	read(t, fast, total)
	if _, _, fromLog, _ := slow.tail.eventsAfter(0); !fromLog {
		t.Fatal("everything is remembered; the test shows nothing")
	}
	r := read(t, slow, total)
	for i, e := range wrote {
		if r.ids[i] != e.ID || e.Seq != db.Seq(i+1) {
			t.Fatalf("event %d is another one than was written", i+1)
		}
	}
	idle(t, slow)
	j.write(newEvents(1)...)
	f.Poke(j.key)
	fine(t, r.read(timeoutContext(t), total+1))
}

func TestStartNow(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(newEvents(3)...)
	f := newFeed(t, j.url)
	w := watch(t, f, j.key, nil)
	if w.Position() != *j.after(3) {
		t.Errorf("it starts at %+v", w.Position())
	}
	idle(t, w)
	next := j.write(newEvents(2)...)
	f.Poke(j.key)
	if r := read(t, w, 5); r.ids[0] != next[0].ID || r.ids[1] != next[1].ID {
		t.Error("other events than were written")
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(newEvents(2*batchSize + 10)...)
	f := newFeed(t, j.url)
	for _, seq := range []db.Seq{1, 9, batchSize, 2*batchSize + 9, 2*batchSize + 10} {
		idle(t, read(t, watch(t, f, j.key, j.after(seq)), 2*batchSize+10).Watcher)
	}
	idle(t, read(t, watch(t, f, j.key, j.beginning()), 2*batchSize+10).Watcher)
}

func TestBadCursors(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(newEvents(5)...)
	f := newFeed(t, j.url)
	good := *j.after(3)
	other, ahead, unknown, zero := good, good, good, good
	other.Workspace = j.workspace()
	ahead.Seq = 6
	unknown.Check[0]++
	zero.Seq = 0
	for name, c := range map[string]struct {
		cursor db.EventCursor
		want   error
	}{
		"of another workspace":      {other, db.ErrBadCursor},
		"ahead of the log":          {ahead, ErrExpired},
		"another event":             {unknown, ErrExpired},
		"an event at the beginning": {zero, ErrExpired},
		"the end":                   {*j.after(5), nil},
		"good":                      {good, nil},
	} {
		w, err := f.Watch(t.Context(), j.key, &c.cursor)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			w.Close()
		}
	}
	if f.tail(j.key) != nil {
		t.Error("the log is still followed")
	}
}

// today is the clock's time in tests with old events.
var today = time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)

// old returns n events of the given age.
func old(n int, age time.Duration) []*db.Event {
	events := newEvents(n)
	for _, e := range events {
		e.CreatedAt = today.Add(-age)
	}
	return events
}

func TestResumeNotOlderThan30Days(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	j := newJournal(t)
	j.write(old(2, 100*day)...)            // 1, 2
	j.write(old(1, 30*day+time.Second)...) // 3
	j.write(old(1, 30*day)...)             // 4
	f := New(j.DB, Options{Log: quiet, Now: func() time.Time { return today }})
	for seq, want := range map[db.Seq]error{1: ErrExpired, 2: ErrExpired, 3: nil, 4: nil} {
		if _, err := f.Watch(t.Context(), j.key, j.after(seq)); !errors.Is(err, want) {
			t.Errorf("after event %d: %v", seq, err)
		}
	}
	if _, err := f.Watch(t.Context(), j.key, j.beginning()); !errors.Is(err, ErrExpired) {
		t.Errorf("from the beginning: %v", err)
	}
}

// TestQuietWorkspace: a cursor after the last event can be resumed, however old that event is.
func TestQuietWorkspace(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(old(2, 365*24*time.Hour)...)
	f := newFeed(t, j.url)
	w := watch(t, f, j.key, j.after(2))
	j.write(newEvents(1)...)
	f.Poke(j.key)
	read(t, w, 3)
}

func TestResumeNotOver1000000Events(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(newEvents(9)...)
	last := newEvents(1)[0]
	j.run(`INSERT INTO events (workspace_id, seq, id, type, data, created_at) VALUES ($1, 1000005, $2, 'WORKSPACE_UPDATED', '{}', now())`, j.key, last.ID)
	j.run("UPDATE event_heads SET seq = 1000005, event_id = $2 WHERE workspace_id = $1", j.key, last.ID)
	f := newFeed(t, j.url)
	for seq, want := range map[db.Seq]error{4: ErrExpired, 5: nil} {
		if _, err := f.Watch(t.Context(), j.key, j.after(seq)); !errors.Is(err, want) {
			t.Errorf("%d events back: %v", 1000005-seq, err)
		}
	}
	// A gap in the log is an error, never skipped.
	w := watch(t, f, j.key, j.after(9))
	if events, err := next(timeoutContext(t), w); !errors.Is(err, ErrExpired) {
		t.Errorf("beyond the gap: %d events, %v", len(events), err)
	}
}
