package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"switchboard/db"
	"switchboard/graph"
	"switchboard/graph/live"
	"switchboard/service"
	"switchboard/service/workflow"
)

// Tests that shared executions need no caller, for each field that a subscription can reach.

// hop is a step from a field to one of the types that it may return.
type hop struct {
	field *ast.FieldDefinition
	to    *ast.Definition
}

// reachable finds the shortest way from these root fields to each object type.
func reachable(roots ...string) map[string][]hop {
	ways := map[string][]hop{}
	var found []*ast.Definition
	follow := func(way []hop, field *ast.FieldDefinition) {
		for _, to := range schema.GetPossibleTypes(schema.Types[field.Type.Name()]) {
			if ways[to.Name] == nil && to.Kind == ast.Object {
				ways[to.Name], found = append(slices.Clone(way), hop{field, to}), append(found, to)
			}
		}
	}
	for _, root := range roots {
		follow(nil, schema.Subscription.Fields.ForName(root))
	}
	for len(found) > 0 {
		def := found[0]
		found = found[1:]
		for _, field := range def.Fields {
			follow(ways[def.Name], field)
		}
	}
	return ways
}

// along returns the document that selects something at the end of a path.
func along(way []hop, selection string, arguments map[string]string) string {
	for _, s := range slices.Backward(way) {
		selection = fmt.Sprintf("%s%s { ... on %s { %s } }", s.field.Name, arguments[s.field.Name], s.to.Name, selection)
	}
	return "subscription { " + selection + " }"
}

// isPersonal reports whether a field depends on the caller.
func isPersonal(f *ast.FieldDefinition) bool { return f.Directives.ForName("perCaller") != nil }

// execution is a subscription that runs in a context of the test's.
type execution struct {
	*socket
	*resolved
	begun frame // how it began
}

// resolved records the fields that were resolved, as Type.field.
type resolved struct {
	mu     sync.Mutex
	fields map[string]bool
}

type resolvedKey struct{}

// note records a field; the executor calls it around each one.
func note(ctx context.Context, next graphql.Resolver) (any, error) {
	if r, ok := ctx.Value(resolvedKey{}).(*resolved); ok {
		f := graphql.GetFieldContext(ctx)
		r.mu.Lock()
		r.fields[f.Object+"."+f.Field.Name] = true
		r.mu.Unlock()
	}
	return next(ctx)
}

func (w *world) executor(around graphql.FieldMiddleware) graphql.GraphExecutor {
	return graph.NewExecutor(graph.Options{Service: w.service, Auth: w.auth, Log: quietLog}, around)
}

// execute begins a subscription as the only one of its group; it is there for every event from now
// on.
func execute(t *testing.T, exec graphql.GraphExecutor, in context.Context, doc string) *execution {
	t.Helper()
	r := &resolved{fields: map[string]bool{}}
	shared := live.Shared{Key: "the only one", Context: context.WithValue(in, resolvedKey{}, r)}
	transport := &live.WebSocket{Ping: 5 * time.Millisecond, Hub: &live.Hub{
		Share: func(context.Context, *graphql.OperationContext) (live.Shared, bool) { return shared, true },
	}}
	http := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { transport.Do(w, r, exec) }))
	t.Cleanup(http.Close)
	e := &execution{socket: (&server{http: http}).dial(t, ""), resolved: r}
	e.receive()
	e.subscribe("1", doc, nil)
	for e.begun.Type == "" || e.begun.Type == "ping" && e.begun.Payload == nil { // with a cursor it has begun
		e.begun = frame{}
		must(t, e.ReadJSON(&e.begun))
	}
	return e
}

