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

// A fleet is all the clients of a server. Each has a connection and a goroutine that reads
// from it and checks that it gets every event once and in order.
type fleet struct {
	clients []*client
	round   atomic.Pointer[round]
	failed  chan error // the first of each client
	closed  atomic.Bool
	reading sync.WaitGroup
}

// A round ends when every client has got the last event of it.
type round struct {
	last int64 // its seq
	left atomic.Int64
	done chan struct{}
}

// A client belongs to its goroutine during a round, to the measurement between two.
type client struct {
	net.Conn
	protocol protocol
	fleet    *fleet
	stream   stream
	next     int64        // the seq that must come now
	bytes    atomic.Int64 // that came; the end of the last event's frame perhaps after the round
	late     []int32      // microseconds from publication to receipt, of each event
}

// dialers connect at the same time, as more would only queue.
const dialers = 32

// connect brings n clients, which expect the event with the number next.
func connect(ctx context.Context, addr string, p protocol, n int, next int64) (*fleet, error) {
	f := &fleet{clients: make([]*client, n), failed: make(chan error, n)}
	ctx, cancel := context.WithTimeout(ctx, patience)
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

// dial connects a client and says what it has to say.
func dial(ctx context.Context, addr string, p protocol) (*client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &client{Conn: conn, protocol: p, stream: stream{buffer: make([]byte, bufferSize)}}
	deadline, _ := ctx.Deadline()
	_ = c.SetDeadline(deadline)
	if err := c.greet(addr); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("connecting: %w", err)
	}
	return c, c.SetDeadline(time.Time{})
}

func (c *client) greet(host string) error {
	if !c.protocol.upgrades {
		return nil
	}
	if _, err := c.Write(c.protocol.upgradeRequest(host)); err != nil {
		return err
	}
	if err := c.upgraded(); err != nil || c.protocol.hello == nil {
		return err
	}
	hello := c.protocol.hello()
	for i, text := range hello {
		if _, err := c.Write(masked(textFrame, []byte(text))); err != nil {
			return err
		}
		if i < len(hello)-1 || !c.protocol.silent {
			if answer, err := c.stream.first(c); err != nil || bytes.Contains(answer, []byte("error")) {
				return fmt.Errorf("%s was answered %q: %v", text, answer, err)
			}
		}
	}
	return nil
}

// upgraded reads the answer to an upgrade.
func (c *client) upgraded() error {
	for {
		header := c.stream.buffer[c.stream.start:c.stream.end]
		if end := bytes.Index(header, []byte("\r\n\r\n")); end >= 0 {
			if !bytes.HasPrefix(header, []byte("HTTP/1.1 101 ")) {
				return fmt.Errorf("%q is no upgrade", header)
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
		if err := c.stream.scan(func(e event) error { return c.receive(e, now) }, c.answer); err != nil {
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
	c.late = append(c.late, int32((now-e.at)/1000))
	if e.seq == r.last && r.left.Add(-1) == 0 {
		close(r.done)
	}
	return nil
}

func (c *client) answer(opcode byte, payload []byte) (err error) {
	switch opcode {
	case closeFrame:
		return fmt.Errorf("the server closed with %q", payload)
	case pingFrame:
		_, err = c.Write(masked(pongFrame, payload))
	case textFrame:
		if c.protocol.answer == nil {
			return nil
		}
		if text := c.protocol.answer(payload); text != "" {
			_, err = c.Write(masked(textFrame, []byte(text)))
		}
	}
	return err
}

// expect begins a round that ends with the event of this number.
func (f *fleet) expect(last int64) *round {
	r := &round{last: last, done: make(chan struct{})}
	r.left.Store(int64(len(f.clients)))
	f.round.Store(r)
	return r
}

// patience is how long anything may take before it counts as hanging.
const patience = 90 * time.Second

// wait waits for the end of a round.
func (f *fleet) wait(ctx context.Context, r *round) error {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-r.done:
		return nil
	case err := <-f.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout.C:
		return fmt.Errorf("%d of %d clients still lack events", r.left.Load(), len(f.clients))
	}
}

// forget drops what was noted of the rounds before.
func (f *fleet) forget() {
	for _, c := range f.clients {
		c.late = c.late[:0]
		c.bytes.Store(0)
	}
}

// close ends all connections at once, leaving no trace of them in the system's tables.
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
