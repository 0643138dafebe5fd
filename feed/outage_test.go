package feed

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/db"
)

// disconnect closes all connections to the database and refuses new ones, until reopen is called.
func (j *journal) disconnect() (reopen func()) {
	j.t.Helper()
	config, err := pgx.ParseConfig(j.url)
	fine(j.t, err)
	name := config.Database // needs no quoting
	config.Database = "postgres"
	do := func(sql string, args ...any) {
		j.t.Helper()
		conn, err := pgx.ConnectConfig(timeoutContext(j.t), config)
		fine(j.t, err)
		defer func() { _ = conn.Close(context.WithoutCancel(j.t.Context())) }()
		_, err = conn.Exec(timeoutContext(j.t), sql, args...)
		fine(j.t, err)
	}
	do("ALTER DATABASE " + name + " ALLOW_CONNECTIONS false")
	do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
	return func() { do("ALTER DATABASE " + name + " ALLOW_CONNECTIONS true") }
}

// waitDisconnected waits until a pool has dropped all its connections.
func waitDisconnected(t testing.TB, d *db.DB) {
	t.Helper()
	ctx := timeoutContext(t)
	for tick := time.Tick(time.Millisecond); d.Stats().OpenConnections > 0; <-tick {
		fine(t, ctx.Err())
	}
}

// TestDatabaseAway: watchers survive an outage of the database without missing an event, live or
// while resuming. The log reports the outage once.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	const before, after = 2*batchSize + 10, 7
	var log logged
	j := newJournal(t)
	j.write(newEvents(before)...)
	d := open(t, j.url)
	f := New(d, Options{Log: log.logger(), Waker: fake{}})
	live, resuming := watch(t, f, j.key, nil), watch(t, f, j.key, j.beginning())
	running(t, f)
	fine(t, (&reader{Watcher: live, seq: before}).read(timeoutContext(t), before))
	events, err := resuming.Next(timeoutContext(t))
	if err != nil || len(events) != batchSize {
		t.Fatalf("%d events, %v", len(events), err)
	}

	reopen := j.disconnect()
	var reading sync.WaitGroup
	for _, w := range []*Watcher{live, resuming} {
		reading.Go(func() {
			r := &reader{Watcher: w, seq: w.Position().Seq}
			if err := r.read(timeoutContext(t), before+after); err != nil {
				t.Error(err)
			}
		})
	}
	waitDisconnected(t, d)
	log.wantCount(t, "reading the log failed", 1)
	log.wantCount(t, "reading the log works again", 0)
	reopen()
	j.DB = open(t, j.url)
	j.write(newEvents(after)...)
	reading.Wait()
	idle(t, live)
	idle(t, resuming)
	log.wantCount(t, "reading the log failed", 1)
	log.wantCount(t, "reading the log works again", 1)
}

// TestPausesInAnOutage: failed reads are repeated after growing pauses, however often Next is
// called. A successful read resets the pause.
func TestPausesInAnOutage(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(newEvents(3)...)
	d := open(t, j.url)
	w := watch(t, New(d, Options{Log: quiet, Waker: fake{}}), j.key, j.beginning())
	reopen := j.disconnect()
	none := func() {
		t.Helper()
		if events, err := w.Next(timeoutContext(t)); err != nil || len(events) > 0 {
			t.Fatalf("%d events, %v", len(events), err)
		}
	}
	for range 3 {
		began, length := time.Now(), w.pause.length
		none()
		if w.pause.length <= length {
			t.Errorf("after a pause of %v one of %v", length, w.pause.length)
		}
		until := w.pause.until
		none()
		if w.pause.until != until {
			t.Error("it tried again before the pause was over")
		}
		fine(t, w.Wait(timeoutContext(t)))
		if took := time.Since(began); took < w.pause.length/2 {
			t.Errorf("a pause of %v took %v", w.pause.length, took)
		}
	}
	reopen()
	read(t, w, 3)
	if w.pause != (pause{}) {
		t.Errorf("the pause is still %v", w.pause.length)
	}
	idle(t, w)
}

// TestPause: pauses grow from about 100 ms to about 2 s and are random.
func TestPause(t *testing.T) {
	t.Parallel()
	var p pause
	if p.remaining() > 0 {
		t.Error("a new pause is not over")
	}
	for _, length := range []time.Duration{100, 200, 400, 800, 1600, 2000, 2000} {
		length *= time.Millisecond
		p.grow()
		if left := p.remaining(); left < length/2-50*time.Millisecond || left > length*3/2 {
			t.Errorf("%v instead of about %v", left, length)
		}
	}
	q := p
	if p.grow(); p.remaining().Round(time.Microsecond) == q.remaining().Round(time.Microsecond) {
		t.Error("two pauses are equal")
	}
}

// TestWait: Wait misses nothing that happens after Next, and returns at once for an expired log.
func TestWait(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(newEvents(2)...)
	f := New(open(t, j.url), Options{Log: quiet, Waker: fake{}})
	w := watch(t, f, j.key, nil)
	idle(t, w)
	j.write(newEvents(1)...)
	f.readDirty(t.Context()) // before Wait is called
	fine(t, w.Wait(timeoutContext(t)))
	read(t, w, 3)
	fine(t, watch(t, f, j.key, j.beginning()).Wait(timeoutContext(t)))

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Wait(gone); err != context.Canceled {
		t.Errorf("with its context ended: %v", err)
	}
	f.endTail(f.tail(j.key), ErrExpired)
	fine(t, w.Wait(timeoutContext(t)))
	if events, err := w.Next(timeoutContext(t)); !errors.Is(err, ErrExpired) {
		t.Errorf("%d events, %v", len(events), err)
	}
}

// TestBefore: every event was passed to Before when a watcher gets it, live or while resuming.
func TestBefore(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(newEvents(batchSize + 3)...)
	var mu sync.Mutex
	seen := map[db.EventID]bool{}
	f := New(open(t, j.url), Options{Log: quiet, Waker: fake{}, Before: func(events []*db.Event) {
		mu.Lock()
		defer mu.Unlock()
		for _, e := range events {
			seen[e.ID] = true
		}
	}})
	resuming, live := watch(t, f, j.key, j.beginning()), watch(t, f, j.key, nil)
	check := func(w *Watcher, until db.Seq) {
		t.Helper()
		for w.Position().Seq < until {
			events, err := next(timeoutContext(t), w)
			fine(t, err)
			mu.Lock()
			for _, e := range events {
				if !seen[e.ID] {
					t.Errorf("event %d was not passed to Before", e.Seq)
				}
			}
			mu.Unlock()
		}
	}
	check(resuming, batchSize+3)
	running(t, f)
	j.write(newEvents(2)...)
	f.mark(j.key, wakeUp{via: viaNotify})
	check(live, batchSize+5)
	check(resuming, batchSize+5)
}
