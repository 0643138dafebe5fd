package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"pgregory.net/rapid"

	"switchboard/db"
	"switchboard/graph"
	"switchboard/graph/limit"
	"switchboard/graph/live"
	"switchboard/service"
)

// Tests of which subscriptions share an execution, so that no caller sees another's own data.

// asked is a subscription and its caller.
type asked struct {
	doc       string
	vars      string // JSON
	by        service.Actor
	operation string
}

// Callers of two workspaces; ann signs in in two ways.
var (
	ann         = agentOf(1, service.RoleAgent)
	annElsewise = service.Actor{Workspace: 1, Role: service.RoleAgent, Agent: ann.Agent, Token: db.TokenID{UUID: db.NewUUID()}}
	annPromoted = service.Actor{Workspace: 1, Role: service.RoleManager, Agent: ann.Agent}
	cem         = agentOf(1, service.RoleAgent)
	mia         = agentOf(1, service.RoleManager)
	robot       = programOf(1, service.RoleIntegration)
	otherRobot  = programOf(1, service.RoleIntegration)
	reader      = programOf(1, service.RoleReader)
	otherReader = programOf(1, service.RoleReader)
	foreigner   = agentOf(2, service.RoleAgent)
)

func agentOf(workspace db.WorkspaceKey, role service.Role) service.Actor {
	return service.Actor{Workspace: workspace, Role: role, Agent: &db.AgentID{UUID: db.NewUUID()}}
}

func programOf(workspace db.WorkspaceKey, role service.Role) service.Actor {
	return service.Actor{Workspace: workspace, Role: role, Token: db.TokenID{UUID: db.NewUUID()}}
}

// operation returns the operation of a document as the executor would. Numbers in variables are
// decoded as for a socket.
func operation(t testing.TB, exec graphql.GraphExecutor, a asked) *graphql.OperationContext {
	t.Helper()
	params := &graphql.RawParams{Query: a.doc, OperationName: a.operation, Variables: map[string]any{}}
	if a.vars != "" {
		decoder := json.NewDecoder(bytes.NewBufferString(a.vars))
		decoder.UseNumber()
		if err := decoder.Decode(&params.Variables); err != nil {
			t.Fatal(err)
		}
	}
	op, errs := exec.CreateOperationContext(graphql.StartOperationTrace(context.Background()), params)
	if len(errs) > 0 {
		t.Fatalf("%v in %s", errs, a.doc)
	}
	return op
}

// shared returns the key of the execution that a subscription shares.
func shared(t testing.TB, exec graphql.GraphExecutor, a asked) (live.Shared, bool) {
	t.Helper()
	return graph.Share(graph.WithActor(context.Background(), a.by), operation(t, exec, a))
}

// idle executes nothing, so it needs no database.
func idle() graphql.GraphExecutor {
	return graph.NewExecutor(graph.Options{Log: quietLog, Introspection: true}, func(ctx context.Context, next graphql.Resolver) (any, error) { return next(ctx) })
}

const (
	status  = `subscription($after: EventCursor) { statusChanged(after: $after) { id } }`
	talk    = `subscription($id: ID!, $after: EventCursor) { conversationChanged(conversationId: $id, after: $after) { id } }`
	inbox   = `subscription($view: InboxView! = MINE, $filter: InboxFilter) { inboxChanged(view: $view, filter: $filter) { kind } }`
	ownKey  = `subscription { statusChanged { id idempotencyKey } }`
	skipped = `subscription($no: Boolean!) { statusChanged { id idempotencyKey @include(if: $no) } }`
	counted = `subscription($view: InboxView!) { inboxChanged(view: $view) { kind counts { %s } } }`
	ab      = `subscription A { statusChanged { id } } subscription B { statusChanged { cursor } }`
)

