package dbtest

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

// Line is a controllable network between a client and a server, such as a server under test and
// PostgreSQL. It passes bytes, delays them, holds them, drops them silently or resets connections,
// from now on or at the nth write. A client in this process connects through its Dial, which is set
// in db.Options; another process connects to the address that Listen returns.
//
// A write is the bytes of one call of Write: one or more statements, or a message of the driver
// that belongs to connecting.
type Line struct {
	mu      sync.Mutex
	modes   [directions]mode
	delay   time.Duration
	target  target        // of connections that Listen accepts
	changed chan struct{} // closed when a mode changes
	wires   map[*wire]bool
	writes  int
	cut     *Cut
	closed  bool
}

// target is what a line leads to.
type target struct{ network, address string }

// direction is one of the two directions of a line.
type direction int

const (
	sent     direction = iota // to PostgreSQL
	received                  // from PostgreSQL
	directions
)

type mode int

const (
	passing mode = iota
	holding
	dropping
)

// NewLine returns a line that passes everything. It is closed when the test ends.
func NewLine(tb testing.TB) *Line {
	l := &Line{changed: make(chan struct{}), wires: map[*wire]bool{}}
	tb.Cleanup(l.close)
	return l
}

// Pass passes bytes again, beginning with those that were held. A connection that has lost bytes
// stays silent, because the protocol cannot continue after a gap.
func (l *Line) Pass() { l.set(passing, sent, received) }

// Hold holds the bytes of all connections, including new ones, until Pass.
func (l *Line) Hold() { l.set(holding, sent, received) }

// Drop drops all bytes from now on, also those of new connections. Neither side notices, not even
// when the other one closes the connection.
func (l *Line) Drop() { l.set(dropping, sent, received) }

// DropSent drops the bytes from the client to the server and passes those from the server.
func (l *Line) DropSent() { l.set(dropping, sent) }

// DropReceived drops the bytes from the server to the client and passes those from the client.
func (l *Line) DropReceived() { l.set(dropping, received) }

// Delay delays all bytes in both directions by d, until it is called again.
func (l *Line) Delay(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = d
}

// Silence makes the existing connections silent for ever, as if the other machine had disappeared
// from the network. New ones pass.
func (l *Line) Silence() {
	for _, w := range l.open() {
		w.lose(sent)
		w.lose(received)
	}
}

// Reset resets the existing connections. New ones pass.
func (l *Line) Reset() {
	for _, w := range l.open() {
		w.reset()
	}
}

// Connections returns how many connections the server has open.
func (l *Line) Connections() int { return len(l.open()) }

// Writes returns the number of writes since its last call or since CutAt.
func (l *Line) Writes() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, l.writes = l.writes, 0
	return n
}

// Fault is the effect of a cut on its connection.
type Fault int

// The faults of a cut.
const (
	ResetIt   Fault = iota // the connection is reset
	SilenceIt              // the connection is silent for ever
	HoldIt                 // the connection's bytes are held until Release
)

// Cut is a fault at one write.
type Cut struct {
	fault    Fault
	write    int
	answer   bool
	once     sync.Once
	done     chan struct{} // closed when the fault has happened
	released chan struct{}
}

// CutAt causes a fault at the nth write from now on, counted from 1 over all connections. It
// replaces an earlier cut. If answer is false PostgreSQL does not receive the write; if it is true
// PostgreSQL executes it, and the fault affects its answer.
func (l *Line) CutAt(n int, fault Fault, answer bool) *Cut {
	c := &Cut{fault: fault, write: n, answer: answer, done: make(chan struct{}), released: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes, l.cut = 0, c
	return c
}

// Done returns a channel that is closed when the fault has happened.
func (c *Cut) Done() <-chan struct{} { return c.done }

// Release passes the bytes that HoldIt holds.
func (c *Cut) Release() { c.once.Do(func() { close(c.released) }) }

// Dial connects to PostgreSQL through the line.
func (l *Line) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if err := l.reachable(ctx); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	far, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	outer, near := net.Pipe()
	w := l.connect(near, far)
	if w == nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.ErrClosed}
	}
	return &end{Conn: outer, wire: w}, nil
}

// connect connects two ends. It returns nil if the line is closed.
func (l *Line) connect(near, far net.Conn) *wire {
	w := &wire{line: l, near: near, far: far, ended: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = near.Close()
		_ = far.Close()
		return nil
	}
	l.wires[w] = true
	go w.send()
	go w.receive()
	return w
}

// Listen returns an address at which other processes connect through the line to a server. The
// line listens until the test ends.
func (l *Line) Listen(tb testing.TB, network, address string) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	tb.Cleanup(func() { stop(); _ = listener.Close() })
	l.Forward(network, address)
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(ctx, near)
		}
	}()
	return listener.Addr().String()
}

// Forward leads the connections that are accepted from now on to another server.
func (l *Line) Forward(network, address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = target{network, address}
}

// carry connects an accepted connection, as soon as the line passes bytes.
func (l *Line) carry(ctx context.Context, near net.Conn) {
	if l.reachable(ctx) != nil {
		_ = near.Close()
		return
	}
	l.mu.Lock()
	to := l.target
	l.mu.Unlock()
	far, err := (&net.Dialer{}).DialContext(ctx, to.network, to.address)
	if err != nil {
		_ = near.Close()
		return
	}
	l.connect(near, far)
}

// reachable waits until the line passes bytes.
func (l *Line) reachable(ctx context.Context) error {
	for {
		modes, changed := l.state()
		if modes == [directions]mode{} {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// state returns the modes and a channel that is closed when one changes.
func (l *Line) state() ([directions]mode, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.modes, l.changed
}

func (l *Line) set(m mode, of ...direction) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range of {
		l.modes[d] = m
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// open returns the connections that the server has not closed.
func (l *Line) open() (wires []*wire) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for w := range l.wires {
		if !w.closed {
			wires = append(wires, w)
		}
	}
	return wires
}

// count counts a write and returns the cut that is due at it, or nil.
func (l *Line) count() *Cut {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes++
	c := l.cut
	if c == nil || l.writes != c.write {
		return nil
	}
	l.cut = nil
	return c
}

func (l *Line) close() {
	l.mu.Lock()
	l.closed = true
	all := l.wires
	l.wires = nil
	l.mu.Unlock()
	for w := range all {
		w.end()
	}
}
