package graph

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"switchboard/db"
	"switchboard/service"
)

// ahead reads the nested objects that a document selects, level by level, before the fields of a
// root field's rows are resolved one by one. So the number of statements depends only on the
// document, not on the number of rows or on how goroutines are scheduled. Fields that ahead does
// not know load their objects themselves.
type ahead struct {
	context.Context
	*loaders
	op   *graphql.OperationContext
	away *bool // set to true if the database is unreachable; may be nil
}

// readAhead resolves a field and, for a root field of a query or mutation, reads ahead.
func readAhead(ctx context.Context, next graphql.Resolver) (any, error) {
	result, err := next(ctx)
	field := graphql.GetFieldContext(ctx)
	if err == nil && (field.Object == "Query" || field.Object == "Mutation") {
		ahead{ctx, loadersOf(ctx), graphql.GetOperationContext(ctx), nil}.ofRoot(field.Field, result)
	}
	return result, err
}

func (a ahead) ofRoot(f graphql.CollectedField, result any) {
	switch r := result.(type) {
	case *InboxConnection:
		a.ofConversations(a.nodes(f), r.nodes)
	case *ContactConnection:
		a.ofContacts(a.nodes(f), r.nodes)
	case *AgentConnection:
		a.ofAgents(a.nodes(f), r.nodes)
	case *ConversationPayload:
		a.ofConversations(a.below(f, "conversation"), some(r.Conversation))
		a.ofContacts(a.below(f, "contact"), some(r.Contact))
		a.ofEvents(a.below(f, "events"), r.Events)
		if written := a.below(f, "message"); written != nil {
			a.ofMessages(written, read(a, a.messages, some(r), (*ConversationPayload).messageID))
		}
	case *ConversationsPayload:
		a.ofOutcomes(a.below(f, "outcomes"), r.Outcomes)
		a.ofEvents(a.below(f, "events"), r.Events)
	case *ContactPayload:
		a.ofContacts(a.below(f, "contact"), some(r.Contact))
		a.ofEvents(a.below(f, "events"), r.Events)
	case *AgentPayload:
		a.ofAgents(a.below(f, "agent"), some(r.Agent))
		a.ofEvents(a.below(f, "events"), r.Events)
	case *DeactivateAgentPayload:
		a.ofAgents(a.below(f, "agent"), some(r.Agent))
		a.ofWorkflows(a.below(f, "workflowsWithProblems"), r.WorkflowsWithProblems)
		a.ofEvents(a.below(f, "events"), r.Events)
	case *WorkflowConnection:
		a.ofWorkflows(a.nodes(f), r.nodes)
	case *WorkflowPayload:
		a.ofWorkflows(a.below(f, "workflow"), some(r.Workflow))
		a.ofEvents(a.below(f, "events"), r.Events)
	case *WorkflowRunPayload:
		a.ofRuns(a.below(f, "run"), some(r.Run))
		a.ofEvents(a.below(f, "events"), r.Events)
	case *WorkflowDryRun:
		for _, asked := range a.fieldsOf(f) {
			if asked.Name == "steps" && r != nil {
				a.ofSteps(asked, r.Steps)
			}
		}
	case []*db.WorkflowRun:
		a.ofRuns(f.Selections, r)
	case *WorkspacePayload:
		a.ofWorkflows(a.below(f, "workflowsWithProblems"), r.WorkflowsWithProblems)
		a.ofEvents(a.below(f, "events"), r.Events)
	case []AssignmentEvent:
		a.ofEvents(f.Selections, asEvents(r))
	case []StatusEvent:
		a.ofEvents(f.Selections, asEvents(r))
	case []Event:
		a.ofEvents(f.Selections, r)
	case []*InboxChange:
		a.ofChanges(f, r)
	case *Dashboard:
		a.ofDashboards(f, []*Dashboard{r})
	case []*Dashboard:
		a.ofDashboards(f, r)
	case []*AgentChange:
		a.ofAgentChanges(f, r)
	case []Node:
		a.ofNodes(f.Selections, r)
	default:
		a.ofNodes(f.Selections, []Node{r})
	}
}

// ofNodes reads ahead for objects of any kind, by their kinds.
func (a ahead) ofNodes(s ast.SelectionSet, nodes []Node) {
	a.ofConversations(s, only[*db.Conversation](nodes))
	a.ofContacts(s, only[*db.Contact](nodes))
	a.ofAgents(s, only[*db.Agent](nodes))
	a.ofMessages(s, only[*db.Message](nodes))
	a.ofWorkflows(s, only[*db.Workflow](nodes))
	a.ofRuns(s, only[*db.WorkflowRun](nodes))
	a.ofEvents(s, only[Event](nodes))
}

