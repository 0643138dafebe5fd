package graph_test

import (
	"strings"
	"testing"
)

// TestBrokenTextInVariables: half an emoji in a variable is repaired in what a customer says, and
// refused in words elsewhere; nowhere does it end in INTERNAL.
func TestBrokenTextInVariables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	contact, _ := w.opened(w.agent, "Ada Lovelace")
	for _, row := range []struct{ token, doc, want string }{
		{w.integration, `mutation($x: String!) { receiveMessage(input: {sender: {contact: {channel: "sms", externalId: "1"}}, body: $x}) { message { body } } }`, "Thanks \uFFFD"},
		{w.integration, `mutation($x: String!) { receiveMessage(input: {sender: {contact: {channel: "sms", externalId: "1", name: $x, email: $x}}, body: "Hi", externalMessageId: $x}) { message { body } ignored { code } } }`, "INVALID_FIELD"},
		{w.integration, `mutation($x: DateTime) { receiveMessage(input: {sender: {contact: {channel: "sms", externalId: "1"}}, body: "Hi", sentAt: $x}) { message { body } ignored { field } } }`, "sentAt"},
		{w.integration, `mutation($x: JSON) { recordBusinessEvent(input: {sender: {contact: {channel: "sms", externalId: "1"}}, type: "order", payload: $x}) { events { id } } }`, `"events":[`},
		{w.agent.token, `mutation($x: String!) { createContact(input: {name: $x}) { contact { name } } }`, "BAD_USER_INPUT"},
		{w.agent.token, `mutation($x: String) { updateContact(input: {contactId: "` + contact.ID.String() + `", email: $x}) { contact { name } } }`, "BAD_USER_INPUT"},
		{w.agent.token, `query($x: String) { inbox(view: ALL, search: $x) { nodes { id } } }`, "BAD_USER_INPUT"},
		{w.agent.token, `query($x: String!) { inbox(view: ALL, filter: {channels: [$x]}) { nodes { id } } }`, ""},
		{w.agent.token, `query($x: String) { inbox(view: ALL, after: $x) { nodes { id } } }`, "CURSOR_INVALID"},
		{w.agent.token, `query($x: String) { contacts(search: $x) { nodes { id } } }`, "BAD_USER_INPUT"},
		{w.agent.token, `query($x: String) { agents(search: $x) { nodes { id } } }`, "BAD_USER_INPUT"},
		{w.agent.token, `query($x: ID!) { contact(id: $x) { id } }`, "BAD_USER_INPUT"},
	} {
		got := string(w.send(t, row.token, `{"query":`+string(quoted(t, row.doc))+`,"variables":{"x":"Thanks \ud83d"}}`).body)
		if !strings.Contains(got, row.want) || strings.Contains(got, "INTERNAL") {
			t.Errorf("%s is answered %s, without %q", row.doc, got, row.want)
		}
	}
}
