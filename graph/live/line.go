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

// A line is the connection under a socket. It owns every deadline: how long the peer may be silent, how long
// it may take nothing of what is written, and how long closing may last. Deadlines set by others are ignored.
type line struct {
	net.Conn
	silence, patience time.Duration
	most              int64 // bytes that may come in before heard is called

	unheard int64 // bytes since heard was called; the reader's own

	mu  sync.Mutex
	end time.Time // once the socket is closing: when it is given up
}

// hijack takes the connection of a request over, for the upgrader.
type hijack struct {
	http.ResponseWriter
	line *line
}

func (h hijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	// The HTTP server's own deadlines end here.
	if err := conn.SetDeadline(time.Time{}); err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	h.line.Conn = conn
	return h.line, buffers, nil
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

// Write goes on as long as the peer takes at least a byte within patience, however slowly.
func (l *line) Write(p []byte) (n int, err error) {
	for {
		ending, err := l.until(l.patience, l.Conn.SetWriteDeadline)
		if err != nil {
			return n, err
		}
		took, err := l.Conn.Write(p[n:])
		n += took
		switch {
		case err == nil || ending || !errors.Is(err, os.ErrDeadlineExceeded):
			return n, err
		case took == 0:
			return n, errStuck
		}
	}
}

func (l *line) until(wait time.Duration, set func(time.Time) error) (ending bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.end.IsZero() {
		return true, set(l.end)
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
