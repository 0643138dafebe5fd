package db

import (
	"context"
	"fmt"
)

// knownMajor is the highest major version of the schema that this server can work on; see the table
// schema_version.
const knownMajor = 1

// checkMigratable returns an error if the database must not be migrated.
func (d *DB) checkMigratable(ctx context.Context) error {
	if err := d.knowsUnicode(ctx); err != nil {
		return err
	}
	if err := d.findsTables(ctx); err != nil {
		return err
	}
	return d.CheckSchema(ctx)
}

// knowsUnicode returns an error if the encoding of the database cannot hold the letters of most
// languages. Its locale does not matter, since PostgreSQL neither folds nor orders text by it here.
func (d *DB) knowsUnicode(ctx context.Context) error {
	var encoding string
	err := d.NewRaw("SHOW server_encoding").Scan(ctx, &encoding)
	if err == nil && encoding != "UTF8" {
		err = fmt.Errorf("the database has the encoding %s, which cannot hold most languages: create another one with CREATE DATABASE switchboard TEMPLATE template0 ENCODING 'UTF8'", encoding)
	}
	return err
}

// findsTables returns an error if the tables are in a schema that the URL does not name. Migrating
// would create a second set of tables.
func (d *DB) findsTables(ctx context.Context) error {
	var elsewhere []string
	err := d.NewRaw(`SELECT schemaname FROM pg_tables WHERE tablename = 'event_heads' AND to_regclass('event_heads') IS NULL`).Scan(ctx, &elsewhere)
	if err == nil && len(elsewhere) > 0 {
		err = fmt.Errorf("the tables are in the schema %[1]q, where this URL does not look: add search_path=%[1]s to its parameters", elsewhere[0])
	}
	return err
}

// CheckSchema returns an error if a newer version has changed the schema so that this version
// cannot work on it.
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
