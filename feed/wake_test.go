package feed

import (
	"bytes"
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
)

// exchange is what processes wake each other through.
type exchange struct {
	waker     func(d *db.DB) Waker // for one more process
	interrupt func()               // breaks the connections of all who listen
}

// throughEach runs a test for each kind of waker.
func throughEach(t *testing.T, parallel bool, test func(t *testing.T, j *journal, x exchange)) {
	kinds := map[string]func(t *testing.T, j *journal) exchange{"NOTIFY": throughNotify, "NATS": throughNATS}
	for name, through := range kinds {
		t.Run(name, func(t *testing.T) {
			if parallel {
				t.Parallel()
			}
			j := newJournal(t)
			test(t, j, through(t, j))
		})
	}
}

func throughNotify(_ *testing.T, j *journal) exchange {
	return exchange{
		waker: func(d *db.DB) Waker { return NewNotify(d) },
		interrupt: func() {
			j.run(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query = $1`, "LISTEN "+channel)
		},
	}
}

// spy is a waker that says what its feed hears.
type spy struct {
	Waker
	states chan error
	hints  chan int64
}

func (s *spy) Listen(ctx context.Context, heard func(int64), listening func(error)) {
	s.Waker.Listen(ctx, func(workspace int64) {
		heard(workspace)
		s.hints <- workspace
	}, func(err error) {
		listening(err)
		s.states <- err
	})
}

// listens waits until the feed listens, or no longer does.
func (s *spy) listens(t testing.TB, wanted bool) {
	t.Helper()
	ctx := patient(t)
	for {
		select {
		case err := <-s.states:
			if (err == nil) == wanted {
				return
			}
		case <-ctx.Done():
			t.Fatalf("after %v it is not so that listening is %v", patience, wanted)
		}
	}
}

// hears waits for a hint.
func (s *spy) hears(t testing.TB, workspace int64, within time.Duration) {
	t.Helper()
	timeout := time.After(within)
	for {
		select {
		case got := <-s.hints:
			if got == workspace {
				return
			}
		case <-timeout:
			t.Fatalf("no hint came within %v", within)
		}
	}
}

// process is a running feed with connections of its own.
func (x exchange) process(t testing.TB, j *journal, log *slog.Logger) (*Feed, *spy) {
	t.Helper()
	d := open(t, j.url)
	s := &spy{x.waker(d), make(chan error, 10_000), make(chan int64, 10_000)}
	f := New(d, Options{Waker: s, Log: log})
	running(t, f)
	return f, s
}

// TestTwoServers: what one of them commits the watchers of the other get by a hint.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	throughEach(t, true, func(t *testing.T, j *journal, x exchange) {
		here, _ := x.process(t, j, quiet)
		there, ear := x.process(t, j, quiet)
		ear.listens(t, true)
		w := watch(t, there, j.key, nil)
		r := &reader{Watcher: w}
		var took []time.Duration
		for i := range int64(12) {
			j.write(happenings(1)...)
			began := time.Now()
			here.Poke(j.key)
			fine(t, r.read(patient(t), i+1))
			took = append(took, time.Since(began))
			ear.hears(t, j.key, patience)
		}
		slices.Sort(took)
		t.Logf("from poke to watcher: median %v, longest %v", took[len(took)/2], took[len(took)-1])
		if median := took[len(took)/2]; median > 100*time.Millisecond { // a poll takes half a second at least
			t.Errorf("half of the events took %v or more", median)
		}
		idle(t, w)
	})
}

// TestNobodyTells: what was committed without a wake-up, as before a crash, the poll finds,
// also for who cannot listen.
func TestNobodyTells(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	f := New(open(t, j.url), Options{Log: quiet, Waker: fake{}})
	running(t, f)
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
	throughEach(t, true, func(t *testing.T, j *journal, x exchange) {
		here, _ := x.process(t, j, quiet)
		there, ear := x.process(t, j, quiet)
		w := watch(t, there, j.key, nil)
		r := &reader{Watcher: w}
		for round := range int64(2) {
			ear.listens(t, true)
			x.interrupt()
			for i := range int64(5) {
				j.write(happenings(1)...)
				here.Poke(j.key)
				here.Flush()
				fine(t, r.read(patient(t), 5*round+i+1))
			}
			ear.listens(t, false)
		}
		ear.listens(t, true)
		idle(t, w)
	})
}

// TestBackFromSilence: whenever a server begins to hear it looks at every log, for what
// was said before.
func TestBackFromSilence(t *testing.T) {
	t.Parallel()
	throughEach(t, true, func(t *testing.T, j *journal, x exchange) {
		d := open(t, j.url)
		ear := &spy{x.waker(d), make(chan error, 10_000), make(chan int64, 10_000)}
		f := New(d, Options{Waker: ear, Log: quiet})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { f.listen(ctx); close(ended) }()
		for range 3 {
			ear.listens(t, true)
			f.mu.Lock()
			if !f.all {
				t.Error("not everything will be looked at")
			}
			f.all = false
			f.mu.Unlock()
			x.interrupt()
			ear.listens(t, false)
		}
		cancel()
		<-ended
	})
}

// fake is a waker whose telling a test decides on.
type fake struct {
	tell func(workspaces []int64) error
}

func (f fake) Tell(_ context.Context, workspaces []int64) error { return f.tell(workspaces) }

func (f fake) Listen(ctx context.Context, _ func(int64), _ func(error)) { <-ctx.Done() }

// TestPokeWaitsForNobody: what is committed while others are being told is told together
// afterwards, at most 500 workspaces at a time.
func TestPokeWaitsForNobody(t *testing.T) {
	t.Parallel()
	told, proceed := make(chan []int64), make(chan struct{})
	var busy atomic.Int64
	f := New(nil, Options{Log: quiet, Waker: fake{func(workspaces []int64) error {
		if busy.Add(1) > 1 {
			t.Error("two tell at once")
		}
		defer busy.Add(-1)
		told <- workspaces
		<-proceed
		return nil
	}}})
	f.Poke(1)
	if first := <-told; !slices.Equal(first, []int64{1}) {
		t.Errorf("the first were %v", first)
	}
	var flushing sync.WaitGroup
	for range 30 { // commits each
		for workspace := range int64(1200) {
			f.Poke(workspace)
		}
		flushing.Go(f.Flush)
	}
	rest := map[int64]bool{}
	for _, size := range []int{500, 500, 200} {
		proceed <- struct{}{}
		part := <-told
		if len(part) != size {
			t.Errorf("%d workspaces instead of %d were told of at once", len(part), size)
		}
		for _, workspace := range part {
			rest[workspace] = true
		}
	}
	proceed <- struct{}{}
	if len(rest) != 1200 {
		t.Errorf("%d workspaces of 1200 were told of", len(rest))
	}
	f.Flush() // there is nothing left, or this would wait for ever
	flushing.Wait()
}

// logged is what a feed logs.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// says checks how often something was logged.
func (l *logged) says(t testing.TB, what string, times int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := strings.Count(l.text.String(), what); n != times {
		t.Errorf("%q was logged %d times, not %d:\n%s", what, n, times, l.text.String())
	}
}

// TestOneWarningPerOutage: not one per commit.
func TestOneWarningPerOutage(t *testing.T) {
	t.Parallel()
	var now error
	var log logged
	f := New(nil, Options{Log: log.logger(), Waker: fake{func([]int64) error { return now }}})
	for outage := range 3 {
		for _, now = range []error{nil, errors.New("away"), nil} {
			for range 5 {
				f.teller.pending[1] = true // as Poke does, but no timer tells of it
				f.Flush()
			}
		}
		log.says(t, "telling other servers about a change failed", outage+1)
		log.says(t, "works again", outage+1)
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
		_, err := next(ctx, w)
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
func TestNothingIsLeftBehind(t *testing.T) { throughEach(t, false, nothingIsLeftBehind) }

func nothingIsLeftBehind(t *testing.T, j *journal, x exchange) {
	before := goleak.IgnoreCurrent()
	d := open(t, j.url)
	ear := &spy{x.waker(d), make(chan error, 10), make(chan int64, 10)}
	f := New(d, Options{Waker: ear, Log: quiet})
	stop := running(t, f)
	ctx, cancel := context.WithCancel(patient(t))
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
	ear.listens(t, true)
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
	if n, ok := ear.Waker.(*NATS); ok {
		n.Close()
	}
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
	for range 2 { // the first may still be found by what the beginning set off
		commit() // and nobody says so
		if _, err := next(ctx, w); err != nil {
			t.Fatalf("nothing came: %v", err)
		}
	}
	cancel()
}
