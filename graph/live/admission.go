package live

import (
	"context"
	"sync"
)

// An admission lets a bounded number of callers proceed at the same time; the others wait. Its zero
// value is ready for use.
type admission struct {
	once  sync.Once
	slots chan struct{}
}

// admissionLimit is how many connections may authenticate or begin a subscription at the same time.
// It bounds the load on the database when all clients reconnect at once.
const admissionLimit = 32

// acquire waits for a free slot. It returns false if ctx ended first.
func (g *admission) acquire(ctx context.Context) bool {
	g.once.Do(func() { g.slots = make(chan struct{}, admissionLimit) })
	select {
	case g.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g *admission) release() { <-g.slots }
