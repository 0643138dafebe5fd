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

// TestExactlyOnceInOrder has watchers start at once, from the beginning, and from a
// random place while eight writers commit, half of them in another process.
func TestExactlyOnceInOrder(t *testing.T) {
	t.Parallel()
	throughEach(t, true, exactlyOnceInOrder)
}

func exactlyOnceInOrder(t *testing.T, j *journal, x exchange) {
	const writers, commits = 8, 40
	f, _ := x.process(t, j, quiet)
	elsewhere, _ := x.process(t, j, quiet)
	early := []*Watcher{watch(t, f, j.key, nil), watch(t, f, j.key, j.beginning())}

	sizes := make(chan int64, writers)
	for i := range writers {
		committer := []*Feed{f, elsewhere}[i%2]
		go func() {
			total := 0
			for range commits {
				n := 1 + rand.IntN(3)
				err := j.Transact(t.Context(), j.key, func(tx db.Tx) error { return tx.AppendEvents(t.Context(), happenings(n)) })
				if err != nil {
					t.Error(err)
					break
				}
				total += n
				committer.Poke(j.key)
			}
			sizes <- int64(total)
		}()
	}
	// Whoever joins in the middle follows one who was there before.
	ctx := patient(t)
	var late []*Watcher
	for range 10 {
		_, err := next(ctx, early[0])
		fine(t, err)
		at := early[0].At()
		late = append(late, watch(t, f, j.key, nil), watch(t, f, j.key, &at), watch(t, f, j.key, j.beginning()))
	}
	var head int64
	for range writers {
		head += <-sizes
	}

	logged, err := j.ForWorkspace(j.key).EventsAfter(ctx, 0, 10_000)
	fine(t, err)
	var readers sync.WaitGroup
	for _, w := range append(late, early...) {
		readers.Go(func() {
			r := &reader{Watcher: w, seq: w.At().Seq}
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

// TestLag has a watcher fall behind by more than the process remembers.
func TestLag(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	f := newFeed(t, j.url)
	slow, fast := watch(t, f, j.key, nil), watch(t, f, j.key, nil)
	const total = 3600
	var wrote []*db.Event
	for range total / 400 {
		wrote = append(wrote, j.write(happenings(400)...)...)
		f.Poke(j.key)
	}
	read(t, fast, total)
	if _, _, fromLog, _ := slow.tail.after(0); !fromLog {
		t.Fatal("everything is remembered; the test shows nothing")
	}
	r := read(t, slow, total)
	for i, e := range wrote {
		if r.ids[i] != e.ID || e.Seq != int64(i+1) {
			t.Fatalf("event %d is another one than was written", i+1)
		}
	}
	idle(t, slow)
	j.write(happenings(1)...)
	f.Poke(j.key)
	fine(t, r.read(patient(t), total+1))
}

func TestStartNow(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(happenings(3)...)
	f := newFeed(t, j.url)
	w := watch(t, f, j.key, nil)
	if w.At() != *j.after(3) {
		t.Errorf("it starts at %+v", w.At())
	}
	idle(t, w)
	next := j.write(happenings(2)...)
	f.Poke(j.key)
	if r := read(t, w, 5); r.ids[0] != next[0].ID || r.ids[1] != next[1].ID {
		t.Error("other events than were written")
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(happenings(2*batch + 10)...)
	f := newFeed(t, j.url)
	for _, seq := range []int64{1, 9, batch, 2*batch + 9, 2*batch + 10} {
		idle(t, read(t, watch(t, f, j.key, j.after(seq)), 2*batch+10).Watcher)
	}
	idle(t, read(t, watch(t, f, j.key, j.beginning()), 2*batch+10).Watcher)
}

func TestBadCursors(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(happenings(5)...)
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

// today is when old events are looked at.
var today = time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)

// old gives events of a certain age.
func old(n int, age time.Duration) []*db.Event {
	events := happenings(n)
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
	for seq, want := range map[int64]error{1: ErrExpired, 2: ErrExpired, 3: nil, 4: nil} {
		if _, err := f.Watch(t.Context(), j.key, j.after(seq)); !errors.Is(err, want) {
			t.Errorf("after event %d: %v", seq, err)
		}
	}
	if _, err := f.Watch(t.Context(), j.key, j.beginning()); !errors.Is(err, ErrExpired) {
		t.Errorf("from the beginning: %v", err)
	}
}

// TestQuietWorkspace: nothing was missed however long ago the last event was.
func TestQuietWorkspace(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(old(2, 365*24*time.Hour)...)
	f := newFeed(t, j.url)
	w := watch(t, f, j.key, j.after(2))
	j.write(happenings(1)...)
	f.Poke(j.key)
	read(t, w, 3)
}

func TestResumeNotOver1000000Events(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(happenings(9)...)
	last := happenings(1)[0]
	j.run(`INSERT INTO events (workspace_id, seq, id, type, data, created_at) VALUES ($1, 1000005, $2, 'WORKSPACE_UPDATED', '{}', now())`, j.key, last.ID)
	j.run("UPDATE event_heads SET seq = 1000005, event_id = $2 WHERE workspace_id = $1", j.key, last.ID)
	f := newFeed(t, j.url)
	for seq, want := range map[int64]error{4: ErrExpired, 5: nil} {
		if _, err := f.Watch(t.Context(), j.key, j.after(seq)); !errors.Is(err, want) {
			t.Errorf("%d events back: %v", 1000005-seq, err)
		}
	}
	// A log with a gap in it is never passed over in silence.
	w := watch(t, f, j.key, j.after(9))
	if events, err := next(patient(t), w); !errors.Is(err, ErrExpired) {
		t.Errorf("beyond the gap: %d events, %v", len(events), err)
	}
}
