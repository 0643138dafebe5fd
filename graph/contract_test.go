package graph_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/service"
)

// The conventions of the API that hold for every field.

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	contact, c := w.opened(w.agent, "Ada")
	unknown := db.ConversationID{UUID: db.NewUUID()}
	other := w.query(w.agent.token, `{ agents { edges { cursor } } }`, nil).text("data", "agents", "edges", 0, "cursor")
	for _, c := range []struct {
		name, token, doc string
		v                vars
		code             string
	}{
		{"reader writes", w.reader, mutations["blockContact"], vars{"input": vars{"contactId": contact.ID}}, "FORBIDDEN"},
		{"agent manages", w.agent.token, mutations["updateWorkspace"], vars{"input": vars{"name": "Mine"}}, "FORBIDDEN"},
		{"program takes", w.integration, mutations["assignToMe"], vars{"input": vars{"conversationId": c.ID}}, "FORBIDDEN"},
		{"program replies", w.integration, mutations["sendMessage"], vars{"input": vars{"conversationId": c.ID, "body": "Hello!"}}, "FORBIDDEN"},
		{"program notes", w.integration, mutations["addNote"], vars{"input": vars{"conversationId": c.ID, "body": "Hello!"}}, "FORBIDDEN"},
		{"unread by a program", w.integration, `{ inbox(view: ALL, filter: {unread: true}) { nodes { id } } }`, nil, "BAD_USER_INPUT"},
		{"agent receives", w.agent.token, mutations["receiveMessage"], vars{"input": vars{"sender": vars{"known": vars{"contactId": contact.ID, "channel": "chat"}}, "body": "Hello?"}}, "FORBIDDEN"},
		{"manager records", w.manager.token, mutations["recordBusinessEvent"], vars{"input": vars{"sender": vars{"contactId": contact.ID}, "type": "order.placed"}}, "FORBIDDEN"},
		{"payload too long", w.integration, mutations["recordBusinessEvent"], vars{"input": vars{"sender": vars{"contactId": contact.ID}, "type": "order.placed", "payload": strings.Repeat("x", 16<<10)}}, "BAD_USER_INPUT"},
		{"agent sets another's availability", w.agent.token, mutations["setAvailability"], vars{"input": vars{"availability": "AWAY", "agentId": w.colleague.id}}, "FORBIDDEN"},
		{"MINE of a program", w.integration, `{ inbox { nodes { id } } }`, nil, "BAD_USER_INPUT"},
		{"mutation of an unknown id", w.agent.token, mutations["closeConversation"], vars{"input": vars{"conversationId": unknown}}, "NOT_FOUND"},
		{"empty bulk", w.agent.token, mutations["closeConversations"], vars{"input": vars{"items": []any{}}}, "BAD_USER_INPUT"},
		{"bulk of 501", w.agent.token, mutations["closeConversations"], vars{"input": vars{"items": slices.Repeat([]any{vars{"conversationId": c.ID}}, 501)}}, "BAD_USER_INPUT"},
		{"bulk of a malformed id", w.agent.token, mutations["closeConversations"], vars{"input": vars{"items": []any{vars{"conversationId": contact.ID}}}}, "BAD_USER_INPUT"},
		{"malformed id", w.agent.token, `{ conversation(id: "conv_1") { id } }`, nil, "BAD_USER_INPUT"},
		{"malformed time", w.agent.token, `{ inbox(view: ALL, filter: {openedAfter: "yesterday"}) { nodes { id } } }`, nil, "BAD_USER_INPUT"},
		{"empty filter list", w.agent.token, `{ inbox(view: ALL, filter: {assignees: []}) { nodes { id } } }`, nil, "BAD_USER_INPUT"},
		{"long search", w.agent.token, `query($s: String) { contacts(search: $s) { nodes { id } } }`, vars{"s": strings.Repeat("é", 101)}, "BAD_USER_INPUT"},
		{"NUL", w.agent.token, mutations["createContact"], vars{"input": vars{"name": "A\x00B"}}, "BAD_USER_INPUT"},
		{"avatar of another scheme", w.agent.token, mutations["createContact"], vars{"input": vars{"name": "A", "avatarUrl": "javascript:alert(1)"}}, "BAD_USER_INPUT"},
		{"empty idempotency key", w.agent.token, mutations["createContact"], vars{"input": vars{"name": "A", "idempotencyKey": ""}}, "BAD_USER_INPUT"},
		{"long idempotency key", w.agent.token, mutations["createContact"], vars{"input": vars{"name": "A", "idempotencyKey": strings.Repeat("k", 101)}}, "BAD_USER_INPUT"},
		{"first 0", w.agent.token, `{ contacts(first: 0) { nodes { id } } }`, nil, "BAD_USER_INPUT"},
		{"first 101", w.agent.token, `{ contacts(first: 101) { nodes { id } } }`, nil, "BAD_USER_INPUT"},
		{"first negative", w.agent.token, `{ inbox(view: ALL, first: -1) { nodes { id } } }`, nil, "BAD_USER_INPUT"},
		{"last 101", w.agent.token, `{ agents(last: 101) { nodes { id } } }`, nil, "BAD_USER_INPUT"},
		{"first and last", w.agent.token, `{ contacts(first: 1, last: 1) { nodes { id } } }`, nil, "BAD_USER_INPUT"},
		{"nested first 101", w.agent.token, `query($id: ID!) { conversation(id: $id) { messages(first: 101) { nodes { id } } } }`, vars{"id": c.ID}, "BAD_USER_INPUT"},
		{"malformed page cursor", w.agent.token, `{ contacts(after: "x") { nodes { id } } }`, nil, "CURSOR_INVALID"},
		{"page cursor of another list", w.agent.token, `query($c: String) { contacts(after: $c) { nodes { id } } }`, vars{"c": other}, "CURSOR_INVALID"},
		{"page cursor of another view", w.agent.token, `query($c: String) { inbox(view: CLOSED, before: $c) { nodes { id } } }`,
			vars{"c": w.query(w.agent.token, `{ inbox(view: ALL) { pageInfo { endCursor } } }`, nil).text("data", "inbox", "pageInfo", "endCursor")}, "CURSOR_INVALID"},
		{"event cursor as page cursor", w.agent.token, `query($c: String) { contacts(after: $c) { nodes { id } } }`,
			vars{"c": w.query(w.agent.token, `{ asOf }`, nil).text("data", "asOf")}, "CURSOR_INVALID"},
		{"view in another case", w.agent.token, `query($v: InboxView!) { inbox(view: $v) { nodes { id } } }`, vars{"v": "mine"}, "GRAPHQL_VALIDATION_FAILED"},
		{"order in another case", w.agent.token, `query($o: InboxOrder) { inbox(view: ALL, orderBy: $o) { nodes { id } } }`, vars{"o": vars{"direction": "Asc"}}, "GRAPHQL_VALIDATION_FAILED"},
		{"one of many in another case", w.agent.token, `query($a: [Availability!]) { agents(availability: $a) { nodes { id } } }`, vars{"a": []any{"AWAY", "online"}}, "GRAPHQL_VALIDATION_FAILED"},
		{"no such field", w.agent.token, `{ secrets }`, nil, "GRAPHQL_VALIDATION_FAILED"},
		{"no GraphQL", w.agent.token, `{`, nil, "GRAPHQL_PARSE_FAILED"},
		{"introspection switched off", w.agent.token, `{ __schema { types { name } } }`, nil, "GRAPHQL_VALIDATION_FAILED"},
	} {
		t.Run(c.name, func(t *testing.T) { w.post(t, c.token, c.doc, c.v).wantCode(c.code) })
	}
}

