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

// strangers counts those of whom it is not known who they are, by address.
type strangers struct {
	mu    sync.Mutex
	count map[string]int
}

// arrive is false if there are too many from the address of a request already.
func (s *strangers) arrive(address string, limit int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count[address] >= limit {
		return false
	}
	if s.count == nil {
		s.count = map[string]int{}
	}
	s.count[address]++
	return true
}

func (s *strangers) leave(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count[address]--; s.count[address] == 0 {
		delete(s.count, address)
	}
}

// addressOf is where a request comes from, without the port.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
