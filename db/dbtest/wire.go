package dbtest

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// wire is one connection of a line.
type wire struct {
	line      *Line
	near, far net.Conn
	closed    bool // by the server; guarded by the line's mu

	mu     sync.Mutex
	silent [directions]bool // whether bytes were dropped
	broken bool             // whether it was reset
	answer *Cut             // cut that affects the next answer, or nil

	once  sync.Once
	ended chan struct{}
}

// send forwards the writes of the server to PostgreSQL.
func (w *wire) send() {
	for b := make([]byte, 1<<20); ; {
		n, err := w.near.Read(b)
		if err != nil {
			w.closeFar()
			return
		}
		c := w.line.count()
		if c != nil && !c.answer {
			w.cause(c)
		}
		if !w.passes(sent) {
			continue
		}
		if c != nil && c.answer {
			w.setAnswerCut(c)
		}
		if _, err := w.far.Write(b[:n]); err != nil {
			w.end()
			return
		}
	}
}

// receive forwards the answers of PostgreSQL to the server.
func (w *wire) receive() {
	for b := make([]byte, 1<<20); ; {
		n, err := w.far.Read(b)
		if c := w.takeAnswerCut(); c != nil && n > 0 {
			w.cause(c)
		}
		passes := w.passes(received)
		if passes && n > 0 {
			_, _ = w.near.Write(b[:n])
		}
		if err != nil {
			if passes {
				w.end()
			}
			return
		}
	}
}

// passes waits while the line holds, and reports whether bytes get through.
func (w *wire) passes(d direction) bool {
	w.wait()
	for {
		modes, changed := w.line.state()
		switch modes[d] {
		case passing:
			return !w.isSilent(d)
		case dropping:
			w.lose(d)
			return false
		}
		select {
		case <-changed:
		case <-w.ended:
			return false
		}
	}
}

// wait waits for as long as the line delays bytes.
func (w *wire) wait() {
	w.line.mu.Lock()
	delay := w.line.delay
	w.line.mu.Unlock()
	if delay == 0 {
		return
	}
	select {
	case <-time.After(delay):
	case <-w.ended:
	}
}

// cause makes a fault happen on the connection.
func (w *wire) cause(c *Cut) {
	close(c.done)
	switch c.fault {
	case ResetIt:
		w.reset()
	case SilenceIt:
		w.lose(sent)
		w.lose(received)
	case HoldIt:
		select {
		case <-c.released:
		case <-w.ended:
		}
	}
}

// lose makes one direction of the connection silent for ever.
func (w *wire) lose(d direction) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent[d] = true
}

func (w *wire) isSilent(d direction) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.silent[d]
}

// setAnswerCut makes the cut happen at the next answer.
func (w *wire) setAnswerCut(c *Cut) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = c
}

// takeAnswerCut returns the cut that is due at this answer, or nil, and removes it.
func (w *wire) takeAnswerCut() (c *Cut) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, w.answer = w.answer, nil
	return c
}

func (w *wire) reset() {
	w.mu.Lock()
	w.broken = true
	w.mu.Unlock()
	for _, c := range []net.Conn{w.near, w.far} {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	w.end()
}

// closeFar closes the connection to PostgreSQL after the server has closed its end. If the line
// drops bytes, PostgreSQL does not notice and keeps waiting.
func (w *wire) closeFar() {
	w.line.mu.Lock()
	w.closed = true
	w.line.mu.Unlock()
	if w.passes(sent) {
		w.end()
	}
}

func (w *wire) end() {
	w.once.Do(func() {
		close(w.ended)
		_ = w.near.Close()
		_ = w.far.Close()
	})
	w.line.mu.Lock()
	defer w.line.mu.Unlock()
	delete(w.line.wires, w)
}

// end is the server's end of a wire.
type end struct {
	net.Conn
	wire *wire
}

func (e *end) Read(b []byte) (int, error) {
	n, err := e.Conn.Read(b)
	return n, e.networkError(err)
}

func (e *end) Write(b []byte) (int, error) {
	n, err := e.Conn.Write(b)
	return n, e.networkError(err)
}

// SetDeadline sets both deadlines. Unlike that of a pipe it does not notice that the other side has
// closed the connection.
func (e *end) SetDeadline(t time.Time) error { return e.unnoticed(e.Conn.SetDeadline(t)) }

// SetReadDeadline is SetDeadline for reads.
func (e *end) SetReadDeadline(t time.Time) error { return e.unnoticed(e.Conn.SetReadDeadline(t)) }

// SetWriteDeadline is SetDeadline for writes.
func (e *end) SetWriteDeadline(t time.Time) error { return e.unnoticed(e.Conn.SetWriteDeadline(t)) }

func (e *end) unnoticed(err error) error {
	if errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

// networkError replaces the error of a connection that was reset or closed with the error of a real
// network.
func (e *end) networkError(err error) error {
	e.wire.mu.Lock()
	defer e.wire.mu.Unlock()
	switch {
	case e.wire.broken && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe)):
		return &net.OpError{Op: "read", Net: "line", Err: syscall.ECONNRESET}
	case errors.Is(err, io.ErrClosedPipe): // the other side has closed it
		return &net.OpError{Op: "write", Net: "line", Err: syscall.EPIPE}
	}
	return err
}

// RemoteAddr returns the address of PostgreSQL, which the driver dials to cancel a statement.
func (e *end) RemoteAddr() net.Addr { return e.wire.far.RemoteAddr() }

// LocalAddr returns the address of the connection to PostgreSQL.
func (e *end) LocalAddr() net.Addr { return e.wire.far.LocalAddr() }
