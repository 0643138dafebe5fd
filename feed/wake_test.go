package feed

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"switchboard/db"
	"switchboard/db/dbtest"
)

// A transport is how processes wake each other.
type transport struct {
	waker     func(d *db.DB) Waker // returns the waker of another process
	interrupt func()               // breaks all listening connections
}

// forEachWaker runs a test for each kind of waker.
func forEachWaker(t *testing.T, parallel bool, test func(t *testing.T, j *journal, x transport)) {
	kinds := map[string]func(t *testing.T, j *journal) transport{"NOTIFY": notifyTransport, "NATS": natsTransport}
	for name, newTransport := range kinds {
		t.Run(name, func(t *testing.T) {
			if parallel {
				t.Parallel()
			}
			j := newJournal(t)
			test(t, j, newTransport(t, j))
		})
	}
}

func notifyTransport(_ *testing.T, j *journal) transport {
	return transport{
		waker: func(d *db.DB) Waker { return NewNotify(d) },
		interrupt: func() {
			j.run(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query = $1`, "LISTEN "+channel)
		},
	}
}

// A spy is a waker that reports what its feed receives.
type spy struct {
	Waker
	states chan error
	hints  chan db.WorkspaceKey
}

func (s *spy) Listen(ctx context.Context, hear func(Hint), report func(error)) {
	s.Waker.Listen(ctx, func(h Hint) {
		hear(h)
		s.hints <- h.Workspace
	}, func(err error) {
		report(err)
		s.states <- err
	})
}

// waitListening waits until the feed listens, or until it does not.
func (s *spy) waitListening(t testing.TB, wanted bool) {
	t.Helper()
	ctx := timeoutContext(t)
	for {
		select {
		case err := <-s.states:
			if (err == nil) == wanted {
				return
			}
		case <-ctx.Done():
			t.Fatalf("after %v listening is not %v", timeout, wanted)
		}
	}
}

// waitHint waits for a hint.
func (s *spy) waitHint(t testing.TB, workspace db.WorkspaceKey, within time.Duration) {
	t.Helper()
	timeout := time.After(within)
	for {
		select {
		case got := <-s.hints:
			if got == workspace {
				return
			}
		case <-timeout:
			t.Fatalf("no hint within %v", within)
		}
	}
}

// process starts a feed with its own connections.
func (x transport) process(t testing.TB, j *journal, log *slog.Logger) (*Feed, *spy) {
	t.Helper()
	d := open(t, j.url)
	s := &spy{x.waker(d), make(chan error, 10_000), make(chan db.WorkspaceKey, 10_000)}
	f := New(d, Options{Waker: s, Log: log})
	running(t, f)
	return f, s
}

// TestTwoServers: watchers in one process get the other's commits by a hint, before the poll.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	forEachWaker(t, true, func(t *testing.T, j *journal, x transport) {
		here, _ := x.process(t, j, quiet)
		there, receiver := x.process(t, j, quiet)
		receiver.waitListening(t, true)
		w := watch(t, there, j.key, nil)
		r := &reader{Watcher: w}
		var took []time.Duration
		for i := range db.Seq(12) {
			j.write(newEvents(1)...)
			began := time.Now()
			here.Poke(j.key)
			fine(t, r.read(timeoutContext(t), i+1))
			took = append(took, time.Since(began))
			receiver.waitHint(t, j.key, timeout)
		}
		slices.Sort(took)
		t.Logf("from poke to watcher: median %v, longest %v", took[len(took)/2], took[len(took)-1])
		// A poll takes 500 ms or more.
		if median := took[len(took)/2]; median > 400*time.Millisecond {
			t.Errorf("half of the events took %v or more", median)
		}
		idle(t, w)
	})
}

// TestPollFindsLostWakeUps: the poll finds what was committed without a wake-up, for example before
// a crash, even if the process cannot listen.
func TestPollFindsLostWakeUps(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	f := New(open(t, j.url), Options{Log: quiet, Waker: fake{}})
	running(t, f)
	w := watch(t, f, j.key, nil)
	r := &reader{Watcher: w}
	for i := range db.Seq(3) {
		j.write(newEvents(1)...)
		began := time.Now()
		fine(t, r.read(timeoutContext(t), i+1))
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("it took %v", took)
		}
	}
}

// TestListenerKilled: a server keeps delivering without its listening connection, and restores it.
func TestListenerKilled(t *testing.T) {
	t.Parallel()
	forEachWaker(t, true, func(t *testing.T, j *journal, x transport) {
		here, _ := x.process(t, j, quiet)
		there, receiver := x.process(t, j, quiet)
		w := watch(t, there, j.key, nil)
		r := &reader{Watcher: w}
		for round := range db.Seq(2) {
			receiver.waitListening(t, true)
			x.interrupt()
			for i := range db.Seq(5) {
				j.write(newEvents(1)...)
				here.Poke(j.key)
				here.Flush()
				fine(t, r.read(timeoutContext(t), 5*round+i+1))
			}
			receiver.waitListening(t, false)
		}
		receiver.waitListening(t, true)
		idle(t, w)
	})
}

// TestListenMarksEveryLog: whenever a server starts to listen it checks every log for earlier
// commits.
func TestListenMarksEveryLog(t *testing.T) {
	t.Parallel()
	forEachWaker(t, true, func(t *testing.T, j *journal, x transport) {
		d := open(t, j.url)
		receiver := &spy{x.waker(d), make(chan error, 10_000), make(chan db.WorkspaceKey, 10_000)}
		f := New(d, Options{Waker: receiver, Log: quiet})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { f.listen(ctx); close(ended) }()
		for range 3 {
			receiver.waitListening(t, true)
			f.mu.Lock()
			if !f.allDirty {
				t.Error("not every log is marked")
			}
			f.allDirty = false
			f.mu.Unlock()
			x.interrupt()
			receiver.waitListening(t, false)
		}
		cancel()
		<-ended
	})
}

// A fake is a waker with a Publish that the test defines.
type fake struct {
	publish func(hints []Hint) error
}

func (f fake) Publish(_ context.Context, hints []Hint) error {
	return f.publish(hints)
}

func (f fake) Listen(ctx context.Context, _ func(Hint), _ func(error)) { <-ctx.Done() }

// TestPokeDoesNotBlock: workspaces poked while a message is published are collected and published
// together afterwards, at most 500 at a time.
func TestPokeDoesNotBlock(t *testing.T) {
	t.Parallel()
	published, proceed := make(chan []Hint), make(chan struct{})
	var busy atomic.Int64
	f := New(nil, Options{Log: quiet, Waker: fake{func(hints []Hint) error {
		if busy.Add(1) > 1 {
			t.Error("two Publish calls at once")
		}
		defer busy.Add(-1)
		published <- hints
		<-proceed
		return nil
	}}})
	f.Poke(1)
	if first := <-published; !slices.Equal(first, []Hint{{Workspace: 1}}) {
		t.Errorf("the first were %v", first)
	}
	var flushing sync.WaitGroup
	for range 30 { // simulated commits
		for workspace := range db.WorkspaceKey(1200) {
			f.Poke(workspace)
		}
		flushing.Go(f.Flush)
	}
	rest := map[db.WorkspaceKey]bool{}
	for _, size := range []int{500, 500, 200} {
		proceed <- struct{}{}
		part := <-published
		if len(part) != size {
			t.Errorf("%d workspaces instead of %d were published at once", len(part), size)
		}
		for _, h := range part {
			rest[h.Workspace] = true
		}
	}
	proceed <- struct{}{}
	if len(rest) != 1200 {
		t.Errorf("%d of 1200 workspaces were published", len(rest))
	}
	f.Flush() // returns at once, because nothing is pending
	flushing.Wait()
}

// A logged keeps what a feed logs.
type logged struct{ dbtest.Journal }

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// wantCount checks how often a text was logged.
func (l *logged) wantCount(t testing.TB, what string, times int) {
	t.Helper()
	text := l.String()
	if n := strings.Count(text, what); n != times {
		t.Errorf("%q was logged %d times, not %d:\n%s", what, n, times, text)
	}
}

// TestOneWarningPerOutage: an outage is logged once, not once per commit.
func TestOneWarningPerOutage(t *testing.T) {
	t.Parallel()
	var now error
	var log logged
	f := New(nil, Options{Log: log.logger(), Waker: fake{func([]Hint) error { return now }}})
	for outage := range 3 {
		for _, now = range []error{nil, errors.New("away"), nil} {
			for range 5 {
				f.publisher.pending[Hint{Workspace: 1}] = true // like Poke, but without its timer
				f.Flush()
			}
		}
		log.wantCount(t, "telling other servers about a change failed", outage+1)
		log.wantCount(t, "works again", outage+1)
	}
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
	j.write(newEvents(1)...)
	f.Poke(j.key)
	read(t, other, 1)
	other.Close()
	if f.tail(j.key) != nil {
		t.Error("a log without watchers is still followed")
	}
	// A later watcher starts at the present end.
	j.write(newEvents(1)...)
	idle(t, watch(t, f, j.key, nil))
}

// TestNextEndsWithItsContext: Next returns when its context ends, and the watcher can be used
// again.
func TestNextEndsWithItsContext(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	f := newFeed(t, j.url)
	w := watch(t, f, j.key, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := next(ctx, w)
		ended <- err
	}()
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Error(err)
	}
	j.write(newEvents(1)...)
	f.Poke(j.key)
	read(t, w, 1)
}

// TestNoGoroutineLeaks does not run in parallel, because goroutines of other tests would look like
// leaks.
func TestNoGoroutineLeaks(t *testing.T) { forEachWaker(t, false, noGoroutineLeaks) }

func noGoroutineLeaks(t *testing.T, j *journal, x transport) {
	before := goleak.IgnoreCurrent()
	d := open(t, j.url)
	receiver := &spy{x.waker(d), make(chan error, 10), make(chan db.WorkspaceKey, 10)}
	f := New(d, Options{Waker: receiver, Log: quiet})
	stop := running(t, f)
	ctx, cancel := context.WithCancel(timeoutContext(t))
	const watchers = 10
	got, ended := make(chan error), make(chan error)
	for range watchers {
		w := watch(t, f, j.key, nil)
		go func() {
			defer w.Close()
			_, err := next(ctx, w)
			got <- err
			_, err = next(ctx, w)
			ended <- err
		}()
	}
	receiver.waitListening(t, true)
	j.write(newEvents(1)...)
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
	if n, ok := receiver.Waker.(*NATS); ok {
		n.Close()
	}
	fine(t, d.Close())
	goleak.VerifyNone(t, before)
}

// TestBusyWorkspacesDoNotDelayThePoll: a lost wake-up is found in time, however busy other
// workspaces are.
func TestBusyWorkspacesDoNotDelayThePoll(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	f := newFeed(t, j.url)
	quiet := j.workspace()
	watch(t, f, j.key, nil)
	w := watch(t, f, quiet, nil)

	ctx, cancel := context.WithTimeout(timeoutContext(t), 4*time.Second)
	defer cancel()
	var poking sync.WaitGroup
	defer poking.Wait()
	poking.Go(func() {
		for tick := time.Tick(50 * time.Millisecond); ctx.Err() == nil; <-tick {
			f.Poke(j.key)
		}
	})
	commit := func() {
		fine(t, j.Transact(ctx, quiet, func(tx db.Tx) error { return tx.AppendEvents(ctx, newEvents(1)) }))
	}
	for range 2 { // the feed's start might find the first one
		commit() // without Poke
		if _, err := next(ctx, w); err != nil {
			t.Fatalf("no event: %v", err)
		}
	}
	cancel()
}
