//go:build unix && !plainconn

package live

import (
	"net"
	"os"
	"syscall"
)

// direct writes to a socket through its file descriptor. A net.Conn does work on each write for goroutines that wait
// and for those that close it meanwhile; without that work a small write costs half as much.
type direct struct {
	file int // -1: the connection has no descriptor of its own, as with TLS
}

func newDirect(conn net.Conn) direct {
	d := direct{file: -1}
	if c, ok := conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { d.file = int(fd) })
		}
	}
	return d
}

// write writes what the system accepts without blocking and returns how much that was. The descriptor must be open.
func (d direct) write(p []byte) (n int, err error) {
	for d.file >= 0 && n < len(p) {
		took, err := syscall.Write(d.file, p[n:])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return n, nil
		case err != nil:
			return n, os.NewSyscallError("write", err)
		default:
			n += took
		}
	}
	return n, nil
}
