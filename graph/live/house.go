package live

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// A house has the connections of a transport, so that they can be sent away.
type house struct {
	mu      sync.Mutex
	live    map[*peer]struct{}
	drained chan struct{} // not nil while draining; closed when the last one has left
}

// join is false once the house is drained.
func (h *house) join(p *peer) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.drained != nil {
		return false
	}
	if h.live == nil {
		h.live = map[*peer]struct{}{}
	}
	h.live[p] = struct{}{}
	return true
}

func (h *house) leave(p *peer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.live, p)
	if h.drained != nil && len(h.live) == 0 {
		close(h.drained)
	}
}

// evict closes the connections that there are. Others may still join.
func (h *house) evict(why *CloseError) {
	h.mu.Lock()
	peers := slices.Collect(maps.Keys(h.live))
	h.mu.Unlock()
	for _, p := range peers {
		p.close(why)
	}
}

// drain closes all connections, spread over a time at most, and waits until they have left or ctx ends.
func (h *house) drain(ctx context.Context, over time.Duration) error {
	h.mu.Lock()
	if h.drained == nil {
		h.drained = make(chan struct{})
		if len(h.live) == 0 {
			close(h.drained)
		}
	}
	peers := slices.Collect(maps.Keys(h.live))
	h.mu.Unlock()
	go restart(ctx, peers, over)
	select {
	case <-h.drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// restart closes connections one after another, so that not all clients come back in the same moment.
func restart(ctx context.Context, peers []*peer, over time.Duration) {
	pause := min(over/time.Duration(max(len(peers), 1)), time.Millisecond)
	for _, p := range peers {
		p.close(closef(CloseRestart, "Service restart"))
		select {
		case <-time.After(pause):
		case <-ctx.Done(): // no time is left to be gentle
			pause = 0
		}
	}
}
