package live

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// limitUnread makes the system end a connection whose peer confirms no byte for this long: one
// that is gone without a word, or whose window stays shut. What little a quiet connection sends
// fits into the system's buffer, so no write would ever find that out.
func limitUnread(conn net.Conn, most time.Duration) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(most.Milliseconds()))
		})
	}
}
