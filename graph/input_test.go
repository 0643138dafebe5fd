package graph_test

import (
	"reflect"
	"strings"
	"testing"

	"switchboard/db"
)

// TestErrorsNameTheInput: an error about an argument has the path of the field in the response, and
// its message names the argument; an error about a variable has no path.
func TestErrorsNameTheInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	contact, conversation := w.opened(w.agent, "Ada")
	const (
		agent  = `query($v: ID!) { a: agent(id: $v) { id } }`
		inbox  = `query($v: InboxFilter) { i: inbox(view: ALL, filter: $v) { nodes { id } } }`
		assign = `mutation($v: AssignConversationInput!) { assignConversation(input: $v) { events { id } } }`
		closes = `mutation($v: CloseConversationsInput!) { closeConversations(input: $v) { events { id } } }`
		nested = `query($v: Int) { contacts { nodes { conversations(first: $v) { nodes { id } } } } }`
	)
	for name, c := range map[string]struct {
		doc  string
		v    any
		path []any
		says []string
	}{
		"an id":             {agent, "x", []any{"a"}, []string{`"x" is not an id`, "looks like agent_"}},
		"another kind":      {agent, conversation.ID, []any{"a"}, []string{"of another kind", "begins with agent_"}},
		"a list in a field": {inbox, vars{"assignees": []any{nil, contact.ID}}, []any{"i"}, []string{"filter.assignees[1]: ", "begins with agent_"}},
		"a time in a field": {inbox, vars{"openedAfter": "yesterday"}, []any{"i"}, []string{"filter.openedAfter: a time"}},
		"a field of input": {assign, vars{"conversationId": conversation.ID, "assigneeId": contact.ID}, []any{"assignConversation"},
			[]string{"input.assigneeId: ", "begins with agent_"}},
		"an item":         {closes, vars{"items": []any{vars{"conversationId": "x"}}}, []any{"closeConversations"}, []string{"input.items[0].conversationId: "}},
		"a rule":          {closes, vars{"items": []any{}}, []any{"closeConversations"}, []string{"items must be 1 to 500"}},
		"a variable":      {closes, vars{"items": []any{vars{}}}, nil, []string{"$v.items[0].conversationId does not fit"}},
		"a nested number": {nested, 1000, []any{"contacts", "nodes", 0.0, "conversations"}, []string{"first and last must be between"}},
	} {
		errs := w.post(t, w.agent.token, c.doc, vars{"v": c.v}).errors()
		if len(errs) != 1 || !reflect.DeepEqual(errs[0].Path, c.path) {
			t.Errorf("%s: %+v", name, errs)
			continue
		}
		for _, says := range c.says {
			if !strings.Contains(errs[0].Message, says) {
				t.Errorf("%s: %q does not contain %q", name, errs[0].Message, says)
			}
		}
	}
}

// TestBadCursorOfSubscription: a subscription whose cursor is refused is told what to do next,
// which is something else than for a list.
func TestBadCursorOfSubscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, after := range []string{"x", db.EventCursor{Workspace: w.key + 1}.String()} {
		told := w.subscribe(t, w.agent.token, "statusChanged", vars{"after": after}).wantError("CURSOR_INVALID")
		if !strings.Contains(told, "load the data again and subscribe after its asOf") {
			t.Errorf("after %s: %q", after, told)
		}
	}
	told := w.post(t, w.agent.token, `{ contacts(after: "x") { nodes { id } } }`, nil).wantCode("CURSOR_INVALID").Message
	if !strings.Contains(told, "take one from this list") {
		t.Errorf("of a list: %q", told)
	}
}
