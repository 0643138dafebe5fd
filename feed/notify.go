package feed

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/db"
)

// channel is the NOTIFY channel that wake-ups are sent on.
const channel = "switchboard"

// Notify wakes processes through their database with PostgreSQL's NOTIFY. It runs after the commit:
// NOTIFY inside a transaction serialises all commits of the database.
type Notify struct {
	db           *db.DB
	checkAfter   time.Duration // idle time after which the connection is checked
	checkTimeout time.Duration // limit for such a check, and for LISTEN
}

// NewNotify returns a waker for the processes on this database.
func NewNotify(d *db.DB) *Notify {
	return &Notify{db: d, checkAfter: 10 * time.Second, checkTimeout: 5 * time.Second}
}

// Publish notifies all processes, including this one.
func (n *Notify) Publish(ctx context.Context, workspaces []db.WorkspaceKey) error {
	_, err := n.db.ExecContext(ctx, "SELECT pg_notify(?, ?)", channel, formatWorkspaces(workspaces))
	return err
}

// Listen uses a connection of its own.
func (n *Notify) Listen(ctx context.Context, wake func(workspace db.WorkspaceKey), report func(err error)) {
	const shortest, longest = 100 * time.Millisecond, 5 * time.Second
	delay := shortest
	for ctx.Err() == nil {
		err := n.listenOnce(ctx, wake, func() {
			delay = shortest
			report(nil)
		})
		report(err)
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
		delay = min(2*delay, longest)
	}
}

// listenOnce listens until the connection breaks.
func (n *Notify) listenOnce(ctx context.Context, wake func(workspace db.WorkspaceKey), started func()) error {
	conn, err := n.db.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() {
		closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closeCtx)
	}()
	if err := n.check(ctx, conn, "LISTEN "+channel); err != nil {
		return err
	}
	started()
	for {
		waitCtx, cancel := context.WithTimeout(ctx, n.checkAfter)
		notification, err := conn.WaitForNotification(waitCtx)
		cancel()
		switch {
		case err == nil:
			wakeEach(notification.Payload, wake)
		case ctx.Err() != nil || conn.IsClosed() || waitCtx.Err() == nil:
			return err
		default: // no notification, or a broken connection
			if err := n.check(ctx, conn, "SELECT 1"); err != nil {
				return err
			}
		}
	}
}

// check runs a statement with a time limit. pgx keeps notifications that arrive meanwhile.
func (n *Notify) check(ctx context.Context, conn *pgx.Conn, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, n.checkTimeout)
	defer cancel()
	_, err := conn.Exec(ctx, statement)
	return err
}
