package db

import (
	"context"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metric "github.com/prometheus/client_model/go"

	"switchboard/db/dbtest"
)

func TestKindsOfStatements(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]statementKind{
		`SELECT "event"."seq" FROM "events" AS "event" WHERE 1=1`: {"select", "events"},
		"SELECT seq\n\tFROM events\nWHERE seq > $1":               {"select", "events"},
		`INSERT INTO "contacts" ("id") VALUES ('from agents')`:    {"insert", "contacts"},
		"UPDATE conversations SET status = $1":                    {"update", "conversations"},
		"DELETE FROM read_marks":                                  {"delete", "read_marks"},
		"WITH page AS (SELECT 1 FROM contacts) SELECT":            {"select", "contacts"},
		"COMMIT":                              {"commit", ""},
		"SELECT pg_notify('switchboard', '')": {"select", ""},
	} {
		if got := kindOf(sql); got != want {
			t.Errorf("%s is %v, not %v", sql, got, want)
		}
	}
}

// TestStatementsAreMeasured checks that every table has its kinds, and that statements are counted
// under them and never under a value.
func TestStatementsAreMeasured(t *testing.T) {
	t.Parallel()
	d := pool(t, dbtest.New(t, migrated), Options{})
	ctx := context.Background()
	var all []string
	err := d.NewRaw("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'bun_%' ORDER BY 1").Scan(ctx, &all)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(all, measuredTables()) {
		t.Errorf("the tables are %q; measuredTables returns %q", all, measuredTables())
	}
	kinds := testutil.CollectAndCount(d.measures.statements)
	before := countOf(t, d, "select events")
	if _, err := d.ForWorkspace(1).EventsAfter(ctx, 0, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ExecContext(ctx, "SELECT 'the text of a message from mars'"); err != nil {
		t.Fatal(err)
	}
	if got := countOf(t, d, "select events"); got != before+1 {
		t.Errorf("after one more statement on events, %d instead of %d are counted", got, before+1)
	}
	if now := testutil.CollectAndCount(d.measures.statements); now != kinds {
		t.Errorf("the kinds of statements grew from %d to %d", kinds, now)
	}
}

// countOf returns how many statements of a kind were measured.
func countOf(t *testing.T, d *DB, statement string) uint64 {
	t.Helper()
	var m metric.Metric
	if err := d.measures.statements.WithLabelValues(statement).(prometheus.Histogram).Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetHistogram().GetSampleCount()
}
