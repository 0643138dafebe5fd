package graph_test

import (
	"testing"

	"switchboard/graph/live"
)

// TestConnectionsOfOneAgent: ten at a time, of sockets and streams together.
func TestConnectionsOfOneAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var open []*socket
	for range 10 {
		open = append(open, w.connect(t, w.agent.token))
	}
	w.dial(t, w.agent.token).wantClose(live.CloseTooManyRequests)
	stream := w.events(t, "POST", w.agent.token, `{"query":"subscription { inboxCountsChanged { all } }"}`, "Accept", "text/event-stream")
	if stream.StatusCode != 429 || stream.Header.Get("Retry-After") == "" {
		t.Errorf("a stream is answered %s", stream.Status)
	}
	w.connect(t, w.colleague.token)
	for range 11 {
		w.connect(t, w.integration)
	}
	open[0].Close()
	for range 100 {
		if f, err := w.dial(t, w.agent.token).read(); err == nil && f.Type == "connection_ack" {
			return
		}
	}
	t.Error("a socket that is closed still counts")
}
