package graph_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	gql "github.com/99designs/gqlgen/graphql"
)

// TestVariables: the values of variables are coerced as the specification says, which gqlgen's own
// coercion does not always do; a refusal names the variable and the value.
func TestVariables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	contact := w.contact(w.agent, "Ada")
	const (
		first  = `query($v: Int) { contacts(first: $v) { nodes { id } } }`
		text   = `query($v: String) { contacts(search: $v) { nodes { id } } }`
		id     = `query($v: ID!) { contact(id: $v) { id } }`
		flag   = `query($v: Boolean) { agents(filter: {active: $v}) { nodes { id } } }`
		view   = `query($v: InboxView!) { inbox(view: $v) { nodes { id } } }`
		filter = `query($v: InboxFilter) { inbox(view: ALL, filter: $v) { nodes { id } } }`
		input  = `mutation($v: UpdateContactInput!) { updateContact(input: $v) { contact { id } } }`
	)
	for _, c := range []struct{ doc, value, says string }{
		{first, `25`, ""}, {first, `25.0`, ""}, {first, `2.5e1`, ""}, {first, `250E-1`, ""}, {first, `null`, ""},
		{first, `25.5`, "$v does not fit: 25.5 is not an Int"},
		{first, `"25"`, `$v does not fit: "25" is not an Int`},
		{first, `true`, `true is not an Int`}, {first, `[25]`, `[25] is not an Int`}, {first, `{}`, `{} is not an Int`},
		{first, `2147483648`, "32 bits"}, {first, `-2147483649`, "32 bits"}, {first, `1e400`, "1e400 is not an Int"},
		{first, `1e999999999`, "is not an Int"}, {first, `1` + strings.Repeat("0", 10_000), "is not an Int"},
		{first, `-1`, "between 1 and 100"}, // it is an Int, but out of the field's range
		{text, `"5"`, ""}, {text, `5`, "$v does not fit: 5 is not a String"}, {text, `true`, "true is not a String"}, {text, `["a"]`, "is not a String"},
		{id, `"` + contact.ID.String() + `"`, ""}, {id, `5`, "id"}, {id, `5.5`, "5.5 is not an ID"}, {id, `null`, "$v does not fit: it is null, and ID! is required"},
		{flag, `true`, ""}, {flag, `"true"`, `"true" is not a Boolean`}, {flag, `1`, "1 is not a Boolean"},
		{view, `"ALL"`, ""}, {view, `"all"`, `"all" is not a value of InboxView`}, {view, `1`, "1 is not a value of InboxView"},
		{filter, `{"channels":["chat"]}`, ""}, {filter, `{"channels":"chat"}`, ""}, {filter, `{"__typename":"InboxFilter"}`, ""},
		{filter, `{"assignees":null}`, ""}, {filter, `{"assignees":[null]}`, ""},
		{filter, `{"channels":["chat",5]}`, "$v.channels[1] does not fit: 5 is not a String"},
		{filter, `{"channel":"chat"}`, "$v.channel does not fit: InboxFilter has no such field"},
		{filter, `"chat"`, `"chat" is not an object of InboxFilter`}, {filter, `[]`, "[] is not an object of InboxFilter"},
		{filter, `{"waiting":"true"}`, `$v.waiting does not fit: "true" is not a Boolean`},
		{input, `{}`, "$v.contactId does not fit: it is missing, and ID! is required"},
		{input, `{"contactId":null}`, "$v.contactId does not fit: it is null"},
		{input, `{"contactId":"` + contact.ID.String() + `","name":5}`, "$v.name does not fit: 5 is not a String"},
	} {
		body := `{"query":` + string(quoted(t, c.doc)) + `,"variables":{"v":` + c.value + `}}`
		a := w.send(t, w.agent.token, body)
		switch errs := a.errors(); {
		case c.says == "" && errs != nil:
			t.Errorf("%s is refused: %s", c.value, a.body)
		case c.says != "" && (len(errs) != 1 || !strings.Contains(errs[0].Message, c.says)):
			t.Errorf("%.80s is answered %.300s, not that %s", c.value, a.body, c.says)
		}
	}
	for doc, says := range map[string]string{
		`{ contacts(first: 25.0) { nodes { id } } }`:                       "Int cannot represent",
		`{ contacts(first: "25") { nodes { id } } }`:                       "Int cannot represent",
		`{ contacts(first: 2147483648) { nodes { id } } }`:                 "32 bits",
		`{ contacts(first: -2147483649) { nodes { id } } }`:                "32 bits",
		`query($v: Int = 9999999999) { contacts(first: $v) { nodes {id}}}`: "32 bits",
		`{ contacts(search: "a \uD83D") { nodes { id } } }`:                "surrogate",
		`{ contacts(search: "a \uDE00\uD83D") { nodes { id } } }`:          "surrogate",
		`{ contacts(search: "a \uD83D\uDE00") { nodes { id } } }`:          "",
		`{ contacts(search: "a \\uD83D") { nodes { id } } }`:               "",
		`query($v: ID!) { contact(id: $v) { id } }`:                        "$v does not fit: it is missing, and ID! is required",
		`query A { asOf } query B { asOf }`:                                "name the one to execute in operationName",
		`query($v: Int = 25) { contacts(first: $v) { nodes {id}}}`:         "",
	} {
		a := w.post(t, w.agent.token, doc, nil)
		if errs := a.errors(); says == "" && errs != nil || says != "" && (len(errs) != 1 || !strings.Contains(errs[0].Message, says)) {
			t.Errorf("%s is answered %s", doc, a.body)
		}
	}
}

