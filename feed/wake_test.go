package feed

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"switchboard/db"
)

// listening waits until a number of connections to the database listen, and gives the
// process ids of the server that serve them.
func (j *journal) listening(n int) (pids []int64) {
	j.t.Helper()
	ctx := patient(j.t)
	for len(pids) != n {
		fine(j.t, j.NewRaw(`SELECT pid FROM pg_stat_activity
			WHERE datname = current_database() AND query = ? AND state = 'idle'`, "LISTEN "+channel).Scan(ctx, &pids))
	}
	return pids
}

// TestTwoServers: what one of them commits the watchers of the other get by notification.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	here, there := newFeed(t, j.url), newFeed(t, j.url)
	j.listening(2)
	w := watch(t, there, j.key, nil)
	r := &reader{Watcher: w}
	const times = 12
	began := time.Now()
	for i := range int64(times) {
		j.write(happenings(1)...)
		here.Poke(j.key)
		fine(t, r.read(patient(t), i+1))
	}
	if took, polling := time.Since(began), times*pollEvery/2; took > polling {
		t.Errorf("%d events took %v; by polling alone they take %v at least", times, took, polling)
	}
	idle(t, w)
}

// TestNobodyTells: what was committed without a wake-up, as before a crash, the poll finds.
func TestNobodyTells(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	f := newFeed(t, j.url)
	w := watch(t, f, j.key, nil)
	r := &reader{Watcher: w}
	for i := range int64(3) {
		j.write(happenings(1)...)
		began := time.Now()
		fine(t, r.read(patient(t), i+1))
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	}
}

// TestListenerKilled: without its listening connection a server goes on, and gets it back.
func TestListenerKilled(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	here, there := New(j.DB, quiet), newFeed(t, j.url)
	w := watch(t, there, j.key, nil)
	r := &reader{Watcher: w}
	for round := range int64(2) {
		victim := j.listening(1)[0]
		j.run("SELECT pg_terminate_backend($1)", victim)
		for i := range int64(5) {
			j.write(happenings(1)...)
			here.Poke(j.key)
			here.Flush()
			fine(t, r.read(patient(t), 5*round+i+1))
		}
		if again := j.listening(1)[0]; again == victim {
			t.Error("the connection was not killed")
		}
	}
	idle(t, w)
}

func TestClose(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	f := newFeed(t, j.url)
	one, other := watch(t, f, j.key, nil), watch(t, f, j.key, nil)
	one.Close()
	one.Close()
	if f.tail(j.key) == nil {
		t.Fatal("closing one watcher twice ended the other")
	}
	j.write(happenings(1)...)
	f.Poke(j.key)
	read(t, other, 1)
	other.Close()
	if f.tail(j.key) != nil {
		t.Error("a log that nobody watches is still followed")
	}
	// The next one starts afresh.
	j.write(happenings(1)...)
	idle(t, watch(t, f, j.key, nil))
}

// TestNextEndsWithItsContext: and the watcher can go on afterwards.
func TestNextEndsWithItsContext(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	f := newFeed(t, j.url)
	w := watch(t, f, j.key, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := w.Next(ctx)
		ended <- err
	}()
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Error(err)
	}
	j.write(happenings(1)...)
	f.Poke(j.key)
	read(t, w, 1)
}

// TestNothingIsLeftBehind does not run in parallel: other tests' goroutines would look
// like leaks.
func TestNothingIsLeftBehind(t *testing.T) {
	j := newJournal(t)
	before := goleak.IgnoreCurrent()
	d := open(t, j.url)
	f := New(d, quiet)
	stop := running(t, f)
	ctx, cancel := context.WithCancel(patient(t))
	const watchers = 10
	got, ended := make(chan error), make(chan error)
	for range watchers {
		w := watch(t, f, j.key, nil)
		go func() {
			defer w.Close()
			_, err := w.Next(ctx)
			got <- err
			_, err = w.Next(ctx)
			ended <- err
		}()
	}
	j.listening(1)
	j.write(happenings(1)...)
	f.Poke(j.key)
	for range watchers {
		fine(t, <-got)
	}
	cancel()
	for range watchers {
		if err := <-ended; err != context.Canceled {
			t.Error(err)
		}
	}
	stop()
	fine(t, d.Close())
	goleak.VerifyNone(t, before)
}

// TestBusyWorkspacesDoNotPutOffThePoll: a wake-up that was lost is made good in time,
// however busy other workspaces are.
func TestBusyWorkspacesDoNotPutOffThePoll(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	f := newFeed(t, j.url)
	quiet := j.workspace()
	watch(t, f, j.key, nil)
	w := watch(t, f, quiet, nil)

	ctx, cancel := context.WithTimeout(patient(t), 4*time.Second)
	defer cancel()
	var poking sync.WaitGroup
	defer poking.Wait()
	poking.Go(func() {
		for tick := time.Tick(50 * time.Millisecond); ctx.Err() == nil; <-tick {
			f.Poke(j.key)
		}
	})
	commit := func() {
		fine(t, j.Transact(ctx, quiet, func(tx db.Tx) error { return tx.AppendEvents(ctx, happenings(1)) }))
	}
	j.listening(1)
	for range 2 { // the first may still be found by what the beginning set off
		commit() // and nobody says so
		if _, err := w.Next(ctx); err != nil {
			t.Fatalf("nothing came: %v", err)
		}
	}
	cancel()
}
