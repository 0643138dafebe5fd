package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"switchboard/db"
	"switchboard/service"
)

// TestBulkStatements: the number of statements of a mutation does not grow with the
// number of conversations that it changes.
func TestBulkStatements(t *testing.T) {
	t.Parallel()
	const many = 40
	sent := &statements{}
	w := newWorld(t, func(o *options) { o.pool.Tracer = sent })
	const shown = `outcomes { conversation { status contact { name } assignee { name } closedBy { ... on Agent { name } } } } events { conversation { id } }`
	for name, doc := range map[string]string{
		"assignConversations":   `mutation($items: [ConversationItemInput!]!, $agent: ID!) { assignConversations(input: {items: $items, assigneeId: $agent, idempotencyKey: "$key"}) { ` + shown + ` } }`,
		"unassignConversations": `mutation($items: [ConversationItemInput!]!) { unassignConversations(input: {items: $items}) { ` + shown + ` } }`,
		"closeConversations":    `mutation($items: [ConversationItemInput!]!) { closeConversations(input: {items: $items, note: {category: "Question", text: "Sent to all"}}) { ` + shown + ` } }`,
		"deactivateAgent":       `mutation($agent: ID!, $to: ID) { deactivateAgent(input: {agentId: $agent, handOverTo: $to}) { agent { openConversations } events { conversation { id } } } }`,
	} {
		count := func(n int) []string {
			zoe := w.hire(w.company, "Zoe", fmt.Sprint(name, n, "@acme.example"), db.RoleAgent)
			var items []any
			for i := range n {
				_, _, c := w.twice(w.agent, fmt.Sprint(name, n, " ", i))
				if name == "deactivateAgent" || name == "unassignConversations" {
					w.assign(w.agent, c, zoe)
				}
				items = append(items, vars{"conversationId": c.ID})
			}
			return sent.during(func() {
				v := vars{"items": items, "agent": zoe.id, "to": w.colleague.id}
				a := w.query(w.manager.token, strings.ReplaceAll(doc, "$key", fmt.Sprint(n)), v)
				if events := a.get("data", name, "events").([]any); len(events) < n {
					t.Errorf("%s of %d: %s", name, n, a.body)
				}
			})
		}
		count(1) // the counts begin with a snapshot of their own
		if few, all := count(2), count(many); len(few) != len(all) {
			t.Errorf("%s: %d statements for 2 conversations, %d for %d:\n%s", name, len(few), len(all), many, strings.Join(all, "\n"))
		}
	}
}

// TestNullUnassignsNobody: assigning many needs an agent; a null, or a variable that was not sent,
// is refused and unassigns nobody.
func TestNullUnassignsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, doc := range []string{
		`mutation($id: ID!, $to: ID) { assignConversations(input: {items: [{conversationId: $id}], assigneeId: $to}) { events { __typename } } }`,
		`mutation($id: ID!) { assignConversations(input: {items: [{conversationId: $id}], assigneeId: null}) { events { __typename } } }`,
		`mutation($id: ID!) { assignConversations(input: {items: [{conversationId: $id}]}) { events { __typename } } }`,
	} {
		_, c := w.opened(w.agent, "Contact")
		w.assign(w.agent, c, w.agent)
		for _, v := range []vars{{"id": c.ID}, {"id": c.ID, "to": nil}} {
			w.post(t, w.agent.token, doc, v).wantCode("GRAPHQL_VALIDATION_FAILED")
		}
		if a := w.query(w.agent.token, `query($id: ID!) { conversation(id: $id) { assignee { id } } }`, vars{"id": c.ID}); a.get("data", "conversation", "assignee") == nil {
			t.Errorf("%s unassigned: %s", doc, a.body)
		}
		did(t)(w.service.UpdateContact(t.Context(), w.agent.Actor, service.UpdateContactInput{ContactID: c.ContactID, Identities: []*service.ContactIdentityInput{}}))
	}
}
