package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"reflect"
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
	isLast bool     // of its transaction: it ends with the commit
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
	b.queued.Queue(statement, args...).Query(func(rows pgx.Rows) error {
		return appendRows(reflect.ValueOf(into).Elem(), rows)
	})
}

// collectValues adds a statement whose rows have one value.
func collectValues[T any](b *Batch, into *[]T, statement string, args ...any) {
	b.queued.Queue(statement, args...).Query(func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, pgx.RowTo[T])
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

// send prepares each statement when its connection sees it for the first time, unless a pooler
// would then lend that connection to others.
func (b *Batch) send(ctx context.Context, conn *pgx.Conn) error {
	for _, q := range b.queued.QueuedQueries {
		if b.tx.db.isPooled {
			break
		}
		if _, err := conn.Prepare(ctx, q.SQL, q.SQL); err != nil {
			return err
		}
	}
	err := conn.SendBatch(ctx, &b.queued).Close()
	if b.isLast && !isRefused(err) {
		return &commitError{err} // the driver's error does not tell whether anything was sent
	}
	return err
}

// The statements of a pipeline look rows up by their keys, so one plan fits all values: planning
// them for each call would take longer than executing them. A plan that was made while a table was
// small is used after it has grown, so it must not scan the table; for the same reason these
// statements join by LATERAL, which fixes the order.
const keyPlans = "SELECT set_config('plan_cache_mode', 'force_generic_plan', TRUE), set_config('enable_seqscan', 'off', TRUE)"

// rollbackTime is how long a rollback may take; without one, closing the connection rolls back.
const rollbackTime = time.Second

// Pipeline is Transact for a transaction whose statements are sent in batches: it begins with the
// first batch that fn sends, and is committed with the batch that fn returns, in the same round
// trip. The error is Uncertain if the transaction may have been committed nevertheless.
func (d *DB) Pipeline(ctx context.Context, key WorkspaceKey, fn func(tx Tx, first *Batch) (last *Batch, err error)) error {
	conn, err := d.connFor(ctx, key)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	tx := Tx{ForWorkspace{Key: key, db: d, bun: conn.Conn, raw: conn.Conn.Conn, conn: conn.Conn.Conn}}
	first, done := tx.Batch(), false
	first.exec("BEGIN")
	first.exec(keyPlans)
	if d.isPooled {
		first.exec(d.settings)
	}
	if d.isConfined {
		first.exec(confine, key.setting(), true)
	}
	defer func() {
		if !done {
			tx.abandon(ctx)
		}
	}()
	last, err := fn(tx, first)
	if err != nil {
		return err
	}
	// PostgreSQL skips what is behind a statement that fails, so it never commits a part.
	last.exec("COMMIT")
	last.isLast = true
	_, err = Contained(func() (any, error) { return nil, last.Send(ctx) })
	if done = err == nil; errors.As(err, new(*Panic)) {
		return &commitError{err} // it may have been sent
	}
	return err
}

// abandon rolls a transaction back. If that fails, its connection is closed.
func (tx Tx) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
	defer cancel()
	if _, err := tx.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		_ = tx.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// commitError is the error of a commit whose outcome is unknown.
type commitError struct{ error }

func (e *commitError) Unwrap() error { return e.error }

// uncertain marks the error of a commit, unless PostgreSQL itself reported that it failed or the
// commit was not sent.
func uncertain(err error) error {
	if isRefused(err) || pgconn.SafeToRetry(err) {
		return err
	}
	return &commitError{err}
}

// isRefused reports whether PostgreSQL itself reported that a commit failed, or there is no error.
func isRefused(err error) bool {
	pg := answer(err)
	return err == nil || pg != nil && pg.Severity == "ERROR"
}