func (a ahead) ofChanges(f graphql.CollectedField, changes []*InboxChange) {
	events := make([]Event, len(changes))
	for i, c := range changes {
		events[i] = c.Event()
	}
	a.ofEvents(a.below(f, "event"), events)
	conversation := func(c *InboxChange) *db.ConversationID { return c.InboxChange.Event.ConversationID }
	if selected := a.below(f, "conversation"); selected != nil {
		a.ofConversations(selected, read(a, a.conversations, changes, conversation))
	}
}

func (a ahead) ofDashboards(f graphql.CollectedField, dashboards []*Dashboard) {
	var rows []*DashboardAgent
	for _, d := range dashboards {
		rows = append(rows, d.Agents()...)
	}
	for _, row := range a.fieldsOf(f) {
		if selected := a.below(row, "agent"); row.Name == "agents" && selected != nil {
			a.ofAgents(selected, read(a, a.agents, rows, func(r *DashboardAgent) *db.AgentID { return &r.AgentID }))
		}
	}
}

func (a ahead) ofAgentChanges(f graphql.CollectedField, changes []*AgentChange) {
	var events []Event
	var ids []db.AgentID
	for _, c := range changes {
		events, ids = append(events, c.Event()), append(ids, c.AgentChange.Agents...)
	}
	a.ofEvents(a.below(f, "event"), events)
	if selected := a.below(f, "agents"); selected != nil {
		a.ofAgents(selected, read(a, a.agents, ids, func(id db.AgentID) *db.AgentID { return &id }))
	}
}

func (a ahead) ofOutcomes(s ast.SelectionSet, outcomes []*service.ConversationOutcome) {
	rows := make([]*db.Conversation, len(outcomes))
	for i, o := range outcomes {
		rows[i] = o.Conversation
	}
	for _, f := range a.fields(s, "ConversationOutcome") {
		if f.Name == "conversation" {
			a.ofConversations(f.Selections, rows)
		}
	}
}

func (a ahead) ofConversations(s ast.SelectionSet, rows []*db.Conversation) {
	if rows = existing(rows); len(rows) == 0 {
		return
	}
	contact := func(c *db.Conversation) *db.ContactID { return &c.ContactID }
	for _, f := range a.fields(s, "Conversation") {
		switch f.Name {
		case "contact":
			a.ofContacts(f.Selections, read(a, a.contacts, rows, contact))
		case "canClose", "cannotCloseReason":
			read(a, a.contacts, rows, contact)
		case "canReopen", "cannotReopenReason":
			read(a, a.contacts, rows, contact)
			read(a, a.latest, rows, contact)
		case "assignee":
			a.ofAgents(f.Selections, read(a, a.agents, rows, func(c *db.Conversation) *db.AgentID { return c.AssigneeID }))
		case "openedBy":
			a.ofActors(f.Selections, refs(rows, func(c *db.Conversation) db.ActorRef { return c.OpenedBy }))
		case "closedBy":
			a.ofActors(f.Selections, refs(rows, func(c *db.Conversation) db.ActorRef { return c.ClosedBy }))
		case "unreadCount":
			read(a, a.unread, rows, func(c *db.Conversation) *db.ConversationID { return &c.ID })
		case "lastMessage":
			a.ofMessages(f.Selections, read(a, a.messages, rows, func(c *db.Conversation) *db.MessageID { return c.LastMessageID }))
		case "messages":
			a.ofMessages(a.nodes(f), flat(a, a.conversationMessages, a.messageTotals, f, rows, func(c *db.Conversation) db.ConversationID { return c.ID }))
		case "timeline":
			a.ofEvents(a.nodes(f), toEvents(flat(a, a.conversationTimeline, a.conversationTimelineTotals, f, rows, func(c *db.Conversation) db.ConversationID { return c.ID })))
		}
	}
}

