package graph_test

import (
	"strings"
	"testing"
	"time"

	"switchboard/db"
)

// recordAccess adds a record to the access log: of an agent's API token, or, if the outcome is that
// of a sign-in, of somebody at an identity provider.
func (w *world) recordAccess(outcome db.AccessOutcome, later time.Duration) {
	w.t.Helper()
	tokens, err := w.auth.List(w.t.Context(), w.key)
	must(w.t, err)
	at := time.Now().Add(later)
	r := &db.AccessRecord{Outcome: outcome, Address: new("198.51.100.7"), Count: 1, FirstAt: at, LastAt: at.Add(time.Minute)}
	switch outcome {
	case db.AccessSignedIn:
		r.AgentID, r.Issuer = &w.agent.id, new("https://people.example")
	case db.AccessUnlinked:
		r.Issuer = new("https://people.example")
	default:
		r.TokenID = &tokens[0].ID
	}
	must(w.t, w.db.ForWorkspace(w.key).RecordAccess(w.t.Context(), []*db.AccessRecord{r}))
}

// logAccess makes the access log have the sign-ins of the manager and of the agent. Those of later
// requests with the same tokens are not recorded again.
func (w *world) logAccess() {
	w.t.Helper()
	for _, token := range []string{w.manager.token, w.agent.token} {
		w.query(token, `{ asOf }`, nil)
	}
	w.auth.FlushAccess(w.t.Context())
}

// TestForbiddenIsLogged: what a caller's role forbids is in the access log of its own workspace, and
// in no other, whichever way it was asked for.
func TestForbiddenIsLogged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	theirs := w.apart(t)
	w.post(t, w.reader, `mutation { createContact(input: {name: "Ada"}) { userErrors { code } } }`, nil).wantCode("FORBIDDEN")
	w.post(t, w.reader, `{ accessLog { nodes { outcome } } }`, nil).wantCode("FORBIDDEN")
	s := w.connect(t, w.reader)
	s.subscribe("1", `subscription { unreadChanged { conversationId } }`, nil)
	f, err := s.read()
	must(t, err)
	if !strings.Contains(string(f.Payload), "FORBIDDEN") {
		t.Errorf("the subscription is answered %s", f.Payload)
	}
	dashboard := w.issue(w.company, db.ScopeDashboard, nil)
	w.post(t, dashboard, `{ dashboard { counts { open } agents { agent { name } } } }`, nil)
	w.auth.FlushAccess(t.Context())

	log := `{ accessLog { nodes { outcome agent { id } token { scope } address count } } }`
	refusals := map[string]float64{}
	for _, node := range w.query(w.manager.token, log, nil).get("data", "accessLog", "nodes").([]any) {
		if get(node, "outcome") == "FORBIDDEN" {
			refusals[get(node, "token", "scope").(string)] += get(node, "count").(float64)
			if get(node, "address") != "127.0.0.1" || get(node, "agent") != nil {
				t.Errorf("the record is %v", node)
			}
		}
	}
	if refusals["READ"] != 3 || refusals["DASHBOARD"] != 1 {
		t.Errorf("the refusals by scope are %v", refusals)
	}
	if a := theirs.query(theirs.manager.token, log, nil); strings.Contains(string(a.body), "FORBIDDEN") {
		t.Errorf("another workspace sees %s", a.body)
	}
}
