package graph_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/graph"
	"switchboard/graph/live"
	"switchboard/service"
)

// marker stands for what people write to each other. It must never be in a reply or in the log.
const marker = "Marker of a private message"

// saboteur panics in place of the statements that contain a text.
type saboteur struct{ at atomic.Pointer[string] }

func (s *saboteur) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if at := s.at.Load(); at != nil && strings.Contains(q.SQL, *at) {
		panic(marker + " in " + q.SQL)
	}
	return ctx
}

func (*saboteur) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestNothingLeaks forces errors of PostgreSQL and panics in every layer. Replies show INTERNAL
// with the id of the request and nothing else, and the log shows the cause once, under this id,
// without what people write.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		breaks func(w *world, s *saboteur)
		doc    string
	}{
		"a table is gone": {runs(`ALTER TABLE messages RENAME TO old`), `{ conversation(id: $id) { messages { nodes { body } } } }`},
		"a value is refused": {
			runs(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				RAISE invalid_text_representation USING MESSAGE = 'invalid input syntax: "' || NEW.note_text || '"'; END $$`,
				`CREATE TRIGGER refuse BEFORE UPDATE ON conversations FOR EACH ROW EXECUTE FUNCTION refuse()`),
			`mutation { closeConversation(input: {conversationId: $id, note: {text: "` + marker + `"}}) { conversation { id } } }`,
		},
		"a resolver panics":   {panics("FROM conversations"), `{ conversation(id: $id) { id } }`},
		"a relation panics":   {panics("FROM contacts"), `{ conversation(id: $id) { contact { name } } }`},
		"a mutation panics":   {panics("INSERT INTO messages"), `mutation { addNote(input: {conversationId: $id, body: "Called."}) { conversation { id } } }`},
		"a projection panics": {panics("event_id FROM event_heads WHERE workspace_id = $1"), `{ inboxCounts { all } }`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logged dbtest.Journal
			s := &saboteur{}
			w := newWorld(t, func(o *options) {
				o.log, o.pool.Tracer = slog.New(slog.NewJSONHandler(&logged, nil)), s
			})
			_, conversation := w.opened(w.agent, "Ada")
			c.breaks(w, s)
			doc := strings.ReplaceAll(c.doc, "$id", `"`+conversation.ID.String()+`"`)
			a := w.post(t, w.agent.token, doc, nil)
			e := a.wantCode("INTERNAL")
			checkInternal(t, e, a.body)
			checkLog(t, logged.String(), e.Extensions.RequestID, w.agent.token)

			socket := w.connect(t, w.agent.token)
			socket.subscribe("1", doc, nil)
			f := socket.receive()
			checkInternal(t, firstError(t, f.Payload), f.Payload)

			s.at.Store(nil)
			if health := w.post(t, w.agent.token, `{ asOf }`, nil); health.status != http.StatusOK || health.errors() != nil {
				t.Errorf("afterwards a query is answered %d %s", health.status, health.body)
			}
		})
	}
}

func panics(statement string) func(*world, *saboteur) {
	return func(_ *world, s *saboteur) { s.at.Store(&statement) }
}

func runs(statements ...string) func(*world, *saboteur) {
	return func(w *world, _ *saboteur) {
		for _, statement := range statements {
			_, err := w.db.ExecContext(w.t.Context(), statement)
			must(w.t, err)
		}
	}
}

// interrupter breaks off the statements that contain a text.
type interrupter string

func (i interrupter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if !strings.Contains(q.SQL, string(i)) {
		return ctx
	}
	broken, cancel := context.WithCancel(ctx)
	cancel()
	return broken
}

func (interrupter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestCursorKeyUnavailable: an operation whose workspace's key cannot be read is answered like one
// that fails later, over each transport.
func TestCursorKeyUnavailable(t *testing.T) {
	t.Parallel()
	var logged dbtest.Journal
	w := newWorld(t)
	s := w.serve(options{log: slog.New(slog.NewJSONHandler(&logged, nil)), pool: db.Options{Tracer: interrupter("cursor_secret")}})
	if e := s.post(t, w.agent.token, `{ viewer { name } }`, nil).wantCode("UNAVAILABLE"); e.Extensions.RequestID == "" {
		t.Error("the error has no request id")
	}
	socket := s.connect(t, w.agent.token)
	for id, doc := range map[string]string{"1": `{ viewer { name } }`, "2": `subscription { statusChanged { id } }`} {
		socket.subscribe(id, doc, nil)
		if e := firstError(t, socket.receive().Payload); e.Extensions.Code != "UNAVAILABLE" {
			t.Errorf("%s is answered %+v", doc, e)
		}
	}
	if strings.Contains(logged.String(), "panicked") {
		t.Errorf("the log has a panic:\n%s", logged.String())
	}
}

// panickingAuth is an Authenticator with a fault.
type panickingAuth struct{ graph.Authenticator }

func (panickingAuth) Recall(context.Context, service.Credential) (service.Actor, bool, error) {
	panic(marker)
}

func (panickingAuth) Authenticate(context.Context, service.Credential) (service.Actor, error) {
	panic(marker)
}

// TestAuthenticationPanics: a panic before any operation is answered and logged like all others.
func TestAuthenticationPanics(t *testing.T) {
	t.Parallel()
	var logged dbtest.Journal
	s := &server{http: httptest.NewServer(graph.NewHandler(graph.Options{
		Auth: panickingAuth{}, Log: slog.New(slog.NewJSONHandler(&logged, nil)),
	}))}
	defer s.http.Close()
	a := s.post(t, "token", `{ asOf }`, nil)
	e := a.wantCode("INTERNAL")
	checkInternal(t, e, a.body)
	checkLog(t, logged.String(), e.Extensions.RequestID)
	if a.status != http.StatusInternalServerError {
		t.Errorf("it is answered %d", a.status)
	}
	s.dial(t, "token").wantClose(live.CloseInternal)
	if strings.Contains(logged.String(), marker) {
		t.Errorf("the reason is in the log:\n%s", logged.String())
	}
}

// TestFollowerPanics: a panic while new events are read ends the subscriptions to them, and neither
// the server nor other subscriptions.
func TestFollowerPanics(t *testing.T) {
	t.Parallel()
	var logged dbtest.Journal
	s := &saboteur{}
	w := newWorld(t, func(o *options) {
		o.log, o.pool.Tracer = slog.New(slog.NewJSONHandler(&logged, nil)), s
	})
	socket := w.connect(t, w.agent.token)
	const doc = `subscription($after: EventCursor) { assignmentChanged(after: $after) { cursor } }`
	_, conversation := w.opened(w.agent, "Ada")
	socket.subscribe("1", doc, vars{"after": w.end()})
	w.assign(w.agent, conversation, w.agent)
	if f := socket.receive(); f.Type != "next" {
		t.Fatalf("%s %s instead of next", f.Type, f.Payload)
	}
	panics("FROM event")(w, s)
	w.assign(w.agent, conversation, w.colleague)
	f := socket.receive()
	checkInternal(t, firstError(t, f.Payload), f.Payload)
	s.at.Store(nil)
	for _, secret := range []string{marker, w.agent.token} {
		if strings.Contains(logged.String(), secret) {
			t.Errorf("%q is in the log:\n%s", secret, logged.String())
		}
	}
	socket.subscribe("2", doc, vars{"after": w.end()})
	w.unassign(w.agent, conversation)
	if f := socket.receive(); f.Type != "next" || f.ID != "2" {
		t.Errorf("afterwards a subscription gets %s %s", f.Type, f.Payload)
	}
}

// TestErrorsHaveOneForm: every error has a code, the id of its request and whether to try again, in
// each transport.
func TestErrorsHaveOneForm(t *testing.T) {
	t.Parallel()
	line := dbtest.NewLine(t)
	w := newWorld(t, func(o *options) { o.pool.Dial = line.Dial })
	check := func(a *answer, code string, retryable bool) {
		t.Helper()
		for _, e := range a.errors() {
			checkForm(t, e, a.body)
			if e.Extensions.RequestID != a.header.Get("X-Request-Id") || e.Extensions.Code != code || *e.Extensions.Retryable != retryable {
				t.Errorf("want %s, retryable %t: %s", code, retryable, a.body)
			}
		}
		if len(a.errors()) == 0 {
			t.Errorf("no error: %s", a.body)
		}
	}
	post := func(token, body string, headers ...string) *answer {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.http.URL, strings.NewReader(body))
		must(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return w.do(t, r)
	}
	check(post("", `{}`), "UNAUTHENTICATED", false)
	check(post(w.agent.token, `{}`), "BAD_USER_INPUT", false)
	check(post(w.agent.token, `{}`, "Content-Type", "text/plain"), "BAD_USER_INPUT", false)
	check(post(w.agent.token, `{}`, "Accept", "text/html"), "BAD_USER_INPUT", false)
	check(post(w.agent.token, `{}`, "Origin", "https://evil.example"), "FORBIDDEN", false)
	check(post(w.agent.token, `{"query":"{"}`), "GRAPHQL_PARSE_FAILED", false)
	check(post(w.agent.token, `{"query":"{ nothing }"}`), "GRAPHQL_VALIDATION_FAILED", false)
	check(post(w.agent.token, `{"documentId":"a"}`), "DOCUMENT_NOT_FOUND", false)
	check(post(w.agent.token, `{"query":"{ conversation(id: \"a\") { id } }"}`), "BAD_USER_INPUT", false)
	check(post(w.agent.token, `{"query":"subscription { agentsChanged { cursor } }"}`), "BAD_USER_INPUT", false)
	check(post(w.agent.token, `{"query":"{ asOf }"}`, "X-GraphQL-Event-Stream-Token", "a"), "NOT_FOUND", false)

	c := w.connect(t, w.agent.token)
	for id, payload := range map[string]any{
		"syntax": vars{"query": "{"}, "field": vars{"query": "{ nothing }"}, "document": vars{"documentId": "a"},
		"cursor": vars{"query": `subscription { agentsChanged(after: "a") { cursor } }`}, "id": vars{"query": `{ node(id: "a") { id } }`},
	} {
		c.send(map[string]any{"id": id, "type": "subscribe", "payload": payload})
		f := c.receive()
		checkForm(t, firstError(t, f.Payload), f.Payload)
		if f.Type == "next" {
			c.receive() // complete
		}
	}
	line.Drop()
	line.Reset()
	check(w.post(t, w.agent.token, `{ inbox { nodes { id } } }`, nil), "UNAVAILABLE", true)
}

func checkForm(t *testing.T, e wireError, body []byte) {
	t.Helper()
	if e.Message == "" || e.Extensions.Code == "" || e.Extensions.RequestID == "" || e.Extensions.Retryable == nil {
		t.Errorf("an error lacks its message, code, requestId or retryable: %s", body)
	}
}

func checkInternal(t *testing.T, e wireError, body []byte) {
	t.Helper()
	checkForm(t, e, body)
	if e.Extensions.Code != "INTERNAL" || e.Message != "something went wrong on the server" {
		t.Errorf("want INTERNAL and nothing else: %s", body)
	}
	for _, word := range append(inside, "sqlstate", "error:", strings.ToLower(marker)) {
		if strings.Contains(strings.ToLower(string(body)), word) {
			t.Errorf("%q is shown: %s", word, body)
		}
	}
}

// checkLog checks that the log names a failed request in one line, without secrets.
func checkLog(t *testing.T, logged, id string, secrets ...string) {
	t.Helper()
	if n := strings.Count(logged, id); n != 1 {
		t.Errorf("request %s is in %d lines of the log:\n%s", id, n, logged)
	}
	for _, secret := range append(secrets, marker) {
		if strings.Contains(logged, secret) {
			t.Errorf("%q is in the log:\n%s", secret, logged)
		}
	}
}

// firstError returns the first error in the payload of next or error.
func firstError(t *testing.T, payload []byte) wireError {
	t.Helper()
	var errs []wireError
	var next struct{ Errors json.RawMessage }
	if payload[0] == '{' {
		must(t, json.Unmarshal(payload, &next))
		payload = next.Errors
	}
	if err := json.Unmarshal(payload, &errs); err != nil || len(errs) == 0 {
		t.Fatalf("no errors in %s: %v", payload, err)
	}
	return errs[0]
}
