package db

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"switchboard/db/dbtest"
)

// TestRows reads rows into structs: NULL leaves a field zero, ids and JSON arrive as they are, and
// a column without a field is an error that names it.
func TestRows(t *testing.T) {
	t.Parallel()
	d := pool(t, dbtest.New(t, migrated), Options{MaxConns: 1})
	w := d.ForWorkspace(0)
	id := AgentID{NewUUID()}
	var rows []struct {
		ID       AgentID
		AgentID  *AgentID
		Text     string
		At       *time.Time
		Settings map[string]int
	}
	fine(t, w.query(t.Context(), &rows, `SELECT $1::uuid AS id, $1::uuid AS agent_id, NULL::text AS text, NULL::timestamptz AS at, '{"a": 1}'::jsonb AS settings
		UNION ALL SELECT $1, NULL, 'x', now(), NULL`, id))
	switch {
	case len(rows) != 2:
		t.Fatalf("%d rows", len(rows))
	case rows[0].ID != id || *rows[0].AgentID != id || rows[0].Text != "" || rows[0].At != nil || rows[0].Settings["a"] != 1:
		t.Errorf("first row %+v", rows[0])
	case rows[1].AgentID != nil || rows[1].Text != "x" || rows[1].At == nil || rows[1].Settings != nil:
		t.Errorf("second row %+v", rows[1])
	}
	var narrow []*struct{ N int }
	if err := w.query(t.Context(), &narrow, "SELECT 1 AS n, 2 AS more"); err == nil || !strings.Contains(err.Error(), "more") {
		t.Errorf("a column without a field: %v", err)
	}
	fine(t, w.query(t.Context(), &narrow, "SELECT 1 AS n")) // the only connection is whole
}

// TestRowsOutsideTransaction: once its context has ended a transaction reads nothing more, although
// its connection is used directly.
func TestRowsOutsideTransaction(t *testing.T) {
	t.Parallel()
	d := pool(t, dbtest.New(t, migrated), Options{MaxConns: 1})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	unbroken := errors.New("the transaction was still usable after a second")
	err := d.Transact(ctx, 0, func(tx Tx) error {
		cancel()
		for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); {
			var rows []struct{ N int }
			if err := tx.query(t.Context(), &rows, "SELECT 1 AS n"); err != nil {
				return err
			}
		}
		return unbroken
	})
	if err == nil || errors.Is(err, unbroken) {
		t.Errorf("reading after the context has ended: %v", err)
	}
}
