package graph_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"switchboard/db"
)

// Tests that a text by which something is known in one workspace means nothing in another.

// plainTexts are the names of arguments and input fields whose text identifies nothing.
var plainTexts = []string{
	"avatarUrl", "body", "businessEventTypes", "categories", "category", "channel", "channels", "closingCategories", "country", "name",
	"phone", "search", "skill", "skills", "templateKey", "text", "timeZone", "type",
}

// pageCursors are the names of arguments that take a page cursor, which have rows in probes.
var pageCursors = []string{"after", "before"}

// A textProbe is a mutation with a text, $x, by which something else is known.
type textProbe struct {
	known string // what the text is taken from
	own   string // what the answer says if it is from the caller's workspace
	doc   string
}

const noProof = "" // nothing depends on whether the text is known, not even in the caller's workspace

// textProbes has a row for each text that identifies something, named by its path. The row of
// idempotency keys is for all mutations.
var textProbes = map[string]textProbe{
	"idempotencyKey": {"key", "IDEMPOTENCY_KEY_REUSED", `mutation($x: String!) { createContact(input: {name: "New", idempotencyKey: $x}) { contact { name } events { __typename } userErrors { code } } }`},
	"Mutation.createContact.input.identities.externalId":           {"identity", "IDENTITY_TAKEN", `mutation($x: String!) { createContact(input: {name: "New", identities: [{channel: "chat", externalId: $x}]}) { contact { name } events { __typename } userErrors { code } } }`},
	"Mutation.updateContact.input.identities.externalId":           {"identity", "IDENTITY_TAKEN", `mutation($x: String!) { updateContact(input: {contactId: $other, identities: [{channel: "chat", externalId: $x}]}) { contact { identities { channel } } events { __typename } userErrors { code } } }`},
	"Mutation.receiveMessage.input.sender.contact.externalId":      {"identity", "MessageReceived+ConversationReopened", `mutation($x: String!) { receiveMessage(input: {sender: {contact: {channel: "chat", externalId: $x, name: "New"}}, body: "Hello?"}) { contact { name } events { __typename } userErrors { code } } }`},
	"Mutation.recordBusinessEvent.input.sender.contact.externalId": {"identity", "Known", `mutation($x: String!) { recordBusinessEvent(input: {sender: {contact: {channel: "chat", externalId: $x, name: "New"}}, type: "order.placed"}) { contact { name } events { __typename } userErrors { code } } }`},
	"Mutation.receiveMessage.input.externalMessageId":              {"message", "EXTERNAL_ID_REUSED", `mutation($x: String!) { receiveMessage(input: {sender: {contact: {channel: "chat", externalId: $identity}}, body: "Another text", externalMessageId: $x}) { events { __typename } userErrors { code } } }`},
	"Mutation.recordBusinessEvent.input.externalEventId":           {"event", "EXTERNAL_ID_REUSED", `mutation($x: String!) { recordBusinessEvent(input: {sender: {contact: {channel: "chat", externalId: $identity}}, type: "order.placed", payload: {another: true}, externalEventId: $x}) { events { __typename } userErrors { code } } }`},
	"Mutation.createAgent.input.email":                             {"email", "EMAIL_TAKEN", `mutation($x: String!) { createAgent(input: {name: "New", email: $x, role: AGENT}) { agent { name } events { __typename } userErrors { code } } }`},
	"Mutation.updateAgent.input.email":                             {"email", "EMAIL_TAKEN", `mutation($x: String!) { updateAgent(input: {agentId: $agent, email: $x}) { agent { role } events { __typename } userErrors { code } } }`},
	"Mutation.createAgent.input.identity.subject":                  {"subject", "IDENTITY_TAKEN", `mutation($x: String!) { createAgent(input: {name: "New", email: $fresh, role: AGENT, identity: {issuer: $issuer, subject: $x}}) { agent { name } events { __typename } userErrors { code } } }`},
	"Mutation.updateAgent.input.identity.subject":                  {"subject", "IDENTITY_TAKEN", `mutation($x: String!) { updateAgent(input: {agentId: $agent, identity: {issuer: $issuer, subject: $x}}) { agent { role } events { __typename } userErrors { code } } }`},
	"Mutation.createAgent.input.identity.issuer":                   {"issuer", "IDENTITY_TAKEN", `mutation($x: String!) { createAgent(input: {name: "New", email: $fresh, role: AGENT, identity: {issuer: $x, subject: $subject}}) { agent { name } events { __typename } userErrors { code } } }`},
	"Mutation.updateAgent.input.identity.issuer":                   {"issuer", "IDENTITY_TAKEN", `mutation($x: String!) { updateAgent(input: {agentId: $agent, identity: {issuer: $x, subject: $subject}}) { agent { role } events { __typename } userErrors { code } } }`},
	"Mutation.createContact.input.email":                           {"address", noProof, `mutation($x: String!) { createContact(input: {name: "New", email: $x}) { contact { name } events { __typename } userErrors { code } } }`},
	"Mutation.updateContact.input.email":                           {"address", noProof, `mutation($x: String!) { updateContact(input: {contactId: $other, email: $x}) { contact { name } userErrors { code } } }`},
	"Mutation.receiveMessage.input.sender.contact.email":           {"address", noProof, `mutation($x: String!) { receiveMessage(input: {sender: {contact: {channel: "chat", externalId: $fresh, name: "New", email: $x}}, body: "Hello?"}) { contact { name } events { __typename } userErrors { code } } }`},
	"Mutation.recordBusinessEvent.input.sender.contact.email":      {"address", noProof, `mutation($x: String!) { recordBusinessEvent(input: {sender: {contact: {channel: "chat", externalId: $fresh, name: "New", email: $x}}, type: "order.placed"}) { contact { name } events { __typename } userErrors { code } } }`},
}

