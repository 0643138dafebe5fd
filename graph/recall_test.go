package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"switchboard/auth"
	"switchboard/db"
	"switchboard/graph"
	"switchboard/service"
)

// outdated is an authenticator that remembers callers for ever.
type outdated struct {
	*auth.Authenticator
	service.Actor
}

func (o outdated) Recall(context.Context, service.Credential) (service.Actor, bool, error) {
	return o.Actor, false, nil
}

// TestP7QueriesOnly: a caller who is known from before may query, but each mutation and each stream
// asks the database for the caller's rights (P7).
func TestP7QueriesOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	known := outdated{w.auth, w.agent.Actor}
	serve := func() *server {
		handler := graph.NewHandler(graph.Options{Service: w.service, Auth: known, Log: quietLog})
		s := &server{http: httptest.NewServer(handler)}
		t.Cleanup(func() {
			_ = handler.Drain(context.Background())
			s.http.Close()
		})
		return s
	}
	const rename = `mutation { updateWorkspace(input: {name: "Other"}) { userErrors { code } } }`
	role := db.RoleManager
	_, err := w.service.UpdateAgent(t.Context(), w.manager.Actor, service.UpdateAgentInput{AgentID: w.agent.id, Role: &role})
	must(t, err)
	if a := serve().post(t, w.agent.token, rename, nil); a.status != http.StatusOK || a.errors() != nil {
		t.Errorf("a mutation by a new manager: %d %s", a.status, a.body)
	}
	_, err = w.service.DeactivateAgent(t.Context(), w.manager.Actor, service.DeactivateAgentInput{AgentID: w.agent.id})
	must(t, err)
	for name, c := range map[string]struct {
		document, accept string
		status           int
	}{
		"a query":                {`{ asOf }`, "*/*", http.StatusOK},
		"a mutation":             {rename, "*/*", http.StatusUnauthorized},
		"a stream":               {`subscription { inboxCountsChanged { all } }`, "text/event-stream", http.StatusUnauthorized},
		"a mutation in a stream": {rename, "text/event-stream", http.StatusUnauthorized},
	} {
		s := serve() // one that has not refused the token yet, since it would refuse it again unasked
		body, err := json.Marshal(map[string]string{"query": c.document})
		must(t, err)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.http.URL, bytes.NewReader(body))
		must(t, err)
		r.Header = http.Header{"Authorization": {"Bearer " + w.agent.token}, "Content-Type": {"application/json"}, "Accept": {c.accept}}
		a := s.do(t, r)
		if a.status != c.status || c.status == http.StatusUnauthorized && a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}
