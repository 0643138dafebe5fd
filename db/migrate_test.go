package db

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/db/dbtest"
	"switchboard/db/migrations"
)

// files is how many migrations there are.
func files(t *testing.T) int {
	t.Helper()
	entries, err := migrations.Files.ReadDir(".")
	fine(t, err)
	return len(entries)
}

func TestMigrateTwice(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, nil)
	first, err := Migrate(t.Context(), url)
	fine(t, err)
	if len(first) != files(t) || !slices.IsSorted(first) {
		t.Errorf("it says that it applied %q", first)
	}
	again, err := Migrate(t.Context(), url)
	if err != nil || again == nil || len(again) != 0 {
		t.Errorf("the second time it says %#v, %v", again, err)
	}
}

func TestMigrateConcurrently(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, nil)
	type result struct {
		applied []string
		err     error
	}
	const processes = 8
	results := make(chan result, processes)
	for range processes {
		go func() {
			applied, err := Migrate(t.Context(), url)
			results <- result{applied, err}
		}()
	}
	total := 0
	for range processes {
		r := <-results
		fine(t, r.err)
		total += len(r.applied)
	}
	if total != files(t) {
		t.Errorf("together they applied %d migrations", total)
	}
}

// TestMigrateKilled holds a migration up in its middle, kills it there, and finds
// nothing of it: the next one does the whole work.
func TestMigrateKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it kills a process")
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	url := dbtest.New(t, nil)
	conn, err := pgx.Connect(ctx, url)
	fine(t, err)
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, `
		CREATE FUNCTION hold_up() RETURNS event_trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF to_regclass('public.events') IS NOT NULL THEN PERFORM pg_advisory_xact_lock(1); END IF;
		END $$;
		CREATE EVENT TRIGGER hold_up ON ddl_command_end EXECUTE FUNCTION hold_up();
		SELECT pg_advisory_lock(1)`)
	fine(t, err)

	failed := make(chan error, 1)
	go func() {
		_, err := Migrate(ctx, url)
		failed <- err
	}()
	killed := 0
	for killed == 0 {
		fine(t, conn.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE pid <> pg_backend_pid() AND datname = current_database()
			AND EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&killed))
	}
	if err := <-failed; err == nil {
		t.Fatal("the migration survived its connections")
	}
	var left int
	fine(t, conn.QueryRow(ctx, `SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'bun\_%'`).Scan(&left))
	if left != 0 {
		t.Errorf("%d tables were left behind", left)
	}

	_, err = conn.Exec(ctx, "SELECT pg_advisory_unlock(1); DROP EVENT TRIGGER hold_up")
	fine(t, err)
	applied, err := Migrate(ctx, url)
	if err != nil || len(applied) != files(t) {
		t.Errorf("afterwards it applied %q, %v", applied, err)
	}
}

// TestMigrateRefusesASCII: a database that cannot hold most names.
func TestMigrateRefusesASCII(t *testing.T) {
	t.Parallel()
	_, err := Migrate(t.Context(), dbtest.NewWith(t, "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'", nil))
	if err == nil || !strings.Contains(err.Error(), "ENCODING 'UTF8'") {
		t.Errorf("it says %v", err)
	}
}
