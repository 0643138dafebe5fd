package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/workflow"
)

// queryCases are the golden answers of queries: testdata/query/<name>.json.
var queryCases = []struct {
	name, doc string
	scene     func(w *world) (token string, v vars)
}{
	{"asOf", document(`{ asOf inbox(view: ALL) { asOf } inboxCounts { ...counts } }`), quiet},
	{"viewer", document(`{ viewer { ...agent } }`), quiet},
	{"viewer.program", document(`{ viewer { ...agent } }`), func(w *world) (string, vars) { return w.integration, nil }},
	{"session", document(`{ session { ...session } }`), quiet},
	{"session.program", document(`{ session { ...session } }`), func(w *world) (string, vars) { return w.integration, nil }},
	{"session.reader", document(`{ session { ...session } }`), func(w *world) (string, vars) {
		secret, _, err := w.auth.Issue(w.t.Context(), w.key, db.ScopeRead, nil, "a token for an hour", time.Hour)
		must(w.t, err)
		return secret, nil
	}},
	{"tokens", document(`{ tokens(first: 2) { edges { node { id name scope agent { name } createdAt expiresAt revokedAt } cursor } nodes { id } pageInfo { ...page } totalCount totalCountCapped } }`),
		func(w *world) (string, vars) { return w.manager.token, nil }},
	{"auditEvents", document(`{ auditEvents(first: 2) { edges { node { ...event } cursor } nodes { id } pageInfo { ...page } totalCount totalCountCapped } }`),
		func(w *world) (string, vars) { w.deactivate(w.colleague); return w.manager.token, nil }},
	{"accessLog", document(`{ accessLog(first: 3) { edges { node { outcome agent { name } token { name scope } issuer address count firstAt lastAt } cursor } nodes { outcome } pageInfo { ...page } totalCount totalCountCapped } }`), accessed},
	{"workspace", document(`{ workspace { ...workspace } }`), quiet},
	{"inbox", document(`query($first: Int) { inbox(view: ALL, first: $first) {
		edges { node { ...conversation } cursor } nodes { id } pageInfo { ...page } asOf totalCount totalCountCapped searchCapped } }`), busy},
	{"inbox.mine", `{ inbox { nodes { id assignee { name } } totalCount } }`, busy},
	{"inbox.filtered", `query($me: ID!) { inbox(view: ALL, search: "customer", filter: {assignees: [$me, null], channels: ["twitter"], waiting: false,
		openedAfter: "2026-01-01T00:00:00+01:00"}, orderBy: {field: OPENED_AT, direction: ASC}) { nodes { contact { name } } totalCount totalCountCapped } }`, busy},
	{"inbox.closed", `{ inbox(view: CLOSED, search: "answered", filter: {closingCategories: ["Question"]}) { nodes { closingNote { category text } } totalCount } }`, busy},
	{"inbox.blocked", `{ inbox(view: BLOCKED) { nodes { contact { name blocked } status canClose cannotCloseReason canReopen cannotReopenReason } totalCount } }`, busy},
	{"inbox.empty", document(`{ inbox(view: BLOCKED) { edges { cursor } nodes { id } pageInfo { ...page } totalCount } }`), quiet},
	{"inboxCounts", document(`{ inboxCounts { ...counts } }`), busy},
	{"inboxCounts.program", document(`{ inboxCounts { ...counts } }`), func(w *world) (string, vars) { busy(w); return w.reader, nil }},
	{"inboxCounts.filtered", document(`query($me: ID!) { inboxCounts(filter: {assignees: [$me], channels: ["twitter"]}) { ...counts } }`), busy},
	{"events", document(`query($contact: ID) { events(first: 2) { nodes { ...event } hasNextPage cursor }
		assignments: events(types: [CONVERSATION_ASSIGNED], contactId: $contact) { nodes { ...event } hasNextPage cursor } asOf }`), busy},
	{"dashboard", document(`{ dashboard { ...dashboard } }`), busy},
	{"dashboard.quiet", document(`{ dashboard { ...dashboard } }`), func(w *world) (string, vars) { return w.reader, nil }},
	{"agents", document(`{ agents(first: 2) { edges { node { ...agent } cursor } nodes { id } pageInfo { ...page } totalCount totalCountCapped } }`), busy},
	{"agents.filtered", `{ agents(search: "cem", filter: {availability: [OFFLINE]}) { nodes { name openConversations } totalCount totalCountCapped } }`, busy},
	{"agents.inactive", `{ agents(filter: {active: false}) { nodes { name active } } }`, func(w *world) (string, vars) { w.deactivate(w.colleague); return w.agent.token, nil }},
	{"agents.everybody", `{ agents(filter: {active: null}, orderBy: {field: NAME, direction: DESC}) { nodes { name active } totalCount } }`, func(w *world) (string, vars) {
		w.deactivate(w.colleague)
		return w.agent.token, nil
	}},
	{"contacts", document(`{ contacts(first: 2) { edges { node { ...contact } cursor } nodes { id } pageInfo { ...page } totalCount totalCountCapped } }`), busy},
	{"contacts.filtered", `query($me: ID!) { contacts(search: "ADÁ", filter: {assignees: [$me], blocked: false}, orderBy: {field: CREATED_AT, direction: DESC}) {
		nodes { name } } }`, busy},
	{"conversation", document(`query($conversation: ID!) { conversation(id: $conversation) { ...conversation
		messages(first: 2) { edges { node { ...message } cursor } nodes { id } pageInfo { ...page } totalCount totalCountCapped }
		timeline(last: 2) { edges { node { ...event } cursor } nodes { id } pageInfo { ...page } totalCount totalCountCapped }
		entries(last: 4) { edges { node { __typename ...message ...event } cursor } nodes { __typename } pageInfo { ...page } totalCount totalCountCapped } } }`), busy},
	{"contact", document(`query($contact: ID!) { contact(id: $contact) { ...contact
		openConversation { ...conversation } latestConversation { ...conversation }
		conversations(first: 1) { edges { node { id status } cursor } nodes { id } pageInfo { ...page } totalCount totalCountCapped }
		timeline(first: 2) { edges { node { ...event } cursor } nodes { id } pageInfo { ...page } totalCount totalCountCapped } } }`), busy},
	{"agent", document(`query($me: ID!) { agent(id: $me) { ...agent } }`), busy},
	{"node", document(`query($contact: ID!) { node(id: $contact) { __typename id ...contact } }`), busy},
	{"workflows", document(`{ workflows(first: 2) { edges { node { ...workflow } cursor } nodes { id } pageInfo { ...page } totalCount totalCountCapped } }`), automated},
	{"workflow", document(`query($workflow: ID!) { workflow(id: $workflow) { ...workflow runs(first: 2) { edges { node { ...run } cursor } nodes { id } pageInfo { ...page } totalCount totalCountCapped } } }`), automated},
	{"workflowTemplates", document(`{ workflowTemplates { key name description definition { ...definition } workflows { id name } } }`), func(w *world) (string, vars) {
		w.workflow("unassign-after-close", nil)
		deleted := w.workflow("close-when-silent", nil)
		did(w.t)(w.service.DeleteWorkflow(w.t.Context(), w.manager.Actor, workflow.DeleteWorkflowInput{WorkflowID: deleted}))
		return w.manager.token, nil
	}},
	{"dryRunWorkflow", document(`query($input: DryRunWorkflowInput!) { dryRunWorkflow(input: $input) { conditionsHold steps { ...runStep } userErrors { code message field } } }`), func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		workflow := vars{"workflowId": w.workflow("least-busy-online", vars{"agents": []any{w.agent.id}})}
		return w.manager.token, vars{"input": vars{"workflow": workflow, "conversationId": c.ID}}
	}},
	{"dryRunWorkflow.UNKNOWN_CATEGORY", document(`query($input: DryRunWorkflowInput!) { dryRunWorkflow(input: $input) { conditionsHold steps { ...runStep } userErrors { code message field } } }`), func(w *world) (string, vars) {
		_, c := w.opened(w.agent, "Ada")
		workflow := vars{"workflowId": w.workflow("unassign-after-close", nil)}
		return w.manager.token, vars{"input": vars{"workflow": workflow, "conversationId": c.ID, "trigger": vars{"conversationClosed": vars{"category": "Nonsense"}}}}
	}},
	{"nodes.workflows", document(`query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Workflow { enabled } ... on WorkflowRun { status } ...event } }`), automated},
	{"nodes", `query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Integration { program: name } ... on Workspace { name } ... on Agent { name }
		... on Contact { name } ... on Conversation { status } ... on Message { body } ... on ConversationOpened { source } } }`, oneOfEach},
}

