package command

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// writeTime is how long a client may take to accept writePart bytes of an answer. Without it,
	// clients that read nothing would keep answers in memory for ever.
	writeTime = 10 * time.Second
	writePart = 64 << 10

	// otherFiles is how many files, and connections that the server opens itself, must remain
	// possible beside the connections of clients.
	otherFiles = 100

	refusalReport = time.Minute // between two lines of the log about refused connections
)

// A listener accepts TCP connections up to a limit. Beyond it connections are closed at once, so
// that the server can always open files and connections to its database.
type listener struct {
	*net.TCPListener
	most      int64 // 0: no limit
	writeTime time.Duration
	log       *slog.Logger

	open     atomic.Int64
	refused  atomic.Int64 // since the last report
	reported atomic.Int64 // when, in Unix nanoseconds
}

// listen returns a listener for an address such as 127.0.0.1:8080.
func listen(address string, log *slog.Logger) (*listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &listener{TCPListener: l.(*net.TCPListener), most: connectionLimit(), writeTime: writeTime, log: log}, nil
}

// connectionLimit returns how many connections fit below the limit of open files; 0 if there is no
// such limit.
func connectionLimit() int64 {
	files := fileLimit()
	if files == 0 {
		return 0
	}
	return max(files-otherFiles, files/2)
}

// Accept returns the next connection within the limit.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptTCP()
		if err != nil {
			return nil, err
		}
		if open := l.open.Add(1); l.most == 0 || open <= l.most {
			return &pacedConn{TCPConn: conn, writeTime: l.writeTime, closed: sync.OnceFunc(func() { l.open.Add(-1) })}, nil
		}
		l.open.Add(-1)
		_ = conn.Close()
		l.report()
	}
}

// report logs refused connections, once a minute.
func (l *listener) report() {
	count, now, last := l.refused.Add(1), time.Now().UnixNano(), l.reported.Load()
	if now-last >= int64(refusalReport) && l.reported.CompareAndSwap(last, now) {
		l.refused.Add(-count)
		l.log.Warn("connections are refused: there are as many as the limit of open files allows; raise it (ulimit -n)", "refused", count, "open", l.most)
	}
}

// A pacedConn is a connection on which each part of an answer must be accepted within a time.
type pacedConn struct {
	*net.TCPConn
	writeTime time.Duration
	hijacked  atomic.Bool // its new owner sets its own deadlines
	closed    func()
}

func (c *pacedConn) Write(p []byte) (n int, err error) {
	if c.hijacked.Load() {
		return c.TCPConn.Write(p)
	}
	for {
		if err := c.SetWriteDeadline(time.Now().Add(c.writeTime)); err != nil {
			return n, err
		}
		written, err := c.TCPConn.Write(p[n:min(n+writePart, len(p))])
		if n += written; err != nil || n == len(p) {
			return n, err
		}
	}
}

// ReadFrom copies through Write. The method of a TCP connection would write without a deadline.
func (c *pacedConn) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

func (c *pacedConn) Close() error {
	c.closed()
	return c.TCPConn.Close()
}

// released is the ConnState hook that leaves the deadlines of a hijacked connection to its owner.
func released(conn net.Conn, state http.ConnState) {
	if c, ok := conn.(*pacedConn); ok && state == http.StateHijacked {
		c.hijacked.Store(true)
	}
}