// alike are pairs of subscriptions, and whether both have the same key.
var alike = []struct {
	name       string
	one, other asked
	same       bool
}{
	// Who is calling.
	{"colleagues", asked{doc: status, by: ann}, asked{doc: status, by: cem}, true},
	{"twice the same", asked{doc: status, by: ann}, asked{doc: status, by: ann}, true},
	{"two tokens of one agent", asked{doc: status, by: ann}, asked{doc: status, by: annElsewise}, true},
	{"two programs", asked{doc: status, by: robot}, asked{doc: status, by: otherRobot}, true},
	{"two readers", asked{doc: status, by: reader}, asked{doc: status, by: otherReader}, true},
	{"another workspace", asked{doc: status, by: ann}, asked{doc: status, by: foreigner}, false},
	{"agent and manager", asked{doc: status, by: ann}, asked{doc: status, by: mia}, false},
	{"before and after a promotion", asked{doc: status, by: ann}, asked{doc: status, by: annPromoted}, false},
	{"agent and program", asked{doc: status, by: ann}, asked{doc: status, by: robot}, false},
	{"program and reader", asked{doc: status, by: robot}, asked{doc: status, by: reader}, false},

	// What is asked.
	{"another field", asked{doc: status, by: ann}, asked{doc: `subscription($after: EventCursor) { statusChanged(after: $after) { cursor } }`, by: ann}, false},
	{"another space", asked{doc: status, by: ann}, asked{doc: status + " ", by: ann}, false},
	{"another root field", asked{doc: `subscription { statusChanged { id } }`, by: ann}, asked{doc: `subscription { assignmentChanged { id } }`, by: ann}, false},
	{"another operation of the document", asked{doc: ab, by: ann, operation: "A"}, asked{doc: ab, by: ann, operation: "B"}, false},
	{"the same operation of the document", asked{doc: ab, by: ann, operation: "B"}, asked{doc: ab, by: cem, operation: "B"}, true},
	{"the only operation, named and not", asked{doc: `subscription A { statusChanged { id } }`, by: ann, operation: "A"}, asked{doc: `subscription A { statusChanged { id } }`, by: ann}, true},
	{"__typename", asked{doc: `subscription { statusChanged { __typename id } }`, by: ann}, asked{doc: `subscription { statusChanged { __typename id } }`, by: cem}, true},

	// With which variables.
	{"another id", asked{doc: talk, vars: `{"id": "conv_1"}`, by: ann}, asked{doc: talk, vars: `{"id": "conv_2"}`, by: ann}, false},
	{"the same id", asked{doc: talk, vars: `{"id": "conv_1"}`, by: ann}, asked{doc: talk, vars: `{"id": "conv_1"}`, by: cem}, true},
	{"text and number", asked{doc: talk, vars: `{"id": "1"}`, by: ann}, asked{doc: talk, vars: `{"id": 1}`, by: ann}, true}, // an ID is a text, however it is written
	{"the order of the variables", asked{doc: inbox, vars: `{"view": "ALL", "filter": {"waiting": true, "channels": ["a"]}}`, by: ann},
		asked{doc: inbox, vars: `{"filter": {"channels": ["a"], "waiting": true}, "view": "ALL"}`, by: cem}, true},
	{"the order of a list", asked{doc: inbox, vars: `{"view": "ALL", "filter": {"channels": ["a", "b"]}}`, by: ann},
		asked{doc: inbox, vars: `{"view": "ALL", "filter": {"channels": ["b", "a"]}}`, by: ann}, false},
	{"deep in a variable", asked{doc: inbox, vars: `{"view": "ALL", "filter": {"waiting": true}}`, by: ann},
		asked{doc: inbox, vars: `{"view": "ALL", "filter": {"waiting": false}}`, by: ann}, false},
	{"null and nothing", asked{doc: inbox, vars: `{"view": "ALL", "filter": null}`, by: ann}, asked{doc: inbox, vars: `{"view": "ALL"}`, by: ann}, false},
	{"the default and the same value", asked{doc: `subscription($v: InboxView! = ALL) { inboxChanged(view: $v) { kind } }`, by: ann},
		asked{doc: `subscription($v: InboxView! = ALL) { inboxChanged(view: $v) { kind } }`, vars: `{"v": "ALL"}`, by: cem}, true},
	{"another view", asked{doc: inbox, vars: `{"view": "ALL"}`, by: ann}, asked{doc: inbox, vars: `{"view": "CLOSED"}`, by: ann}, false},
	{"variables that are not declared", asked{doc: status, vars: `{"more": 1}`, by: ann}, asked{doc: status, vars: `{"more": 2}`, by: ann}, true},
	{"skipped and not", asked{doc: `subscription($no: Boolean!) { statusChanged { id cursor @skip(if: $no) } }`, vars: `{"no": true}`, by: ann},
		asked{doc: `subscription($no: Boolean!) { statusChanged { id cursor @skip(if: $no) } }`, vars: `{"no": false}`, by: ann}, false},

	// Where it begins.
	{"after and now", asked{doc: status, vars: `{"after": "x"}`, by: ann}, asked{doc: status, by: cem}, true},
	{"after one place and another", asked{doc: status, vars: `{"after": "x"}`, by: ann}, asked{doc: status, vars: `{"after": "y"}`, by: cem}, true},
	{"after null", asked{doc: status, vars: `{"after": null}`, by: ann}, asked{doc: status, by: cem}, true},
	{"after by another name", asked{doc: `subscription($id: EventCursor) { statusChanged(after: $id) { id } }`, vars: `{"id": "x"}`, by: ann},
		asked{doc: `subscription($id: EventCursor) { statusChanged(after: $id) { id } }`, vars: `{"id": "y"}`, by: ann}, true},
	{"a variable called after that is none", asked{doc: `subscription($after: ID) { statusChanged(conversationId: $after) { id } }`, vars: `{"after": "x"}`, by: ann},
		asked{doc: `subscription($after: ID) { statusChanged(conversationId: $after) { id } }`, vars: `{"after": "y"}`, by: ann}, false},
	{"after a default and another place", asked{doc: `subscription($a: EventCursor = "x") { statusChanged(after: $a) { id } }`, by: ann},
		asked{doc: `subscription($a: EventCursor = "x") { statusChanged(after: $a) { id } }`, vars: `{"a": "y"}`, by: cem}, true},
	{"after does not hide the id", asked{doc: talk, vars: `{"id": "conv_1", "after": "x"}`, by: ann}, asked{doc: talk, vars: `{"id": "conv_2", "after": "x"}`, by: ann}, false},

	// Fields that depend on the caller.
	{"one's own field, colleagues", asked{doc: ownKey, by: ann}, asked{doc: ownKey, by: cem}, false},
	{"one's own field, two tokens", asked{doc: ownKey, by: ann}, asked{doc: ownKey, by: annElsewise}, true},
	{"one's own field, two programs", asked{doc: ownKey, by: robot}, asked{doc: ownKey, by: otherRobot}, false},
	{"one's own field, one program", asked{doc: ownKey, by: robot}, asked{doc: ownKey, by: robot}, true},
	{"one's own field, after", asked{doc: `subscription($a: EventCursor) { statusChanged(after: $a) { idempotencyKey } }`, by: ann, vars: `{"a": "x"}`},
		asked{doc: `subscription($a: EventCursor) { statusChanged(after: $a) { idempotencyKey } }`, by: ann}, true},
	{"included", asked{doc: skipped, vars: `{"no": true}`, by: ann}, asked{doc: skipped, vars: `{"no": true}`, by: cem}, false},
	{"not included", asked{doc: skipped, vars: `{"no": false}`, by: ann}, asked{doc: skipped, vars: `{"no": false}`, by: cem}, false},
	{"skipped for good", asked{doc: `subscription { statusChanged { id idempotencyKey @skip(if: true) } }`, by: ann}, asked{doc: `subscription { statusChanged { id idempotencyKey @skip(if: true) } }`, by: cem}, false},
	{"by another name", asked{doc: `subscription { s: statusChanged { id: idempotencyKey } }`, by: ann}, asked{doc: `subscription { s: statusChanged { id: idempotencyKey } }`, by: cem}, false},
	{"another field by its name", asked{doc: `subscription { statusChanged { idempotencyKey: id } }`, by: ann}, asked{doc: `subscription { statusChanged { idempotencyKey: id } }`, by: cem}, true},
	{"of one type", asked{doc: `subscription { statusChanged { ... on ConversationClosed { idempotencyKey } } }`, by: ann}, asked{doc: `subscription { statusChanged { ... on ConversationClosed { idempotencyKey } } }`, by: cem}, false},
	{"in a nameless fragment", asked{doc: `subscription { statusChanged { ... { idempotencyKey } } }`, by: ann}, asked{doc: `subscription { statusChanged { ... { idempotencyKey } } }`, by: cem}, false},
	{"in a fragment of a fragment", asked{doc: `subscription { ...a } fragment a on Subscription { statusChanged { ...b } } fragment b on Event { idempotencyKey }`, by: ann},
		asked{doc: `subscription { ...a } fragment a on Subscription { statusChanged { ...b } } fragment b on Event { idempotencyKey }`, by: cem}, false},
	{"in a second spread", asked{doc: `subscription { statusChanged { ...b ...c } } fragment b on Event { id } fragment c on Event { ...b idempotencyKey }`, by: ann},
		asked{doc: `subscription { statusChanged { ...b ...c } } fragment b on Event { id } fragment c on Event { ...b idempotencyKey }`, by: cem}, false},
	{"in fragments that know nothing of it", asked{doc: `subscription { statusChanged { ...b } } fragment b on Event { id }`, by: ann},
		asked{doc: `subscription { statusChanged { ...b } } fragment b on Event { id }`, by: cem}, true},
	{"deep down", asked{doc: `subscription { statusChanged { contact { timeline { edges { node { idempotencyKey } } } } } }`, by: ann},
		asked{doc: `subscription { statusChanged { contact { timeline { edges { node { idempotencyKey } } } } } }`, by: cem}, false},
	{"in a part of the root that comes second", asked{doc: `subscription { statusChanged { id } ... { statusChanged { idempotencyKey } } }`, by: ann},
		asked{doc: `subscription { statusChanged { id } ... { statusChanged { idempotencyKey } } }`, by: cem}, false},
	{"one's own count", asked{doc: fmt.Sprintf(counted, "mine"), vars: `{"view": "ALL"}`, by: ann}, asked{doc: fmt.Sprintf(counted, "mine"), vars: `{"view": "ALL"}`, by: cem}, false},
	{"everybody's count", asked{doc: fmt.Sprintf(counted, "all"), vars: `{"view": "ALL"}`, by: ann}, asked{doc: fmt.Sprintf(counted, "all"), vars: `{"view": "ALL"}`, by: cem}, true},

	// Views that depend on the caller.
	{"MINE by a variable", asked{doc: inbox, vars: `{"view": "MINE"}`, by: ann}, asked{doc: inbox, vars: `{"view": "MINE"}`, by: cem}, false},
	{"MINE by a variable's default", asked{doc: inbox, by: ann}, asked{doc: inbox, by: cem}, false},
	{"MINE by the argument's default", asked{doc: `subscription { inboxChanged { kind } }`, by: ann}, asked{doc: `subscription { inboxChanged { kind } }`, by: cem}, false},
	{"MINE by default of a variable that is left out", asked{doc: `subscription($v: InboxView) { inboxChanged(view: $v) { kind } }`, by: ann},
		asked{doc: `subscription($v: InboxView) { inboxChanged(view: $v) { kind } }`, by: cem}, false},
	{"MINE in the document", asked{doc: `subscription { inboxChanged(view: MINE) { kind } }`, by: ann}, asked{doc: `subscription { inboxChanged(view: MINE) { kind } }`, by: cem}, false},
	{"MINE, two tokens", asked{doc: inbox, by: ann}, asked{doc: inbox, by: annElsewise}, true},
	{"ALL in the document", asked{doc: `subscription { inboxChanged(view: ALL) { kind } }`, by: ann}, asked{doc: `subscription { inboxChanged(view: ALL) { kind } }`, by: cem}, true},
	{"UNASSIGNED by a variable", asked{doc: inbox, vars: `{"view": "UNASSIGNED"}`, by: robot}, asked{doc: inbox, vars: `{"view": "UNASSIGNED"}`, by: otherRobot}, true},
	{"a filter that names oneself", asked{doc: inbox, vars: `{"view": "ALL", "filter": {"assignees": ["agent_1"]}}`, by: ann},
		asked{doc: inbox, vars: `{"view": "ALL", "filter": {"assignees": ["agent_1"]}}`, by: cem}, true},
}

