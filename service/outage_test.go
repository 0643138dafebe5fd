package service_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/service"
	"switchboard/service/servicetest"
)

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(servicetest.Patience)
	for ; !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v it is not so %s", servicetest.Patience, what)
		}
	}
}

// TestReadOnlyEnds: once a read-only database accepts writes again, no mutation fails, although the
// connections were opened before.
func TestReadOnlyEnds(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, servicetest.Migrate)
	w := newWorldOn(t, url, db.Options{MaxConns: 8})
	name := "Acme 2"
	admin, err := db.Open(t.Context(), url, db.Options{MaxConns: 1})
	servicetest.Fine(t, err)
	defer func() { _ = admin.Close() }()
	readOnly := func(yes string) {
		_, err := admin.ExecContext(t.Context(), "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = "+yes+"', current_database()); END $$")
		servicetest.Fine(t, err)
	}
	readOnly("on")
	_, err = admin.ExecContext(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	servicetest.Fine(t, err)
	eventually(t, "that a mutation is refused", func() bool {
		_, err := w.UpdateWorkspace(t.Context(), w.Manager, service.UpdateWorkspaceInput{Name: &name})
		return err != nil && service.Explain(err).Code == service.Unavailable
	})
	var reading sync.WaitGroup
	for range 8 {
		reading.Go(func() { _, _ = w.DB.ExecContext(t.Context(), "SELECT pg_sleep(0.1)") })
	}
	reading.Wait() // every connection was opened while the database was read-only
	readOnly("off")
	for i := range 20 {
		name := fmt.Sprint("Acme ", i)
		_, err := w.UpdateWorkspace(t.Context(), w.Manager, service.UpdateWorkspaceInput{Name: &name})
		servicetest.Fine(t, err)
	}
}

// TestTablesChange: a migration that runs beside the server invalidates its prepared statements,
// and no call fails.
func TestTablesChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conversation := w.Open()
	for range 3 {
		_, err := w.ConversationsByID(t.Context(), w.Manager, []db.ConversationID{conversation.ID})
		servicetest.Fine(t, err)
	}
	_, err := w.DB.ExecContext(t.Context(), "ALTER TABLE conversations ALTER COLUMN version TYPE bigint")
	servicetest.Fine(t, err)
	_, err = w.ConversationsByID(t.Context(), w.Manager, []db.ConversationID{conversation.ID})
	servicetest.Fine(t, err)
	_, err = w.CloseConversation(t.Context(), w.Manager, service.CloseConversationInput{ConversationID: conversation.ID})
	servicetest.Fine(t, err)
}
