package live

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// A gate lets a bounded number through at a time; the others wait for their turn. Its zero value is ready for use.
type gate struct {
	once   sync.Once
	places chan struct{}
}

// admitted is how many connections find out who is calling, or begin a subscription, at a time. When all clients come
// back at once this keeps them from taking the database away from each other and from everybody else.
const admitted = 32

// enter waits for a place. False: the context has ended.
func (g *gate) enter(ctx context.Context) bool {
	g.once.Do(func() { g.places = make(chan struct{}, admitted) })
	select {
	case g.places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g *gate) leave() { <-g.places }

// strangers counts the connections of which it is not known yet who is calling, by address.
type strangers struct {
	mu    sync.Mutex
	count map[string]int
}

// arrive counts one more from the address of a request until leave is called; nil if there are too many already.
func (s *strangers) arrive(r *http.Request, most int) (leave func()) {
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count[address] >= most {
		return nil
	}
	if s.count == nil {
		s.count = map[string]int{}
	}
	s.count[address]++
	return sync.OnceFunc(func() { s.leave(address) })
}

func (s *strangers) leave(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count[address]--; s.count[address] == 0 {
		delete(s.count, address)
	}
}