// TestNullVariables: a variable that may be null is refused if it is null where the schema allows
// none, wherever the document uses it.
func TestNullVariables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const null, absent = `{"v":null}`, `{}`
	for _, c := range []struct{ doc, variables, needs string }{
		{`query($v: Boolean = true) { asOf @include(if: $v) }`, null, "Boolean!"},
		{`query($v: Boolean = true) { inbox(view: ALL) { nodes { id @skip(if: $v) } } }`, null, "Boolean!"},
		{`query($v: Boolean = true) { ... @include(if: $v) { asOf } }`, null, "Boolean!"},
		{`query($v: Boolean = true) { ...F } fragment F on Query { ...G @skip(if: $v) } fragment G on Query { asOf }`, null, "Boolean!"},
		{`query($v: Boolean = true) { ...F } fragment F on Query { ...G } fragment G on Query { asOf @skip(if: $v) }`, null, "Boolean!"},
		{`query($v: InboxView = ALL) { inbox(view: $v) { totalCount } }`, null, "InboxView!"},
		{`query($v: InboxView) { inbox(view: $v) { totalCount } }`, null, "InboxView!"},
		{`query($v: OrderDirection) { contacts(orderBy: {direction: $v}) { nodes { id } } }`, null, "OrderDirection!"},
		{`mutation($v: Role = AGENT) { createAgent(input: {name: "Rolf", email: "rolf@example.com", role: $v}) { agent { id } } }`, null, "Role!"},
		{`subscription($v: Boolean = true) { inboxCountsChanged { all @include(if: $v) } }`, null, "Boolean!"},
		{`subscription($v: InboxView = ALL) { inboxChanged(view: $v) { kind } }`, null, "InboxView!"},
		{`query($v: Boolean = true) { asOf @include(if: $v) }`, absent, ""},
		{`query($v: InboxView) { inbox(view: $v) { totalCount } }`, absent, ""},
		{`query($v: OrderDirection) { contacts(orderBy: {direction: $v}) { nodes { id } } }`, absent, ""},
		{`query($v: Int) { contacts(first: $v) { nodes { id } } }`, null, ""},
		{`query($v: ID) { inbox(view: ALL, filter: {assignees: [$v]}) { nodes { id } } }`, null, ""},
	} {
		for range 2 { // the second time the document is in the cache
			body := `{"query":` + string(quoted(t, c.doc)) + `,"variables":` + c.variables + `}`
			response := w.events(t, "POST", w.manager.token, body, "Accept", "text/event-stream")
			late := time.AfterFunc(5*time.Second, func() { _ = response.Body.Close() }) // an accepted subscription goes on
			text, err := io.ReadAll(response.Body)
			late.Stop()
			says := "$v does not fit: it is null, and is used where " + c.needs + " is required"
			if refused := strings.Contains(string(text), says); err != nil || refused != (c.needs != "") || !refused && strings.Contains(string(text), "errors") {
				t.Errorf("%s with %s is answered %s, %v", c.doc, c.variables, text, err)
			}
		}
	}
}

