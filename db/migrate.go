package db

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun/migrate"

	"switchboard/db/migrations"
)

// migrationLock is the key of the advisory lock that prevents two processes from migrating at once.
// bun's own lock is a table row, which would survive a crash.
const migrationLock = 0x5357_4254_4244

// Migrator brings schemas up to date. Its zero value uses the defaults.
type Migrator struct {
	Log      *slog.Logger  // reports waits for locks; default slog.Default
	Patience time.Duration // the longest wait for a lock; default 2 minutes
}

// migrationLockTime is how long one attempt waits for a lock. It is short because other sessions
// that need the same table queue behind the migration.
const migrationLockTime = time.Second

// Migrate brings the schema of the database at url up to date with a Migrator's defaults.
func Migrate(ctx context.Context, url string) (applied []string, err error) {
	return Migrator{}.Migrate(ctx, url)
}

// Migrate brings the schema of the database at url up to date and returns the names of the
// migrations it applied. Several processes may call it at once. A migration may run as long as it
// makes progress; a wait for a lock is limited by Patience.
func (m Migrator) Migrate(ctx context.Context, url string) (applied []string, err error) {
	m.Patience = cmp.Or(m.Patience, 2*time.Minute)
	if m.Log == nil {
		m.Log = slog.Default()
	}
	monitor, err := Open(ctx, url, Options{MaxConns: 2})
	if err != nil {
		return nil, err
	}
	defer func() { _ = monitor.Close() }()
	err = monitor.Alone(ctx, migrationLock, m.Patience, m.wait, func() error {
		if err := monitor.checkMigratable(ctx); err != nil {
			return err
		}
		applied, err = m.migrate(ctx, url, monitor)
		return err
	})
	return applied, err
}

func (m Migrator) wait(holder string) {
	m.Log.Warn("migrating waits for a lock", "held by", holder, "gives up after", m.Patience)
}

// migrate applies the missing migrations through a pool of its own, which is watched through
// monitor.
func (m Migrator) migrate(ctx context.Context, url string, monitor *DB) (applied []string, err error) {
	name := fmt.Sprintf("switchboard migrate %08x", rand.Uint32())
	d, err := open(ctx, url, Options{MaxConns: 2, Name: name, LockTimeout: migrationLockTime, IdleTimeout: progressTime, Dial: dialTCP}, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	ctx, cancel := context.WithCancelCause(ctx)
	watch := &migrationWatch{monitor: monitor, name: name, wait: m.wait, cancel: cancel}
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	watching.Go(func() { watch.run(ctx) })
	return m.retryLocks(ctx, d, watch)
}

// retryLocks repeats the migration while another session holds a lock, until Patience is over.
func (m Migrator) retryLocks(ctx context.Context, d *DB, watch *migrationWatch) (applied []string, err error) {
	applied = []string{}
	for deadline := time.Now().Add(m.Patience); ; {
		more, err := d.migrate(ctx)
		applied = append(applied, more...)
		switch {
		case err != nil && ctx.Err() != nil:
			return applied, context.Cause(ctx)
		case !isLockTimeout(err):
			return applied, err
		case time.Now().After(deadline):
			return applied, fmt.Errorf("migrating waited %v for a lock that is held by %s; end that session, or try again when it is done: %w",
				m.Patience, cmp.Or(watch.holder(), "another session"), err)
		}
		select {
		case <-time.After(lockPollInterval):
		case <-ctx.Done():
		}
	}
}

// migrator returns bun's migrator with the migrations of this version.
func (d *DB) migrator() (*migrate.Migrator, error) {
	known := migrate.NewMigrations()
	if err := known.Discover(migrations.Files); err != nil {
		return nil, err
	}
	known.Add(foldIdentities)
	return migrate.NewMigrator(d.DB, known, migrate.WithMarkAppliedOnSuccess(true)), nil
}

// CheckMigrated returns an error if migrations of this version have not been applied.
func (d *DB) CheckMigrated(ctx context.Context) error {
	migrator, err := d.migrator()
	if err != nil {
		return err
	}
	known, err := migrator.MigrationsWithStatus(ctx)
	if missing := known.Unapplied(); err == nil && len(missing) > 0 {
		return fmt.Errorf("%d changes of this version, from %s on, are missing in the database: run `switchboard migrate` first", len(missing), missing[0].Name)
	}
	return err
}

// migrate applies the missing migrations. It returns the names of those applied, even on error.
func (d *DB) migrate(ctx context.Context) ([]string, error) {
	migrator, err := d.migrator()
	if err != nil {
		return nil, err
	}
	if err := migrator.Init(ctx); err != nil {
		return nil, err
	}
	group, err := migrator.Migrate(ctx)
	names := []string{}
	if group != nil {
		for _, m := range slices.Backward(group.Migrations.Applied()) { // the last one comes first
			names = append(names, m.Name+"_"+m.Comment)
		}
	}
	if err != nil {
		if pg := answer(err); pg != nil && pg.Code == "58P01" { // an extension's files are missing
			err = fmt.Errorf("%w: install PostgreSQL's contrib package (pg_trgm, unaccent, fuzzystrmatch)", err)
		}
		return names, fmt.Errorf("migrating the database failed, nothing of the failing migration was kept: %w", err)
	}
	return names, nil
}
