package graph_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"switchboard/db"
	"switchboard/service"
)

// TestEveryVerbHasItsRights walks the schema: each query, mutation and subscription has one entry
// in the table of rights, and the table has no other.
func TestEveryVerbHasItsRights(t *testing.T) {
	t.Parallel()
	entries := map[string]int{}
	for _, right := range service.Rights() {
		entries[right.Root+"."+right.Verb]++
	}
	for _, root := range roots() {
		for _, field := range root.Fields {
			name := root.Name + "." + field.Name
			if !strings.HasPrefix(field.Name, "__") && entries[name] != 1 {
				t.Errorf("%s has %d entries in service/right.go; it needs one", name, entries[name])
			}
			delete(entries, name)
		}
	}
	for name := range entries {
		t.Errorf("service/right.go has %s, which is not in the schema", name)
	}
}

func roots() []*ast.Definition {
	return []*ast.Definition{schema.Query, schema.Mutation, schema.Subscription}
}

// TestRights calls every verb as every role. Where the table allows it, the answer is not
// FORBIDDEN. Elsewhere it is, also for input that is wrong, and nothing changes.
func TestRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	calls := newCalls(w)
	for role, token := range map[service.Role]string{
		service.RoleAgent: w.agent.token, service.RoleManager: w.manager.token, service.RoleIntegration: w.integration,
		service.RoleReader: w.reader, service.RoleDashboard: w.issue(w.company, db.ScopeDashboard, nil),
	} {
		kept := w.snapshot()
		for _, right := range service.Rights() {
			if slices.Contains(right.Roles, role) {
				continue
			}
			for _, ids := range []map[string]string{calls.ids, nil} {
				if a := calls.send(token, right, ids); a.code != "FORBIDDEN" || a.data != "" {
					t.Errorf("%s %s is not refused: %s", role, right.Verb, a.text)
				}
			}
		}
		if w.snapshot() != kept {
			t.Errorf("%s changed something by what was refused", role)
		}
		for _, right := range service.Rights() {
			if slices.Contains(right.Roles, role) {
				if a := calls.send(token, right, calls.ids); a.code != "" && a.code != "BAD_USER_INPUT" || strings.Contains(a.text, "FORBIDDEN") {
					t.Errorf("%s %s: %s", role, right.Verb, a.text)
				}
			}
		}
	}
}

// calls calls verbs with the least input that the schema asks for.
type calls struct {
	*world
	untouched *db.Conversation
	ids       map[string]string // by the names of arguments and input fields; the others are ids of agents
	beginning db.EventCursor    // of the log
}

func newCalls(w *world) *calls {
	contact, conversation := w.story()
	automation, _ := w.automate()
	_, run := w.waiting()
	ids := map[string]string{
		"contactId": contact.ID.String(), "conversationId": conversation.ID.String(), "workflowId": automation.String(), "runId": run,
		"Query.contact.id": contact.ID.String(), "Query.conversation.id": conversation.ID.String(), "Query.workflow.id": automation.String(),
		"": w.colleague.id.String(),
	}
	_, untouched := w.opened(w.manager, "Zoe")
	return &calls{w, untouched, ids, w.history(w.key)[0].Cursor()}
}

// keepHearing adds messages to an open conversation until stop is called.
func (c *calls) keepHearing() (stop func()) {
	done := make(chan struct{})
	var hearing sync.WaitGroup
	hearing.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
				c.say(c.untouched, db.Inbound, c.untouched.ContactID.Ref(), "Hello?")
			}
		}
	})
	return func() { close(done); hearing.Wait() }
}

// A reply is the answer to a call, or the first message of a subscription.
type reply struct{ code, data, text string }

