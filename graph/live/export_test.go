package live

// Members returns how many subscriptions are served by the hub's shared executions.
func (h *Hub) Members() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.groups {
		g.mu.Lock()
		n += len(g.members)
		g.mu.Unlock()
	}
	return n
}