func TestWhoSharesWithWhom(t *testing.T) {
	t.Parallel()
	exec := idle()
	for _, c := range alike {
		t.Run(c.name, func(t *testing.T) {
			one, ok := shared(t, exec, c.one)
			other, too := shared(t, exec, c.other)
			if !ok || !too {
				t.Fatalf("not shared at all: %v %v", ok, too)
			}
			if (one.Key == other.Key) != c.same {
				t.Errorf("the keys are %s and %s", one.Key, other.Key)
			}
		})
	}
}

// TestWhatIsNotShared has documents that share does not understand.
func TestWhatIsNotShared(t *testing.T) {
	t.Parallel()
	exec := idle()
	nobody := service.Actor{Workspace: 1, Role: service.RoleAgent}
	for name, a := range map[string]asked{
		"a query":                          {doc: `{ asOf }`, by: ann},
		"a mutation":                       {doc: `mutation { assignToMe(input: {conversationId: "x"}) { events { id } } }`, by: ann},
		"two root fields":                  {doc: `subscription { a: statusChanged { id } b: statusChanged { id } }`, by: ann},
		"no root field":                    {doc: `subscription { statusChanged @skip(if: true) { id } }`, by: ann},
		"a place that is no text":          {doc: `subscription { statusChanged(after: 1) { id } }`, by: ann},
		"a place that is no number either": {doc: `subscription { statusChanged(after: 1e999) { id } }`, by: ann},
		"a place that is a list":           {doc: status, vars: `{"after": ["x"]}`, by: ann},
		"somebody without a name":          {doc: ownKey, by: nobody},
	} {
		if s, ok := shared(t, exec, a); ok {
			t.Errorf("%s: shared by %s", name, s.Key)
		}
	}
	if _, ok := shared(t, exec, asked{doc: status, by: nobody}); !ok {
		t.Error("what depends on nobody is shared by anybody")
	}
}

