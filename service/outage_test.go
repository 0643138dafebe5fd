package service

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

// TestP8HungReaderBlocksNobody: while the one who reads the log for all waits for the
// database, everybody else can give up, and so can that one; the work goes on for those
// who still wait (P8).
func TestP8HungReaderBlocksNobody(t *testing.T) {
	t.Parallel()
	l := dbtest.NewLine(t)
	w := newWorldOn(t, dbtest.New(t, migrate), db.Options{MaxConns: 8, Dial: l.Dial, Grace: time.Minute})
	w.givenOpen("Ada")
	_, err := w.InboxCounts(t.Context(), w.manager)
	fine(t, err)
	f := w.folds.get(w.manager.Workspace)
	l.Hold()
	counts := func() (cancel func(), result chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		result = make(chan error, 1)
		go func() {
			c, err := w.InboxCounts(ctx, w.manager)
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
	fine(t, within(t, "another read", func() error { _, err := w.InboxCounts(t.Context(), w.manager); return err }))
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

// TestReadOnlyEnds: no mutation is refused once the database can be written to again,
// though its connections began when it could not.
func TestReadOnlyEnds(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, migrate)
	w := newWorldOn(t, url, db.Options{MaxConns: 8})
	name := "Acme 2"
	admin, err := db.Open(t.Context(), url, db.Options{MaxConns: 1})
	fine(t, err)
	defer func() { _ = admin.Close() }()
	readOnly := func(yes string) {
		_, err := admin.ExecContext(t.Context(), "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = "+yes+"', current_database()); END $$")
		fine(t, err)
	}
	readOnly("on")
	_, err = admin.ExecContext(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	fine(t, err)
	eventually(t, "that a mutation is refused", func() bool {
		_, err := w.UpdateWorkspace(t.Context(), w.manager, UpdateWorkspaceInput{Name: &name})
		return err != nil && Explain(err).Code == Unavailable
	})
	var reading sync.WaitGroup
	for range 8 {
		reading.Go(func() { _, _ = w.db.ExecContext(t.Context(), "SELECT pg_sleep(0.1)") })
	}
	reading.Wait() // every connection is of a time when nothing could be written
	readOnly("off")
	for i := range 20 {
		name := fmt.Sprint("Acme ", i)
		_, err := w.UpdateWorkspace(t.Context(), w.manager, UpdateWorkspaceInput{Name: &name})
		fine(t, err)
	}
}

// TestTablesChange: a migration that runs beside the server makes its prepared statements
// useless, which no caller notices.
func TestTablesChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conversation := w.givenOpen("Ada")
	for range 3 {
		_, err := w.ConversationsByID(t.Context(), w.manager, []db.ConversationID{conversation.ID})
		fine(t, err)
	}
	_, err := w.db.ExecContext(t.Context(), "ALTER TABLE conversations ALTER COLUMN version TYPE bigint")
	fine(t, err)
	_, err = w.ConversationsByID(t.Context(), w.manager, []db.ConversationID{conversation.ID})
	fine(t, err)
	_, err = w.CloseConversation(t.Context(), w.manager, CloseConversationInput{ConversationID: conversation.ID})
	fine(t, err)
}