// accessed is a workspace with records of the access log, which are later than the callers' own.
func accessed(w *world) (string, vars) {
	w.recordAccess(db.AccessExpired, time.Hour)
	for i, outcome := range []db.AccessOutcome{db.AccessUnlinked, db.AccessForbidden, db.AccessSignedIn} {
		w.recordAccess(outcome, time.Duration(i+2)*time.Hour)
	}
	w.query(w.manager.token, `{ asOf }`, nil) // a sign-in that the case itself only prolongs
	w.auth.FlushAccess(w.t.Context())
	return w.manager.token, nil
}

// quiet is a workspace in which nothing has happened.
func quiet(w *world) (string, vars) { return w.agent.token, nil }

// busy is a workspace with conversations in every view.
func busy(w *world) (string, vars) {
	did(w.t)(w.service.SetAvailability(w.t.Context(), w.agent.Actor, service.SetAvailabilityInput{Availability: db.Online}))
	ada, _, latest := w.twice(w.manager, "Ada")
	w.assign(w.manager, latest, w.agent)
	w.say(latest, db.Inbound, ada.ID.Ref(), "Where is my parcel?"+strings.Repeat(" Where?", 40))
	w.say(latest, db.Note, w.agent.id.Ref(), "Third time this week")
	w.say(latest, db.Outbound, w.agent.id.Ref(), "On its way")
	w.opened(w.agent, "Bob")
	_, cyd := w.opened(w.agent, "Cyd")
	w.assign(w.manager, cyd, w.colleague)
	dan, _ := w.opened(w.agent, "Dan")
	w.block(w.agent, dan.ID)
	return w.agent.token, vars{"me": w.agent.id, "contact": ada.ID, "conversation": latest.ID, "first": 2}
}

