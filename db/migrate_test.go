package db

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
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
	return len(entries) + 1 // and one in Go
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

// TestMigrateWaits: a migration that waits for a lock says who holds it, and has an end;
// when the lock is free again it goes on by itself.
func TestMigrateWaits(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, nil)
	conn, err := pgx.Connect(t.Context(), url+"&application_name=psql")
	fine(t, err)
	defer func() { fine(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	_, err = Migrate(t.Context(), url)
	fine(t, err)
	// The last migration is undone, and somebody has a table open that it needs.
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
		t.Errorf("it says %v", err)
	}
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("it gave up after %v", took)
	}
	if !strings.Contains(log.String(), "psql") {
		t.Errorf("it logs %q", log.String())
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
			t.Fatal("it does not say that it waits")
		}
	}
	_, err = conn.Exec(t.Context(), "COMMIT")
	fine(t, err)
	fine(t, <-done)
}

// TestMigrateWaitsForAnother: who migrates at the same time is waited for, with an end.
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
		t.Errorf("it says %v and logs %q", err, log.String())
	}
}

// TestMigrateNewer: a schema that a newer version has changed by a major step is refused in
// words, and left alone.
func TestMigrateNewer(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, migrated)
	d := pool(t, url, Options{MaxConns: 1})
	fine(t, d.CheckSchema(t.Context()))
	_, err := d.ExecContext(t.Context(), "INSERT INTO bun_migrations (name) VALUES ('29991231000001')")
	fine(t, err)
	_, err = Migrate(t.Context(), url) // by a minor one it goes on working
	fine(t, err)
	_, err = d.ExecContext(t.Context(), "UPDATE schema_version SET major = major + 1")
	fine(t, err)
	_, err = Migrate(t.Context(), url)
	for _, err := range []error{err, d.CheckSchema(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("it says %v", err)
		}
	}
}

// TestMigrateElsewhere: tables in a schema that the URL does not name are not made again.
func TestMigrateElsewhere(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t, migrated)
	d := pool(t, url, Options{MaxConns: 1})
	_, err := d.ExecContext(t.Context(), "CREATE SCHEMA mine; ALTER TABLE event_heads SET SCHEMA mine")
	fine(t, err)
	if _, err := Migrate(t.Context(), url); err == nil || !strings.Contains(err.Error(), "search_path=mine") {
		t.Errorf("it says %v", err)
	}
}

// logged is what was logged.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
