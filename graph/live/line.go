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
	errSilent = errors.New("nothing was received for too long")
	errStuck  = errors.New("the peer takes no bytes")
	errFlood  = errors.New("a message in too many frames")
)

// A line is the connection under a peer. It owns every deadline: how long the peer may be silent (zero: for ever),
// how long it may take nothing of what is written, and how long closing may last. Deadlines set by others are ignored.
type line struct {
	direct direct // writes without waiting, until the line is hung up
	net.Conn
	silence, patience time.Duration
	most              int64 // bytes that may come in before heard is called

	unheard int64 // bytes since heard was called; the reader's own

	mu  sync.Mutex
	end time.Time // once the peer is closing: when it is given up
}

// hijack takes the connection of a request over, for the upgrader.
type hijack struct {
	http.ResponseWriter
	line *handshake
}

// A handshake is the line as gorilla sees it, which after the handshake only reads: what is written then is written
// by the peer, never in between.
type handshake struct {
	*line
	over bool
}

func (h *handshake) Write(p []byte) (int, error) {
	if h.over {
		return len(p), nil
	}
	return h.line.Write(p)
}

func (h hijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	buffers, err := h.line.take(h.ResponseWriter)
	return h.line, buffers, err
}

// take takes the connection of a request over.
func (l *line) take(w http.ResponseWriter) (*bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	// The HTTP server's own deadlines end here.
	if err := conn.SetDeadline(time.Time{}); err != nil {
		_ = conn.Close()
		return nil, err
	}
	l.carry(conn)
	return buffers, nil
}

// carry says what the line consists of.
func (l *line) carry(conn net.Conn) {
	l.Conn, l.direct = conn, newDirect(conn)
}

func (l *line) SetDeadline(time.Time) error      { return nil }
func (l *line) SetReadDeadline(time.Time) error  { return nil }
func (l *line) SetWriteDeadline(time.Time) error { return nil }

// Read waits at most silence for the next byte.
func (l *line) Read(p []byte) (int, error) {
	if l.unheard > l.most {
		return 0, errFlood
	}
	ending, err := l.until(l.silence, l.Conn.SetReadDeadline)
	if err != nil {
		return 0, err
	}
	n, err := l.Conn.Read(p)
	l.unheard += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) && !ending {
		err = errSilent
	}
	return n, err
}

// heard is called when a whole message or control frame has come in. Endless fragments never get there.
func (l *line) heard() { l.unheard = 0 }

// looks is how often within patience it is looked whether the peer takes anything: what the system's own buffer takes
// in the beginning must not count for longer.
const looks = 8

// Write goes on as long as the peer takes at least a byte within patience, however slowly.
func (l *line) Write(p []byte) (n int, err error) {
	for idle := 0; ; idle++ {
		ending, err := l.until(l.patience/looks, l.Conn.SetWriteDeadline)
		if err != nil {
			return n, err
		}
		took, err := l.Conn.Write(p[n:])
		if n += took; took > 0 {
			idle = 0
		}
		switch {
		case err == nil && !ending:
			return n, l.relax()
		case err == nil || ending || !errors.Is(err, os.ErrDeadlineExceeded):
			return n, err
		case idle == looks:
			return n, errStuck
		}
	}
}

// try writes what the peer takes at once, without waiting. Nobody may try any more when the line is hung up.
func (l *line) try(p []byte) (n int, err error) { return l.direct.write(p) }

// relax takes a deadline away that was for one write, for tries know of none.
func (l *line) relax() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.end.IsZero() {
		return nil
	}
	return l.Conn.SetWriteDeadline(time.Time{})
}

func (l *line) until(wait time.Duration, set func(time.Time) error) (ending bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.end.IsZero() {
		return true, set(l.end)
	}
	if wait == 0 {
		return false, set(time.Time{})
	}
	return false, set(time.Now().Add(wait))
}

// hurry gives reads and writes, those under way included, no more than d from now on.
func (l *line) hurry(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end.IsZero() {
		l.end = time.Now().Add(d)
		_ = l.Conn.SetDeadline(l.end)
	}
}

// finish says that nothing more will be written. A peer that has read the close frame finds the end of the
// stream behind it, as RFC 6455 section 7.1.1 wants it from servers.
func (l *line) finish() {
	if half, ok := l.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// hangUp ends the connection without losing the close frame: closing while bytes of the peer are still unread
// would send a reset, which makes its side forget what it has not yet read. hurry bounds the wait.
func (l *line) hangUp() {
	_, _ = io.Copy(io.Discard, l.Conn)
	_ = l.Conn.Close()
}