// oneOfs has each @oneOf input: a document whose variable $v contains it, the path to it in the
// value, and two of its fields.
var oneOfs = map[string]struct{ doc, value, place, one, two string }{
	"WorkflowStepInput": {`mutation($v: CreateWorkflowInput!) { createWorkflow(input: $v) { workflow { id } } }`,
		`{"name":"Flow","definition":{"triggers":["MESSAGE_SENT"],"steps":[{"unassign":{}},%s]}}`, "$v.definition.steps[1]", `"unassign":{}`, `"wait":{"seconds":1}`},
	"WorkflowOrDefinitionInput": {`query($v: DryRunWorkflowInput!) { dryRunWorkflow(input: $v) { conditionsHold } }`,
		`{"conversationId":"$conv","workflow":%s}`, "$v.workflow", `"workflowId":"$wf"`, `"definition":{"triggers":["MESSAGE_SENT"],"steps":[{"unassign":{}}]}`},
	"DryRunTriggerInput": {`query($v: DryRunWorkflowInput!) { dryRunWorkflow(input: $v) { conditionsHold } }`,
		`{"conversationId":"$conv","workflow":{"workflowId":"$wf"},"trigger":%s}`, "$v.trigger", `"conversationUnassigned":{}`, `"messageReceived":{}`},
	"MessageSenderInput": {`mutation($v: ReceiveMessageInput!) { receiveMessage(input: $v) { message { id } } }`,
		`{"sender":%s,"body":"Hello?"}`, "$v.sender", `"contact":{"channel":"chat","externalId":"ada"}`, `"known":{"contactId":"$contact","channel":"chat"}`},
	"BusinessEventSenderInput": {`mutation($v: RecordBusinessEventInput!) { recordBusinessEvent(input: $v) { contact { id } } }`,
		`{"sender":%s,"type":"order.placed"}`, "$v.sender", `"contact":{"channel":"chat","externalId":"ada"}`, `"contactId":"$contact"`},
}

// TestOneOf: each @oneOf input takes exactly one field, which is not null, at any depth and in
// literals as well.
func TestOneOf(t *testing.T) {
	t.Parallel()
	for name, def := range schema.Types {
		if def.Directives.ForName("oneOf") != nil && oneOfs[name].doc == "" {
			t.Errorf("%s has no row", name)
		}
	}
	w := newWorld(t)
	contact, conversation := w.opened(w.agent, "Ada")
	own := strings.NewReplacer("$contact", contact.ID.String(), "$conv", conversation.ID.String(), "$wf", w.workflow("unassign-after-close", nil).String())
	name := regexp.MustCompile(`"(\w+)":`)
	for input, c := range oneOfs {
		token := w.manager.token
		if strings.Contains(c.doc, "receiveMessage") || strings.Contains(c.doc, "recordBusinessEvent") {
			token = w.integration
		}
		null := name.FindString(c.one) + "null"
		for given, says := range map[string]string{
			`{` + c.one + `}`: "", `{` + c.two + `}`: "", `{"__typename":"X",` + c.one + `}`: "",
			`{}`: "takes exactly one of its fields, and 0 are given", `{"__typename":"X"}`: "and 0 are given",
			`{` + c.one + `,` + c.two + `}`: "takes exactly one of its fields, and 2 are given",
			`{` + null + `}`:                "it is null", `{` + null + `,` + c.two + `}`: "",
		} {
			value := own.Replace(fmt.Sprintf(c.value, given))
			a := w.send(t, token, `{"query":`+string(quoted(t, c.doc))+`,"variables":{"v":`+value+`}}`)
			refused := says != "" || strings.Contains(given, "null")
			if errs := a.errors(); !refused && errs != nil || refused && (len(errs) != 1 || !strings.Contains(errs[0].Message, says) || !strings.Contains(errs[0].Message, c.place)) {
				t.Errorf("%s of %s is answered %s", given, input, a.body)
			}
			if strings.Contains(given, "__typename") {
				continue // a literal cannot contain it
			}
			if strings.Contains(value, "MESSAGE_SENT") {
				value = strings.ReplaceAll(value, `"MESSAGE_SENT"`, "MESSAGE_SENT")
			}
			literal := regexp.MustCompile(`\(\$v[^)]*\)`).ReplaceAllString(c.doc, "")
			a = w.post(t, token, strings.Replace(literal, "$v", name.ReplaceAllString(value, "$1:"), 1), nil)
			if errs := a.errors(); refused != (errs != nil) {
				t.Errorf("the literal %s of %s is answered %s", given, input, a.body)
			}
		}
	}
}

