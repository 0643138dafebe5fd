package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"switchboard/db"
)

// TestRefusedDocuments: documents that no plan is made of are refused before anything is executed.
func TestRefusedDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Each fragment uses the next one twice, so that 20 of them select a million fields.
	var nested strings.Builder
	for i := range 20 {
		fmt.Fprintf(&nested, " fragment f%d on Contact { a: latestConversation { contact { ...f%d } } b: latestConversation { contact { ...f%d } } }", i, i+1, i+1)
	}
	// 1,900 fields, of which most are of an interface, and count for each of its types.
	named := func(number int, field string) (fields string) {
		for i := range number - 1 {
			fields += fmt.Sprintf("%.1s%d: %[1]s ", field, i)
		}
		return fields + field
	}
	ofTypes := "{ " + named(10, "events(first: 1) { ...page }") + " } fragment page on EventPage { " + named(9, "nodes { ...event }") +
		" } fragment event on Event { __typename cursor occurredAt idempotencyKey conversationRevision contactRevision " + named(14, "id") + " }"
	for name, c := range map[string]struct{ doc, code string }{
		"fields of many types":   {ofTypes, "OPERATION_LIMIT"},
		"deferred":               {`{ ... @defer { viewer { id } } }`, "GRAPHQL_VALIDATION_FAILED"},
		"deferred in a fragment": {`{ viewer { ...a } } fragment a on Agent { ... @defer(if: false) { id } }`, "GRAPHQL_VALIDATION_FAILED"},
		"a million fields":       {`{ contacts { nodes { ...f0 } } }` + nested.String() + ` fragment f20 on Contact { id }`, "OPERATION_LIMIT"},
	} {
		t.Run(name, func(t *testing.T) { w.post(t, w.agent.token, c.doc, nil).wantCode(c.code) })
	}
	t.Run("a deferred item", func(t *testing.T) {
		s := w.connect(t, w.agent.token)
		s.subscribe("1", `subscription { statusChanged { ... @defer { id } } }`, nil)
		if f := s.receive(); f.Type != "error" || !strings.Contains(string(f.Payload), "GRAPHQL_VALIDATION_FAILED") {
			t.Errorf("answered with %s %s", f.Type, f.Payload)
		}
	})
}

// TestTypesAreReadTogether: the number of statements does not grow with the types of objects in a
// list.
func TestTypesAreReadTogether(t *testing.T) {
	t.Parallel()
	sent := &statements{}
	w := newWorld(t, func(o *options) { o.pool.Tracer = sent })
	hire := func(name string) *person {
		return w.hire(w.company, name, strings.ToLower(name)+"@acme.example", db.RoleAgent)
	}
	history := func(opens, assigns, closes *person) int {
		_, c := w.opened(opens, opens.name)
		w.assign(assigns, c, w.colleague)
		w.close(closes, c)
		return len(sent.during(func() {
			w.query(w.reader, `query($id: ID!) { conversation(id: $id) { timeline { nodes { __typename actor { ... on Agent { name } } } } } }`, vars{"id": c.ID})
		}))
	}
	one := hire("Ida")
	if alone, several := history(one, one, one), history(hire("Joe"), hire("Kim"), hire("Lea")); alone != several || alone == 0 {
		t.Errorf("%d statements for events of one actor, %d for events of several", alone, several)
	}
}

// TestMutationsInARow: each field of a mutation sees what those before it changed.
func TestMutationsInARow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	contact, c := w.opened(w.agent, "Ada")
	a := w.query(w.agent.token, `mutation($closed: ID!, $contact: ID!) {
		closeConversation(input: {conversationId: $closed}) { conversation { contact { openConversation { id } latestConversation { status } } } }
		openConversation(input: {contactId: $contact, channel: "twitter"}) { conversation { contact { openConversation { id } latestConversation { status } } } }
	}`, vars{"closed": c.ID, "contact": contact.ID})
	if open := a.get("data", "closeConversation", "conversation", "contact", "openConversation"); open != nil {
		t.Errorf("%v is open after it was closed", open)
	}
	if status := a.text("data", "openConversation", "conversation", "contact", "latestConversation", "status"); status != "OPEN" {
		t.Errorf("the new conversation is %s", status)
	}
}