// send calls a verb. Without ids it sends malformed ones.
func (c *calls) send(token string, right service.Right, ids map[string]string) reply {
	c.t.Helper()
	root := schema.Types[right.Root]
	field := root.Fields.ForName(right.Verb)
	doc := strings.ToLower(root.Name) + " { " + right.Verb + c.arguments(right.Root+"."+right.Verb, field.Arguments, ids)
	if schema.Types[field.Type.Name()].IsCompositeType() {
		doc += " { __typename }"
	}
	doc += " }"
	var text []byte
	if root == schema.Subscription {
		s := c.connect(c.t, token)
		s.subscribe("1", doc, nil)
		if right.Verb == "unreadChanged" && ids != nil {
			defer c.keepHearing()() // it has no past
		}
		f, err := s.read()
		if err != nil {
			c.t.Fatalf("%s: %v", doc, err)
		}
		text = f.Payload
		_ = s.Close()
	} else {
		text = c.post(c.t, token, doc, nil).body
	}
	var body struct {
		Errors []wireError
		Data   map[string]json.RawMessage
	}
	if json.Unmarshal(text, &body) != nil {
		_ = json.Unmarshal(text, &body.Errors) // the error of a subscription
	}
	r := reply{text: string(text)}
	if len(body.Errors) > 0 {
		r.code = body.Errors[0].Extensions.Code
	}
	if value := string(body.Data[right.Verb]); value != "null" {
		r.data = value
	}
	return r
}

// arguments returns the arguments of a field. Subscriptions begin at the beginning of the log, so
// that they have something to send.
func (c *calls) arguments(path string, list ast.ArgumentDefinitionList, ids map[string]string) string {
	var given []string
	for _, a := range list {
		switch {
		case a.Type.Name() == "EventCursor":
			given = append(given, fmt.Sprintf("%s: %q", a.Name, c.beginning))
		case a.Name == "view":
			given = append(given, "view: ALL")
		case a.Type.NonNull && a.DefaultValue == nil:
			given = append(given, a.Name+": "+c.value(path+"."+a.Name, a.Name, a.Type, ids))
		}
	}
	if given == nil {
		return ""
	}
	return "(" + strings.Join(given, ", ") + ")"
}

// value returns the least value of a type as a literal.
func (c *calls) value(path, name string, of *ast.Type, ids map[string]string) string {
	if of.Elem != nil {
		return "[" + c.value(path, name, of.Elem, ids) + "]"
	}
	def := schema.Types[of.NamedType]
	switch {
	case def.Name == "ID" && ids == nil:
		return `"nonsense"`
	case def.Name == "ID":
		for _, key := range []string{path, name, ""} {
			if ids[key] != "" {
				return fmt.Sprintf("%q", ids[key])
			}
		}
	case def.Kind == ast.Enum:
		return def.EnumValues[0].Name
	case def.Name == "Int":
		return "1"
	case def.Name == "Boolean":
		return "true"
	case def.Kind == ast.InputObject:
		var given []string
		for i, f := range def.Fields {
			if f.Type.NonNull && f.DefaultValue == nil || i == 0 && def.Directives.ForName("oneOf") != nil {
				given = append(given, f.Name+": "+c.value(path+"."+f.Name, f.Name, f.Type, ids))
			}
		}
		return "{" + strings.Join(given, ", ") + "}"
	}
	return fmt.Sprintf("%q", strings.ToLower(name))
}

// TestDashboardTokensReadNoPersonalData: what a dashboard token may read shows nobody by name.
func TestDashboardTokensReadNoPersonalData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.issue(w.company, db.ScopeDashboard, nil)
	a := w.query(token, `{ session { role scope agent { name } workspace { name } } inboxCounts { mine all } dashboard { counts { open } agents { openConversations closedToday } } }`, nil)
	if a.text("data", "session", "role") != "DASHBOARD" || a.text("data", "session", "scope") != "DASHBOARD" {
		t.Errorf("the session is %s", a.body)
	}
	refused := w.post(t, token, `{ dashboard { counts { open } agents { agent { name email } } } }`, nil)
	for _, err := range refused.errors() {
		if err.Extensions.Code != "FORBIDDEN" {
			t.Errorf("the agents of the dashboard: %s", refused.body)
		}
	}
	if refused.get("data", "dashboard") != nil || strings.Contains(string(refused.body), w.agent.name) {
		t.Errorf("a dashboard token sees agents: %s", refused.body)
	}
	w.query(w.reader, `{ dashboard { agents { agent { name } } } }`, nil)
}
