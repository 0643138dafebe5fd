// Package db holds the rows of the database and the SQL that reads and writes them.
// It contains no rule of the product.
//
// Every query of a workspace's data is a method of ForWorkspace or Tx and names its
// workspace_id. No function takes an id without a workspace.
package db

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"go.opentelemetry.io/otel/trace"
)

// DB is a pool of connections to one PostgreSQL database.
type DB struct {
	*bun.DB
	config   *pgx.ConnConfig
	conns    *connections
	measures *measures
	shares   *shares

	isConfined bool // see confined

	// Only behind a pooler: see pooler.go.
	isPooled bool
	direct   *DB    // to PostgreSQL itself
	settings string // statement that asserts the settings of a transaction
}

// Options configure a pool. The zero value uses the defaults.
type Options struct {
	Name             string          // application_name of its sessions; default switchboard
	MaxConns         int             // most connections; default 16
	StatementTimeout time.Duration   // of one SQL statement; default 5 s
	LockTimeout      time.Duration   // of a wait for one lock; default 2 s
	PoolTimeout      time.Duration   // of a wait for a free connection; default 2 s
	IdleTimeout      time.Duration   // of a transaction between two statements; default 5 s
	Grace            time.Duration   // further wait for an answer; default 2 s
	Tracer           pgx.QueryTracer // observes every statement; default none
	Spans            trace.Tracer    // makes a span of each statement of a traced operation; default none
	Dial             Dial            // opens connections; default TCP or unix socket
	DirectURL        string          // of the same database without the pooler to which the URL leads; default no pooler
}

func (o *Options) defaults() {
	o.Name = cmp.Or(o.Name, "switchboard")
	o.MaxConns = cmp.Or(o.MaxConns, 16)
	o.StatementTimeout = cmp.Or(o.StatementTimeout, 5*time.Second)
	o.LockTimeout = cmp.Or(o.LockTimeout, 2*time.Second)
	o.PoolTimeout = cmp.Or(o.PoolTimeout, 2*time.Second)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 5*time.Second)
	o.Grace = cmp.Or(o.Grace, 2*time.Second)
	if o.Dial == nil {
		o.Dial = dialTCP
	}
}

// connectTime is how long a connection may take to become usable.
const connectTime = 5 * time.Second

// Open opens a pool for a PostgreSQL URL and checks that the server answers.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	o.defaults()
	return open(ctx, url, o, o.StatementTimeout+o.Grace)
}

