package graph_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/graph/live"
)

// events requests an event stream; headers are alternating names and values.
func (s *server) events(t *testing.T, method, token, body string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.http.URL, strings.NewReader(body))
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	t.Cleanup(func() { response.Body.Close() })
	return response
}

// sse is a stream of one subscription.
type sse struct {
	*bufio.Reader
	t *testing.T
}

func (s *server) stream(t *testing.T, token, field string, v vars) *sse {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": subscriptions[field], "variables": plain(v)})
	must(t, err)
	response := s.events(t, "POST", token, string(body), "Accept", "text/event-stream")
	if kind := response.Header.Get("Content-Type"); response.StatusCode != 200 || kind != "text/event-stream; charset=utf-8" || response.Header.Get("X-Request-Id") == "" {
		t.Fatalf("%s %v", response.Status, response.Header)
	}
	return &sse{bufio.NewReader(response.Body), t}
}

// wantKinds checks which events come next.
func (s *sse) wantKinds(field string, want ...string) {
	s.t.Helper()
	for len(want) > 0 {
		line, err := s.ReadString('\n')
		must(s.t, err)
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if got := kindOf(get(parse(s.t, []byte(data)), "data", field)); got != want[0] {
				s.t.Fatalf("%s instead of %s", got, want[0])
			}
			want = want[1:]
		}
	}
}

// wantNoMore expects the end of the stream, without an event.
func (s *sse) wantNoMore() {
	s.t.Helper()
	rest, err := io.ReadAll(s)
	if err != nil || strings.Contains(string(rest), "event") {
		s.t.Fatalf("%q %v", rest, err)
	}
}

// TestStreamOfBadArgument: the error of a subscription's argument has the path of the field and
// names the argument in its message, as that of a query does.
func TestStreamOfBadArgument(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, conversation := w.opened(w.manager, "Ada")
	body, err := json.Marshal(map[string]any{
		"query":     `subscription($x: ID!) { changes: inboxChanged(view: ALL, filter: {assignees: [null, $x]}) { kind } }`,
		"variables": plain(vars{"x": conversation.ID}),
	})
	must(t, err)
	stream := bufio.NewReader(w.events(t, "POST", w.agent.token, string(body), "Accept", "text/event-stream").Body)
	for {
		line, err := stream.ReadString('\n')
		must(t, err)
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		errs := (&answer{t: t, body: []byte(data)}).errors()
		if len(errs) != 1 || !reflect.DeepEqual(errs[0].Path, []any{"changes"}) || !strings.HasPrefix(errs[0].Message, "filter.assignees[1]: ") {
			t.Errorf("%s", data)
		}
		return
	}
}

// TestStreamRightsEnd: a stream gets what a socket gets, until its caller's rights end.
func TestStreamRightsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secret, token, err := w.auth.Issue(t.Context(), w.key, db.ScopeAgent, &w.agent.id, "", 0)
	must(t, err)
	_, c := w.opened(w.manager, "Ada")
	after := w.end()
	s := w.stream(t, secret, "statusChanged", vars{"after": after})
	bystander := w.stream(t, w.colleague.token, "statusChanged", vars{"after": after})
	socket := w.subscribe(t, w.colleague.token, "statusChanged", vars{"after": after})
	w.close(w.manager, c)
	s.wantKinds("statusChanged", "ConversationClosed")
	bystander.wantKinds("statusChanged", "ConversationClosed")
	socket.wantItems(kindOf, "ConversationClosed")

	if ok, err := w.auth.Revoke(t.Context(), w.key, token.ID); err != nil || !ok {
		t.Fatal(ok, err)
	}
	ended := time.Now()
	s.wantNoMore()
	if took := time.Since(ended); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	w.reopen(w.manager, c)
	bystander.wantKinds("statusChanged", "ConversationReopened")
	socket.wantItems(kindOf, "ConversationReopened")
}

// TestStreamOfSomebodyElse: a stream token is valid for its caller only.
func TestStreamOfSomebodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.found("Globex")
	response := w.events(t, "PUT", w.agent.token, "")
	text, err := io.ReadAll(response.Body)
	must(t, err)
	body := `{"query":"{ asOf }","extensions":{"operationId":"a"}}`
	for name, c := range map[string]struct {
		token string
		want  int
	}{
		"the agent": {w.agent.token, 202}, "the agent's other token": {w.issue(w.company, db.ScopeAgent, &w.agent.id), 202},
		"a colleague": {w.colleague.token, 404}, "the manager": {w.manager.token, 404}, "a program": {w.integration, 404},
		"another company": {other.agent.token, 404}, "nobody": {"", 401},
	} {
		if got := w.events(t, "POST", c.token, strings.Replace(body, `"a"`, `"`+name+`"`, 1), live.TokenHeader, string(text)).StatusCode; got != c.want {
			t.Errorf("%s is answered %d, not %d", name, got, c.want)
		}
	}
	for _, method := range []string{"PUT", "DELETE", "GET", "POST"} {
		if got := w.events(t, method, "", body, "Accept", "text/event-stream").StatusCode; got != 401 {
			t.Errorf("%s by nobody is answered %d", method, got)
		}
		for _, origin := range []string{"https://evil.example", "null", w.http.URL + ".evil.example"} {
			if got := w.events(t, method, w.agent.token, body, "Accept", "text/event-stream", "Origin", origin).StatusCode; got != 403 {
				t.Errorf("%s from %s is answered %d", method, origin, got)
			}
		}
	}
}
