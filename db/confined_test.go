package db

import (
	"context"
	"testing"
	"time"

	"switchboard/db/dbtest"
)

// TestConfinedStatements: in a confined pool a statement without any condition sees the rows of its
// own workspace only, in whatever way it is sent.
func TestConfinedStatements(t *testing.T) {
	t.Parallel()
	d, err := Open(t.Context(), dbtest.Confined(t, func(ctx context.Context, url string) error { _, err := Migrate(ctx, url); return err }), Options{MaxConns: 2})
	fine(t, err)
	defer func() { _ = d.Close() }()
	var keys [2]WorkspaceKey
	for i := range keys {
		w := &Workspace{ID: WorkspaceID{NewUUID()}, Name: "Acme", TimeZone: "UTC", ReopenPolicy: Reopen, ReopenWithinDays: 7,
			OwnerPolicy: OwnerKeep, ClosingCategories: []string{}, CreatedAt: time.Now()}
		fine(t, d.InsertWorkspace(t.Context(), w, nil))
		keys[i] = w.Key
	}
	type row struct{ N int }
	const all = "SELECT count(*) AS n FROM event_heads"
	ways := map[string]func(w ForWorkspace) int{
		"query": func(w ForWorkspace) int {
			var rows []row
			fine(t, w.query(t.Context(), &rows, all))
			return rows[0].N
		},
		"bun": func(w ForWorkspace) (n int) {
			fine(t, w.bun.NewSelect().Table("event_heads").ColumnExpr("count(*)").Scan(t.Context(), &n))
			return n
		},
		"exec": func(w ForWorkspace) int {
			n, err := w.exec(t.Context(), "UPDATE event_heads SET seq = seq")
			fine(t, err)
			return int(n)
		},
		"transaction": func(w ForWorkspace) int {
			var rows []row
			fine(t, d.Transact(t.Context(), w.Key, func(tx Tx) error { return tx.query(t.Context(), &rows, all) }))
			return rows[0].N
		},
		"pipeline": func(w ForWorkspace) int {
			var rows []*row
			fine(t, d.Pipeline(t.Context(), w.Key, func(tx Tx, first *Batch) (*Batch, error) {
				collect(first, &rows, all)
				return tx.Batch(), first.Send(t.Context())
			}))
			return rows[0].N
		},
	}
	for way, count := range ways {
		for key, want := range map[WorkspaceKey]int{keys[0]: 1, keys[1]: 1, 0: 2} {
			if way == "pipeline" && key == 0 { // a pipeline is always of a workspace
				continue
			}
			if n := count(d.ForWorkspace(key)); n != want {
				t.Errorf("%s of workspace %d: %d rows instead of %d", way, key, n, want)
			}
		}
	}
}
