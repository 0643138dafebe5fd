package live

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// connections is the set of open connections of one transport, so that all of them can be closed.
type connections struct {
	mu      sync.Mutex
	open    map[*peer]struct{}
	drained chan struct{} // not nil while draining; closed when the set is empty
}

// add returns false once drain was called.
func (h *connections) add(p *peer) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.drained != nil {
		return false
	}
	if h.open == nil {
		h.open = map[*peer]struct{}{}
	}
	h.open[p] = struct{}{}
	return true
}

func (h *connections) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.open)
}

func (h *connections) remove(p *peer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.open, p)
	if h.drained != nil && len(h.open) == 0 {
		close(h.drained)
	}
}

// evict closes the connections that are open now. New ones can still be added.
func (h *connections) evict(why *CloseError) {
	h.mu.Lock()
	peers := slices.Collect(maps.Keys(h.open))
	h.mu.Unlock()
	for _, p := range peers {
		p.close(why)
	}
}

// drain closes all connections, spread over the given time, and waits until they are
// removed or ctx ends.
func (h *connections) drain(ctx context.Context, over time.Duration) error {
	h.mu.Lock()
	if h.drained == nil {
		h.drained = make(chan struct{})
		if len(h.open) == 0 {
			close(h.drained)
		}
	}
	peers := slices.Collect(maps.Keys(h.open))
	h.mu.Unlock()
	go closeGradually(ctx, peers, over)
	select {
	case <-h.drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// closeGradually closes one connection after another, so that clients do not all reconnect in the
// same moment.
func closeGradually(ctx context.Context, peers []*peer, over time.Duration) {
	pause := over / time.Duration(max(len(peers), 1))
	if over == 0 {
		pause = min(5*time.Second/time.Duration(max(len(peers), 1)), time.Millisecond)
	}
	for _, p := range peers {
		p.close(closef(CloseRestart, "Service restart"))
		select {
		case <-time.After(pause):
		case <-ctx.Done(): // no time is left to spread them
			pause = 0
		}
	}
}
