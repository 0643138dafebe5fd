package feed

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/db"
)

// channel is the name under which processes tell each other about commits.
const channel = "switchboard"

// Notify wakes processes through their database, with PostgreSQL's NOTIFY. It is told
// after the commit: NOTIFY inside a transaction serialises all commits of the database.
type Notify struct {
	db    *db.DB
	quiet time.Duration // after which a connection has to prove that it still works
	proof time.Duration // how long that may take, and beginning to listen
}

// NewNotify makes a waker for the processes on this database.
func NewNotify(d *db.DB) *Notify {
	return &Notify{db: d, quiet: 10 * time.Second, proof: 5 * time.Second}
}

// Tell notifies all processes, this one included.
func (n *Notify) Tell(ctx context.Context, workspaces []int64) error {
	_, err := n.db.ExecContext(ctx, "SELECT pg_notify(?, ?)", channel, message(workspaces))
	return err
}

// Listen keeps a connection of its own for what is notified.
func (n *Notify) Listen(ctx context.Context, heard func(workspace int64), listening func(err error)) {
	const shortest, longest = 100 * time.Millisecond, 5 * time.Second
	delay := shortest
	for ctx.Err() == nil {
		err := n.connection(ctx, heard, func() {
			delay = shortest
			listening(nil)
		})
		listening(err)
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
		delay = min(2*delay, longest)
	}
}

// connection listens until the connection breaks.
func (n *Notify) connection(ctx context.Context, heard func(workspace int64), begun func()) error {
	conn, err := n.db.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if err := n.prove(ctx, conn, "LISTEN "+channel); err != nil {
		return err
	}
	begun()
	for {
		waiting, cancel := context.WithTimeout(ctx, n.quiet)
		said, err := conn.WaitForNotification(waiting)
		cancel()
		switch {
		case err == nil:
			hear(said.Payload, heard)
		case ctx.Err() != nil || conn.IsClosed() || waiting.Err() == nil:
			return err
		default: // nothing was said, or nothing got through
			if err := n.prove(ctx, conn, "SELECT 1"); err != nil {
				return err
			}
		}
	}
}

// prove has a statement answered in time. What is notified meanwhile is kept.
func (n *Notify) prove(ctx context.Context, conn *pgx.Conn, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, n.proof)
	defer cancel()
	_, err := conn.Exec(ctx, statement)
	return err
}