// TestAfter: the cursor after which a subscriber begins is not part of the key.
func TestAfter(t *testing.T) {
	t.Parallel()
	exec := idle()
	const literal = `subscription { statusChanged(after: "x") { id } }`
	const byDefault = `subscription($a: EventCursor = "x") { statusChanged(after: $a) { id } }`
	for name, c := range map[string]struct {
		asked
		want *string
	}{
		"variable":             {asked{doc: status, vars: `{"after": "x"}`, by: ann}, new("x")},
		"empty":                {asked{doc: status, vars: `{"after": ""}`, by: ann}, new("")},
		"null":                 {asked{doc: status, vars: `{"after": null}`, by: ann}, nil},
		"left out":             {asked{doc: status, by: ann}, nil},
		"no argument":          {asked{doc: `subscription { statusChanged { id } }`, by: ann}, nil},
		"in the document":      {asked{doc: literal, by: ann}, new("x")},
		"null in the document": {asked{doc: `subscription { statusChanged(after: null) { id } }`, by: ann}, nil},
		"by default":           {asked{doc: byDefault, by: ann}, new("x")},
		"not by default":       {asked{doc: byDefault, vars: `{"a": "y"}`, by: ann}, new("y")},
		"null, not by default": {asked{doc: byDefault, vars: `{"a": null}`, by: ann}, nil},
		"with a caller":        {asked{doc: `subscription { inboxChanged(after: "x") { kind } }`, by: ann}, new("x")},
	} {
		got, ok := shared(t, exec, c.asked)
		if !ok || !same(got.After, c.want) {
			t.Errorf("%s: %v %+v", name, ok, got.After)
		}
	}
}

