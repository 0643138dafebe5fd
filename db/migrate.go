package db

import (
	"context"
	"fmt"

	"github.com/uptrace/bun/migrate"

	"switchboard/db/migrations"
)

// migrationLock is the key of the advisory lock that keeps two processes from
// migrating at once. bun's own lock is a table row, which would survive a crash.
const migrationLock = 0x5357_4254_4244

// Migrate brings the schema of the database at url up to date and gives the names of
// what it applied. Several processes may call it at once. It has a pool of its own
// because a migration of a large table may take as long as it takes.
func Migrate(ctx context.Context, url string) (applied []string, err error) {
	d, err := open(ctx, url, Options{MaxConns: 2, Name: "switchboard migrate", Dial: dialTCP}, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	conn, err := d.Conn(ctx)
	if err != nil {
		return nil, err
	}
	// The lock ends with the connection, however this process ends.
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(?)", migrationLock); err != nil {
		return nil, err
	}
	if err := d.knowsLetters(ctx); err != nil {
		return nil, err
	}
	return d.migrate(ctx)
}

// knowsLetters refuses a database that cannot fold letters beyond ASCII: search would
// silently miss most of the world's names.
func (d *DB) knowsLetters(ctx context.Context) error {
	var ctype string
	var knows bool
	err := d.NewRaw(`SELECT datctype, lower('ÉŁЖ') = 'éłж' FROM pg_database WHERE datname = current_database()`).Scan(ctx, &ctype, &knows)
	if err == nil && !knows {
		err = fmt.Errorf("the database (LC_CTYPE %s) does not know letters beyond ASCII: make another one, CREATE DATABASE switchboard TEMPLATE template0 ENCODING 'UTF8' LC_CTYPE 'C.UTF-8'", ctype)
	}
	return err
}

func (d *DB) migrate(ctx context.Context) ([]string, error) {
	known := migrate.NewMigrations()
	if err := known.Discover(migrations.Files); err != nil {
		return nil, err
	}
	migrator := migrate.NewMigrator(d.DB, known, migrate.WithMarkAppliedOnSuccess(true))
	if err := migrator.Init(ctx); err != nil {
		return nil, err
	}
	group, err := migrator.Migrate(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrating the database failed, nothing of the failing migration was kept: %w", err)
	}
	names := []string{}
	for _, m := range group.Migrations {
		names = append(names, m.Name+"_"+m.Comment)
	}
	return names, nil
}
