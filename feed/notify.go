package feed

import (
	"context"
	"time"

	"switchboard/db"
)

// channel is the name under which processes tell each other about commits.
const channel = "switchboard"

// Notify wakes processes through their database, with PostgreSQL's NOTIFY. It is told
// after the commit: NOTIFY inside a transaction serialises all commits of the database.
type Notify struct {
	db *db.DB
}

// NewNotify makes a waker for the processes on this database.
func NewNotify(d *db.DB) *Notify { return &Notify{db: d} }

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
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	begun()
	for {
		said, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		hear(said.Payload, heard)
	}
}
