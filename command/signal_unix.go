//go:build unix

package command

import (
	"os"
	"os/signal"
	"syscall"
)

// stopSignals end a command in order.
var stopSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM}

// surviveBrokenPipes keeps the process alive when the reader of its log has ended, such as tee after Ctrl-C.
func surviveBrokenPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