func (a ahead) ofContacts(s ast.SelectionSet, rows []*db.Contact) {
	if rows = existing(rows); len(rows) == 0 {
		return
	}
	id := func(c *db.Contact) *db.ContactID { return &c.ID }
	for _, f := range a.fields(s, "Contact") {
		switch f.Name {
		case "identities":
			read(a, a.identities, rows, id)
		case "assignee":
			a.ofAgents(f.Selections, read(a, a.agents, rows, func(c *db.Contact) *db.AgentID { return c.AssigneeID }))
		case "openConversation", "latestConversation", "canOpen", "cannotOpenReason":
			a.ofConversations(f.Selections, read(a, a.latest, rows, id))
		case "conversations":
			a.ofConversations(a.nodes(f), flat(a, a.contactConversations, a.conversationTotals, f, rows, func(c *db.Contact) db.ContactID { return c.ID }))
		case "timeline":
			a.ofEvents(a.nodes(f), toEvents(flat(a, a.contactTimeline, a.contactTimelineTotals, f, rows, func(c *db.Contact) db.ContactID { return c.ID })))
		}
	}
}

func (a ahead) ofAgents(s ast.SelectionSet, rows []*db.Agent) {
	rows = existing(rows)
	for _, f := range a.fields(s, "Agent") {
		if f.Name == "openConversations" && len(rows) > 0 {
			read(a, a.loads, rows, func(r *db.Agent) *db.AgentID { return &r.ID })
		}
	}
}

func (a ahead) ofMessages(s ast.SelectionSet, rows []*db.Message) {
	rows = existing(rows)
	for _, f := range a.fields(s, "Message") {
		if f.Name == "author" {
			a.ofActors(f.Selections, refs(rows, func(m *db.Message) db.ActorRef { return m.Author }))
		}
	}
}

func (a ahead) ofEvents(s ast.SelectionSet, events []Event) {
	if len(events) == 0 {
		return
	}
	rows := make([]*db.Event, len(events))
	for i, e := range events {
		rows[i] = e.row()
	}
	for _, f := range a.eventFields(s, events) {
		switch f.Name {
		case "actor":
			a.ofActors(f.Selections, refs(rows, func(e *db.Event) db.ActorRef { return e.Actor }))
		case "via":
			read(a, a.tokens, rows, func(e *db.Event) *db.TokenID { return named(e.Via, db.TokenPrefix, db.TokenID{UUID: e.Via.ID}) })
		case "conversation":
			a.ofConversations(f.Selections, read(a, a.conversations, rows, func(e *db.Event) *db.ConversationID { return e.ConversationID }))
		case "contact":
			a.ofContacts(f.Selections, read(a, a.contacts, rows, func(e *db.Event) *db.ContactID { return e.ContactID }))
		case "message":
			a.ofMessages(f.Selections, read(a, a.messages, rows, func(e *db.Event) *db.MessageID { return e.Data.MessageID }))
		case "agent":
			a.ofAgents(f.Selections, read(a, a.agents, rows, func(e *db.Event) *db.AgentID { return e.Data.AgentID }))
		case "workflow":
			a.ofWorkflows(f.Selections, read(a, a.workflows, rows, func(e *db.Event) *db.WorkflowID { return e.Data.WorkflowID }))
		case "run":
			a.ofRuns(f.Selections, read(a, a.runs, rows, runOf))
		case "from":
			a.ofAgents(f.Selections, read(a, a.agents, rows, func(e *db.Event) *db.AgentID { return assignee(e, e.Before) }))
		case "to":
			a.ofAgents(f.Selections, read(a, a.agents, rows, func(e *db.Event) *db.AgentID { return assignee(e, e.After) }))
		}
	}
}

// runOf returns the id of the run that caused an event; nil for other events.
func runOf(e *db.Event) *db.RunID {
	if e.Data.Run == nil {
		return nil
	}
	return &e.Data.Run.ID
}

// assignee returns the assignee in the facets of an assignment event; nil for other events.
func assignee(e *db.Event, f *db.Facets) *db.AgentID {
	if f == nil || (e.Type != db.ConversationAssigned && e.Type != db.ConversationUnassigned) {
		return nil
	}
	return f.Assignee
}

func (a ahead) ofActors(s ast.SelectionSet, actors []db.ActorRef) {
	agent := func(r db.ActorRef) *db.AgentID { return named(r, db.AgentPrefix, db.AgentID{UUID: r.ID}) }
	contact := func(r db.ActorRef) *db.ContactID { return named(r, db.ContactPrefix, db.ContactID{UUID: r.ID}) }
	token := func(r db.ActorRef) *db.TokenID { return named(r, db.TokenPrefix, db.TokenID{UUID: r.ID}) }
	workflow := func(r db.ActorRef) *db.WorkflowID { return named(r, db.WorkflowPrefix, db.WorkflowID{UUID: r.ID}) }
	a.ofWorkflows(s, read(a, a.workflows, actors, workflow))
	a.ofAgents(s, read(a, a.agents, actors, agent))
	a.ofContacts(s, read(a, a.contacts, actors, contact))
	read(a, a.tokens, actors, token)
}

