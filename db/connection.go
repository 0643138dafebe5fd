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

// dialTCP connects with keepalives, so that a machine that has vanished is detected after eleven
// seconds of silence, even on an idle connection.
func dialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}}
	return d.DialContext(ctx, network, address)
}

const (
	// silenceTime is how long a failing read must have lasted for the other connections of the pool to
	// be pinged before their next use.
	silenceTime = 2 * time.Second
	// pingTime is how long PostgreSQL may take to answer a ping, for which it has nothing to do.
	pingTime = time.Second
)

// connections are the open network connections of a pool.
type connections struct {
	dial      Dial
	ioTimeout time.Duration // of one read or write; 0 means none

	isConfined bool // whether the setting of confined is reset before each use
	isPooled   bool // whether they may lead to a pooler

	broke   atomic.Int64 // connections last used before are replaced; in Unix nanoseconds
	doubted atomic.Int64 // connections last used before are pinged before their next use; the same unit

	mu    sync.Mutex
	open  map[*connection]bool
	empty chan struct{} // closed with the last connection; nil unless closeAll waits for it
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

// replace makes the pool replace, instead of reuse, the connections that were last used before now.
func (all *connections) replace() { moveOn(&all.broke, time.Now()) }

// moveOn sets a time in Unix nanoseconds, unless it is later.
func moveOn(t *atomic.Int64, to time.Time) {
	for was := t.Load(); was < to.UnixNano() && !t.CompareAndSwap(was, to.UnixNano()); was = t.Load() {
	}
}

func (all *connections) forget(c *connection) {
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.open, c)
	if all.empty != nil && len(all.open) == 0 {
		close(all.empty)
		all.empty = nil
	}
}

// closeTime is how long the orderly closing of all connections may take.
const closeTime = time.Second

// closeAll waits until all connections are closed and cuts those that take too long. The wait is
// needed because the driver closes a connection in the background after a statement was cancelled.
func (all *connections) closeAll() {
	all.mu.Lock()
	if len(all.open) == 0 {
		all.mu.Unlock()
		return
	}
	if all.empty == nil {
		all.empty = make(chan struct{})
	}
	empty := all.empty
	all.mu.Unlock()
	select {
	case <-empty:
		return
	case <-time.After(closeTime):
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	for c := range all.open {
		_ = c.Conn.Close()
	}
}

// connection is a network connection on which no read or write lasts longer than the ioTimeout of
// its pool, whatever deadlines the driver sets.
type connection struct {
	net.Conn
	all *connections

	mu          sync.Mutex
	read, write time.Time // the driver's deadlines; zero is none
	inUse       bool      // by the pool, so not while it opens, closes or cancels
	pinged      time.Time // since when it is pinged; zero if it is not
}

func (c *connection) Read(b []byte) (int, error) {
	began := time.Now()
	if err := c.limit(began, &c.read, c.Conn.SetReadDeadline); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	c.checkBroken(began, err)
	return n, err
}

func (c *connection) Write(b []byte) (int, error) {
	began := time.Now()
	if err := c.limit(began, &c.write, c.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	c.checkBroken(began, err)
	return n, err
}

// limit sets the earlier of the driver's deadline and the end of ioTimeout.
func (c *connection) limit(now time.Time, driver *time.Time, set func(time.Time) error) error {
	if c.all.ioTimeout == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	deadline := now.Add(c.patience())
	if !driver.IsZero() && driver.Before(deadline) {
		deadline = *driver
	}
	return set(deadline)
}

// patience returns how long a read or write may last at the moment. A pooler may let a ping wait for
// a session. The caller holds c.mu.
func (c *connection) patience() time.Duration {
	if c.pinged.IsZero() || c.all.isPooled {
		return c.all.ioTimeout
	}
	return min(c.all.ioTimeout, pingTime)
}

// checkBroken looks at what an error tells about the other connections. Silence may only mean that a
// statement takes long, and new connections would make a busy PostgreSQL slower still. So after a
// long silence, as after a reset, the others are pinged; they are replaced if a ping is not answered.
// A statement that its caller cancels early tells nothing, nor does a connection that is not in use.
func (c *connection) checkBroken(began time.Time, err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	isSilent, lasted := errors.Is(err, os.ErrDeadlineExceeded), time.Since(began)
	switch {
	case !c.inUse:
	case isSilent && !c.pinged.IsZero() && lasted >= c.patience():
		moveOn(&c.all.broke, c.pinged)
	case isSilent && lasted >= min(silenceTime, c.all.ioTimeout), !isSilent && c.read.IsZero():
		moveOn(&c.all.doubted, time.Now())
	}
}

// markInUse records that the pool now uses the connection, and since when it pings it.
func markInUse(conn net.Conn, pinged time.Time) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if c, ok := conn.(*connection); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inUse, c.pinged = true, pinged
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
