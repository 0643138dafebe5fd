package feed

import (
	"context"
	"math/rand/v2"
	"time"
)

// Limits of the pause between attempts to read a log.
const (
	shortestPause = 100 * time.Millisecond
	longestPause  = 2 * time.Second
)

// A pause spreads repeated attempts: it grows with each failure, and is random, so that many
// readers that failed together do not retry together.
type pause struct {
	length time.Duration // zero if the last attempt succeeded
	until  time.Time
}

func (p *pause) grow() {
	p.length = min(max(2*p.length, shortestPause), longestPause)
	p.until = time.Now().Add(p.length/2 + rand.N(p.length))
}

// remaining returns the rest of the pause.
func (p *pause) remaining() time.Duration {
	if p.length == 0 {
		return 0
	}
	return time.Until(p.until)
}

// sleep waits until the pause is over. Its only error is that of ctx.
func (p *pause) sleep(ctx context.Context) error {
	timer := time.NewTimer(p.remaining())
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
