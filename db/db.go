// Package db holds the rows of the database and the SQL that reads and writes them.
// It knows no rule of the product.
//
// Every query of a workspace's data hangs on a ForWorkspace or a Tx and names its
// workspace_id; no function takes a bare id.
package db

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// DB is a pool of connections to one PostgreSQL database.
type DB struct {
	*bun.DB
	config *pgx.ConnConfig
	conns  *connections
}

// Options tune a pool. The zero value is the default.
type Options struct {
	Name             string          // under which PostgreSQL shows its sessions; switchboard
	MaxConns         int             // connections at most; 16
	StatementTimeout time.Duration   // of one SQL statement; 5 s
	LockTimeout      time.Duration   // of waiting for one lock; 2 s
	IdleTimeout      time.Duration   // of a transaction in which this process asks for nothing; 10 s
	Grace            time.Duration   // how much later than StatementTimeout an answer may come; 2 s
	Tracer           pgx.QueryTracer // sees every statement; none
	Dial             Dial            // how the network is reached; TCP with keepalives, or the unix socket
}

func (o *Options) defaults() {
	o.Name = cmp.Or(o.Name, "switchboard")
	o.MaxConns = cmp.Or(o.MaxConns, 16)
	o.StatementTimeout = cmp.Or(o.StatementTimeout, 5*time.Second)
	o.LockTimeout = cmp.Or(o.LockTimeout, 2*time.Second)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 10*time.Second)
	o.Grace = cmp.Or(o.Grace, 2*time.Second)
	if o.Dial == nil {
		o.Dial = dialTCP
	}
}

// connectTime is how long a connection may take to be made, until the first statement.
const connectTime = 5 * time.Second

// Open makes a pool for a PostgreSQL URL and checks that the server answers.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	o.defaults()
	return open(ctx, url, o, o.StatementTimeout+o.Grace)
}

// open takes the time-outs as they are: 0 is none. Patience is how long one read or write
// may take.
func open(ctx context.Context, url string, o Options, patience time.Duration) (*DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the database URL cannot be read: %w; give one such as postgres://user:password@host/name", err)
	}
	conns := &connections{dial: o.Dial, patience: patience}
	o.ask(config.RuntimeParams)
	want := meant(config.RuntimeParams["search_path"])
	// bun sends finished text: preparing each of its statements would only cost a round trip.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.Tracer = o.Tracer
	config.ConnectTimeout = connectTime
	config.DialFunc = pgconn.DialFunc(conns.connect)
	config.OnPgError = func(_ *pgconn.PgConn, err *pgconn.PgError) bool { return conns.keeps(err) }
	config.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error { return conns.begin(ctx, conn, want) }
	pool := stdlib.OpenDB(*config, stdlib.OptionResetSession(conns.reuse), stdlib.OptionShouldPing(
		func(_ context.Context, p stdlib.ShouldPingParams) bool {
			return p.IdleDuration > time.Second && !conns.isOutdated(p.Conn)
		}))
	pool.SetMaxOpenConns(o.MaxConns)
	pool.SetMaxIdleConns(o.MaxConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	d := &DB{DB: bun.NewDB(pool, pgdialect.New()), config: config, conns: conns}
	if err := d.PingContext(ctx); err != nil {
		_ = d.Close()
		return nil, unreachable(err)
	}
	return d, nil
}

// unreachable says what to do about a database that cannot be used.
func unreachable(err error) error {
	var setting *SettingError
	if errors.As(err, &setting) {
		return setting
	}
	return fmt.Errorf("the database does not answer; start it, or check its URL: %w", err)
}

func millis(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// Close closes the pool. When it returns, nothing of it is left, also of statements that
// were given up.
func (d *DB) Close() error {
	err := d.DB.Close()
	d.conns.leave()
	return err
}

// Ready reports, as an error, why the database cannot be written to at the moment.
func (d *DB) Ready(ctx context.Context) error {
	conn, err := d.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	var readOnly bool
	if err := conn.QueryRowContext(ctx, "SELECT current_setting('transaction_read_only')::boolean").Scan(&readOnly); err != nil {
		return err
	}
	if readOnly {
		d.conns.suspect() // new sessions may be allowed to write
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		return errors.New("the database is read-only")
	}
	return nil
}

// Analyze tells PostgreSQL anew how the tables are filled. It does so by itself, but only
// once a minute: a connection that knows the tables as nearly empty reads them from end
// to end for each row that it adds.
func (d *DB) Analyze(ctx context.Context) error {
	_, err := d.ExecContext(ctx, "ANALYZE agents, contacts, contact_identities, conversations, messages, read_marks, events, known_words")
	return err
}

// rawQuerier is what *sql.DB and *sql.Tx share.
type rawQuerier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// ForWorkspace is the database as one workspace sees it.
type ForWorkspace struct {
	Key WorkspaceKey // the workspace's key in every table
	db  *DB
	bun bun.IDB
	raw rawQuerier
}

// ForWorkspace returns the view of one workspace, outside any transaction.
func (d *DB) ForWorkspace(key WorkspaceKey) ForWorkspace {
	return ForWorkspace{Key: key, db: d, bun: d.DB, raw: d.DB.DB}
}

// Tx is a workspace's view inside a transaction; only here can anything be written.
type Tx struct{ ForWorkspace }

// Transact runs fn in a transaction and commits it, or rolls it back if fn fails.
func (d *DB) Transact(ctx context.Context, key WorkspaceKey, fn func(tx Tx) error) error {
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
	return w.prepared(func() error {
		rows, err := w.raw.QueryContext(ctx, statement, append([]any{pgx.QueryExecModeCacheStatement}, args...)...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		if err := w.db.ScanRows(ctx, rows, dest); err != nil {
			return err
		}
		return rows.Err()
	})
}

// exec is query for statements without an answer; it returns the number of rows touched.
func (w ForWorkspace) exec(ctx context.Context, statement string, args ...any) (n int64, err error) {
	err = w.prepared(func() error {
		result, err := w.raw.ExecContext(ctx, statement, append([]any{pgx.QueryExecModeCacheStatement}, args...)...)
		if err == nil {
			n, err = result.RowsAffected()
		}
		return err
	})
	return n, err
}

// prepared runs a statement once more if its tables have changed since it was prepared.
// The pool has replaced its connections by then. A transaction has to begin anew instead.
func (w ForWorkspace) prepared(run func() error) error {
	err := run()
	if _, inTransaction := w.raw.(*sql.Tx); isStalePlan(answer(err)) && !inTransaction {
		return run()
	}
	return err
}
