package graph_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"switchboard/db"
	"switchboard/service"
)

// statements records what is sent to the database.
type statements struct {
	mu   sync.Mutex
	sent []string
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	// What runs in the background, such as the feed, sends statements in its own time, and a caller is
	// looked up only if the last query was half a second ago.
	if ctx.Value(http.ServerContextKey) != nil && !strings.Contains(q.SQL, "FROM tokens AS token") {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sent = append(s.sent, q.SQL)
	}
	return ctx
}

func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// during returns the statements sent while f runs.
func (s *statements) during(f func()) []string {
	s.mu.Lock()
	s.sent = nil
	s.mu.Unlock()
	f()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// TestStatements: the number of statements of a query does not grow with its rows.
func TestStatements(t *testing.T) {
	t.Parallel()
	const rows = 40
	sent := &statements{}
	w := newWorld(t, func(o *options) { o.pool.Tracer, o.rowMemory = sent, 1 }) // so that all rows are read
	var ids []any
	for i := range rows {
		contact, _, c := w.twice(w.agent, fmt.Sprint("Contact ", i))
		who := w.hire(w.company, fmt.Sprint("Agent ", i), fmt.Sprintf("agent%d@acme.example", i), db.RoleAgent)
		w.assign(w.agent, c, who)
		m := w.say(c, db.Inbound, contact.ID.Ref(), "Hello?")
		w.say(c, db.Outbound, who.id.Ref(), "Hello!")
		ids = append(ids, contact.ID, c.ID, who.id, m.ID)
	}
	w.service.Preload(t.Context())
	const agent = `{ name openConversations }`
	const event = `{ actor { ... on Agent ` + agent + ` ... on Contact { phone } } conversation { status contact { name } } contact { name } }`
	for name, doc := range map[string]string{
		"inbox":                 `query($n: Int!) { inbox(view: ALL, first: $n) { nodes { id } totalCount } }`,
		"inbox with neighbours": `query($n: Int!) { inbox(view: ALL, first: $n) { nodes { contact { name identities { channel } canOpen } assignee ` + agent + ` openedBy { ... on Agent { email } } unreadCount lastMessage { author { ... on Agent { email } } } canReopen canClose } } }`,
		"unread":                `query($n: Int!) { inbox(view: ALL, first: $n, filter: {unread: true}) { nodes { unreadCount } totalCount } }`,
		"messages":              `query($n: Int!) { inbox(view: ALL, first: $n) { nodes { messages(first: 2) { nodes { body author { ... on Contact { name } } } } } } }`,
		"timelines":             `query($n: Int!) { inbox(view: ALL, first: $n) { nodes { timeline(last: 5) { nodes ` + event + ` } } } }`,
		"contacts":              `query($n: Int!) { contacts(first: $n) { nodes { identities { externalId } assignee ` + agent + ` openConversation { id } latestConversation { assignee { name } } canOpen } } }`,
		"conversations":         `query($n: Int!) { contacts(first: $n) { nodes { conversations(first: 2) { nodes { assignee { name } lastMessage { body } } } } } }`,
		"contacts' timelines":   `query($n: Int!) { contacts(first: $n) { nodes { timeline(first: 5) { nodes ` + event + ` } } } }`,
		"agents":                `query($n: Int!) { agents(first: $n) { nodes ` + agent + ` } }`,
		"nodes":                 `query($n: Int!, $ids: [ID!]!) { nodes(ids: $ids) { ... on Conversation { contact { name } } ... on Contact { assignee ` + agent + ` } ... on Message { author { ... on Contact { name } } } } inbox(view: ALL, first: $n) { totalCount } }`,
	} {
		count := func(n int) []string {
			v := vars{"n": n}
			if name == "nodes" {
				v["ids"] = ids[:2*n]
			}
			return sent.during(func() { w.query(w.agent.token, doc, v) })
		}
		count(1) // the counts begin with a snapshot of their own
		few, many := count(2), count(rows)
		if len(few) == 0 || len(many) != len(few) {
			t.Errorf("%s: %d statements for 2 rows, %d for %d:\n%s", name, len(few), len(many), rows, strings.Join(many, "\n"))
		}
	}
	// The dashboard always shows all agents.
	small := w.apart(t)
	dashboard := func(w *world) []string {
		return sent.during(func() {
			w.query(w.agent.token, `{ dashboard { counts { open } agents { agent `+agent+` closedToday } } }`, nil)
		})
	}
	dashboard(w)
	dashboard(small)
	if few, many := dashboard(small), dashboard(w); len(many) != len(few) {
		t.Errorf("%d statements for the dashboard of 3 agents, %d for %d:\n%s", len(few), len(many), rows+3, strings.Join(many, "\n"))
	}
}

// TestPageFromMemory: a page with all that it shows takes one statement once it has been read: of
// open conversations the one that says what has changed, of others the one that reads their rows.
// Nothing outdated is shown.
func TestPageFromMemory(t *testing.T) {
	t.Parallel()
	for _, view := range []db.View{db.ViewAll, db.ViewClosed} {
		t.Run(string(view), func(t *testing.T) {
			t.Parallel()
			sent := &statements{}
			w := newWorld(t, func(o *options) { o.pool.Tracer = sent })
			contact, _, c := w.twice(w.agent, "Carla Contact")
			who := w.hire(w.company, "Anton Agent", "anton@acme.example", db.RoleAgent)
			w.assign(w.agent, c, who)
			w.say(c, db.Inbound, contact.ID.Ref(), "Hello?")
			if view == db.ViewClosed {
				w.close(w.agent, c)
				w.query(w.agent.token, `{ inbox(view: ALL) { nodes { id } } }`, nil) // only that brings rows into memory
			}
			w.service.Preload(t.Context())
			shown := func() (page string, statements int) {
				const doc = `query($view: InboxView!) { inbox(view: $view) { nodes { contact { name } assignee { name } lastMessage { body } } } }`
				statements = len(sent.during(func() { page = string(w.query(w.agent.token, doc, vars{"view": view}).body) }))
				return page, statements
			}
			for _, change := range []struct {
				shows string
				make  func() error
			}{
				{"Carla Contact", func() error { return nil }},
				{"Carla Changed", func() error {
					_, err := w.service.UpdateContact(t.Context(), w.agent.Actor, service.UpdateContactInput{ContactID: contact.ID, Name: new("Carla Changed")})
					return err
				}},
				{"Anton Another", func() error {
					_, err := w.service.UpdateAgent(t.Context(), w.manager.Actor, service.UpdateAgentInput{AgentID: who.id, Name: new("Anton Another")})
					return err
				}},
				{"Hello again", func() error { w.say(c, db.Outbound, w.agent.id.Ref(), "Hello again"); return nil }},
			} {
				must(t, change.make())
				page, _ := shown()
				if !strings.Contains(page, change.shows) {
					t.Errorf("%q is not shown: %s", change.shows, page)
				}
				if again, n := shown(); n != 1 || again != page {
					t.Errorf("the same page takes %d statements and shows %s, not %s", n, again, page)
				}
			}
		})
	}
}

// TestConversationFromMemory: an open conversation is found in memory, exact at the end of the log,
// and any other is read; its contact and assignee are in memory in both cases. Either takes one
// statement.
func TestConversationFromMemory(t *testing.T) {
	t.Parallel()
	sent := &statements{}
	w := newWorld(t, func(o *options) { o.pool.Tracer = sent })
	contact, _, c := w.twice(w.agent, "Carla Contact")
	who := w.hire(w.company, "Anton Agent", "anton@acme.example", db.RoleAgent)
	w.service.Preload(t.Context())
	for _, step := range []struct {
		name       string
		make       func()
		shows      string
		statements int
	}{
		{"as it was", func() {}, `"status":"OPEN","assignee":null,"contact":{"name":"Carla Contact"}`, 1},
		{"assigned", func() { w.assign(w.agent, c, who) }, `"status":"OPEN","assignee":{"name":"Anton Agent"},"contact":{"name":"Carla Contact"}`, 1},
		{"closed", func() { w.close(w.agent, c) }, `"status":"CLOSED","assignee":{"name":"Anton Agent"},"contact":{"name":"Carla Contact"}`, 1},
		{"renamed while closed", func() {
			_, err := w.service.UpdateAgent(t.Context(), w.manager.Actor, service.UpdateAgentInput{AgentID: who.id, Name: new("Anton Another")})
			must(t, err)
		}, `"status":"CLOSED","assignee":{"name":"Anton Another"},"contact":{"name":"Carla Contact"}`, 1},
		{"named as before", func() {
			_, err := w.service.UpdateAgent(t.Context(), w.manager.Actor, service.UpdateAgentInput{AgentID: who.id, Name: new("Anton Agent")})
			must(t, err)
		}, `"status":"CLOSED","assignee":{"name":"Anton Agent"},"contact":{"name":"Carla Contact"}`, 1},
		{"reopened", func() { w.reopen(w.agent, c) }, `"status":"OPEN","assignee":{"name":"Anton Agent"},"contact":{"name":"Carla Contact"}`, 1},
		{"renamed", func() {
			_, err := w.service.UpdateContact(t.Context(), w.agent.Actor, service.UpdateContactInput{ContactID: contact.ID, Name: new("Carla Changed")})
			must(t, err)
		}, `"status":"OPEN","assignee":{"name":"Anton Agent"},"contact":{"name":"Carla Changed"}`, 1},
	} {
		step.make()
		var answer string
		ask := func() {
			answer = string(w.query(w.agent.token, `query($id: ID!) { conversation(id: $id) { status assignee { name } contact { name } } }`, vars{"id": c.ID}).body)
		}
		ask() // reads what has changed
		if n := len(sent.during(ask)); n != step.statements || !strings.Contains(answer, step.shows) {
			t.Errorf("%s: %d statements, not %d, and %s", step.name, n, step.statements, answer)
		}
	}
}

// interruption calls do after the next statement that contains a text.
type interruption struct {
	after string
	do    atomic.Pointer[func()]
}

func (i *interruption) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.Contains(q.SQL, i.after) {
		return context.WithValue(ctx, i, i.do.Swap(nil))
	}
	return ctx
}

