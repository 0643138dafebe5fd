//go:build unix && !plainconn

package live

import (
	"net"
	"os"
	"syscall"
)

// direct writes to a socket through its file descriptor. A net.Conn also synchronises with other
// writers and with Close on each write; without that a small write costs half as much.
type direct struct {
	file int // -1 if the connection has no descriptor of its own, as with TLS
}

func newDirect(nc net.Conn) direct {
	d := direct{file: -1}
	if c, ok := nc.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { d.file = int(fd) })
		}
	}
	return d
}

// write writes what the system accepts without blocking and returns the number of bytes. The
// descriptor must be open.
func (d direct) write(p []byte) (n int, err error) {
	for d.file >= 0 && n < len(p) {
		written, err := syscall.Write(d.file, p[n:])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return n, nil
		case err != nil:
			return n, os.NewSyscallError("write", err)
		default:
			n += written
		}
	}
	return n, nil
}