func TestWhoIsCalling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gone := w.hire(w.company, "Dee", "dee@acme.example", db.RoleAgent)
	w.deactivate(gone)
	expired, _, err := w.auth.Issue(t.Context(), w.key, db.ScopeRead, nil, "", 1)
	must(t, err)
	for name, token := range map[string]string{
		"nobody": "", "nonsense": "nonsense", "mistyped": w.agent.token[:len(w.agent.token)-1] + "!", "deactivated": gone.token, "expired": expired,
	} {
		a := w.post(t, token, `{ workspace { id } }`, nil)
		if a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") == "" || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
			t.Errorf("%s: %d %v", name, a.status, a.header)
		}
		a.wantCode("UNAUTHENTICATED")
	}
}

// inside are words that would reveal the server's implementation to clients.
var inside = []string{"sql", "database is closed", "pgx", "postgres", "select ", "/tmp", ".go:", "goroutine", "127.0.0.1", "localhost", "socket"}

// TestInternal breaks the database under the API.
func TestInternal(t *testing.T) {
	t.Parallel()
	var logged dbtest.Journal
	w := newWorld(t, func(o *options) { o.log = slog.New(slog.NewTextHandler(&logged, nil)) })
	_, c := w.opened(w.agent, "Ada")
	must(t, w.db.Close())
	for name, o := range map[string]struct {
		doc string
		v   vars
	}{
		"asOf":     {doc: `{ asOf }`},
		"list":     {doc: `{ contacts { nodes { id } } }`},
		"inbox":    {doc: `{ inbox { nodes { id } } }`},
		"counts":   {doc: `{ inboxCounts { all } }`},
		"loader":   {doc: `{ viewer { name } }`},
		"nodes":    {`query($id: ID!) { nodes(ids: [$id]) { id } }`, vars{"id": c.ID}},
		"mutation": {mutations["closeConversation"], vars{"input": vars{"conversationId": c.ID}}},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.post(t, w.agent.token, o.doc, o.v)
			e := a.wantCode("INTERNAL")
			if e.Extensions.RequestID == "" || e.Extensions.RequestID != a.header.Get("X-Request-Id") {
				t.Errorf("requestId %q, header %q", e.Extensions.RequestID, a.header.Get("X-Request-Id"))
			}
			if !strings.Contains(logged.String(), e.Extensions.RequestID) {
				t.Error("the log knows nothing of this request")
			}
			for _, word := range inside {
				if strings.Contains(strings.ToLower(string(a.body)), word) {
					t.Errorf("%q is shown: %s", word, a.body)
				}
			}
		})
	}
}

