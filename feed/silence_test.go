package feed

import (
	"testing"
	"time"

	"switchboard/db"
	"switchboard/db/dbtest"
)

// onLine opens a pool over a line, whose statements are given up after about 200 ms.
func onLine(t *testing.T, url string) (*db.DB, *dbtest.Line) {
	t.Helper()
	l := dbtest.NewLine(t)
	d, err := db.Open(t.Context(), url, db.Options{MaxConns: 4, StatementTimeout: 150 * time.Millisecond, Grace: 50 * time.Millisecond, Dial: l.Dial})
	fine(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d, l
}

// TestConnectionsGoSilent: a feed whose connections no longer carry anything, though nobody
// has closed them, takes others and delivers everything (P8).
func TestConnectionsGoSilent(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	d, l := onLine(t, j.url)
	f := New(d, Options{Log: quiet, Waker: fake{}})
	live := watch(t, f, j.key, nil)
	running(t, f)
	j.write(happenings(1)...)
	r := read(t, live, 1)
	for round := range int64(3) {
		l.Silence()
		j.write(happenings(2)...)
		began := time.Now()
		fine(t, r.read(patient(t), 3+2*round))
		t.Logf("everything was there after %v", time.Since(began))
	}
}

// TestSilence: a feed knows how long it has read nothing, also when nobody watches.
func TestSilence(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	d, l := onLine(t, j.url)
	f := New(d, Options{Log: quiet, Waker: fake{}})
	if f.Silence() != 0 {
		t.Error("it is silent before it runs")
	}
	running(t, f)
	becomes := func(what string, is func(time.Duration) bool) {
		t.Helper()
		for ctx := patient(t); !is(f.Silence()); time.Sleep(time.Millisecond) {
			if ctx.Err() != nil {
				t.Fatalf("its silence never becomes %s; it is %v", what, f.Silence())
			}
		}
	}
	l.Drop()
	becomes("long", func(s time.Duration) bool { return s > 3*time.Second })
	l.Pass()
	becomes("short", func(s time.Duration) bool { return s < time.Second })
}

// TestSilentListener: a connection that listens for what other servers say notices that
// nothing gets through any more.
func TestSilentListener(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	d, l := onLine(t, j.url)
	n := NewNotify(d)
	n.quiet, n.proof = 100*time.Millisecond, time.Second
	ear := &spy{n, make(chan error, 10_000), make(chan int64, 10_000)}
	f := New(d, Options{Log: quiet, Waker: ear})
	running(t, f)
	ear.listens(t, true)
	for range 2 {
		l.Silence()
		ear.listens(t, false)
		ear.listens(t, true)
		time.Sleep(3 * n.quiet) // in which it proves itself
		fine(t, NewNotify(j.DB).Tell(patient(t), []int64{j.key}))
		ear.hears(t, j.key, patience)
	}
}

// TestFlushIsBounded: what cannot be told does not keep a server from ending.
func TestFlushIsBounded(t *testing.T) {
	t.Parallel()
	telling, proceed := make(chan bool, 1), make(chan bool)
	f := New(nil, Options{Log: quiet, Waker: fake{func([]int64) error {
		telling <- true
		<-proceed
		return nil
	}}})
	defer close(proceed)
	f.Poke(1)
	<-telling
	f.Poke(2)
	began := time.Now()
	f.Flush()
	if took := time.Since(began); took > tellTime+time.Second {
		t.Errorf("it took %v", took)
	}
}