// until returns the items up to a position in the log and checks that each of these fields was
// resolved by then.
func (e *execution) until(end string, fields ...string) (items []*graphql.Response) {
	e.t.Helper()
	for {
		var f frame
		must(e.t, e.ReadJSON(&f))
		if f.Type == "ping" {
			if get(parse(e.t, f.Payload), "cursor") == end {
				break
			}
			continue
		}
		if f.Type != "next" {
			e.t.Fatalf("%s instead of an item: %s", f.Type, f.Payload)
		}
		items = append(items, new(graphql.Response))
		must(e.t, json.Unmarshal(f.Payload, items[len(items)-1]))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range fields {
		if !e.fields[f] {
			e.t.Fatalf("%s was not resolved", f)
		}
	}
	return items
}

// faults returns the errors in items, as "code path".
func faults(items []*graphql.Response) (found []string) {
	for _, item := range items {
		for _, err := range item.Errors {
			found = append(found, fmt.Sprint(err.Extensions["code"], " ", err.Path))
		}
	}
	return found
}

var wordEnd = regexp.MustCompile(`([a-z])([A-Z])`)

const secret = "secret plan"

// everything causes each type of event for a conversation, by each kind of actor, with all their
// data. The agent's mutations have an idempotency key.
func (w *world) everything(c *db.Conversation, m *db.Message) {
	w.t.Helper()
	tokens, err := w.auth.List(w.t.Context(), w.key)
	must(w.t, err)
	log := w.history(w.key)
	ran := log[slices.IndexFunc(log, func(e *db.Event) bool { return e.Type == db.WorkflowRan })].Data
	var events []*db.Event
	for _, def := range schema.GetPossibleTypes(schema.Types["Event"]) {
		for _, actor := range []db.ActorRef{w.agent.id.Ref(), c.ContactID.Ref(), tokens[0].ID.Ref(), ran.WorkflowID.Ref()} {
			events = append(events, &db.Event{
				ID: db.EventID{UUID: db.NewUUID()}, Type: db.EventType(strings.ToUpper(wordEnd.ReplaceAllString(def.Name, "${1}_$2"))),
				ConversationID: &c.ID, ContactID: &c.ContactID, Actor: actor, Origin: new(secret),
				Before: c.Facets(), After: c.Facets(), CreatedAt: time.Now(),
				Data: db.EventData{
					Reason: db.ReasonManual, Source: db.SourceAgent, ClosingNote: &db.ClosingNote{Text: new("Done")}, MessageID: &m.ID,
					BusinessEvent: &db.BusinessEvent{Type: "order.placed", Payload: new("{}")},
					AgentID:       &w.agent.id, Availability: []db.Availability{db.Offline, db.Away}, Changes: []db.FieldChange{{Field: "name"}},
					WorkflowID: ran.WorkflowID, Run: ran.Run, RunStatus: ran.RunStatus,
				},
			})
		}
	}
	must(w.t, w.db.Transact(w.t.Context(), c.WorkspaceID, func(tx db.Tx) error { return tx.AppendEvents(w.t.Context(), events) }))
}

// talked returns an agent's conversation that has a message and for which a workflow ran.
func (w *world) talked() (*db.Conversation, *db.Message) {
	gone := did(w.t)(w.service.CreateAgent(w.t.Context(), w.manager.Actor, service.CreateAgentInput{Name: "Gone", Email: "gone@acme.example", Role: db.RoleAgent})).Agent
	flow := did(w.t)(w.service.CreateWorkflow(w.t.Context(), w.manager.Actor, workflow.CreateWorkflowInput{Name: "Choose", Definition: &db.WorkflowDefinition{
		Triggers:   []db.WorkflowTrigger{db.TriggerOpened},
		Conditions: &db.WorkflowConditions{Hours: &db.WorkflowHours{From: 0, Until: 24}, Assignee: &db.AssigneeCondition{None: true}},
		Steps: []*db.WorkflowStep{
			{Kind: db.StepRoundRobin, AgentIDs: []db.AgentID{w.agent.id, gone.ID}}, // one is offline, one is deactivated below
			{Kind: db.StepWait, Seconds: new(3600)},                                // so that those below are only shown
			{Kind: db.StepAssign, AgentID: &w.agent.id}, {Kind: db.StepUnassign}, {Kind: db.StepLeastLoaded},
			{Kind: db.StepAddNote, Text: new("Look at this")}, {Kind: db.StepClose},
		},
	}})).Workflow
	did(w.t)(w.service.EnableWorkflow(w.t.Context(), w.manager.Actor, workflow.EnableWorkflowInput{WorkflowID: flow.ID}))
	did(w.t)(w.service.DeactivateAgent(w.t.Context(), w.manager.Actor, service.DeactivateAgentInput{AgentID: gone.ID}))
	contact, c := w.opened(w.agent, "Ada")
	w.settle()
	w.assign(w.agent, c, w.agent)
	m := w.say(c, db.Inbound, contact.ID.Ref(), "Hello?")
	rows, err := w.service.ConversationsByID(w.t.Context(), w.agent.Actor, []db.ConversationID{c.ID})
	must(w.t, err)
	return rows[0], m
}

// sharedContext returns the context of the shared execution of a document that this person sends.
func sharedContext(t *testing.T, exec graphql.GraphExecutor, doc string, by service.Actor) context.Context {
	t.Helper()
	s, ok := shared(t, exec, asked{doc: doc, by: by})
	if !ok {
		t.Fatalf("not shared: %s", doc)
	}
	return s.Context
}

// TestEveryFieldWithoutACaller executes each field of each type that a subscription can reach in a
// shared execution: those marked @perCaller fail, all others do not.
func TestEveryFieldWithoutACaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	exec := w.executor(note)
	c, m := w.talked()
	everybody := sharedContext(t, exec, status, w.agent.Actor)
	arguments := map[string]string{
		"conversationChanged": fmt.Sprintf("(conversationId: %q)", c.ID), "inboxChanged": "(view: ALL)",
	}
	type check struct {
		doc     string
		fields  []string
		running *execution
	}
	open, personal := map[string]check{}, map[string]check{}
	ways := reachable("conversationChanged", "inboxChanged")
	delete(ways, "Token") // of events that no conversation has and only managers see
	for name, way := range ways {
		var all []string
		var of []string
		for _, field := range schema.Types[name].Fields {
			selection := field.Name
			if schema.Types[field.Type.Name()].IsCompositeType() {
				selection += " { __typename }"
			}
			if isPersonal(field) {
				doc := along(way, selection, arguments)
				personal[name+"."+field.Name] = check{doc, []string{name + "." + field.Name}, execute(t, exec, everybody, doc)}
				continue
			}
			all, of = append(all, selection), append(of, name+"."+field.Name)
		}
		doc := along(way, strings.Join(all, " "), arguments)
		open[name] = check{doc, of, execute(t, exec, everybody, doc)}
	}
	w.everything(c, m)
	end := w.sealed()
	for name, c := range open {
		t.Run(name, func(t *testing.T) {
			for _, fault := range faults(c.running.until(end, c.fields...)) {
				t.Errorf("%s in %s", fault, c.doc)
			}
			if s, _ := shared(t, exec, asked{doc: c.doc, by: ann}); s.Key == "" || s.Key != keyOf(t, exec, c.doc, cem) {
				t.Errorf("colleagues do not share %s", c.doc)
			}
		})
	}
	for name, c := range personal {
		t.Run(name, func(t *testing.T) {
			_, field, _ := strings.Cut(name, ".")
			items := c.running.until(end, c.fields...)
			for _, item := range items {
				if strings.Contains(string(item.Data), secret) {
					t.Errorf("everybody sees %s", item.Data)
				}
			}
			found := faults(items)
			for _, fault := range found {
				if !strings.HasPrefix(fault, "INTERNAL ") || !strings.HasSuffix(fault, "."+field) {
					t.Errorf("%s in %s", fault, c.doc)
				}
			}
			if len(found) == 0 {
				t.Errorf("everybody sees %s", c.doc)
			}
			if keyOf(t, exec, c.doc, ann) == keyOf(t, exec, c.doc, cem) {
				t.Errorf("colleagues share %s", c.doc)
			}
		})
	}
	if len(ways) < 30 || len(personal) < 20 {
		t.Errorf("%d types are reachable with %d fields that depend on the caller; does this test still look?", len(ways), len(personal))
	}
}

