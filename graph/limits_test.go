package graph_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"switchboard/graph"
	"switchboard/graph/live"
)

// TestSocketsOfOneAgent: 20 at a time; one more is told to try again, and gets in once another
// leaves.
func TestSocketsOfOneAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var open []*socket
	for range 20 {
		open = append(open, w.connect(t, w.agent.token))
	}
	w.dial(t, w.agent.token).wantNoMore(live.CloseTryAgain)
	w.connect(t, w.colleague.token)
	if s := w.listen(t, w.agent.token); s.StatusCode != http.StatusOK {
		t.Errorf("sockets take the place of streams: %s", s.Status)
	}
	for range 21 {
		w.connect(t, w.integration)
	}
	open[0].Close()
	for until := time.Now().Add(patience); time.Now().Before(until); {
		if f, err := w.dial(t, w.agent.token).read(); err == nil && f.Type == "connection_ack" {
			return
		}
	}
	t.Error("a socket that is closed still counts")
}

func (s *server) listen(t *testing.T, token string) *http.Response {
	t.Helper()
	return s.events(t, "POST", token, `{"query":"subscription { inboxCountsChanged { all } }"}`, "Accept", "text/event-stream")
}

// TestStreamsOfOneAgent: 20 at a time; one more takes the place of the oldest that began more than
// 60 s ago.
func TestStreamsOfOneAgent(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	w := newWorld(t, func(o *options) {
		o.clock = func() time.Time { return time.Unix(ahead.Load(), 0) }
	})
	streams := []*http.Response{w.listen(t, w.agent.token)}
	ahead.Store(1)
	for range 19 {
		streams = append(streams, w.listen(t, w.agent.token))
	}
	ahead.Store(60)
	for _, refused := range []*http.Response{w.listen(t, w.agent.token), w.events(t, "PUT", w.agent.token, "")} {
		body, err := readAll(refused)
		if refused.StatusCode != http.StatusTooManyRequests || refused.Header.Get("Retry-After") != "60" || !strings.Contains(string(body), "RATE_LIMITED") {
			t.Errorf("a 21st stream is answered %s, Retry-After %q, %s, %v", refused.Status, refused.Header.Get("Retry-After"), body, err)
		}
	}
	w.connect(t, w.agent.token)
	ahead.Store(61)
	newest := w.listen(t, w.agent.token)
	if newest.StatusCode != http.StatusOK {
		t.Fatalf("a 21st stream is answered %s though the oldest began 61 s ago", newest.Status)
	}
	rest, err := readAll(streams[0])
	if err != nil || strings.Contains(string(rest), "event: complete") {
		t.Errorf("the oldest ends with %q, %v: its client would not come back", rest, err)
	}
	if another := w.listen(t, w.agent.token); another.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a stream of 60 s had to go: %s", another.Status)
	}
	ended := make(chan struct{}, len(streams))
	for _, s := range append(streams[1:], newest) {
		go func() { _, _ = io.Copy(io.Discard, s.Body); ended <- struct{}{} }()
	}
	w.connect(t, w.agent.token) // time for a stream that should not end
	if len(ended) > 0 {
		t.Error("more than the oldest had to go")
	}
}

// readAll reads an answer that should end. One that goes on is cut, which is an error.
func readAll(r *http.Response) ([]byte, error) {
	cut := time.AfterFunc(patience, func() { r.Body.Close() })
	defer cut.Stop()
	return io.ReadAll(r.Body)
}

// TestTimeOfOperations: queries and mutations end after a time, the deactivation of an agent after
// a longer one.
func TestTimeOfOperations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := &reference{world: w}
	for doc, ends := range map[string]struct{ after, within time.Duration }{
		`{ viewer { id } }`: {0, 10 * time.Second},
		`mutation { setAvailability(input: {availability: AWAY}) { userErrors { code } } }`:                       {0, 10 * time.Second},
		fmt.Sprintf(`mutation { deactivateAgent(input: {agentId: %q}) { userErrors { code } } }`, w.colleague.id): {10 * time.Second, 30 * time.Second},
	} {
		seen := false
		exec := graph.NewExecutor(graph.Options{Service: w.service, Auth: w.auth, Log: quietLog}, func(ctx context.Context, next graphql.Resolver) (any, error) {
			seen = true
			end, isLimited := ctx.Deadline()
			if left := time.Until(end); !isLimited || left < ends.after || left > ends.within {
				t.Errorf("%s: it has a limit: %t, and ends in %v", doc, isLimited, left)
			}
			return next(ctx)
		})
		if answer := r.execute(t, exec, w.manager.Actor, doc, nil); len(answer.Errors) > 0 || !seen {
			t.Errorf("%s: %v", doc, answer.Errors)
		}
	}
}
