package feed

import (
	"context"
	"math/rand/v2"
	"time"
)

// Pauses between attempts to read a log that cannot be read.
const (
	shortestPause = 100 * time.Millisecond
	longestPause  = 2 * time.Second
)

// pause keeps apart the attempts of what failed: longer each time, and at random, so that
// many who were interrupted together do not come back together.
type pause struct {
	length time.Duration // zero: nothing failed
	until  time.Time
}

func (p *pause) grow() {
	p.length = min(max(2*p.length, shortestPause), longestPause)
	p.until = time.Now().Add(p.length/2 + rand.N(p.length))
}

// left is how much longer it takes.
func (p *pause) left() time.Duration {
	if p.length == 0 {
		return 0
	}
	return time.Until(p.until)
}

// sleep waits for the end of the pause. The error is the context's.
func (p *pause) sleep(ctx context.Context) error {
	timer := time.NewTimer(p.left())
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
