package db

import (
	"context"
	"fmt"
)

// knownMajor is the major step of the schema up to which this server can work on it; see
// the table schema_version.
const knownMajor = 1

// checkMigratable refuses a database that must not be brought up to date.
func (d *DB) checkMigratable(ctx context.Context) error {
	if err := d.knowsUnicode(ctx); err != nil {
		return err
	}
	if err := d.findsTables(ctx); err != nil {
		return err
	}
	return d.CheckSchema(ctx)
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

// findsTables refuses a URL that does not name the schema in which the tables are, as a new
// set of them would be made beside.
func (d *DB) findsTables(ctx context.Context) error {
	var elsewhere []string
	err := d.NewRaw(`SELECT schemaname FROM pg_tables WHERE tablename = 'event_heads' AND to_regclass('event_heads') IS NULL`).Scan(ctx, &elsewhere)
	if err == nil && len(elsewhere) > 0 {
		err = fmt.Errorf("the tables are in the schema %[1]q, where this URL does not look: add search_path=%[1]s to its parameters", elsewhere[0])
	}
	return err
}

// CheckSchema refuses a schema that a newer version has changed so that this one would not
// work on it.
func (d *DB) CheckSchema(ctx context.Context) error {
	var exists bool
	if err := d.NewRaw("SELECT to_regclass('schema_version') IS NOT NULL").Scan(ctx, &exists); err != nil || !exists {
		return err
	}
	var major int
	if err := d.NewRaw("SELECT major FROM schema_version").Scan(ctx, &major); err != nil {
		return err
	}
	if major > knownMajor {
		return fmt.Errorf("a newer version of switchboard has changed this database (step %d of its schema; this version knows up to %d): run that version, or a newer one", major, knownMajor)
	}
	return nil
}
