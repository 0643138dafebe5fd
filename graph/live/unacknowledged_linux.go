package live

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// limitUnacknowledged makes the system close a connection whose peer acknowledges no byte for the
// given time, because it vanished or does not read. The few bytes that a quiet connection sends fit
// into the system's buffer, so no write would fail.
func limitUnacknowledged(nc net.Conn, timeout time.Duration) {
	c, ok := nc.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout.Milliseconds()))
		})
	}
}
