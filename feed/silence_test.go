package feed

import (
	"testing"
	"time"

	"switchboard/db"
	"switchboard/db/dbtest"
)

// openThroughLine opens a pool through a dbtest.Line. Its statements time out after about 2 s.
func openThroughLine(t *testing.T, url string) (*db.DB, *dbtest.Line) {
	t.Helper()
	l := dbtest.NewLine(t)
	d, err := db.Open(t.Context(), url, db.Options{MaxConns: 4, StatementTimeout: 1500 * time.Millisecond, Grace: 500 * time.Millisecond, Dial: l.Dial})
	fine(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d, l
}

// TestConnectionsGoSilent: if connections carry nothing any more without being closed, the feed
// opens new ones and delivers everything (P8).
func TestConnectionsGoSilent(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it waits for several time-outs")
	}
	t.Parallel()
	j := newJournal(t)
	d, l := openThroughLine(t, j.url)
	f := New(d, Options{Log: quiet, Waker: fake{}})
	live := watch(t, f, j.key, nil)
	running(t, f)
	j.write(newEvents(1)...)
	r := read(t, live, 1)
	for round := range db.Seq(3) {
		l.Silence()
		j.write(newEvents(2)...)
		began := time.Now()
		fine(t, r.read(timeoutContext(t), 3+2*round))
		t.Logf("everything was delivered after %v", time.Since(began))
	}
}

// TestSilence: Silence grows while the database does not answer, even without watchers.
func TestSilence(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	d, l := openThroughLine(t, j.url)
	f := New(d, Options{Log: quiet, Waker: fake{}})
	if f.Silence() != 0 {
		t.Error("Silence is not 0 before Run")
	}
	running(t, f)
	becomes := func(what string, is func(time.Duration) bool) {
		t.Helper()
		for ctx := timeoutContext(t); !is(f.Silence()); time.Sleep(time.Millisecond) {
			if ctx.Err() != nil {
				t.Fatalf("Silence never becomes %s; it is %v", what, f.Silence())
			}
		}
	}
	l.Drop()
	becomes("long", func(s time.Duration) bool { return s > 3*time.Second })
	l.Pass()
	becomes("short", func(s time.Duration) bool { return s < time.Second })
}

// TestSilentListener: the listening connection is replaced when it carries nothing any more.
func TestSilentListener(t *testing.T) {
	t.Parallel()
	j := newJournal(t)
	d, l := openThroughLine(t, j.url)
	n := NewNotify(d)
	n.checkAfter, n.checkTimeout = 100*time.Millisecond, time.Second
	receiver := &spy{n, make(chan error, 10_000), make(chan db.WorkspaceKey, 10_000)}
	f := New(d, Options{Log: quiet, Waker: receiver})
	running(t, f)
	receiver.waitListening(t, true)
	for range 2 {
		l.Silence()
		receiver.waitListening(t, false)
		receiver.waitListening(t, true)
		time.Sleep(3 * n.checkAfter) // long enough for several checks
		fine(t, NewNotify(j.DB).Publish(timeoutContext(t), []Hint{{Workspace: j.key}}))
		receiver.waitHint(t, j.key, timeout)
	}
}

// TestFlushIsBounded: a Publish that blocks does not keep Flush from returning.
func TestFlushIsBounded(t *testing.T) {
	t.Parallel()
	publishing, proceed := make(chan bool, 1), make(chan bool)
	f := New(nil, Options{Log: quiet, Waker: fake{func([]Hint) error {
		publishing <- true
		<-proceed
		return nil
	}}})
	defer close(proceed)
	f.Poke(1)
	<-publishing
	f.Poke(2)
	began := time.Now()
	f.Flush()
	if took := time.Since(began); took > publishTimeout+20*time.Second {
		t.Errorf("it took %v", took)
	}
}
