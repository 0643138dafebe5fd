package command

import (
	"fmt"
	"time"
)

// clockOff is how far the clock of this program is off, such as "1h". The linker sets it for the
// tests in faults; otherwise it is empty.
var clockOff string

// clock returns the clock of the services.
func clock() (func() time.Time, error) {
	if clockOff == "" {
		return time.Now, nil
	}
	off, err := time.ParseDuration(clockOff)
	if err != nil {
		return nil, fmt.Errorf("the program was linked with the clock off by %q: %w", clockOff, err)
	}
	return func() time.Time { return time.Now().Add(off) }, nil
}
