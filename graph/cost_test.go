package graph_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/db"
)

// TestCost: an operation costs the most that it can return, and what it returned is told to those
// who ask.
func TestCost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.rate = 500 })
	contact, c := w.opened(w.agent, "Ada")
	for _, row := range []struct {
		doc, variables    string
		requested, actual float64
	}{
		{`{ asOf }`, `{}`, 0, 0},
		{`{ viewer { id name } }`, `{}`, 1, 1},
		{`{ inbox(view: ALL) { totalCount } }`, `{}`, 1, 1},
		{`{ inbox(view: ALL) { nodes { id contact { name } } } }`, `{}`, 1 + 50*2, 3},
		{`{ inbox(view: ALL) { edges { node { id } } nodes { id } } }`, `{}`, 1 + 50*2 + 50, 4},
		{`{ inbox(view: ALL, first: 10) { nodes { ...C } } } fragment C on Conversation { contact { name } contact { id } }`, `{}`, 1 + 10*2, 3},
		{`query($n: Int) { inbox(view: ALL, first: $n) { nodes { id } } }`, `{"n": 7}`, 8, 2},
		{`query($n: Int) { inbox(view: ALL, first: $n) { nodes { id } } }`, `{}`, 51, 2},
		{`query($n: Int = 3) { inbox(view: ALL, first: $n) { nodes { id } } }`, `{}`, 4, 2},
		{`{ inbox(view: ALL, last: 5) { nodes { id } } }`, `{}`, 6, 2},
		{`{ contact(id: "$contact") { identities { channel } } }`, `{}`, 1 + 10, 2},
		{`{ nodes(ids: ["$contact", "$conv"]) { id } }`, `{}`, 2, 2},
		{`query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, `{"ids": ["$contact", "$conv", "$contact"]}`, 3, 3},
		{`mutation { markRead(input: {conversationId: "$conv"}) { conversation { id } userErrors { code } } }`, `{}`, 10 + 1 + 1, 12},
	} {
		fill := strings.NewReplacer("$contact", contact.ID.String(), "$conv", c.ID.String())
		a := w.send(t, w.agent.token, `{"query":`+string(quoted(t, fill.Replace(row.doc)))+`,"variables":`+fill.Replace(row.variables)+`,"extensions":{"cost":true}}`)
		requested, actual := a.get("extensions", "cost", "requested"), a.get("extensions", "cost", "actual")
		if requested != row.requested || actual != row.actual || a.get("extensions", "cost", "left") == nil {
			t.Errorf("%s with %s costs %v and %v, not %v and %v: %.300s", row.doc, row.variables, requested, actual, row.requested, row.actual, a.body)
		}
	}
	if a := w.post(t, w.agent.token, `{ asOf }`, nil); a.get("extensions") != nil {
		t.Errorf("the cost is told to one who has not asked: %s", a.body)
	}
	w.post(t, w.agent.token, `{ inbox(view: ALL, first: 100) { nodes { messages(first: 99) { nodes { id } } } } }`, nil).wantCode("OPERATION_LIMIT")
	w.query(w.agent.token, `{ inbox(view: ALL, first: 100) { nodes { messages(first: 96) { nodes { id } } } } }`, nil)
}

// TestRateLimit: a caller who has spent too much is told when to try again, and may do so then.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	var clock atomic.Int64
	w := newWorld(t, func(o *options) {
		o.rate = 10 // 400 at once
		o.clock = func() time.Time { return time.Unix(1_800_000_000, clock.Load()) }
	})
	const all = `{ inbox(view: ALL, first: 100) { nodes { contact { id } assignee { id } lastMessage { id } } } }` // 401
	spend := fmt.Sprintf(`mutation { setAvailability(input: {availability: %s}) { agent { id } } }`, db.Online)
	w.query(w.agent.token, all, nil) // most is given back
	for range 2 {
		w.query(w.agent.token, spend, nil)
	}
	for _, accept := range []string{"application/json", "application/graphql-response+json"} {
		a := w.events(t, "POST", w.agent.token, `{"query":`+string(quoted(t, all))+`}`, "Accept", accept)
		if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") != "3" {
			t.Errorf("%s is answered %s, Retry-After %q", accept, a.Status, a.Header.Get("Retry-After"))
		}
	}
	refused := w.post(t, w.agent.token, all, nil)
	refused.wantCode("RATE_LIMITED")
	if ms, _ := refused.get("errors", 0, "extensions", "retryAfterMs").(float64); ms < 2200 || ms > 2400 {
		t.Errorf("it is to be tried again after %v ms", ms)
	}
	s := w.connect(t, w.agent.token)
	s.subscribe("1", all, nil)
	if f := s.receive(); f.Type != "error" || !strings.Contains(string(f.Payload), "RATE_LIMITED") {
		t.Errorf("a socket is answered %s %s", f.Type, f.Payload)
	}
	w.query(w.colleague.token, all, nil)
	w.query(w.agent.token, `{ viewer { id } }`, nil)
	clock.Add(int64(2500 * time.Millisecond))
	w.query(w.agent.token, all, nil)
}

// TestSubscriptionIsChargedOnce: a subscription that one caller's connections share costs each of
// them as much as one that all callers share, and nothing for the shared execution.
func TestSubscriptionIsChargedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) {
		o.rate = 500
		o.clock = func() time.Time { return time.Unix(1_800_000_000, 0) }
	})
	left := func() float64 {
		t.Helper()
		n, _ := w.send(t, w.agent.token, `{"query":"{ asOf }","extensions":{"cost":true}}`).get("extensions", "cost", "left").(float64)
		return n
	}
	_, c := w.opened(w.agent, "Ada")
	spent := map[string]float64{}
	for _, view := range []string{"ALL", "MINE"} {
		before := left()
		s := w.connect(t, w.agent.token)
		const doc = `subscription($view: InboxView!, $after: EventCursor) { inboxChanged(view: $view, after: $after) { kind } }`
		s.subscribe("1", doc, vars{"view": view, "after": w.end()})
		w.assign(w.colleague, c, w.agent)
		s.receive()
		spent[view] = before - left()
		w.unassign(w.colleague, c)
	}
	if spent["ALL"] <= 0 || spent["MINE"] != spent["ALL"] {
		t.Errorf("the views cost %v", spent)
	}
}

// TestErrorList: an answer has at most ten errors, and those of a document are short.
func TestErrorList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var many strings.Builder
	for i := range 30 {
		fmt.Fprintf(&many, "unknown%d%s ", i, strings.Repeat("x", 1000))
	}
	a := w.post(t, w.agent.token, `{ viewer { `+many.String()+`} }`, nil)
	if errs := a.errors(); len(errs) == 0 || len(errs) > 10 || len([]rune(errs[0].Message)) != 201 || len(a.body) > 4<<10 {
		t.Errorf("%d errors in %d bytes: %.500s", len(errs), len(a.body), a.body)
	}
	contact := w.contact(w.agent, "Ada")
	doc := `{`
	for i := range 15 {
		doc += fmt.Sprintf(` c%d: contact(id: "%s") { timeline(first: 0) { totalCount } }`, i, contact.ID)
	}
	if a := w.post(t, w.agent.token, doc+`}`, nil); len(a.errors()) != 10 {
		t.Errorf("%d errors: %.500s", len(a.errors()), a.body)
	}
}

// TestLongAnswer: an answer of more than 8 MiB is an error instead.
func TestLongAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	contact, c := w.opened(w.agent, "Ada")
	for range 25 {
		w.say(c, db.Inbound, contact.ID.Ref(), strings.Repeat("x", 99_000))
	}
	doc := func(times int) string {
		text := `{`
		for i := range times {
			text += fmt.Sprintf(` c%d: conversation(id: "%s") { messages(first: 100) { nodes { body } } }`, i, c.ID)
		}
		return text + `}`
	}
	if a := w.query(w.agent.token, doc(3), nil); len(a.body) < 6<<20 {
		t.Errorf("three pages have %d bytes", len(a.body))
	}
	a := w.post(t, w.agent.token, doc(5), nil)
	if a.wantCode("OPERATION_LIMIT"); a.get("data") != nil || len(a.body) > 1000 {
		t.Errorf("five pages are answered %.500s", a.body)
	}
}
