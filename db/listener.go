package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Notify publishes a payload on a NOTIFY channel. It does so outside any transaction, since NOTIFY
// inside one would serialise all commits of the database.
func (d *DB) Notify(ctx context.Context, channel, payload string) error {
	_, err := d.ExecContext(ctx, "SELECT pg_notify(?, ?)", channel, payload)
	return err
}

// Listener receives the notifications of one NOTIFY channel, through a connection outside the pool.
type Listener struct {
	conn    *pgx.Conn
	timeout time.Duration // of LISTEN and of each check
}

// Listen connects and subscribes to a NOTIFY channel. The channel's name must be a plain lower-case
// identifier. The connection has no time-out, since long silence is normal; Check finds out whether
// it still works.
func (d *DB) Listen(ctx context.Context, channel string, timeout time.Duration) (*Listener, error) {
	d = d.sessions()
	config, conns := d.config.Copy(), &connections{dial: d.conns.dial}
	delete(config.RuntimeParams, "statement_timeout")
	config.DialFunc = pgconn.DialFunc(conns.connect)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	l := &Listener{conn, timeout}
	if err := l.exec(ctx, "LISTEN "+channel); err != nil {
		l.Close(ctx)
		return nil, err
	}
	return l, nil
}

// Wait returns the payload of the next notification. The connection stays usable if ctx ends first.
func (l *Listener) Wait(ctx context.Context) (payload string, err error) {
	notification, err := l.conn.WaitForNotification(ctx)
	if err != nil {
		return "", err
	}
	return notification.Payload, nil
}

// Check returns an error if the connection is broken. Notifications that arrive during the check
// are kept for Wait.
func (l *Listener) Check(ctx context.Context) error { return l.exec(ctx, "SELECT 1") }

// IsClosed reports whether the connection is closed.
func (l *Listener) IsClosed() bool { return l.conn.IsClosed() }

// Close closes the connection, even if ctx has ended.
func (l *Listener) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = l.conn.Close(ctx)
}

func (l *Listener) exec(ctx context.Context, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	_, err := l.conn.Exec(ctx, statement)
	return err
}