// open is Open without defaults: a time-out of 0 means none. ioTimeout limits each read or write.
func open(ctx context.Context, url string, o Options, ioTimeout time.Duration) (*DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, badURL(err)
	}
	conns := &connections{dial: o.Dial, ioTimeout: ioTimeout}
	_, conns.isConfined = config.RuntimeParams[workspaceSetting]
	conns.isPooled = o.DirectURL != ""
	want := requiredSettings(config.RuntimeParams["search_path"])
	if conns.isPooled {
		want["search_path"] = strings.ReplaceAll(want["search_path"], " ", "")
		shareSessions(config)
	} else {
		o.addSettings(config.RuntimeParams)
		// bun writes values into the text, so preparing a statement would only cost a round trip.
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	measures := newMeasures()
	config.Tracer = statementTracer{measures, o.Tracer, o.Spans}
	config.ConnectTimeout = connectTime
	config.DialFunc = pgconn.DialFunc(conns.connect)
	config.OnPgError = func(_ *pgconn.PgConn, err *pgconn.PgError) bool { return conns.isUsableAfter(err) }
	config.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error { return conns.begin(ctx, conn, want) }
	pool := stdlib.OpenDB(*config, stdlib.OptionResetSession(conns.reuse), stdlib.OptionShouldPing(
		func(_ context.Context, p stdlib.ShouldPingParams) bool {
			return conns.mustPing(p.Conn, p.IdleDuration)
		}))
	pool.SetMaxOpenConns(o.MaxConns)
	pool.SetMaxIdleConns(o.MaxConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	d := &DB{DB: bun.NewDB(pool, pgdialect.New()), config: config, conns: conns, measures: measures, shares: newShares(o.MaxConns, o.PoolTimeout), isConfined: conns.isConfined, isPooled: conns.isPooled}
	if d.isPooled {
		d.settings = o.transactionSettings(want)
	}
	if err := d.PingContext(ctx); err != nil {
		_ = d.Close()
		return nil, unreachable(err)
	}
	if err := d.openDirect(ctx, o); err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

// badURL returns the error for a URL that cannot be read. The driver leaves the password out.
func badURL(err error) error {
	return fmt.Errorf("the database URL cannot be read: %w; give one such as postgres://user:password@host/name", err)
}

// unreachable returns an error that says what to do about a database that cannot be used.
func unreachable(err error) error {
	var setting *SettingError
	switch {
	case errors.As(err, &setting):
		return setting
	case isPooler(err):
		return errPooler
	}
	return fmt.Errorf("the database does not answer; start it, or check its URL: %w", err)
}

func millis(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// Close closes the pool. When it returns, all connections are closed, including those of cancelled
// statements.
func (d *DB) Close() error {
	err := d.DB.Close()
	d.conns.closeAll()
	if d.direct != nil {
		err = errors.Join(err, d.direct.Close())
	}
	return err
}

// Ready returns an error if the database cannot be written to at the moment.
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
		d.conns.replace() // new sessions may be allowed to write
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		return errors.New("the database is read-only")
	}
	return nil
}

// Analyze updates the statistics of the tables, for use after many inserts. PostgreSQL does so by
// itself only once a minute; until then it takes the tables as nearly empty and scans them for each
// row that is added.
func (d *DB) Analyze(ctx context.Context) error {
	_, err := d.ExecContext(ctx, "ANALYZE agents, contacts, contact_identities, conversations, messages, read_marks, events, known_words")
	return err
}

// rawQuerier is the part that *sql.DB, *sql.Conn and *sql.Tx share.
type rawQuerier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// ForWorkspace is the database restricted to one workspace.
type ForWorkspace struct {
	Key  WorkspaceKey // the workspace's key in every table
	db   *DB
	bun  bun.IDB
	raw  rawQuerier
	conn *sql.Conn // of the transaction; nil outside any
}

// ForWorkspace returns the database restricted to one workspace, outside any transaction.
func (d *DB) ForWorkspace(key WorkspaceKey) ForWorkspace {
	if d.isConfined && key != 0 {
		c := confined{d.DB, key}
		return ForWorkspace{Key: key, db: d, bun: c, raw: c}
	}
	return ForWorkspace{Key: key, db: d, bun: d.DB, raw: d.DB.DB}
}

// Tx is the database restricted to one workspace, inside a transaction. Only a Tx can write.
type Tx struct{ ForWorkspace }

// Transact runs fn in a transaction and commits it, or rolls it back if fn returns an error. The
// error is Uncertain if the transaction may have been committed nevertheless.
func (d *DB) Transact(ctx context.Context, key WorkspaceKey, fn func(tx Tx) error) error {
	return d.transact(ctx, key, nil, fn)
}

// Snapshot runs fn on a workspace as it is at one moment, whatever is committed meanwhile.
func (d *DB) Snapshot(ctx context.Context, key WorkspaceKey, fn func(w ForWorkspace) error) error {
	o := &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	return d.transact(ctx, key, o, func(tx Tx) error { return fn(tx.ForWorkspace) })
}

func (d *DB) transact(ctx context.Context, key WorkspaceKey, o *sql.TxOptions, fn func(tx Tx) error) error {
	conn, err := d.connFor(ctx, key)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	tx, err := conn.BeginTx(ctx, o)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // which does nothing after the commit
	if d.isPooled {
		if _, err := tx.Tx.ExecContext(ctx, d.settings); err != nil {
			return err
		}
	}
	if d.isConfined && key != 0 {
		if _, err := tx.Tx.ExecContext(ctx, confine, key.setting(), true); err != nil {
			return err
		}
	}
	if err := fn(Tx{ForWorkspace{Key: key, db: d, bun: tx, raw: tx.Tx, conn: conn.Conn.Conn}}); err != nil {
		return err
	}
	return uncertain(tx.Commit())
}

// insert adds rows without changing the structs. By default bun scans the inserted values back into
// the rows, through pointers that the caller may share.
func (tx Tx) insert(ctx context.Context, rows any) error {
	_, err := tx.bun.NewInsert().Model(rows).Returning("NULL").Exec(ctx)
	return err
}

// runner is the type of query and search.
type runner func(ctx context.Context, dest any, statement string, args ...any) error

// query runs a frequent statement with $1 … placeholders, which each connection prepares once.
func (w ForWorkspace) query(ctx context.Context, dest any, statement string, args ...any) error {
	return w.queryAs(ctx, w.db.frequent(), dest, statement, args)
}

// frequent returns how frequent statements are sent.
func (d *DB) frequent() pgx.QueryExecMode {
	if d.isPooled {
		return pgx.QueryExecModeCacheDescribe
	}
	return pgx.QueryExecModeCacheStatement
}

// search is query for statements whose best plan depends on the values, such as how common a word
// is: PostgreSQL plans them anew each time.
func (w ForWorkspace) search(ctx context.Context, dest any, statement string, args ...any) error {
	return w.queryAs(ctx, pgx.QueryExecModeCacheDescribe, dest, statement, args)
}

func (w ForWorkspace) queryAs(ctx context.Context, mode pgx.QueryExecMode, dest any, statement string, args []any) error {
	return w.prepared(func() error { return w.read(ctx, dest, statement, append([]any{mode}, args...)) })
}

// exec is query for statements without a result. It returns the number of affected rows.
func (w ForWorkspace) exec(ctx context.Context, statement string, args ...any) (n int64, err error) {
	err = w.sharing(ctx, func() error {
		return w.prepared(func() error {
			result, err := w.raw.ExecContext(ctx, statement, append([]any{w.db.frequent()}, args...)...)
			if err == nil {
				n, err = result.RowsAffected()
			}
			return err
		})
	})
	return n, err
}

// prepared retries a statement once if its tables have changed since it was prepared; by then the
// pool has replaced its connections. A transaction is not retried here, since it must restart as a
// whole.
func (w ForWorkspace) prepared(run func() error) error {
	err := run()
	if isStalePlan(answer(err)) && w.raw == w.db.DB.DB {
		return run()
	}
	return err
}