func named[K any](r db.ActorRef, prefix string, id K) *K {
	if r.Prefix != prefix {
		return nil
	}
	return &id
}

// fields returns the fields that a selection has for one type of object.
func (a ahead) fields(s ast.SelectionSet, object string) []graphql.CollectedField {
	return graphql.CollectFields(a.op, s, []string{object, "Node", "Actor", "Author"})
}

// eventFields returns the fields that a selection has for any of the types of these events.
func (a ahead) eventFields(s ast.SelectionSet, events []Event) []graphql.CollectedField {
	var types []string
	for _, e := range events {
		if name := reflect.TypeOf(e).Name(); !slices.Contains(types, name) {
			types = append(append(types, name), schema.Types[name].Interfaces...)
		}
	}
	return graphql.CollectFields(a.op, s, types)
}

// below returns the selection of the field name of an object.
func (a ahead) below(of graphql.CollectedField, name string) (selected ast.SelectionSet) {
	for _, f := range a.fieldsOf(of) {
		if f.Name == name {
			selected = append(selected, f.Selections...)
		}
	}
	return selected
}

// nodes returns the selection of the rows of a connection, by nodes or by edges.
func (a ahead) nodes(connection graphql.CollectedField) ast.SelectionSet {
	selected := a.below(connection, "nodes")
	for _, f := range a.fieldsOf(connection) {
		if f.Name == "edges" {
			selected = append(selected, a.below(f, "node")...)
		}
	}
	return selected
}

// fieldsOf returns the fields that are selected of an object field; its type must not be abstract.
func (a ahead) fieldsOf(f graphql.CollectedField) []graphql.CollectedField {
	return graphql.CollectFields(a.op, f.Selections, []string{f.Definition.Type.Name()})
}

// read loads the objects that the rows refer to and returns those found.
func read[R any, K comparable, V any](a ahead, l *loader[K, V], rows []R, key func(R) *K) []V {
	var keys []K
	for _, row := range rows {
		if k := key(row); k != nil {
			keys = append(keys, *k)
		}
	}
	found, away := l.ahead(a, keys)
	if away && a.away != nil {
		*a.away = true
	}
	return found
}

// flat reads the same page of a nested list of each row and returns the rows of all pages. It
// also reads the totals if the document selects them.
func flat[R any, K comparable, V any](a ahead, l *loader[pageOf[K], *service.List[V]], totals *loader[K, service.Total],
	f graphql.CollectedField, rows []R, parent func(R) K) (all []V) {
	if slices.ContainsFunc(a.fieldsOf(f), func(asked graphql.CollectedField) bool { return strings.HasPrefix(asked.Name, "totalCount") }) {
		read(a, totals, rows, func(row R) *K { k := parent(row); return &k })
	}
	args := argsOfField(f.ArgumentMap(a.op.Variables))
	lists := read(a, l, rows, func(row R) *pageOf[K] { return &pageOf[K]{parent(row), args} })
	for _, list := range lists {
		all = append(all, list.Rows...)
	}
	return all
}

// argsOfField returns the arguments of a page. They must equal those that the field passes to its
// loader later.
func argsOfField(args map[string]any) pageArgs {
	number := func(name string) *int {
		n, err := graphql.UnmarshalInt(args[name])
		if args[name] == nil || err != nil {
			return nil
		}
		return &n
	}
	text := func(name string) *string {
		s, ok := args[name].(string)
		if !ok {
			return nil
		}
		return &s
	}
	return argsOf(number("first"), text("after"), number("last"), text("before"))
}

// refs returns the actors that rows refer to.
func refs[R any](rows []R, of func(R) db.ActorRef) []db.ActorRef {
	actors := make([]db.ActorRef, len(rows))
	for i, row := range rows {
		actors[i] = of(row)
	}
	return actors
}

// some returns a list of the row, which is empty for nil.
func some[T any](row *T) []*T {
	if row == nil {
		return nil
	}
	return []*T{row}
}

// existing returns the rows that are not nil.
func existing[T any](rows []*T) []*T {
	return slices.DeleteFunc(slices.Clone(rows), func(row *T) bool { return row == nil })
}

// only returns the objects of one type.
func only[T any](nodes []Node) (rows []T) {
	for _, node := range nodes {
		if row, ok := node.(T); ok {
			rows = append(rows, row)
		}
	}
	return rows
}
