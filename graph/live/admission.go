package live

import (
	"context"
	"net"
	"net/http"
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

// unauthenticated counts, by address, the connections whose caller is not known yet.
type unauthenticated struct {
	mu    sync.Mutex
	count map[string]int
}

// add counts one more connection from the address of r until the returned function is called. It
// returns nil if that address has reached the limit.
func (s *unauthenticated) add(r *http.Request, limit int) (remove func()) {
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count[address] >= limit {
		return nil
	}
	if s.count == nil {
		s.count = map[string]int{}
	}
	s.count[address]++
	return sync.OnceFunc(func() { s.remove(address) })
}

func (s *unauthenticated) remove(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count[address]--; s.count[address] == 0 {
		delete(s.count, address)
	}
}