// automated is a workspace with workflows that have run.
func automated(w *world) (string, vars) {
	least := w.workflow("least-busy-online", vars{"agents": []any{w.agent.id, w.colleague.id}, "capacity": 1})
	did(w.t)(w.service.SetAvailability(w.t.Context(), w.agent.Actor, service.SetAvailabilityInput{Availability: db.Online}))
	w.opened(w.manager, "Ada")
	w.settle()
	w.opened(w.manager, "Bob")
	w.settle()
	note, seconds, category := "Look at this", 60, "Question"
	f := did(w.t)(w.service.CreateWorkflow(w.t.Context(), w.manager.Actor, workflow.CreateWorkflowInput{Name: "Everything", Definition: &db.WorkflowDefinition{
		Triggers: []db.WorkflowTrigger{db.TriggerOpened},
		Conditions: &db.WorkflowConditions{Channels: []string{"twitter"}, Days: []db.DayOfWeek{db.Monday}, Hours: &db.WorkflowHours{From: 8, Until: 17},
			Assignee: &db.AssigneeCondition{Unavailable: true, AgentIDs: []db.AgentID{w.agent.id}}, Sources: []db.ConversationSource{db.SourceMessage}},
		Steps: []*db.WorkflowStep{{Kind: db.StepAddNote, Text: &note}, {Kind: db.StepWait, Seconds: &seconds}, {Kind: db.StepClose, Category: &category, Always: true},
			{Kind: db.StepAssign, AgentID: &w.agent.id}, {Kind: db.StepUnassign}, {Kind: db.StepRoundRobin, AgentIDs: []db.AgentID{w.colleague.id, w.agent.id}, ExceptPrevious: true}},
	}})).Workflow
	events := w.history(w.key)
	assigned := slices.IndexFunc(events, func(e *db.Event) bool { return e.Data.Run != nil })
	ran := slices.IndexFunc(events, func(e *db.Event) bool { return e.Type == db.WorkflowRan })
	return w.agent.token, vars{"workflow": least, "ids": []any{least, f.ID, events[assigned].Data.Run.ID, events[assigned].ID, events[ran].ID}}
}

