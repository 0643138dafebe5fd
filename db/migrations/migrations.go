// Package migrations holds the schema of the database as numbered SQL files.
package migrations

import "embed"

// Files are the migrations in the form that bun's migrator reads, each run in a
// transaction of its own.
//
//go:embed *.sql
var Files embed.FS
