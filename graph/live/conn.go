package live

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

var (
	errNothingRead    = errors.New("nothing was received for too long")
	errNothingWritten = errors.New("the client accepts no bytes, or too few")
	errEndlessMessage = errors.New("a message has too many fragments")
)

// A conn is the network connection of a peer. It sets every deadline itself: how long nothing may
// be received, how long a write may make no progress, how slow it may be, and how long closing may
// take. Deadlines that callers set are ignored.
type conn struct {
	direct direct // writes without blocking; not used after the conn is closed
	net.Conn
	readTimeout, writeTimeout time.Duration
	batchTimeout              time.Duration // for batchBytes, or what is left of a write
	messageLimit              int64         // bytes that may be read before messageComplete is called

	unfinished int64 // bytes read since messageComplete; only the reader uses it

	mu      sync.Mutex
	closeBy time.Time // when everything must end; set once the connection is closing
}

// A hijacker makes gorilla's upgrader use a handshake as its connection.
type hijacker struct {
	http.ResponseWriter
	conn *handshake
}

// A handshake is a conn as gorilla sees it. Once the handshake is done gorilla only reads: its
// writes are dropped, so that they never fall between two frames of the peer.
type handshake struct {
	*conn
	done bool
}

func (h *handshake) Write(p []byte) (int, error) {
	if h.done {
		return len(p), nil
	}
	return h.conn.Write(p)
}

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	buffers, err := h.conn.hijack(h.ResponseWriter)
	return h.conn, buffers, err
}

// hijack takes over the connection of a request.
func (c *conn) hijack(w http.ResponseWriter) (*bufio.ReadWriter, error) {
	nc, buffers, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	// Clear the deadlines that the HTTP server has set.
	if err := nc.SetDeadline(time.Time{}); err != nil {
		_ = nc.Close()
		return nil, err
	}
	c.attach(nc)
	return buffers, nil
}

func (c *conn) attach(nc net.Conn) {
	c.Conn, c.direct = nc, newDirect(nc)
}

func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// Read fails with errNothingRead if no byte arrives for readTimeout. Zero means no limit.
func (c *conn) Read(p []byte) (int, error) {
	if c.unfinished > c.messageLimit {
		return 0, errEndlessMessage
	}
	ending, err := c.setDeadline(c.readTimeout, c.Conn.SetReadDeadline)
	if err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	c.unfinished += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) && !ending {
		err = errNothingRead
	}
	return n, err
}

// messageComplete is called after each whole message or control frame. A message in endless
// fragments therefore exceeds messageLimit.
func (c *conn) messageComplete() { c.unfinished = 0 }

// writeWaits is into how many waits writeTimeout is divided. Shorter waits notice sooner that the
// system's own buffer is full and the peer reads nothing.
const writeWaits = 8

// Write continues as long as the peer accepts a byte within writeTimeout and batchBytes within
// batchTimeout.
func (c *conn) Write(p []byte) (n int, err error) {
	batch, since := 0, time.Now()
	for idleWaits := 0; ; idleWaits++ {
		ending, err := c.setDeadline(c.writeTimeout/writeWaits, c.Conn.SetWriteDeadline)
		if err != nil {
			return n, err
		}
		written, err := c.Conn.Write(p[n:])
		if n += written; written > 0 {
			idleWaits = 0
		}
		if n-batch >= batchBytes {
			batch, since = n, time.Now()
		}
		switch {
		case err == nil && !ending:
			return n, c.clearWriteDeadline()
		case err == nil || ending || !errors.Is(err, os.ErrDeadlineExceeded):
			return n, err
		case idleWaits == writeWaits, time.Since(since) > c.batchTimeout:
			return n, errNothingWritten
		}
	}
}

// writeNow writes what the system accepts without blocking. It must not be called after
// discardAndClose.
func (c *conn) writeNow(p []byte) (n int, err error) { return c.direct.write(p) }

// clearWriteDeadline removes the deadline of one write, so that it does not apply to a later one.
func (c *conn) clearWriteDeadline() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closeBy.IsZero() {
		return nil
	}
	return c.Conn.SetWriteDeadline(time.Time{})
}

func (c *conn) setDeadline(wait time.Duration, set func(time.Time) error) (ending bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closeBy.IsZero() {
		return true, set(c.closeBy)
	}
	if wait == 0 {
		return false, set(time.Time{})
	}
	return false, set(time.Now().Add(wait))
}

// closeWithin bounds all reads and writes, including those in progress, to d from now.
func (c *conn) closeWithin(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closeBy.IsZero() {
		c.closeBy = time.Now().Add(d)
		_ = c.Conn.SetDeadline(c.closeBy)
	}
}

// closeWrite ends the outgoing stream, so that a peer that has read the close frame finds the end
// behind it, as RFC 6455 section 7.1.1 requires of servers.
func (c *conn) closeWrite() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// discardAndClose reads until the peer closes, then closes. Closing with unread bytes would send a
// reset, which can make the peer lose the close frame. The deadline set by closeWithin bounds the
// wait.
func (c *conn) discardAndClose() {
	_, _ = io.Copy(io.Discard, c.Conn)
	_ = c.Conn.Close()
}