// oneOfEach names an object of each kind, and some that do not exist.
func oneOfEach(w *world) (string, vars) {
	contact, conversation := w.opened(w.agent, "Ada")
	message := w.say(conversation, db.Inbound, contact.ID.Ref(), "Hello?")
	tokens, err := w.auth.List(w.t.Context(), w.key)
	must(w.t, err)
	program := slices.IndexFunc(tokens, func(t *db.Token) bool { return t.Scope == db.ScopeIntegration })
	events := w.history(w.key)
	opening := slices.IndexFunc(events, func(e *db.Event) bool { return e.Type == db.ConversationOpened })
	return w.agent.token, vars{"ids": []any{
		w.agent.id, contact.ID, conversation.ID, message.ID, events[opening].ID, w.workspace.ID, tokens[program].ID,
		db.AgentID{UUID: db.NewUUID()}, db.WorkspaceID{UUID: db.NewUUID()}, db.EventID{UUID: db.NewUUID()}, contact.ID,
	}}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	shared := newWorld(t)
	for _, c := range queryCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := shared.apart(t)
			token, v := c.scene(w)
			// Variables that this document does not declare are not sent.
			for name := range v {
				if !strings.Contains(c.doc, "$"+name) {
					delete(v, name)
				}
			}
			golden(t, "query/"+c.name, w.query(token, c.doc, v).body)
		})
	}
}

// TestEventTypes shows every type of event with all its fields.
func TestEventTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	key := service.Keyed{IdempotencyKey: new("key of mia")}
	c, first := w.opened(w.manager, "Ada")
	w.say(first, db.Inbound, c.ID.Ref(), "Hello?")
	w.say(first, db.Outbound, w.manager.id.Ref(), "Hello!")
	w.say(first, db.Note, w.manager.id.Ref(), "Polite")
	w.record(first, db.ConversationImported)
	w.assign(w.manager, first, w.agent)
	w.unassign(w.manager, first)
	w.close(w.manager, first)
	w.reopen(w.manager, first)
	w.block(w.manager, c.ID)
	w.unblock(w.manager, c.ID)
	did(t)(w.service.UpdateContact(ctx, w.manager.Actor, service.UpdateContactInput{ContactID: c.ID, Name: new("Ada L."), Email: new(""), Keyed: key}))
	did(t)(w.service.UpdateAgent(ctx, w.manager.Actor, service.UpdateAgentInput{AgentID: w.agent.id, Skills: []string{"French", "Refunds"}}))
	did(t)(w.service.SetAvailability(ctx, w.agent.Actor, service.SetAvailabilityInput{Availability: db.Away}))
	did(t)(w.service.CreateToken(ctx, w.manager.Actor, service.CreateTokenInput{Name: "reports", Scope: db.ScopeRead}))
	w.deactivate(w.colleague)
	did(t)(w.service.ReactivateAgent(ctx, w.manager.Actor, service.ReactivateAgentInput{AgentID: w.colleague.id}))
	linked, err := w.service.LinkSignIn(ctx, w.key, service.FirstSignIn{Issuer: "https://login.example", Subject: "cem", Email: "cem@acme.example"})
	if must(t, err); !linked {
		t.Fatal("the first sign-in is not linked")
	}
	did(t)(w.service.UpdateWorkspace(ctx, w.manager.Actor, service.UpdateWorkspaceInput{ReopenWithinDays: new(30)}))
	happened := service.RecordBusinessEventInput{ContactID: &c.ID, Type: "order.placed", Payload: new(`{"order":4711}`)}
	did(t)(w.service.RecordBusinessEvent(ctx, service.Actor{Workspace: w.key, Role: service.RoleIntegration}, happened))
	flow := w.workflow("unassign-after-close", nil)
	w.assign(w.manager, first, w.agent)
	w.close(w.manager, first)
	w.settle()
	did(t)(w.service.UpdateWorkflow(ctx, w.manager.Actor, workflow.UpdateWorkflowInput{WorkflowID: flow, Name: new("Set free")}))
	did(t)(w.service.DisableWorkflow(ctx, w.manager.Actor, workflow.DisableWorkflowInput{WorkflowID: flow}))
	did(t)(w.service.DeleteWorkflow(ctx, w.manager.Actor, workflow.DeleteWorkflowInput{WorkflowID: flow}))

	var ids []any
	shown := map[string]bool{}
	for _, e := range w.history(w.key) {
		ids = append(ids, e.ID)
	}
	all := w.query(w.manager.token, document(`query($ids: [ID!]!) { nodes(ids: $ids) { ...event } }`), vars{"ids": ids})
	golden(t, "event/all", all.body)
	for i := range ids {
		shown[all.text("data", "nodes", i, "__typename")] = true
	}
	for _, def := range schema.GetPossibleTypes(schema.Types["Event"]) {
		if !shown[def.Name] {
			t.Errorf("nothing shows the event %s", def.Name)
		}
	}
	golden(t, "event/timeline", w.query(w.agent.token, document(`query($id: ID!) { contact(id: $id) { timeline { nodes { ...event } } } }`), vars{"id": c.ID}).body)
}

func TestNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	unknown := db.AgentID{UUID: db.NewUUID()}.String()
	for _, c := range []struct {
		name, id, code string
	}{
		{"unknown", unknown, ""},
		{"unknown workflow", strings.Replace(unknown, "agent_", "wf_", 1), ""},
		{"unknown kind", strings.Replace(unknown, "agent_", "inbox_", 1), "BAD_USER_INPUT"},
		{"no prefix", strings.TrimPrefix(unknown, "agent_"), "BAD_USER_INPUT"},
		{"cut off", unknown[:len(unknown)-1], "BAD_USER_INPUT"},
		{"too long", unknown + "0", "BAD_USER_INPUT"},
		{"capitals", strings.ToUpper(unknown), "BAD_USER_INPUT"},
		{"empty", "", "BAD_USER_INPUT"},
		{"words", "'; DROP TABLE agents; --", "BAD_USER_INPUT"},
		{"very long", strings.Repeat("a", 5000) + "_", "BAD_USER_INPUT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for field, doc := range map[string]string{"node": `query($id: ID!) { node(id: $id) { id } }`, "nodes": `query($id: ID!) { nodes(ids: [$id]) { id } }`} {
				a := w.post(t, w.agent.token, doc, vars{"id": c.id})
				switch {
				case c.code != "":
					if e := a.wantCode(c.code); len(a.body) > 4096 {
						t.Errorf("%s answers %d bytes: %.80s", field, len(a.body), e.Message)
					}
				case a.errors() != nil, field == "node" && a.get("data", "node") != nil,
					field == "nodes" && fmt.Sprint(a.get("data", "nodes")) != "[<nil>]":
					t.Errorf("%s: %s", field, a.body)
				}
			}
		})
	}
	for _, c := range []struct {
		n    int
		code string
	}{{0, ""}, {100, ""}, {101, "BAD_USER_INPUT"}} {
		ids := slices.Repeat([]any{w.agent.id}, c.n)
		a := w.post(t, w.agent.token, `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, vars{"ids": ids})
		if c.code != "" {
			a.wantCode(c.code)
		} else if nodes, _ := a.get("data", "nodes").([]any); len(nodes) != c.n {
			t.Errorf("%d nodes asked for: %s", c.n, a.body)
		}
	}
}

// TestWrongKind gives an id of one kind where another is asked for.
func TestWrongKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, conversation := w.opened(w.agent, "Ada")
	for doc, id := range map[string]any{
		`query($id: ID!) { conversation(id: $id) { id } }`:                                  w.agent.id,
		`query($id: ID!) { contact(id: $id) { id } }`:                                       conversation.ID,
		`query($id: ID!) { agent(id: $id) { id } }`:                                         conversation.ID,
		`query($id: ID!) { inbox(filter: {assignees: [$id]}) { nodes { id } } }`:            conversation.ID,
		`mutation($id: ID!) { assignToMe(input: {conversationId: $id}) { events { id } } }`: w.agent.id,
	} {
		w.post(t, w.agent.token, doc, vars{"id": id}).wantCode("BAD_USER_INPUT")
	}
}
