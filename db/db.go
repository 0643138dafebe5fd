// Package db holds the rows of the database and the SQL that reads and writes them.
// It knows no rule of the product.
//
// Every query of a workspace's data hangs on a ForWorkspace or a Tx and names its
// workspace_id; no function takes a bare id.
package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// DB is a pool of connections to one PostgreSQL database.
type DB struct {
	*bun.DB
	config *pgx.ConnConfig
}

// Options tune a pool. The zero value is the default.
type Options struct {
	MaxConns         int             // connections at most; 16
	StatementTimeout time.Duration   // of one SQL statement; 5 s
	LockTimeout      time.Duration   // of waiting for one lock; 2 s
	Tracer           pgx.QueryTracer // sees every statement; none
}

func (o *Options) defaults() {
	if o.MaxConns == 0 {
		o.MaxConns = 16
	}
	if o.StatementTimeout == 0 {
		o.StatementTimeout = 5 * time.Second
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = 2 * time.Second
	}
}

// Open makes a pool for a PostgreSQL URL and checks that the server answers.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	o.defaults()
	return open(ctx, url, o)
}

// open takes the options as they are: a timeout of 0 is none.
func open(ctx context.Context, url string, o Options) (*DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the database URL cannot be read: %w", err)
	}
	// bun sends finished text: preparing each of its statements would only cost a round trip.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.Tracer = o.Tracer
	config.ConnectTimeout = 5 * time.Second
	config.RuntimeParams["application_name"] = "switchboard"
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["statement_timeout"] = millis(o.StatementTimeout)
	config.RuntimeParams["lock_timeout"] = millis(o.LockTimeout)
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(o.MaxConns)
	pool.SetMaxIdleConns(o.MaxConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	d := &DB{DB: bun.NewDB(pool, pgdialect.New()), config: config}
	if err := d.PingContext(ctx); err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("the database does not answer; start it, or check its URL: %w", err)
	}
	return d, nil
}

func millis(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// Connect opens a connection outside the pool, for listening.
func (d *DB) Connect(ctx context.Context) (*pgx.Conn, error) {
	config := d.config.Copy()
	delete(config.RuntimeParams, "statement_timeout")
	return pgx.ConnectConfig(ctx, config)
}

// Analyze tells PostgreSQL anew how the tables are filled. It does so by itself, but only
// once a minute: a connection that knows the tables as nearly empty reads them from end
// to end for each row that it adds.
func (d *DB) Analyze(ctx context.Context) error {
	_, err := d.ExecContext(ctx, "ANALYZE agents, contacts, contact_identities, conversations, messages, read_marks, events, search_words")
	return err
}

// rawQuerier is what *sql.DB and *sql.Tx share.
type rawQuerier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// ForWorkspace is the database as one workspace sees it.
type ForWorkspace struct {
	Key int64 // the workspace's key in every table
	db  *DB
	bun bun.IDB
	raw rawQuerier
}

// ForWorkspace gives the view of one workspace, outside any transaction.
func (d *DB) ForWorkspace(key int64) ForWorkspace {
	return ForWorkspace{Key: key, db: d, bun: d.DB, raw: d.DB.DB}
}

// Tx is a workspace's view inside a transaction; only here can anything be written.
type Tx struct{ ForWorkspace }

// Transact runs fn in a transaction and commits it, or rolls it back if fn fails.
func (d *DB) Transact(ctx context.Context, key int64, fn func(tx Tx) error) error {
	tx, err := d.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := run(tx, fn, ForWorkspace{Key: key, db: d, bun: tx, raw: tx.Tx}); err != nil {
		return err
	}
	return tx.Commit()
}

// run rolls back when fn fails or panics.
func run(tx bun.Tx, fn func(tx Tx) error, w ForWorkspace) (err error) {
	done := false
	defer func() {
		if !done || err != nil {
			_ = tx.Rollback()
		}
	}()
	err = fn(Tx{w})
	done = true
	return err
}

// insert adds rows, and only reads them: bun would otherwise have what it wrote returned
// into them, through pointers that they may share with what the caller was given.
func (tx Tx) insert(ctx context.Context, rows any) error {
	_, err := tx.bun.NewInsert().Model(rows).Returning("NULL").Exec(ctx)
	return err
}

// query runs a hot statement with $1 … placeholders: each connection prepares it once.
func (w ForWorkspace) query(ctx context.Context, dest any, statement string, args ...any) error {
	rows, err := w.raw.QueryContext(ctx, statement, append([]any{pgx.QueryExecModeCacheStatement}, args...)...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	if err := w.db.ScanRows(ctx, rows, dest); err != nil {
		return err
	}
	return rows.Err()
}

// exec is query for statements without an answer; it gives the number of rows touched.
func (w ForWorkspace) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	result, err := w.raw.ExecContext(ctx, statement, append([]any{pgx.QueryExecModeCacheStatement}, args...)...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
