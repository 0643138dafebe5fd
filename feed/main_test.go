package feed

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func migrate(ctx context.Context, url string) error {
	_, err := db.Migrate(ctx, url)
	return err
}

func fine(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// quiet discards logs: tests break connections on purpose.
var quiet = slog.New(slog.DiscardHandler)

// timeout is the limit for anything that must happen eventually.
const timeout = 30 * time.Second

func timeoutContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	return ctx
}

func open(t testing.TB, url string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url, db.Options{MaxConns: 6})
	fine(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// A journal is the log of a new workspace.
type journal struct {
	*db.DB
	t   testing.TB
	url string
	key db.WorkspaceKey
}

func newJournal(t testing.TB) *journal {
	t.Helper()
	url := dbtest.New(t, migrate)
	j := &journal{DB: open(t, url), t: t, url: url}
	j.key = j.workspace()
	return j
}

// workspace adds a workspace with an empty log.
func (j *journal) workspace() db.WorkspaceKey {
	j.t.Helper()
	w := &db.Workspace{
		ID: db.WorkspaceID{UUID: db.NewUUID()}, Name: "Acme", TimeZone: "UTC",
		ReopenPolicy: db.Reopen, ReopenWithinDays: 7, OwnerPolicy: db.OwnerKeep,
		ClosingCategories: []string{}, CreatedAt: time.Now(),
	}
	fine(j.t, j.InsertWorkspace(j.t.Context(), w, nil))
	return w.Key
}

// write commits events to the log without waking any feed.
func (j *journal) write(events ...*db.Event) []*db.Event {
	j.t.Helper()
	fine(j.t, j.Transact(j.t.Context(), j.key, func(tx db.Tx) error { return tx.AppendEvents(j.t.Context(), events) }))
	return events
}

// newEvents returns n events of no particular meaning.
func newEvents(n int) []*db.Event {
	events := make([]*db.Event, n)
	for i := range events {
		events[i] = &db.Event{ID: db.EventID{UUID: db.NewUUID()}, Type: db.WorkspaceUpdated, CreatedAt: time.Now()}
	}
	return events
}

func (j *journal) run(sql string, args ...any) {
	j.t.Helper()
	_, err := j.DB.DB.DB.ExecContext(j.t.Context(), sql, args...)
	fine(j.t, err)
}

// restore removes all events after seq, like restoring a backup.
func (j *journal) restore(seq db.Seq) {
	j.t.Helper()
	j.run("DELETE FROM events WHERE workspace_id = $1 AND seq > $2", j.key, seq)
	j.run(`UPDATE event_heads SET seq = $2, event_id = (SELECT id FROM events WHERE workspace_id = $1 AND seq = $2)
		WHERE workspace_id = $1`, j.key, seq)
}

// beginning returns the cursor before the first event.
func (j *journal) beginning() *db.EventCursor { return &db.EventCursor{Workspace: j.key} }

// after returns the cursor after the event with this number.
func (j *journal) after(seq db.Seq) *db.EventCursor {
	j.t.Helper()
	events, err := j.ForWorkspace(j.key).EventsBySeq(j.t.Context(), []db.Seq{seq})
	fine(j.t, err)
	c := events[0].Cursor()
	return &c
}

// running starts a feed. The returned function stops it and waits until it has ended.
func running(t testing.TB, f *Feed) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() { f.Run(ctx); close(done) }()
	stop = func() { cancel(); <-done; f.Flush() }
	t.Cleanup(stop)
	return stop
}

// newFeed runs a feed with its own connections until the test ends.
func newFeed(t testing.TB, url string) *Feed {
	t.Helper()
	f := New(open(t, url), Options{Log: quiet})
	running(t, f)
	return f
}

func watch(t testing.TB, f *Feed, workspace db.WorkspaceKey, after *db.EventCursor) *Watcher {
	t.Helper()
	w, err := f.Watch(timeoutContext(t), workspace, after)
	fine(t, err)
	t.Cleanup(w.Close)
	return w
}

// A reader checks that a watcher gets each event once and in order.
type reader struct {
	*Watcher
	seq db.Seq // number of the last event
	ids []db.EventID
}

// read reads up to the event with this number.
func (r *reader) read(ctx context.Context, until db.Seq) error {
	for r.seq < until {
		events, err := next(ctx, r.Watcher)
		if err != nil {
			return fmt.Errorf("after event %d: %w", r.seq, err)
		}
		for _, e := range events {
			if e.Seq != r.seq+1 {
				return fmt.Errorf("event %d came after event %d", e.Seq, r.seq)
			}
			r.seq, r.ids = e.Seq, append(r.ids, e.ID)
		}
	}
	if r.seq > until {
		return fmt.Errorf("there is an event %d, but only %d were written", r.seq, until)
	}
	return nil
}

func read(t testing.TB, w *Watcher, until db.Seq) *reader {
	t.Helper()
	r := &reader{Watcher: w, seq: w.Position().Seq}
	fine(t, r.read(timeoutContext(t), until))
	return r
}

// next waits for events and returns them.
func next(ctx context.Context, w *Watcher) ([]*db.Event, error) {
	for {
		if events, err := w.Next(ctx); err != nil || len(events) > 0 {
			return events, err
		}
		if err := w.Wait(ctx); err != nil {
			return nil, err
		}
	}
}

// idle checks that a watcher has no more events.
func idle(t testing.TB, w *Watcher) {
	t.Helper()
	if events, err := w.Next(timeoutContext(t)); err != nil || len(events) > 0 {
		t.Errorf("there are %d events too many, %v", len(events), err)
	}
}