// TestCallerCannotBeFound breaks the database under the sign-in.
func TestCallerCannotBeFound(t *testing.T) {
	t.Parallel()
	var logged dbtest.Journal
	w := newWorld(t, func(o *options) { o.log = slog.New(slog.NewTextHandler(&logged, nil)) })
	must(t, w.known.Close())
	a := w.post(t, w.agent.token, `{ asOf }`, nil)
	if e := a.wantCode("INTERNAL"); a.status != http.StatusServiceUnavailable || e.Extensions.RequestID == "" || !strings.Contains(logged.String(), e.Extensions.RequestID) {
		t.Errorf("%d %s; logged %s", a.status, a.body, logged.String())
	}
	// The token was not refused, so the client must be allowed to retry.
	w.dial(t, w.agent.token).wantClose(1013)
}

// TestUnknownIDs: a query's field is null without an error.
func TestUnknownIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for field, id := range map[string]any{
		"conversation": db.ConversationID{UUID: db.NewUUID()}, "contact": db.ContactID{UUID: db.NewUUID()},
		"agent": db.AgentID{UUID: db.NewUUID()}, "node": db.MessageID{UUID: db.NewUUID()},
	} {
		a := w.query(w.agent.token, fmt.Sprintf(`query($id: ID!) { %s(id: $id) { id } }`, field), vars{"id": id})
		if a.get("data", field) != nil {
			t.Errorf("%s", a.body)
		}
	}
}

// meanwhile calls a function once, right after the first statement of a request that begins with a
// given text.
type meanwhile struct {
	begins string
	do     func()
	once   sync.Once
}

func (m *meanwhile) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, m, q.SQL)
}

func (m *meanwhile) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if sql, _ := ctx.Value(m).(string); ctx.Value(http.ServerContextKey) != nil && strings.HasPrefix(sql, m.begins) && m.do != nil {
		m.once.Do(m.do)
	}
}

