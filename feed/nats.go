package feed

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// subject is the subject that wake-ups are published on.
const subject = "switchboard.wake"

// NATS wakes processes through NATS core publish and subscribe, for installations with too many
// commits for NOTIFY. All processes on one database must use the same NATS.
type NATS struct {
	urls, hosts string
	asyncErrors chan error // errors that the server sends, such as a missing permission

	connLock chan struct{} // guards conn; a channel, so that waiting can end with a context
	conn     *nats.Conn    // nil until first used
}

// NewNATS returns a waker that uses one or more NATS servers: nats://user:password@host:4222 or
// tls://…, separated by commas. It connects on first use and reconnects for ever, so an unreachable
// server is not an error here.
func NewNATS(urls string) (*NATS, error) {
	var hosts []string
	for address := range strings.SplitSeq(urls, ",") {
		u, err := url.Parse(strings.TrimSpace(address))
		if err != nil || (u.Scheme != "nats" && u.Scheme != "tls") || u.Hostname() == "" {
			// The error must not repeat the URLs: they may hold a password.
			return nil, errors.New("invalid address of a NATS server; give one such as nats://user:password@host:4222")
		}
		hosts = append(hosts, u.Host)
	}
	return &NATS{urls: urls, hosts: strings.Join(hosts, ", "), connLock: make(chan struct{}, 1), asyncErrors: make(chan error, 1)}, nil
}

// connect returns the connection, which may be down. The first call creates it.
func (n *NATS) connect(ctx context.Context) (*nats.Conn, error) {
	select {
	case n.connLock <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-n.connLock }()
	if n.conn != nil {
		return n.conn, nil
	}
	conn, err := nats.Connect(n.urls, nats.Name("switchboard"), nats.Timeout(2*time.Second),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(500*time.Millisecond), nats.ReconnectJitter(500*time.Millisecond, 500*time.Millisecond),
		nats.PingInterval(5*time.Second),
		nats.NoEcho(),             // Poke has woken this process already
		nats.ReconnectBufSize(-1), // do not send outdated wake-ups
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { n.reportError(err) }))
	if err == nil {
		n.conn = conn
	}
	return conn, err
}

func (n *NATS) reportError(err error) {
	select {
	case n.asyncErrors <- err:
	default: // nothing listens, or an error is waiting already
	}
}

// Publish waits until the server has the message, so that a process may exit afterwards.
func (n *NATS) Publish(ctx context.Context, hints []Hint) error {
	conn, err := n.connect(ctx)
	if err != nil {
		return err
	}
	if !conn.IsConnected() {
		return n.notConnected(conn)
	}
	if err := conn.Publish(subject, []byte(formatHints(hints))); err != nil {
		return err
	}
	return n.flush(ctx, conn)
}

// Listen subscribes. The NATS library subscribes again after each reconnection.
func (n *NATS) Listen(ctx context.Context, hear func(Hint), report func(err error)) {
	conn, err := n.connect(ctx)
	if err != nil {
		report(err)
		return
	}
	changes := conn.StatusChanged(nats.CONNECTED, nats.RECONNECTING, nats.CLOSED)
	defer conn.RemoveStatusListener(changes)
	subscription, err := conn.Subscribe(subject, func(m *nats.Msg) { hearEach(string(m.Data), hear) })
	if err != nil {
		report(err)
		return
	}
	defer func() { _ = subscription.Unsubscribe() }()
	for err = n.flush(ctx, conn); ; {
		report(err)
		select {
		case <-ctx.Done():
			return
		case status := <-changes:
			if err = n.notConnected(conn); status == nats.CONNECTED {
				err = n.flush(ctx, conn)
			}
		case err = <-n.asyncErrors: // reported until the next change of the connection
		}
	}
}

// flush waits until the server has handled everything sent so far, including subscriptions.
func (n *NATS) flush(ctx context.Context, conn *nats.Conn) error {
	if !conn.IsConnected() {
		return n.notConnected(conn)
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	return conn.FlushWithContext(ctx)
}

func (n *NATS) notConnected(conn *nats.Conn) error {
	if err := conn.LastError(); err != nil {
		return fmt.Errorf("no connection to NATS at %s: %w", n.hosts, err)
	}
	return fmt.Errorf("no connection to NATS at %s", n.hosts)
}

// Close closes the connection, if there is one.
func (n *NATS) Close() {
	n.connLock <- struct{}{} // waits while a connection is being created
	defer func() { <-n.connLock }()
	if n.conn != nil {
		n.conn.Close()
	}
}