func keyOf(t *testing.T, exec graphql.GraphExecutor, doc string, by service.Actor) string {
	t.Helper()
	s, _ := shared(t, exec, asked{doc: doc, by: by})
	return s.Key
}

// TestCanary replaces a resolver by one that reads the caller in a field without @perCaller.
func TestCanary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	exec := w.executor(func(ctx context.Context, next graphql.Resolver) (any, error) {
		if graphql.GetFieldContext(ctx).Field.Name == "version" {
			_ = graph.ActorOf(ctx)
		}
		return note(ctx, next)
	})
	c, m := w.talked()
	const doc = `subscription { inboxChanged(view: ALL) { conversation { id version } } }`
	everybody := execute(t, exec, sharedContext(t, exec, doc, w.agent.Actor), doc)
	w.everything(c, m)
	found := faults(everybody.until(w.sealed(), "Conversation.id"))
	if len(found) == 0 || found[0] != "INTERNAL inboxChanged.conversation.version" {
		t.Errorf("the canary is still alive: %v", found)
	}
}

// TestOnesOwn: fields that depend on the caller have each caller's own value.
func TestOnesOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	exec := w.executor(note)
	c, m := w.talked()
	const all = `subscription { inboxChanged(view: ALL) { event { actor { ... on Agent { id } } idempotencyKey } counts { mine } } }`
	const mine = `subscription { inboxChanged { kind counts { mine } } }`
	own := execute(t, exec, sharedContext(t, exec, mine, w.agent.Actor), mine)
	ann := execute(t, exec, sharedContext(t, exec, all, w.agent.Actor), all)
	cem := execute(t, exec, sharedContext(t, exec, all, w.colleague.Actor), all)
	nobody := execute(t, exec, sharedContext(t, exec, status, w.agent.Actor), mine)
	w.everything(c, m)
	for name, want := range map[*execution]string{
		own: `{"inboxChanged":{"kind":"UPDATED","counts":{"mine":1}}}`,
		ann: fmt.Sprintf(`{"inboxChanged":{"event":{"actor":{"id":%q},"idempotencyKey":%q},"counts":{"mine":1}}}`, w.agent.id, secret),
		cem: fmt.Sprintf(`{"inboxChanged":{"event":{"actor":{"id":%q},"idempotencyKey":null},"counts":{"mine":0}}}`, w.agent.id),
	} {
		if items := name.until(w.sealed(), "InboxCounts.mine"); string(items[0].Data) != want || len(items[0].Errors) > 0 {
			t.Errorf("%s %v, not %s", items[0].Data, items[0].Errors, want)
		}
	}
	if nobody.begun.Type != "error" {
		t.Errorf("everybody has a MINE: %+v", nobody.begun)
	}
}

