//go:build !linux

package live

import (
	"net"
	"time"
)

// limitUnacknowledged does nothing on systems without such a limit.
func limitUnacknowledged(net.Conn, time.Duration) {}