// TestTextProbesAreComplete walks the schema for arguments and input fields that are texts: each
// identifies nothing, or has a row.
func TestTextProbesAreComplete(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	walkInputs(roots(), func(path, name, kind string) {
		switch {
		case kind != "String" || slices.Contains(plainTexts, name) || slices.Contains(pageCursors, name):
		case name == "idempotencyKey":
			found[name] = true
		default:
			found[path] = true
		}
	})
	for path := range found {
		if textProbes[path].doc == "" {
			t.Errorf("%s has no row: give it one in textProbes, or add its name to plainTexts", path)
		}
	}
	for path := range textProbes {
		if !found[path] {
			t.Errorf("the schema has no text %s", path)
		}
	}
}

// TestForeignTextIsUnknown sends texts by which another workspace knows something: the answer is the
// same as for texts that nobody knows, and the other workspace does not change. A text by which the
// caller's own workspace knows something gets another answer.
func TestForeignTextIsUnknown(t *testing.T) {
	t.Parallel()
	for _, path := range slices.Sorted(maps.Keys(textProbes)) {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			p, w := textProbes[path], newWorld(t)
			theirs := &world{server: w.server, t: t, url: w.url}
			theirs.company = theirs.found("Globex")
			w.learnTexts("own")
			theirs.learnTexts("their")
			end := theirs.end()
			answers := map[string]string{}
			for _, of := range []string{"the first", "their", "nobody's", "own"} { // the first changes the state for the others
				answers[of] = w.sendText(path, p, of)
			}
			if answers["their"] != answers["nobody's"] || strings.Contains(answers["their"], `"errors"`) {
				t.Errorf("%s, but for one that nobody knows %s", answers["their"], answers["nobody's"])
			}
			if theirs.end() != end {
				t.Error("the other workspace changed")
			}
			if isOther := answers["own"] != answers["nobody's"]; isOther != (p.own != noProof) || isOther && !says(answers["own"], p.own) {
				t.Errorf("one's own gets %s, and nobody's %s", answers["own"], answers["nobody's"])
			}
		})
	}
}

// says reports whether an answer has all parts of a text that are joined by +.
func says(answer, parts string) bool {
	for part := range strings.SplitSeq(parts, "+") {
		if !strings.Contains(answer, part) {
			return false
		}
	}
	return true
}

// textOf returns a text of a kind by which a workspace knows something.
func textOf(of, kind string) string {
	of, _, _ = strings.Cut(of, "'")
	switch kind {
	case "email", "address":
		return of + "-" + kind + "@known.example"
	case "issuer":
		return "https://" + of + ".example"
	}
	return of + "-" + kind
}

// learnTexts makes a workspace know a text of each kind.
func (w *world) learnTexts(of string) {
	w.t.Helper()
	w.query(w.manager.token, `mutation($email: String!, $issuer: String!, $subject: String!) { createAgent(input: {name: "Known", email: $email, role: AGENT, identity: {issuer: $issuer, subject: $subject}}) { agent { id } userErrors { code } } }`,
		vars{"email": textOf(of, "email"), "issuer": textOf(of, "issuer"), "subject": textOf(of, "subject")})
	w.query(w.manager.token, `mutation($key: String!, $address: String!) { createContact(input: {name: "Other", email: $address, idempotencyKey: $key}) { contact { id } } }`,
		vars{"key": textOf(of, "key"), "address": textOf(of, "address")})
	sender := fmt.Sprintf(`sender: {contact: {channel: "chat", externalId: %q, name: "Known"}}`, textOf(of, "identity"))
	received := w.query(w.integration, `mutation($id: String!) { receiveMessage(input: {`+sender+`, body: "Hello?", externalMessageId: $id}) { conversation { id } } }`, vars{"id": textOf(of, "message")})
	w.query(w.integration, `mutation($id: String!) { recordBusinessEvent(input: {`+sender+`, type: "order.placed", externalEventId: $id}) { events { id } } }`, vars{"id": textOf(of, "event")})
	w.query(w.manager.token, `mutation($id: ID!) { closeConversation(input: {conversationId: $id}) { userErrors { code } } }`, vars{"id": received.get("data", "receiveMessage", "conversation", "id")})
}

var freshText = regexp.MustCompile(`\$fresh`)

// sendText sends a probe with a text of another workspace, of nobody or of the caller's own.
func (w *world) sendText(path string, p textProbe, of string) string {
	w.t.Helper()
	token := w.manager.token
	if strings.Contains(path, "receiveMessage") || strings.Contains(path, "recordBusinessEvent") {
		token = w.integration
	}
	var other db.ContactID
	must(w.t, w.db.NewRaw("SELECT id FROM contacts WHERE workspace_id = ? AND name = 'Other'", w.key).Scan(w.t.Context(), &other))
	doc := freshText.ReplaceAllLiteralString(p.doc, fmt.Sprintf("%q", "fresh-"+textOf(of, "email")))
	doc = strings.NewReplacer("$identity", literal(textOf("own", "identity")), "$issuer", literal(textOf(of, "issuer")), "$subject", literal(textOf(of, "subject")),
		"$agent", quote(w.colleague.id), "$other", quote(other)).Replace(doc)
	return string(stable(w.post(w.t, token, doc, vars{"x": textOf(of, p.known)}).body))
}

func literal(text string) string { return fmt.Sprintf("%q", text) }