// TestSharedContext: the context of a shared execution holds nothing of its first subscriber.
func TestSharedContext(t *testing.T) {
	t.Parallel()
	exec := idle()
	type key struct{}
	for doc, personal := range map[string]bool{status: false, ownKey: true} {
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "a header"))
		s, ok := graph.Share(graph.WithActor(ctx, annElsewise), operation(t, exec, asked{doc: doc}))
		cancel()
		if !ok || s.Context.Err() != nil || s.Context.Done() != nil || s.Context.Value(key{}) != nil {
			t.Errorf("%s: the subscriber's context shows: %v", doc, s.Context)
		}
		who, known := callerIn(s.Context)
		switch {
		case known != personal:
			t.Errorf("%s: a caller is known: %v", doc, known)
		case known && (*who.Agent != *ann.Agent || who.Token != db.TokenID{}):
			t.Errorf("%s: the caller is %+v, which says more than the key", doc, who)
		}
	}
}

// callerIn returns the caller that a resolver would see.
func callerIn(ctx context.Context) (who service.Actor, known bool) {
	defer func() { known = recover() == nil }()
	return graph.ActorOf(ctx), true
}

// TestFragmentsAreReadOnce: fragments that double cost as much as fragments that do not.
func TestFragmentsAreReadOnce(t *testing.T) {
	t.Parallel()
	op := &graphql.OperationContext{RawQuery: "x", Operation: &ast.OperationDefinition{Operation: ast.Subscription}}
	event := ast.SelectionSet{&ast.Field{Name: "idempotencyKey", Definition: schema.Types["Event"].Fields.ForName("idempotencyKey")}}
	for range 60 {
		f := &ast.FragmentDefinition{SelectionSet: event}
		event = ast.SelectionSet{&ast.FragmentSpread{Definition: f}, &ast.FragmentSpread{Definition: f}}
	}
	root := &ast.Field{Name: "statusChanged", Alias: "statusChanged", Definition: schema.Subscription.Fields.ForName("statusChanged"), SelectionSet: event}
	op.Operation.SelectionSet = ast.SelectionSet{root}
	one, ok := graph.Share(graph.WithActor(context.Background(), ann), op)
	other, _ := graph.Share(graph.WithActor(context.Background(), cem), op)
	if !ok || one.Key == other.Key {
		t.Error("what lies 60 fragments deep was not seen")
	}
}

