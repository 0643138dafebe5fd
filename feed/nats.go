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

// subject is where processes tell each other about commits.
const subject = "switchboard.wake"

// NATS wakes processes through NATS core publish and subscribe, for fleets that have too
// much for NOTIFY. All processes on a database have to use the same one.
type NATS struct {
	urls, hosts string
	complaints  chan error // what a server has against the connection, such as a missing permission

	turn chan struct{} // holds who makes or takes the connection
	conn *nats.Conn    // nil until it is needed
}

// NewNATS makes a waker for the processes that use a NATS server, or one of several:
// nats://user:password@host:4222, or tls://…, with commas between them. It connects when
// it is used and then again for ever, so a server that is away is no error here.
func NewNATS(urls string) (*NATS, error) {
	var hosts []string
	for address := range strings.SplitSeq(urls, ",") {
		u, err := url.Parse(strings.TrimSpace(address))
		if err != nil || (u.Scheme != "nats" && u.Scheme != "tls") || u.Hostname() == "" {
			// What was given may hold a password.
			return nil, errors.New("this is no address of a NATS server; give one such as nats://user:password@host:4222")
		}
		hosts = append(hosts, u.Host)
	}
	return &NATS{urls: urls, hosts: strings.Join(hosts, ", "), turn: make(chan struct{}, 1), complaints: make(chan error, 1)}, nil
}

// connection gives the one connection, which may be down. The first call makes it.
func (n *NATS) connection(ctx context.Context) (*nats.Conn, error) {
	select {
	case n.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-n.turn }()
	if n.conn != nil {
		return n.conn, nil
	}
	conn, err := nats.Connect(n.urls, nats.Name("switchboard"), nats.Timeout(2*time.Second),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(500*time.Millisecond), nats.ReconnectJitter(500*time.Millisecond, 500*time.Millisecond),
		nats.PingInterval(5*time.Second),
		nats.NoEcho(),             // this process was poked
		nats.ReconnectBufSize(-1), // old hints are worth nothing
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { n.complain(err) }))
	if err == nil {
		n.conn = conn
	}
	return conn, err
}

func (n *NATS) complain(err error) {
	select {
	case n.complaints <- err:
	default: // nobody listens, or has yet to see the last one
	}
}

// Tell publishes and waits until the server has it, so that a process may end afterwards.
func (n *NATS) Tell(ctx context.Context, workspaces []int64) error {
	conn, err := n.connection(ctx)
	if err != nil {
		return err
	}
	if !conn.IsConnected() {
		return n.away(conn)
	}
	if err := conn.Publish(subject, []byte(message(workspaces))); err != nil {
		return err
	}
	return n.flush(ctx, conn)
}

// Listen subscribes. After each reconnection the library subscribes again.
func (n *NATS) Listen(ctx context.Context, heard func(workspace int64), listening func(err error)) {
	conn, err := n.connection(ctx)
	if err != nil {
		listening(err)
		return
	}
	changes := conn.StatusChanged(nats.CONNECTED, nats.RECONNECTING, nats.CLOSED)
	defer conn.RemoveStatusListener(changes)
	subscription, err := conn.Subscribe(subject, func(m *nats.Msg) { hear(string(m.Data), heard) })
	if err != nil {
		listening(err)
		return
	}
	defer func() { _ = subscription.Unsubscribe() }()
	for err = n.flush(ctx, conn); ; {
		listening(err)
		select {
		case <-ctx.Done():
			return
		case status := <-changes:
			if err = n.away(conn); status == nats.CONNECTED {
				err = n.flush(ctx, conn)
			}
		case err = <-n.complaints: // holds until the next connection
		}
	}
}

// flush waits until the server has dealt with everything that was sent, subscriptions
// included.
func (n *NATS) flush(ctx context.Context, conn *nats.Conn) error {
	if !conn.IsConnected() {
		return n.away(conn)
	}
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	return conn.FlushWithContext(ctx)
}

func (n *NATS) away(conn *nats.Conn) error {
	if err := conn.LastError(); err != nil {
		return fmt.Errorf("no connection to NATS at %s: %w", n.hosts, err)
	}
	return fmt.Errorf("no connection to NATS at %s", n.hosts)
}

// Close ends the connection, if there is one.
func (n *NATS) Close() {
	n.turn <- struct{}{} // for as long as a connection takes to be made, at most
	defer func() { <-n.turn }()
	if n.conn != nil {
		n.conn.Close()
	}
}
