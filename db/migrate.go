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
	if err := d.knowsUnicode(ctx); err != nil {
		return nil, err
	}
	return d.migrate(ctx)
}

// knowsUnicode refuses a database that cannot hold the letters of most languages. Its
// locale does not matter: nothing is folded or ordered by it.
func (d *DB) knowsUnicode(ctx context.Context) error {
	var encoding string
	err := d.NewRaw("SHOW server_encoding").Scan(ctx, &encoding)
	if err == nil && encoding != "UTF8" {
		err = fmt.Errorf("the database has the encoding %s, which cannot hold most languages: make another one, CREATE DATABASE switchboard TEMPLATE template0 ENCODING 'UTF8'", encoding)
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