// TestAnyDocument wraps fields in random fragments and directives: colleagues share an execution
// exactly if no field depends on the caller.
func TestAnyDocument(t *testing.T) {
	exec := idle()
	rapid.Check(t, func(t *rapid.T) {
		w := wrapping{T: t}
		doc := "subscription { statusChanged { " + w.events(3) + " } }" + w.fragments
		one, ok := graph.Share(graph.WithActor(context.Background(), ann), parsed(t, exec, doc))
		other, _ := graph.Share(graph.WithActor(context.Background(), cem), parsed(t, exec, doc))
		if !ok || (one.Key != other.Key) != w.personal {
			t.Fatalf("shared: %v, of the caller: %v: %s", ok, w.personal, doc)
		}
	})
}

func parsed(t *rapid.T, exec graphql.GraphExecutor, doc string) *graphql.OperationContext {
	op, errs := exec.CreateOperationContext(graphql.StartOperationTrace(context.Background()), &graphql.RawParams{Query: doc})
	if len(errs) > 0 {
		t.Fatalf("%v in %s", errs, doc)
	}
	return op
}

// wrapping makes a selection of an event at random.
type wrapping struct {
	*rapid.T
	fragments string
	names     int
	nested    int  // fields around what is added next
	personal  bool // a field in it depends on the caller
}

func (w *wrapping) events(deep int) string {
	w.names++
	name := fmt.Sprint("f", w.names)
	choice := rapid.IntRange(0, 8).Draw(w.T, "what")
	if deep == 0 {
		choice %= 3
	}
	switch choice {
	case 0:
		return name + ": cursor"
	case 1:
		return "__typename " + name + ": id"
	case 2:
		w.personal = true
		return name + ": idempotencyKey " + rapid.SampledFrom([]string{"", "@skip(if: true)", "@include(if: false)"}).Draw(w.T, "how")
	case 3:
		return "... on Event @skip(if: false) { " + w.events(deep-1) + " }"
	case 4:
		return "... on ConversationClosed { " + w.events(deep-1) + " }"
	case 5:
		inner := w.events(deep - 1)
		w.fragments += fmt.Sprintf(" fragment %s on Event { %s }", name, inner)
		return fmt.Sprintf("...%s ...%s", name, name)
	case 6:
		return w.inside(name+": contact { timeline { nodes { ", deep, " } } }")
	case 7:
		return w.inside(name+": conversation { contact { openConversation { timeline { edges { node { ", deep, " } } } } } }")
	}
	return w.events(deep-1) + " " + w.events(deep-1)
}

// inside wraps a selection in fields, unless that would nest more of them than a document may.
func (w *wrapping) inside(before string, deep int, after string) string {
	fields := strings.Count(before, "{")
	if w.nested += fields; w.nested+2 > limit.Depth {
		w.nested -= fields
		return w.events(0)
	}
	defer func() { w.nested -= fields }()
	return before + w.events(deep-1) + after
}

func BenchmarkShare(b *testing.B) {
	exec := idle()
	for name, a := range map[string]asked{
		"short": {doc: status, vars: `{"after": "x"}`, by: ann},
		"long":  {doc: subscriptions["conversationChanged"], vars: `{"conversationId": "conv_01h455vb4pex5vsknk084sn02q", "after": "x"}`, by: ann},
	} {
		b.Run(name, func(b *testing.B) {
			op, ctx := operation(b, exec, a), graph.WithActor(context.Background(), a.by)
			b.ReportAllocs()
			for b.Loop() {
				graph.Share(ctx, op)
			}
		})
	}
}
