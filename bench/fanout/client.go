package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A fleet is all clients of a server. Each has a connection and a goroutine that reads from it and
// checks that every event comes once and in order.
type fleet struct {
	clients []*client
	round   atomic.Pointer[round]
	failed  chan error // the first error of each client
	closed  atomic.Bool
	reading sync.WaitGroup
}

// A round ends when every client has received its last event.
type round struct {
	last int64 // its seq
	left atomic.Int64
	done chan struct{}
}

// A client is used by its goroutine during a round, and by the measurement between rounds.
type client struct {
	net.Conn
	protocol  protocol
	fleet     *fleet
	stream    stream
	next      int64        // the seq that must come next
	bytes     atomic.Int64 // received; the end of the last frame may be counted after the round
	latencies []int32      // microseconds from publication to receipt of each event
}

// dialers is how many clients connect at the same time; more would only queue.
const dialers = 32

// connect connects n clients that expect next as their first event.
func connect(ctx context.Context, addr string, p protocol, n int, next int64) (*fleet, error) {
	f := &fleet{clients: make([]*client, n), failed: make(chan error, n)}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var dialing sync.WaitGroup
	var count atomic.Int64
	errs := make([]error, dialers)
	for worker := range dialers {
		dialing.Go(func() {
			for errs[worker] == nil {
				i := int(count.Add(1)) - 1
				if i >= n {
					return
				}
				f.clients[i], errs[worker] = dial(ctx, addr, p)
			}
		})
	}
	dialing.Wait()
	if err := errors.Join(errs...); err != nil {
		f.close()
		return nil, err
	}
	for _, c := range f.clients {
		c.fleet, c.next = f, next
		f.reading.Go(func() {
			if err := c.read(); err != nil && !f.closed.Load() {
				f.failed <- err
			}
		})
	}
	return f, nil
}

// dial connects a client and completes its protocol's handshake.
func dial(ctx context.Context, addr string, p protocol) (*client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &client{Conn: conn, protocol: p, stream: stream{buffer: make([]byte, bufferSize)}}
	deadline, _ := ctx.Deadline()
	_ = c.SetDeadline(deadline)
	if err := c.handshake(addr); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("connecting: %w", err)
	}
	return c, c.SetDeadline(time.Time{})
}

func (c *client) handshake(host string) error {
	if !c.protocol.upgrades {
		return nil
	}
	if _, err := c.Write(c.protocol.upgradeRequest(host)); err != nil {
		return err
	}
	if err := c.upgraded(); err != nil || c.protocol.handshake == nil {
		return err
	}
	messages := c.protocol.handshake()
	for i, text := range messages {
		if _, err := c.Write(masked(textFrame, []byte(text))); err != nil {
			return err
		}
		if i < len(messages)-1 || !c.protocol.silentLast {
			if answer, err := c.stream.first(c); err != nil || bytes.Contains(answer, []byte("error")) {
				return fmt.Errorf("%s was answered %q: %v", text, answer, err)
			}
		}
	}
	return nil
}

// upgraded reads the response to an upgrade request.
func (c *client) upgraded() error {
	for {
		header := c.stream.buffer[c.stream.start:c.stream.end]
		if end := bytes.Index(header, []byte("\r\n\r\n")); end >= 0 {
			if !bytes.HasPrefix(header, []byte("HTTP/1.1 101 ")) {
				return fmt.Errorf("expected an upgrade, got %q", header)
			}
			c.stream.start += end + 4
			return nil
		}
		if _, err := c.stream.fill(c); err != nil {
			return err
		}
	}
}

func (c *client) read() error {
	for {
		n, err := c.stream.fill(c)
		if err != nil {
			return err
		}
		c.bytes.Add(int64(n))
		now := time.Now().UnixNano()
		if err := c.stream.scan(func(e event) error { return c.receive(e, now) }, c.respond); err != nil {
			return err
		}
	}
}

func (c *client) receive(e event, now int64) error {
	r := c.fleet.round.Load()
	switch {
	case e.seq != c.next:
		return fmt.Errorf("event %d came instead of %d", e.seq, c.next)
	case r == nil || e.seq > r.last:
		return fmt.Errorf("event %d came, which is not published yet", e.seq)
	}
	c.next++
	c.latencies = append(c.latencies, int32((now-e.at)/1000))
	if e.seq == r.last && r.left.Add(-1) == 0 {
		close(r.done)
	}
	return nil
}

func (c *client) respond(opcode byte, payload []byte) (err error) {
	switch opcode {
	case closeFrame:
		return fmt.Errorf("the server closed with %q", payload)
	case pingFrame:
		_, err = c.Write(masked(pongFrame, payload))
	case textFrame:
		if c.protocol.respond == nil {
			return nil
		}
		if text := c.protocol.respond(payload); text != "" {
			_, err = c.Write(masked(textFrame, []byte(text)))
		}
	}
	return err
}

// expect starts a round that ends with the event last.
func (f *fleet) expect(last int64) *round {
	r := &round{last: last, done: make(chan struct{})}
	r.left.Store(int64(len(f.clients)))
	f.round.Store(r)
	return r
}

// timeout is the limit for any step before it counts as hanging.
const timeout = 90 * time.Second

// wait waits for the end of a round.
func (f *fleet) wait(ctx context.Context, r *round) error {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-r.done:
		return nil
	case err := <-f.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fmt.Errorf("%d of %d clients still lack events", r.left.Load(), len(f.clients))
	}
}

// reset discards the figures of earlier rounds.
func (f *fleet) reset() {
	for _, c := range f.clients {
		c.latencies = c.latencies[:0]
		c.bytes.Store(0)
	}
}

// close resets all connections, so that none stays in the system's tables.
func (f *fleet) close() {
	f.closed.Store(true)
	for _, c := range f.clients {
		if c != nil {
			_ = c.Conn.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
	}
	f.reading.Wait()
}
