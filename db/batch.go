package db

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// Batch is a list of statements of one transaction that are sent in one round trip. The methods
// that add a statement name where its result goes; Send fills it in.
type Batch struct {
	tx     Tx
	queued pgx.Batch
	after  []func() // called when all statements have succeeded
	err    error    // of building a statement; Send returns it
}

// Batch returns an empty batch.
func (tx Tx) Batch() *Batch { return &Batch{tx: tx} }

// send sends the statements that add adds.
func (tx Tx) send(ctx context.Context, add func(b *Batch)) error {
	b := tx.Batch()
	add(b)
	return b.Send(ctx)
}

// exec adds a statement without a result.
func (b *Batch) exec(statement string, args ...any) *pgx.QueuedQuery {
	return b.queued.Queue(statement, args...)
}

// collect adds a statement whose rows are read into structs by the names of their fields.
func collect[T any](b *Batch, into *[]*T, statement string, args ...any) {
	b.queued.Queue(statement, args...).Query(func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, pgx.RowToAddrOfStructByNameLax[T])
		return err
	})
}

// Then adds what is done when all statements have succeeded, before Send returns.
func (b *Batch) Then(do func()) { b.after = append(b.after, do) }

// Send sends the statements in the order in which they were added. If one fails, those behind it
// are not executed and the transaction can only be rolled back.
func (b *Batch) Send(ctx context.Context) error {
	if b.err != nil || b.queued.Len() == 0 {
		return b.err
	}
	var err error
	if raw := b.tx.conn.Raw(func(conn any) error {
		err = b.send(ctx, conn.(*stdlib.Conn).Conn())
		return nil
	}); raw != nil {
		return raw
	}
	if err == nil {
		for _, do := range b.after {
			do()
		}
	}
	return err
}

// send prepares each statement when its connection sees it for the first time.
func (b *Batch) send(ctx context.Context, conn *pgx.Conn) error {
	for _, q := range b.queued.QueuedQueries {
		if _, err := conn.Prepare(ctx, q.SQL, q.SQL); err != nil {
			return err
		}
	}
	return conn.SendBatch(ctx, &b.queued).Close()
}

// The statements of a pipeline look rows up by their keys, so one plan fits all values: planning
// them for each call would take longer than executing them. A plan that was made while a table was
// small is used after it has grown, so it must not scan the table; for the same reason these
// statements join by LATERAL, which fixes the order.
const keyPlans = "SELECT set_config('plan_cache_mode', 'force_generic_plan', TRUE), set_config('enable_seqscan', 'off', TRUE)"

// rollbackTime is how long a rollback may take; without one, closing the connection rolls back.
const rollbackTime = time.Second

// Pipeline is Transact for a transaction whose statements are sent in batches: it begins with the
// first batch that fn sends, and the commit is one more round trip. The error is Uncertain if the
// transaction may have been committed nevertheless.
func (d *DB) Pipeline(ctx context.Context, key WorkspaceKey, fn func(tx Tx, first *Batch) error) error {
	conn, err := d.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	tx := Tx{ForWorkspace{Key: key, db: d, bun: conn, raw: conn.Conn}, conn.Conn}
	first, done := tx.Batch(), false
	first.exec("BEGIN")
	first.exec(keyPlans)
	defer func() {
		if !done {
			tx.abandon(ctx)
		}
	}()
	if err := fn(tx, first); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	done = err == nil
	return uncertain(err)
}

// abandon rolls a transaction back. If that fails, its connection is closed.
func (tx Tx) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
	defer cancel()
	if _, err := tx.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		_ = tx.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// batchTracer shows a tracer of statements those of batches, too.
type batchTracer struct{ pgx.QueryTracer }

// TraceBatchStart is called before a batch is sent.
func (t batchTracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery is called with the result of each statement.
func (t batchTracer) TraceBatchQuery(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchQueryData) {
	ctx = t.TraceQueryStart(ctx, conn, pgx.TraceQueryStartData{SQL: data.SQL, Args: data.Args})
	t.TraceQueryEnd(ctx, conn, pgx.TraceQueryEndData{CommandTag: data.CommandTag, Err: data.Err})
}

// TraceBatchEnd is called after the last result.
func (t batchTracer) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// commitError is the error of a commit whose outcome is unknown.
type commitError struct{ error }

func (e *commitError) Unwrap() error { return e.error }

// uncertain marks the error of a commit, unless PostgreSQL itself reported that it failed or the
// commit was not sent.
func uncertain(err error) error {
	if pg := answer(err); err == nil || pg != nil && pg.Severity == "ERROR" || pgconn.SafeToRetry(err) {
		return err
	}
	return &commitError{err}
}
