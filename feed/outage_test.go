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

// shut lets nobody into the database, and puts out who is there; reopen lets them in again.
func (j *journal) shut() (reopen func()) {
	j.t.Helper()
	config, err := pgx.ParseConfig(j.url)
	fine(j.t, err)
	name := config.Database // of which nothing has to be quoted
	config.Database = "postgres"
	do := func(sql string, args ...any) {
		j.t.Helper()
		conn, err := pgx.ConnectConfig(patient(j.t), config)
		fine(j.t, err)
		defer func() { _ = conn.Close(context.WithoutCancel(j.t.Context())) }()
		_, err = conn.Exec(patient(j.t), sql, args...)
		fine(j.t, err)
	}
	do("ALTER DATABASE " + name + " ALLOW_CONNECTIONS false")
	do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
	return func() { do("ALTER DATABASE " + name + " ALLOW_CONNECTIONS true") }
}

// noticed waits until a pool has found all its connections broken.
func noticed(t testing.TB, d *db.DB) {
	t.Helper()
	ctx := patient(t)
	for tick := time.Tick(time.Millisecond); d.Stats().OpenConnections > 0; <-tick {
		fine(t, ctx.Err())
	}
}

// TestDatabaseAway: watchers outlast a database that is away for a while, the one that
// follows as well as the one that resumes, and miss nothing. The log says so once.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	const before, after = 2*batch + 10, 7
	var log logged
	j := newJournal(t)
	j.write(happenings(before)...)
	d := open(t, j.url)
	f := New(d, Options{Log: log.logger(), Waker: fake{}})
	live, resuming := watch(t, f, j.key, nil), watch(t, f, j.key, j.beginning())
	running(t, f)
	fine(t, (&reader{Watcher: live, seq: before}).read(patient(t), before))
	events, err := resuming.Next(patient(t))
	if err != nil || len(events) != batch {
		t.Fatalf("%d events, %v", len(events), err)
	}

	reopen := j.shut()
	var reading sync.WaitGroup
	for _, w := range []*Watcher{live, resuming} {
		reading.Go(func() {
			r := &reader{Watcher: w, seq: w.At().Seq}
			if err := r.read(patient(t), before+after); err != nil {
				t.Error(err)
			}
		})
	}
	noticed(t, d)
	log.says(t, "reading the log failed", 1)
	log.says(t, "reading the log works again", 0)
	reopen()
	j.DB = open(t, j.url)
	j.write(happenings(after)...)
	reading.Wait()
	idle(t, live)
	idle(t, resuming)
	log.says(t, "reading the log failed", 1)
	log.says(t, "reading the log works again", 1)
}

// TestPausesInAnOutage: who cannot read tries again later and later, however often it is
// asked meanwhile, and begins anew after it worked.
func TestPausesInAnOutage(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(happenings(3)...)
	d := open(t, j.url)
	w := watch(t, New(d, Options{Log: quiet, Waker: fake{}}), j.key, j.beginning())
	reopen := j.shut()
	none := func() {
		t.Helper()
		if events, err := w.Next(patient(t)); err != nil || len(events) > 0 {
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
			t.Error("it was tried again before the time")
		}
		fine(t, w.Wait(patient(t)))
		if took := time.Since(began); took < w.pause.length/2 {
			t.Errorf("a pause of %v took %v", w.pause.length, took)
		}
	}
	reopen()
	read(t, w, 3)
	if w.pause != (pause{}) {
		t.Errorf("it is still in a pause of %v", w.pause.length)
	}
	idle(t, w)
}

// TestPause: from about 100 ms to about 2 s, no two alike.
func TestPause(t *testing.T) {
	t.Parallel()
	var p pause
	if p.left() > 0 {
		t.Error("nothing failed")
	}
	for _, length := range []time.Duration{100, 200, 400, 800, 1600, 2000, 2000} {
		length *= time.Millisecond
		p.grow()
		if left := p.left(); left < length/2-50*time.Millisecond || left > length*3/2 {
			t.Errorf("%v instead of about %v", left, length)
		}
	}
	q := p
	if p.grow(); p.left().Round(time.Microsecond) == q.left().Round(time.Microsecond) {
		t.Error("everybody comes back at once")
	}
}

// TestWait: between Next and Wait nothing is slept through, and an expired log does not
// keep anybody waiting.
func TestWait(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(happenings(2)...)
	f := New(open(t, j.url), Options{Log: quiet, Waker: fake{}})
	w := watch(t, f, j.key, nil)
	idle(t, w)
	j.write(happenings(1)...)
	f.readDirty(t.Context()) // before anybody waits
	fine(t, w.Wait(patient(t)))
	read(t, w, 3)
	fine(t, watch(t, f, j.key, j.beginning()).Wait(patient(t)))

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Wait(gone); err != context.Canceled {
		t.Errorf("with its context ended: %v", err)
	}
	f.drop(f.tail(j.key), ErrExpired)
	fine(t, w.Wait(patient(t)))
	if events, err := w.Next(patient(t)); !errors.Is(err, ErrExpired) {
		t.Errorf("%d events, %v", len(events), err)
	}
}

// TestBefore: whoever reads the log, a follower or a watcher that lags, Before has seen
// each event when a watcher gets it.
func TestBefore(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	j.write(happenings(batch + 3)...)
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
	check := func(w *Watcher, until int64) {
		t.Helper()
		for w.At().Seq < until {
			events, err := next(patient(t), w)
			fine(t, err)
			mu.Lock()
			for _, e := range events {
				if !seen[e.ID] {
					t.Errorf("event %d was not shown before", e.Seq)
				}
			}
			mu.Unlock()
		}
	}
	check(resuming, batch+3)
	running(t, f)
	j.write(happenings(2)...)
	f.mark(j.key)
	check(live, batch+5)
	check(resuming, batch+5)
}
