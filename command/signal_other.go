//go:build !unix

package command

import (
	"os"
	"syscall"
)

// stopSignals make a command end cleanly. On Windows, Go reports SIGTERM when the console is
// closed or the user logs off.
var stopSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}

// reloadSignals make a server read its files again; there are none here.
var reloadSignals []os.Signal

// levelSignal is nil: there is no such signal here.
var levelSignal os.Signal

// surviveBrokenPipes does nothing: writing to a broken pipe is an ordinary error here.
func surviveBrokenPipes() {}