// TestAsOfIsFixedFirst (P4) commits a change right after the end of the log was read for asOf. The
// change is in the rest of the answer but after asOf, so that a subscriber receives it twice
// rather than never.
func TestAsOfIsFixedFirst(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"plain":         `{ asOf %s }`,
		"last":          `{ %s asOf }`,
		"alias":         `{ at: asOf %s }`,
		"inline":        `{ %s ... on Query { at: asOf } }`,
		"fragment":      `{ %s ...place } fragment place on Query { ...deeper } fragment deeper on Query { asOf }`,
		"with a switch": `query($yes: Boolean! = true) { %s asOf @include(if: $yes) }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &meanwhile{begins: "SELECT workspace_id, seq, event_id FROM event_heads"}
			w := newWorld(t, func(o *options) { o.pool.Tracer = m })
			second := w.serve(options{log: quietLog})
			before := w.history(w.key)
			m.do = func() {
				_, err := second.service.CreateContact(context.Background(), w.agent.Actor, service.CreateContactInput{Name: "Late"})
				if err != nil {
					t.Error(err)
				}
			}
			a := w.query(w.agent.token, fmt.Sprintf(doc, `inbox(view: ALL) { asOf } contacts { nodes { name } }`), nil)
			at, _ := a.get("data", "asOf").(string)
			if at == "" {
				at = a.text("data", "at")
			}
			after := w.history(w.key)
			if len(after) != len(before)+1 {
				t.Fatalf("%d events came meanwhile", len(after)-len(before))
			}
			if at != w.shown(before[len(before)-1].Cursor()) {
				t.Errorf("asOf is not the place from before: %s", a.body)
			}
			if a.text("data", "inbox", "asOf") != w.shown(after[len(after)-1].Cursor()) || a.get("data", "contacts", "nodes", 0, "name") != "Late" {
				t.Errorf("the rest was read before asOf was fixed: %s", a.body)
			}
		})
	}
}

// TestInboxAsOf reads the inbox while it changes: each page is exactly what the log says
// up to its asOf.
func TestInboxAsOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.churn(t, 6)
	type reading struct {
		asOf  string
		shown map[string]float64
	}
	var readings []reading
	seen := map[string]bool{}
	for tries := 0; tries < 60 || len(seen) < 5 && tries < 5000; tries++ {
		a := w.query(w.agent.token, `{ inbox(view: ALL, first: 100) { asOf nodes { id version } } }`, nil)
		p := reading{a.text("data", "inbox", "asOf"), map[string]float64{}}
		for _, node := range a.get("data", "inbox", "nodes").([]any) {
			p.shown[get(node, "id").(string)] = get(node, "version").(float64)
		}
		readings, seen[p.asOf] = append(readings, p), true
	}
	stop()
	states, state := map[string]map[string]float64{}, map[string]float64{}
	for _, e := range w.history(w.key) {
		if e.ConversationID != nil {
			delete(state, e.ConversationID.String())
			if db.ViewAll.Holds(e.After, nil) {
				state[e.ConversationID.String()] = float64(e.After.Version)
			}
		}
		states[w.shown(e.Cursor())] = maps.Clone(state)
	}
	for _, p := range readings {
		if !same(states[p.asOf], p.shown) {
			t.Fatalf("the log says %v, the page shows %v", states[p.asOf], p.shown)
		}
	}
	if len(seen) < 5 {
		t.Errorf("nothing changed meanwhile: %d places", len(seen))
	}
}

func TestEventIdempotencyKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	contact := w.contact(w.agent, "Ada")
	input := vars{"contactId": contact.ID, "idempotencyKey": "secret plan"}
	event := w.query(w.agent.token, mutations["blockContact"], vars{"input": input})
	if got := event.text("data", "blockContact", "events", 0, "idempotencyKey"); got != "secret plan" {
		t.Errorf("the sender sees %q", got)
	}
	again := w.query(w.agent.token, mutations["blockContact"], vars{"input": input})
	if !bytes.Equal(again.body, event.body) {
		t.Errorf("repeated:\n%s\n%s", event.body, again.body)
	}
	id := event.text("data", "blockContact", "events", 0, "id")
	second := w.issue(w.company, db.ScopeAgent, &w.agent.id)
	for name, c := range map[string]struct {
		token string
		want  any
	}{
		"sender": {w.agent.token, "secret plan"}, "sender's other token": {second, "secret plan"},
		"colleague": {w.colleague.token, nil}, "manager": {w.manager.token, nil}, "integration": {w.integration, nil}, "reader": {w.reader, nil},
	} {
		a := w.query(c.token, `query($id: ID!) { node(id: $id) { ... on Event { idempotencyKey } } }`, vars{"id": id})
		if got := a.get("data", "node", "idempotencyKey"); got != c.want {
			t.Errorf("the %s sees %v", name, got)
		}
		a = w.query(c.token, `query($id: ID!) { contact(id: $id) { timeline(last: 1) { nodes { idempotencyKey } } } }`, vars{"id": contact.ID})
		if got := a.get("data", "contact", "timeline", "nodes", 0, "idempotencyKey"); got != c.want {
			t.Errorf("the %s sees %v in the timeline", name, got)
		}
	}
	// The same key of another caller is a different key.
	other := w.query(w.colleague.token, mutations["blockContact"], vars{"input": input})
	if other.text("data", "blockContact", "userErrors", 0, "code") != "ALREADY_BLOCKED" {
		t.Errorf("%s", other.body)
	}
}

// lists are all connections, with a document that pages through them as $first, $after,
// $last and $before, and the path to the connection.
var lists = map[string]struct {
	doc  string
	path []any
}{
	"Query.inbox":           {`inbox(view: ALL, %s) { %s }`, []any{"inbox"}},
	"Query.agents":          {`agents(%s) { %s }`, []any{"agents"}},
	"Query.contacts":        {`contacts(%s) { %s }`, []any{"contacts"}},
	"Contact.conversations": {`contact(id: $contact) { conversations(%s) { %s } }`, []any{"contact", "conversations"}},
	"Contact.timeline":      {`contact(id: $contact) { timeline(%s) { %s } }`, []any{"contact", "timeline"}},
	"Conversation.messages": {`conversation(id: $conversation) { messages(%s) { %s } }`, []any{"conversation", "messages"}},
	"Conversation.entries":  {`conversation(id: $conversation) { entries(%s) { %s } }`, []any{"conversation", "entries"}},
	"Query.tokens":          {`tokens(%s) { %s }`, []any{"tokens"}},
	"Query.accessLog":       {`accessLog(%s) { %s }`, []any{"accessLog"}},
	"Query.auditEvents":     {`auditEvents(%s) { %s }`, []any{"auditEvents"}},
	"Query.workflows":       {`workflows(%s) { %s }`, []any{"workflows"}},
	"Workflow.runs":         {`workflow(id: $workflow) { runs(%s) { %s } }`, []any{"workflow", "runs"}},
	"Conversation.timeline": {`conversation(id: $conversation) { timeline(%s) { %s } }`, []any{"conversation", "timeline"}},
}

// TestPages pages through every connection in both directions: each row exactly once, in
// one order, and edges, nodes and pageInfo agree.
func TestPages(t *testing.T) {
	t.Parallel()
	for name := range connections() {
		if lists[name].doc == "" {
			t.Errorf("%s has no row in lists", name)
		}
	}
	w := newWorld(t)
	contact, conversation := w.opened(w.agent, "Ada")
	for i := range 4 {
		w.opened(w.agent, fmt.Sprintf("Contact %d", i))
		w.say(conversation, db.Inbound, contact.ID.Ref(), fmt.Sprint("Message ", i))
		w.close(w.agent, conversation)
		w.reopen(w.agent, conversation)
	}
	for i := range 4 {
		w.close(w.agent, conversation)
		conversation = w.open(w.agent, contact)
		w.say(conversation, db.Note, w.agent.id.Ref(), "Again")
		w.say(conversation, db.Note, w.agent.id.Ref(), "And again")
		w.say(conversation, db.Note, w.agent.id.Ref(), "And once more")
		w.hire(w.company, "Zed", fmt.Sprintf("zed%d@acme.example", i), db.RoleAgent)
	}
	v := vars{"contact": contact.ID, "conversation": conversation.ID, "workflow": w.workflow("unassign-after-close", nil)}
	for i := range 3 {
		w.recordAccess(db.AccessRevoked, time.Duration(i)*time.Second)
		w.workflow("round-robin-online", nil)
		w.close(w.agent, conversation)
		w.reopen(w.agent, conversation)
	}
	w.settle()
	w.logAccess()
	for name, l := range lists {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &world{server: w.server, company: w.company, t: t}
			whole := w.page(l.doc, l.path, v, "first: 100")
			if len(whole.ids) < 3 || whole.next || whole.previous {
				t.Fatalf("the whole list is %+v", whole)
			}
			for _, size := range []int{1, 2, 3, len(whole.ids)} {
				var forward, backward []string
				for after := ""; ; {
					p := w.page(l.doc, l.path, v, fmt.Sprintf(`first: %d%s`, size, after))
					forward = append(forward, p.ids...)
					if p.previous != (after != "") || p.next != (len(forward) < len(whole.ids)) || p.next && len(p.ids) != size {
						t.Fatalf("first %d%s is %+v", size, after, p)
					}
					if after = fmt.Sprintf(`, after: %q`, p.end); !p.next {
						break
					}
				}
				for before := ""; ; {
					p := w.page(l.doc, l.path, v, fmt.Sprintf(`last: %d%s`, size, before))
					backward = append(slices.Clone(p.ids), backward...)
					if p.next != (before != "") || p.previous != (len(backward) < len(whole.ids)) {
						t.Fatalf("last %d%s is %+v", size, before, p)
					}
					if before = fmt.Sprintf(`, before: %q`, p.start); !p.previous {
						break
					}
				}
				if !slices.Equal(forward, whole.ids) || !slices.Equal(backward, whole.ids) {
					t.Fatalf("pages of %d:\n%v\n%v\n%v", size, whole.ids, forward, backward)
				}
			}
			between := w.page(l.doc, l.path, v, fmt.Sprintf(`after: %q, before: %q`, whole.cursors[0], whole.cursors[2]))
			if !slices.Equal(between.ids, whole.ids[1:2]) {
				t.Errorf("between the first and the third lies %+v", between)
			}
			beyond := w.page(l.doc, l.path, v, fmt.Sprintf(`after: %q`, whole.end))
			if len(beyond.ids) > 0 || beyond.start != "" || beyond.end != "" || beyond.next {
				t.Errorf("after the end lies %+v", beyond)
			}
		})
	}
}

type page struct {
	ids, cursors   []string
	start, end     string
	next, previous bool
}

// page reads one page and checks that its parts agree.
func (w *world) page(doc string, path []any, v vars, args string) (p page) {
	w.t.Helper()
	token, node := w.agent.token, "... on Node { id }"
	switch path[0] {
	case "tokens":
		token, node = w.manager.token, "id" // which is no Node
	case "accessLog":
		token, node = w.manager.token, "id: firstAt" // the times of these differ
		w.logAccess()
	case "auditEvents":
		token = w.manager.token
	}
	doc = "{ " + fmt.Sprintf(doc, args, "edges { cursor node { "+node+" } } nodes { "+node+" } pageInfo { ...page }") + " }"
	for name, id := range v {
		doc = strings.ReplaceAll(doc, "$"+name, fmt.Sprintf("%q", id))
	}
	a := w.query(token, document(doc), nil)
	list := a.get(append([]any{"data"}, path...)...)
	for _, edge := range get(list, "edges").([]any) {
		p.ids = append(p.ids, get(edge, "node", "id").(string))
		p.cursors = append(p.cursors, get(edge, "cursor").(string))
	}
	for i, node := range get(list, "nodes").([]any) {
		if i >= len(p.ids) || get(node, "id") != p.ids[i] {
			w.t.Fatalf("nodes and edges differ: %s", a.body)
		}
	}
	p.start, _ = get(list, "pageInfo", "startCursor").(string)
	p.end, _ = get(list, "pageInfo", "endCursor").(string)
	p.next, p.previous = get(list, "pageInfo", "hasNextPage").(bool), get(list, "pageInfo", "hasPreviousPage").(bool)
	if n := len(p.ids); n > 0 && (p.start != p.cursors[0] || p.end != p.cursors[n-1]) {
		w.t.Fatalf("pageInfo and edges differ: %s", a.body)
	}
	return p
}

// connections finds the fields of the schema that are paged.
func connections() map[string]bool {
	found := map[string]bool{}
	for _, def := range schema.Types {
		for _, field := range def.Fields {
			if strings.HasSuffix(field.Type.Name(), "Connection") {
				found[def.Name+"."+field.Name] = true
			}
		}
	}
	return found
}

// TestFragmentsThatDouble: each fragment is looked at once, and a document whose fragments stand
// for too many fields is refused.
func TestFragmentsThatDouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	doubling := func(levels int) string {
		doc := "query { inbox(view: ALL) { ...F0 } }"
		for i := range levels {
			doc += fmt.Sprintf(" fragment F%d on InboxConnection { ...F%d ...F%d }", i, i+1, i+1)
		}
		return doc + fmt.Sprintf(" fragment F%d on InboxConnection { nodes { id } }", levels)
	}
	began := time.Now()
	w.query(w.agent.token, doubling(9), nil)
	w.post(t, w.agent.token, doubling(40), nil).wantCode("OPERATION_LIMIT")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestSubscriptionToNothing: directives can leave a subscription without a field.
func TestSubscriptionToNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.connect(t, w.agent.token)
	c.send(map[string]any{"type": "subscribe", "id": "1", "payload": map[string]any{
		"query": `subscription { inboxCountsChanged @skip(if: true) { all } }`,
	}})
	if f := c.receive(); f.Type != "error" || !strings.Contains(string(f.Payload), "BAD_USER_INPUT") {
		t.Errorf("got %s %s", f.Type, f.Payload)
	}
}
