//go:build unix

package command

import (
	"os"
	"os/signal"
	"syscall"
)

// stopSignals make a command end cleanly.
var stopSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM}

// reloadSignals make a server read its files again.
var reloadSignals = []os.Signal{syscall.SIGHUP}

// levelSignal changes the level of the log to debug and back.
var levelSignal os.Signal = syscall.SIGUSR1

// surviveBrokenPipes keeps the process alive when the reader of its log has ended, such as tee
// after Ctrl-C, so that it can still shut down cleanly.
func surviveBrokenPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
