package db

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/db/dbtest"
	"switchboard/db/migrations"
)

// files returns the number of migrations.
func files(t *testing.T) int {
	t.Helper()
	entries, err := migrations.Files.ReadDir(".")
	fine(t, err)
	return len(entries) + 1 // and one in Go
}

func TestMigrateTwice(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, nil)
	first, err := Migrate(t.Context(), url)
	fine(t, err)
	if len(first) != files(t) || !slices.IsSorted(first) {
		t.Errorf("the first call returns %q", first)
	}
	again, err := Migrate(t.Context(), url)
	if err != nil || again == nil || len(again) != 0 {
		t.Errorf("the second call returns %#v, %v", again, err)
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
		t.Errorf("all calls together applied %d migrations", total)
	}
}

// TestMigrateKilled: a migration that is killed halfway leaves nothing behind, and the next call
// applies all migrations.
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
		t.Errorf("the next call returns %q, %v", applied, err)
	}
}

// TestMigrateRefusesASCII: a database whose encoding cannot hold most names is refused.
func TestMigrateRefusesASCII(t *testing.T) {
	t.Parallel()
	_, err := Migrate(t.Context(), dbtest.NewWith(t, "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'", nil))
	if err == nil || !strings.Contains(err.Error(), "ENCODING 'UTF8'") {
		t.Errorf("the error is %v", err)
	}
}

// TestMigrateWaits: a migration that waits for a lock logs which session holds it and fails after
// its patience. If the lock is released earlier, it continues.
func TestMigrateWaits(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, nil)
	conn, err := pgx.Connect(t.Context(), url+"&application_name=psql")
	fine(t, err)
	defer func() { fine(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	_, err = Migrate(t.Context(), url)
	fine(t, err)
	// Undo the last migration, and hold a lock on a table that it needs.
	_, err = conn.Exec(t.Context(), `DROP TABLE schema_version; DELETE FROM bun_migrations WHERE name = '20261128050001';
		CREATE FUNCTION need() RETURNS event_trigger LANGUAGE plpgsql AS $$
		BEGIN IF current_query() LIKE '%schema_version%' THEN LOCK TABLE agents; END IF; END $$;
		CREATE EVENT TRIGGER need ON ddl_command_start EXECUTE FUNCTION need()`)
	fine(t, err)
	_, err = conn.Exec(t.Context(), "BEGIN; LOCK TABLE agents IN ACCESS SHARE MODE")
	fine(t, err)
	var log logged
	began := time.Now()
	_, err = Migrator{Patience: 2 * time.Second, Log: log.logger()}.Migrate(t.Context(), url)
	if err == nil || !strings.Contains(err.Error(), "psql") || !strings.Contains(err.Error(), "idle in transaction") {
		t.Errorf("the error is %v", err)
	}
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("it gave up after %v", took)
	}
	if !strings.Contains(log.String(), "psql") {
		t.Errorf("the log is %q", log.String())
	}

	done := make(chan error, 1)
	var again logged
	go func() {
		applied, err := Migrator{Log: again.logger()}.Migrate(t.Context(), url)
		if err == nil && len(applied) != 1 {
			err = fmt.Errorf("it applied %q", applied)
		}
		done <- err
	}()
	for deadline := time.Now().Add(patience); !strings.Contains(again.String(), "psql"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not log that it waits")
		}
	}
	_, err = conn.Exec(t.Context(), "COMMIT")
	fine(t, err)
	fine(t, <-done)
}

// TestMigrateWaitsForAnother: a migration waits for another one that is running, and fails after
// its patience.
func TestMigrateWaitsForAnother(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, nil)
	conn, err := pgx.Connect(t.Context(), url+"&application_name=another")
	fine(t, err)
	defer func() { fine(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	_, err = conn.Exec(t.Context(), fmt.Sprintf("SELECT pg_advisory_lock(%d)", migrationLock))
	fine(t, err)
	var log logged
	_, err = Migrator{Patience: 2 * time.Second, Log: log.logger()}.Migrate(t.Context(), url)
	if err == nil || !strings.Contains(err.Error(), "another") || !strings.Contains(log.String(), "another") {
		t.Errorf("the error is %v and the log %q", err, log.String())
	}
}

// TestMigrateNewer: a schema with a newer major version is refused with an explanation and not
// changed.
func TestMigrateNewer(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, migrated)
	d := pool(t, url, Options{MaxConns: 1})
	fine(t, d.CheckSchema(t.Context()))
	_, err := d.ExecContext(t.Context(), "INSERT INTO bun_migrations (name) VALUES ('29991231000001')")
	fine(t, err)
	_, err = Migrate(t.Context(), url) // an unknown migration of the same major version is accepted
	fine(t, err)
	_, err = d.ExecContext(t.Context(), "UPDATE schema_version SET major = major + 1")
	fine(t, err)
	_, err = Migrate(t.Context(), url)
	for _, err := range []error{err, d.CheckSchema(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("the error is %v", err)
		}
	}
}

// TestMigrateElsewhere: if the tables are in a schema that the URL does not name, they are not
// created a second time.
func TestMigrateElsewhere(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, migrated)
	d := pool(t, url, Options{MaxConns: 1})
	_, err := d.ExecContext(t.Context(), "CREATE SCHEMA mine; ALTER TABLE event_heads SET SCHEMA mine")
	fine(t, err)
	if _, err := Migrate(t.Context(), url); err == nil || !strings.Contains(err.Error(), "search_path=mine") {
		t.Errorf("the error is %v", err)
	}
}

// logged collects log output.
type logged struct{ dbtest.Journal }

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