// TestWhatTheKeyRestsOn: the schema has @perCaller, views and cursors only where share looks for
// them.
func TestWhatTheKeyRestsOn(t *testing.T) {
	t.Parallel()
	places, views := 0, 0
	takes := func(where string, arg *ast.Type, name string, root bool) {
		switch arg.Name() {
		case "EventCursor":
			if places++; where == "Query.events" { // queries share nothing
				break
			}
			if !root || !strings.HasPrefix(where, "Subscription.") || name != "after" || arg.Elem != nil {
				t.Errorf("%s takes an EventCursor as %s: the variable would be left out of the key", where, name)
			}
		case "InboxView":
			if views++; !root || name != "view" || arg.Elem != nil {
				t.Errorf("%s takes an InboxView as %s: MINE would not be seen there", where, name)
			}
		}
	}
	for _, def := range schema.Types {
		root := def == schema.Subscription || def == schema.Query
		for _, field := range def.Fields {
			if def.Kind == ast.InputObject {
				takes(def.Name, field.Type, field.Name, false)
			}
			for _, arg := range field.Arguments {
				takes(def.Name+"."+field.Name, arg.Type, arg.Name, root)
			}
			for _, name := range def.Interfaces {
				if declared := schema.Types[name].Fields.ForName(field.Name); declared != nil && isPersonal(declared) != isPersonal(field) {
					t.Errorf("%s.%s and %s.%s differ in @perCaller", def.Name, field.Name, name, field.Name)
				}
			}
		}
	}
	for _, d := range schema.Directives {
		for _, arg := range d.Arguments {
			takes("@"+d.Name, arg.Type, arg.Name, false)
		}
	}
	for name := range reachable("assignmentChanged", "statusChanged", "conversationChanged", "inboxChanged", "inboxCountsChanged", "unreadChanged", "dashboardChanged", "agentsChanged", "events") {
		if schema.Types[name] == schema.Query {
			t.Error("a subscription reaches Query, whose fields ask for the caller")
		}
	}
	if places < 4 || views < 2 {
		t.Errorf("%d places and %d views; does this test still look?", places, views)
	}
}
