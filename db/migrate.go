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

// migrationLock is the key of the advisory lock that keeps two processes from
// migrating at once. bun's own lock is a table row, which would survive a crash.
const migrationLock = 0x5357_4254_4244

// Migrator brings schemas up to date. The zero value is the default.
type Migrator struct {
	Log      *slog.Logger  // says what it waits for; slog.Default
	Patience time.Duration // for locks that others hold; 2 minutes
}

// migrationLockTime is how long a migration waits for a lock at a time: all who want the
// same table queue behind it meanwhile.
const migrationLockTime = time.Second

// Migrate brings the schema of the database at url up to date with a Migrator's defaults.
func Migrate(ctx context.Context, url string) (applied []string, err error) {
	return Migrator{}.Migrate(ctx, url)
}

// Migrate brings the schema of the database at url up to date and returns the names of
// what it applied. Several processes may call it at once. A migration of a large table may
// take as long as it takes, but has to go on; waiting for a lock has an end.
func (m Migrator) Migrate(ctx context.Context, url string) (applied []string, err error) {
	m.Patience = cmp.Or(m.Patience, 2*time.Minute)
	if m.Log == nil {
		m.Log = slog.Default()
	}
	beside, err := Open(ctx, url, Options{MaxConns: 2})
	if err != nil {
		return nil, err
	}
	defer func() { _ = beside.Close() }()
	err = beside.Alone(ctx, migrationLock, m.Patience, m.wait, func() error {
		if err := beside.checkMigratable(ctx); err != nil {
			return err
		}
		applied, err = m.migrate(ctx, url, beside)
		return err
	})
	return applied, err
}

func (m Migrator) wait(holder string) {
	m.Log.Warn("migrating waits for a lock", "held by", holder, "gives up after", m.Patience)
}

// migrate applies what is missing through a pool of its own, watched through the one beside.
func (m Migrator) migrate(ctx context.Context, url string, beside *DB) (applied []string, err error) {
	name := fmt.Sprintf("switchboard migrate %08x", rand.Uint32())
	d, err := open(ctx, url, Options{MaxConns: 2, Name: name, LockTimeout: migrationLockTime, IdleTimeout: progressTime, Dial: dialTCP}, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	ctx, cancel := context.WithCancelCause(ctx)
	watch := &migrationWatch{beside: beside, name: name, wait: m.wait, stuck: cancel}
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	watching.Go(func() { watch.run(ctx) })
	return m.insist(ctx, d, watch)
}

// insist tries again while others hold a lock, as long as there is patience.
func (m Migrator) insist(ctx context.Context, d *DB, watch *migrationWatch) (applied []string, err error) {
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
		case <-time.After(lookPause):
		case <-ctx.Done():
		}
	}
}

// migrate applies what is missing, and returns the names of what it applied before an error, too.
func (d *DB) migrate(ctx context.Context) ([]string, error) {
	known := migrate.NewMigrations()
	if err := known.Discover(migrations.Files); err != nil {
		return nil, err
	}
	known.Add(foldIdentities)
	migrator := migrate.NewMigrator(d.DB, known, migrate.WithMarkAppliedOnSuccess(true))
	if err := migrator.Init(ctx); err != nil {
		return nil, err
	}
	group, err := migrator.Migrate(ctx)
	names := []string{}
	if group != nil {
		for _, m := range slices.Backward(group.Migrations.Applied()) { // which begins with the last one
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