func (i *interruption) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if do, _ := ctx.Value(i).(*func()); do != nil {
		(*do)()
	}
}

// TestRenamedMeanwhile: a contact that is renamed while its closed conversation is read, and whose
// change another reader has followed, is not kept as it was.
func TestRenamedMeanwhile(t *testing.T) {
	t.Parallel()
	read := &interruption{after: "found.*"}
	w := newWorld(t, func(o *options) { o.pool.Tracer = read })
	contact, _, c := w.twice(w.agent, "Carla Contact")
	w.close(w.agent, c)
	w.service.Preload(t.Context())
	rename := func() {
		_, err := w.service.UpdateContact(t.Context(), w.agent.Actor, service.UpdateContactInput{ContactID: contact.ID, Name: new("Carla Changed")})
		must(t, err)
		w.query(w.agent.token, `{ inbox(view: ALL) { nodes { id } } }`, nil) // follows the log
	}
	read.do.Store(&rename)
	ask := func() string {
		return string(w.query(w.agent.token, `query($id: ID!) { conversation(id: $id) { contact { name } } }`, vars{"id": c.ID}).body)
	}
	ask()
	if read.do.Load() != nil {
		t.Fatal("nothing was renamed meanwhile")
	}
	if answer := ask(); !strings.Contains(answer, "Carla Changed") {
		t.Errorf("afterwards it is %s", answer)
	}
}
