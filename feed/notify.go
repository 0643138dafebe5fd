package feed

import (
	"context"
	"time"

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
func (n *Notify) Publish(ctx context.Context, hints []Hint) error {
	return n.db.Notify(ctx, channel, formatHints(hints))
}

// Listen uses a connection of its own.
func (n *Notify) Listen(ctx context.Context, hear func(Hint), report func(err error)) {
	const shortest, longest = 100 * time.Millisecond, 5 * time.Second
	delay := shortest
	for ctx.Err() == nil {
		err := n.listenOnce(ctx, hear, func() {
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
func (n *Notify) listenOnce(ctx context.Context, hear func(Hint), started func()) error {
	listener, err := n.db.Listen(ctx, channel, n.checkTimeout)
	if err != nil {
		return err
	}
	defer listener.Close(ctx)
	started()
	for {
		waitCtx, cancel := context.WithTimeout(ctx, n.checkAfter)
		payload, err := listener.Wait(waitCtx)
		cancel()
		switch {
		case err == nil:
			hearEach(payload, hear)
		case ctx.Err() != nil || listener.IsClosed() || waitCtx.Err() == nil:
			return err
		default: // no notification, or a broken connection
			if err := listener.Check(ctx); err != nil {
				return err
			}
		}
	}
}
