package projection

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// log is the log of a fresh workspace with the projection of its counts.
type log struct {
	db.ForWorkspace
	t     *testing.T
	db    *db.DB
	inbox *Inbox
}

func newLog(t *testing.T, o db.Options) *log {
	t.Helper()
	migrate := func(ctx context.Context, url string) error {
		_, err := db.Migrate(ctx, url)
		return err
	}
	d, err := db.Open(t.Context(), dbtest.New(t, migrate), o)
	fine(t, err)
	t.Cleanup(func() { _ = d.Close() })
	workspace := &db.Workspace{
		ID: db.WorkspaceID{UUID: db.NewUUID()}, Name: "Acme", TimeZone: "UTC", ReopenPolicy: db.Reopen, ReopenWithinDays: 7,
		OwnerPolicy: db.OwnerKeep, ClosingCategories: []string{}, CreatedAt: time.Now(),
	}
	fine(t, d.InsertWorkspace(t.Context(), workspace, nil))
	return &log{ForWorkspace: d.ForWorkspace(workspace.Key), t: t, db: d, inbox: NewInbox()}
}

// opened opens a conversation with a new contact.
func (l *log) opened() {
	l.t.Helper()
	contact := &db.Contact{ID: db.ContactID{UUID: db.NewUUID()}, Name: "Ada", Version: 1, CreatedAt: time.Now()}
	c := &db.Conversation{
		ID: db.ConversationID{UUID: db.NewUUID()}, ContactID: contact.ID, Channel: "email", Status: db.StatusOpen, Latest: true,
		OpenedAt: time.Now(), LastActivityAt: time.Now(), Version: 1,
	}
	ctx := l.t.Context()
	fine(l.t, l.db.Transact(ctx, l.Key, func(tx db.Tx) error {
		if err := tx.InsertContacts(ctx, []*db.Contact{contact}, nil); err != nil {
			return err
		}
		if err := tx.InsertConversations(ctx, []*db.Conversation{c}); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, []*db.Event{{
			ID: db.EventID{UUID: db.NewUUID()}, Type: db.ConversationOpened, CreatedAt: time.Now(),
			ContactID: &contact.ID, ConversationID: &c.ID, After: c.Facets(),
		}})
	}))
}

func (l *log) counts(ctx context.Context) (Counts, error) {
	return l.inbox.Counts(ctx, l.ForWorkspace, nil)
}

// patience is how long a test waits for a condition before it fails.
const patience = 30 * time.Second

func fine(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for ; !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v it is not so %s", patience, what)
		}
	}
}

func within(t *testing.T, what string, do func() error) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- do() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		t.Fatalf("%s still waits after %v", what, patience)
		return nil
	}
}

// TestReadersWaitTogether: concurrent readers of the counts share few reads of the log, and each
// sees all events from before its call.
func TestReadersWaitTogether(t *testing.T) {
	t.Parallel()
	w := newLog(t, db.Options{MaxConns: 8})
	_, err := w.counts(t.Context())
	fine(t, err)
	const readers = 100
	f := w.inbox.of.get(w.Key)
	f.turn <- struct{}{}
	before := f.began.Load()
	w.opened()
	var came, read sync.WaitGroup
	came.Add(readers)
	for range readers {
		read.Go(func() {
			came.Done()
			if c, err := w.counts(t.Context()); err != nil || c.All != 1 {
				t.Errorf("the counts are %+v, %v", c, err)
			}
		})
	}
	came.Wait()
	<-f.turn
	read.Wait()
	if times := f.began.Load() - before; times > readers/2 {
		t.Errorf("%d readers read the log %d times", readers, times)
	}
}

// TestP8HungReaderBlocksNobody: while one call reads the log for all and the database does not
// answer, each caller can give up, including the first; the read continues for those who still wait
// (P8).
func TestP8HungReaderBlocksNobody(t *testing.T) {
	t.Parallel()
	l := dbtest.NewLine(t)
	w := newLog(t, db.Options{MaxConns: 8, Dial: l.Dial, Grace: time.Minute})
	w.opened()
	_, err := w.counts(t.Context())
	fine(t, err)
	f := w.inbox.of.get(w.Key)
	l.Hold()
	counts := func() (cancel func(), result chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		result = make(chan error, 1)
		go func() {
			c, err := w.counts(ctx)
			if err == nil && c.All != 1 {
				err = fmt.Errorf("the counts are %+v", c)
			}
			result <- err
		}()
		return cancel, result
	}
	before := f.began.Load()
	leaderLeaves, leader := counts()
	eventually(t, "that somebody reads the log", func() bool { return f.began.Load() > before })
	otherLeaves, other := counts()
	_, third := counts()
	for who, c := range map[string]struct {
		leave func()
		left  chan error
	}{"who waits": {otherLeaves, other}, "who reads for all": {leaderLeaves, leader}} {
		c.leave()
		select {
		case err := <-c.left:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s gave up with %v", who, err)
			}
		case <-time.After(patience):
			t.Fatalf("%s cannot give up", who)
		}
	}
	l.Pass()
	fine(t, <-third)
	fine(t, within(t, "another read", func() error { _, err := w.counts(t.Context()); return err }))
}
