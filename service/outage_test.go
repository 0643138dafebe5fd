package service

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/db/dbtest"
)

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for ; !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v it is not so %s", patience, what)
		}
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
		reading.Go(func() { _, _ = w.DB.ExecContext(t.Context(), "SELECT pg_sleep(0.1)") })
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
	_, err := w.DB.ExecContext(t.Context(), "ALTER TABLE conversations ALTER COLUMN version TYPE bigint")
	fine(t, err)
	_, err = w.ConversationsByID(t.Context(), w.manager, []db.ConversationID{conversation.ID})
	fine(t, err)
	_, err = w.CloseConversation(t.Context(), w.manager, CloseConversationInput{ConversationID: conversation.ID})
	fine(t, err)
}