// TestNumbersOfJSONStay: a JSON value keeps the digits of its numbers.
func TestNumbersOfJSONStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	contact := w.contact(w.agent, "Ada")
	body := `{"query":"mutation($v: RecordBusinessEventInput!) { recordBusinessEvent(input: $v) { events { ... on BusinessEventRecorded { payload } } } }",` +
		`"variables":{"v":{"sender":{"contactId":"` + contact.ID.String() + `"},"type":"order.placed","payload":{"a":25.0,"b":2.5e1,"c":12345678901234567890}}}}`
	if a := w.send(t, w.integration, body); !strings.Contains(string(a.body), `{"a":25.0,"b":25,"c":12345678901234567890}`) &&
		!strings.Contains(string(a.body), `{"a":25.0,"b":2.5e1,"c":12345678901234567890}`) {
		t.Errorf("%s", a.body)
	}
}

// TestSuggestions: the message about an invalid document names only parts of the schema that the
// document names itself, unless introspection is allowed.
func TestSuggestions(t *testing.T) {
	t.Parallel()
	hidden, open := newWorld(t), newWorld(t, func(o *options) { o.introspection = true })
	for doc, secret := range map[string]string{
		`{ viewe { id } }`:                       "viewer",
		`{ viewer }`:                             "{ ... }",
		`{ contacts(firs: 1) { nodes { id } } }`: "first",
		`{ inbox(view: AL) { nodes { id } } }`:   "ALL",
		`{ inbox(view: ALL, filter: {waitin: true}) { nodes { id } } }`: "waiting",
	} {
		if a := hidden.post(t, hidden.agent.token, doc, nil); strings.Contains(string(a.body), "Did you mean") || a.errors() == nil {
			t.Errorf("%s is answered %s", doc, a.body)
		}
		if a := open.post(t, open.agent.token, doc, nil); !strings.Contains(string(a.body), "Did you mean") {
			t.Errorf("%s is answered %s, without %s", doc, a.body, secret)
		}
	}
}

// TestParametersAreShared: subscribers who share an execution have the same parameters, so
// reading the values of variables leaves these as they are.
func TestParametersAreShared(t *testing.T) {
	t.Parallel()
	exec := idle()
	params := gql.RawParams{
		Query:     `subscription($filter: InboxFilter) { inboxChanged(view: ALL, filter: $filter) { kind } }`,
		Variables: map[string]any{"filter": map[string]any{"channels": "chat", "waiting": true, "assignees": []any{nil, json.Number("5")}}},
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				own := params
				if _, errs := exec.CreateOperationContext(gql.StartOperationTrace(t.Context()), &own); errs != nil {
					t.Error(errs)
				}
			}
		})
	}
	all.Wait()
	if sent, err := json.Marshal(params.Variables); err != nil || string(sent) != `{"filter":{"assignees":[null,5],"channels":"chat","waiting":true}}` {
		t.Errorf("what was sent has become %s", sent)
	}
}

func quoted(t *testing.T, text string) []byte {
	t.Helper()
	data, err := json.Marshal(text)
	must(t, err)
	return data
}

// send posts a body as it is.
func (s *server) send(t *testing.T, token, body string) *answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.http.URL, strings.NewReader(body))
	must(t, err)
	r.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
	return s.do(t, r)
}
