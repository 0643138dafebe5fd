package db

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Dial opens a network connection to PostgreSQL.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// dialTCP notices a machine that has vanished after eleven seconds of silence, also on a
// connection from which nothing is expected.
func dialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}}
	return d.DialContext(ctx, network, address)
}

// suspicion is how long a read may last before the other connections of the pool are
// suspected to have gone silent as well, should it fail.
const suspicion = 2 * time.Second

// connections are those that a pool has open.
type connections struct {
	dial     Dial
	patience time.Duration // of one read or write; 0 is without end

	broke atomic.Int64 // when one of them was last found broken, in Unix nanoseconds

	mu   sync.Mutex
	open map[*connection]bool
	none chan struct{} // closed when none is left; nil unless somebody waits for that
}

func (all *connections) connect(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := all.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn, all: all}
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.open == nil {
		all.open = map[*connection]bool{}
	}
	all.open[c] = true
	return c, nil
}

// suspect has connections that were last used before now replaced instead of used again.
func (all *connections) suspect() { all.broke.Store(time.Now().UnixNano()) }

func (all *connections) forget(c *connection) {
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.open, c)
	if all.none != nil && len(all.open) == 0 {
		close(all.none)
		all.none = nil
	}
}

// farewell is how long connections that are being closed may take to say so to PostgreSQL.
const farewell = time.Second

// leave waits until all connections are closed, and cuts those that take too long: the
// driver closes a connection on which a statement was given up in the background.
func (all *connections) leave() {
	all.mu.Lock()
	if len(all.open) == 0 {
		all.mu.Unlock()
		return
	}
	if all.none == nil {
		all.none = make(chan struct{})
	}
	none := all.none
	all.mu.Unlock()
	select {
	case <-none:
		return
	case <-time.After(farewell):
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	for c := range all.open {
		_ = c.Conn.Close()
	}
}

// connection is a network connection that waits for no answer longer than the patience of
// its pool, whatever deadlines the driver sets.
type connection struct {
	net.Conn
	all *connections

	mu          sync.Mutex
	read, write time.Time // the driver's deadlines; zero is none
	inUse       bool      // by the pool; else it is being made, closed, or cancels a statement
}

func (c *connection) Read(b []byte) (int, error) {
	began := time.Now()
	if err := c.limit(began, &c.read, c.Conn.SetReadDeadline); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	c.judge(began, err)
	return n, err
}

func (c *connection) Write(b []byte) (int, error) {
	began := time.Now()
	if err := c.limit(began, &c.write, c.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	c.judge(began, err)
	return n, err
}

// limit sets the earlier one of the driver's deadline and the end of our patience.
func (c *connection) limit(now time.Time, driver *time.Time, set func(time.Time) error) error {
	if c.all.patience == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	deadline := now.Add(c.all.patience)
	if !driver.IsZero() && driver.Before(deadline) {
		deadline = *driver
	}
	return set(deadline)
}

// judge suspects all connections when this one has broken. A statement that its caller
// gave up early says nothing about them, nor does the end of a connection that the driver
// is closing in the background, for which it sets a deadline.
func (c *connection) judge(began time.Time, err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	isEnded, isGivenUp := !c.inUse, !c.read.IsZero()
	c.mu.Unlock()
	silent := errors.Is(err, os.ErrDeadlineExceeded)
	if isEnded || isGivenUp && !silent || silent && time.Since(began) < min(suspicion, c.all.patience) {
		return
	}
	c.all.suspect()
}

// began says that a connection is part of the pool from now on.
func (all *connections) began(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if c, ok := conn.(*connection); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inUse = true
	}
}

// The driver interrupts a read with a deadline in the past; limit must not undo that.

func (c *connection) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read, c.write = t, t
	return c.Conn.SetDeadline(t)
}

func (c *connection) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = t
	return c.Conn.SetReadDeadline(t)
}

func (c *connection) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write = t
	return c.Conn.SetWriteDeadline(t)
}

func (c *connection) Close() error {
	c.mu.Lock()
	c.inUse = false
	c.mu.Unlock()
	c.all.forget(c)
	return c.Conn.Close()
}
