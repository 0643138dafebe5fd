package graph_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/vektah/gqlparser/v2/ast"

	"switchboard/db"
	"switchboard/service"
)

// Tests that a workspace's data cannot be reached from another workspace.

// two holds two workspaces of one server with the same history.
type two struct {
	*world
	theirs       *world
	contact      *db.Contact
	conversation *db.Conversation // the open one, assigned to the agent
	workflow     db.WorkflowID    // which has run
	foreign      vars             // ids and cursors of the other workspace, by prefix of the id or name of the list
	unknown      vars             // unknown ids and cursors, by the same keys
	own          vars             // of the caller's workspace, by the same keys
}

func newTwo(t *testing.T) *two {
	t.Helper()
	w := newWorld(t)
	theirs := &world{server: w.server, t: t, url: w.url}
	theirs.company = theirs.found("Globex")
	x := &two{world: w, theirs: theirs, own: vars{}}
	x.contact, x.conversation = w.story()
	contact, conversation := theirs.story()
	x.workflow, _ = w.automate()
	workflow, run := theirs.automate()
	message := theirs.query(theirs.agent.token, `query($id: ID!) { conversation(id: $id) { lastMessage { id } } }`, vars{"id": conversation.ID}).text("data", "conversation", "lastMessage", "id")
	tokens, err := w.auth.List(t.Context(), theirs.key)
	must(t, err)
	x.foreign = vars{
		"agent": theirs.agent.id, "contact": contact.ID, "conv": conversation.ID, "msg": message,
		"evt": theirs.history(theirs.key)[0].ID, "ws": theirs.workspace.ID, "token": tokens[0].ID, "wf": workflow, "run": run, "EventCursor": theirs.end(),
	}
	x.unknown = vars{
		"agent": db.AgentID{UUID: db.NewUUID()}, "contact": db.ContactID{UUID: db.NewUUID()}, "conv": db.ConversationID{UUID: db.NewUUID()},
		"msg": db.MessageID{UUID: db.NewUUID()}, "evt": db.EventID{UUID: db.NewUUID()}, "ws": db.WorkspaceID{UUID: db.NewUUID()},
		"token": db.TokenID{UUID: db.NewUUID()}, "wf": db.WorkflowID{UUID: db.NewUUID()}, "run": db.RunID{UUID: db.NewUUID()}, "EventCursor": db.EventCursor{Workspace: 1 << 40, Seq: 1},
		"sealed": "1" + strings.Repeat("0", 32),
	}
	x.foreign["sealed"] = theirs.sealed()
	for list, l := range lists {
		p := (&world{server: w.server, company: theirs.company, t: t}).page(l.doc, l.path, vars{"contact": contact.ID, "conversation": conversation.ID, "workflow": workflow}, "first: 1")
		x.foreign[list], x.unknown[list] = p.end, "nonsense"
	}
	return x
}

// shown returns a position in the log as the API shows it.
func (w *world) shown(c db.EventCursor) string {
	w.t.Helper()
	key, err := w.service.CursorKey(w.t.Context(), w.manager.Actor)
	must(w.t, err)
	return key.Seal(c)
}

// sealed returns the end of the log as the API shows it.
func (w *world) sealed() string {
	w.t.Helper()
	return w.query(w.manager.token, "{ asOf }", nil).text("data", "asOf")
}

// knowOwn sets the values of the caller's own workspace. Its workflow and run are new ones that wait.
func (x *two) knowOwn() {
	x.t.Helper()
	message := x.query(x.agent.token, `query($id: ID!) { conversation(id: $id) { lastMessage { id } } }`, vars{"id": x.conversation.ID}).text("data", "conversation", "lastMessage", "id")
	tokens, err := x.auth.List(x.t.Context(), x.key)
	must(x.t, err)
	for list, l := range lists {
		p := x.page(l.doc, l.path, vars{"contact": x.contact.ID, "conversation": x.conversation.ID, "workflow": x.workflow}, "first: 1")
		x.own[list] = p.end
	}
	waits, run := x.waiting()
	for key, value := range (vars{
		"agent": x.agent.id, "contact": x.contact.ID, "conv": x.conversation.ID, "msg": message, "evt": x.history(x.key)[0].ID,
		"ws": x.workspace.ID, "token": tokens[0].ID, "wf": waits, "run": run, "EventCursor": x.history(x.key)[0].Cursor(), "sealed": x.shown(x.history(x.key)[0].Cursor()),
	}) {
		x.own[key] = value
	}
}

// waiting creates a workflow with a run that waits.
func (w *world) waiting() (workflow, run string) {
	w.t.Helper()
	workflow = w.query(w.manager.token, `mutation { createWorkflow(input: {name: "Waits", definition: {triggers: [CONVERSATION_OPENED], steps: [{wait: {seconds: 3600}}, {unassign: {}}]}}) { workflow { id } } }`, nil).
		text("data", "createWorkflow", "workflow", "id")
	w.query(w.manager.token, `mutation($id: ID!) { enableWorkflow(input: {workflowId: $id}) { workflow { id } } }`, vars{"id": workflow})
	for range 2 { // one run may be cancelled, and the other keeps waiting
		w.opened(w.manager, fmt.Sprint("Customer ", len(w.history(w.key))))
	}
	w.settle()
	for _, e := range w.history(w.key) {
		if e.Data.WorkflowID != nil && e.Data.WorkflowID.String() == workflow && e.Data.Run != nil {
			run = e.Data.Run.ID.String()
		}
	}
	return workflow, run
}

// automate creates a workflow that runs when a conversation closes, and closes one.
func (w *world) automate() (db.WorkflowID, db.RunID) {
	f := w.workflow("unassign-after-close", nil)
	_, c := w.opened(w.agent, "Grace Hopper")
	w.close(w.agent, c)
	w.settle()
	events := w.history(w.key)
	return f, events[len(events)-1].Data.Run.ID
}

// story makes a contact with two conversations and messages.
func (w *world) story() (*db.Contact, *db.Conversation) {
	contact, _, latest := w.twice(w.agent, "Ada Lovelace")
	w.assign(w.agent, latest, w.agent)
	w.say(latest, db.Inbound, contact.ID.Ref(), "Hello?")
	w.deactivate(w.colleague)
	return contact, latest
}

// probe is an operation with one argument, $x, that may belong to another workspace.
type probe struct {
	kinds []string // kinds of values to try: prefixes of ids, names of lists, or EventCursor
	doc   string   // $contact, $conv, $agent stand for ids of the caller's workspace
}

// probes has a row for each argument of the schema that takes an id or a cursor, named
// by its path. TestProbesAreComplete finds the ones that are missing.
var probes = map[string]probe{
	"Query.node.id":                      {anyID, `query($x: ID!) { node(id: $x) { id } }`},
	"Query.nodes.ids":                    {anyID, `query($x: ID!) { nodes(ids: [$agent, $x]) { __typename } }`},
	"Query.conversation.id":              {[]string{"conv"}, `query($x: ID!) { conversation(id: $x) { id status contact { name } } }`},
	"Query.contact.id":                   {[]string{"contact"}, `query($x: ID!) { contact(id: $x) { id name } }`},
	"Query.agent.id":                     {[]string{"agent"}, `query($x: ID!) { agent(id: $x) { id name } }`},
	"Query.inbox.filter.assignees":       {[]string{"agent"}, `query($x: ID!) { inbox(view: ALL, filter: {assignees: [$x]}) { nodes { id } totalCount } }`},
	"Query.contacts.filter.assignees":    {[]string{"agent"}, `query($x: ID!) { contacts(filter: {assignees: [$x]}) { nodes { id } } }`},
	"Query.inbox.after":                  {[]string{"Query.inbox"}, `query($x: String) { inbox(view: ALL, after: $x) { nodes { id } } }`},
	"Query.inbox.before":                 {[]string{"Query.inbox"}, `query($x: String) { inbox(view: ALL, before: $x) { nodes { id } } }`},
	"Query.inboxCounts.filter.assignees": {[]string{"agent"}, `query($x: ID!) { inboxCounts(filter: {assignees: [$x]}) { all } }`},
	"Query.events.contactId":             {[]string{"contact"}, `query($x: ID!) { events(contactId: $x) { nodes { id } } }`},
	"Query.events.after":                 {[]string{"EventCursor"}, `query($x: EventCursor) { events(after: $x) { nodes { id } } }`},
	"Query.agents.after":                 {[]string{"Query.agents"}, `query($x: String) { agents(after: $x) { nodes { id } } }`},
	"Query.agents.before":                {[]string{"Query.agents"}, `query($x: String) { agents(before: $x) { nodes { id } } }`},
	"Query.contacts.after":               {[]string{"Query.contacts"}, `query($x: String) { contacts(after: $x) { nodes { id } } }`},
	"Query.contacts.before":              {[]string{"Query.contacts"}, `query($x: String) { contacts(before: $x) { nodes { id } } }`},
	"Contact.conversations.after":        {[]string{"Contact.conversations"}, `query($x: String) { contact(id: $contact) { conversations(after: $x) { nodes { id } } } }`},
	"Contact.conversations.before":       {[]string{"Contact.conversations"}, `query($x: String) { contact(id: $contact) { conversations(before: $x) { nodes { id } } } }`},
	"Contact.timeline.after":             {[]string{"Contact.timeline"}, `query($x: String) { contact(id: $contact) { timeline(after: $x) { nodes { id } } } }`},
	"Contact.timeline.before":            {[]string{"Contact.timeline"}, `query($x: String) { contact(id: $contact) { timeline(before: $x) { nodes { id } } } }`},
	"Conversation.messages.after":        {[]string{"Conversation.messages"}, `query($x: String) { conversation(id: $conv) { messages(after: $x) { nodes { id } } } }`},
	"Conversation.messages.before":       {[]string{"Conversation.messages"}, `query($x: String) { conversation(id: $conv) { messages(before: $x) { nodes { id } } } }`},
	"Conversation.timeline.after":        {[]string{"Conversation.timeline"}, `query($x: String) { conversation(id: $conv) { timeline(after: $x) { nodes { id } } } }`},
	"Conversation.entries.after":         {[]string{"Conversation.entries"}, `query($x: String) { conversation(id: $conv) { entries(after: $x) { nodes { __typename } } } }`},
	"Conversation.entries.before":        {[]string{"Conversation.entries"}, `query($x: String) { conversation(id: $conv) { entries(before: $x) { nodes { __typename } } } }`},
	"Conversation.timeline.before":       {[]string{"Conversation.timeline"}, `query($x: String) { conversation(id: $conv) { timeline(before: $x) { nodes { id } } } }`},

	"Mutation.assignConversation.input.conversationId":     {[]string{"conv"}, `mutation($x: ID!) { assignConversation(input: {conversationId: $x, assigneeId: $agent}) { events { id } } }`},
	"Mutation.assignConversation.input.assigneeId":         {[]string{"agent"}, `mutation($x: ID!) { assignConversation(input: {conversationId: $conv, assigneeId: $x}) { events { id } } }`},
	"Mutation.assignToMe.input.conversationId":             {[]string{"conv"}, `mutation($x: ID!) { assignToMe(input: {conversationId: $x}) { events { id } } }`},
	"Mutation.unassignConversation.input.conversationId":   {[]string{"conv"}, `mutation($x: ID!) { unassignConversation(input: {conversationId: $x}) { events { id } } }`},
	"Mutation.assignContact.input.contactId":               {[]string{"contact"}, `mutation($x: ID!) { assignContact(input: {contactId: $x, assigneeId: $agent}) { events { id } } }`},
	"Mutation.assignContact.input.assigneeId":              {[]string{"agent"}, `mutation($x: ID!) { assignContact(input: {contactId: $contact, assigneeId: $x}) { events { id } } }`},
	"Mutation.unassignContact.input.contactId":             {[]string{"contact"}, `mutation($x: ID!) { unassignContact(input: {contactId: $x}) { events { id } } }`},
	"Mutation.closeConversation.input.conversationId":      {[]string{"conv"}, `mutation($x: ID!) { closeConversation(input: {conversationId: $x}) { events { id } } }`},
	"Mutation.openConversation.input.contactId":            {[]string{"contact"}, `mutation($x: ID!) { openConversation(input: {contactId: $x, channel: "email"}) { events { id } } }`},
	"Mutation.reopenConversation.input.conversationId":     {[]string{"conv"}, `mutation($x: ID!) { reopenConversation(input: {conversationId: $x}) { events { id } } }`},
	"Mutation.updateContact.input.contactId":               {[]string{"contact"}, `mutation($x: ID!) { updateContact(input: {contactId: $x, name: "Stolen"}) { events { id } } }`},
	"Mutation.blockContact.input.contactId":                {[]string{"contact"}, `mutation($x: ID!) { blockContact(input: {contactId: $x}) { events { id } } }`},
	"Mutation.unblockContact.input.contactId":              {[]string{"contact"}, `mutation($x: ID!) { unblockContact(input: {contactId: $x}) { events { id } } }`},
	"Mutation.receiveMessage.input.sender.known.contactId": {[]string{"contact"}, `mutation($x: ID!) { receiveMessage(input: {sender: {known: {contactId: $x, channel: "email"}}, body: "Hello?"}) { events { id } } }`},
	"Mutation.recordBusinessEvent.input.sender.contactId":  {[]string{"contact"}, `mutation($x: ID!) { recordBusinessEvent(input: {sender: {contactId: $x}, type: "order.placed", requiresAction: true}) { events { id } } }`},
	"Mutation.setAvailability.input.agentId":               {[]string{"agent"}, `mutation($x: ID!) { setAvailability(input: {agentId: $x, availability: AWAY}) { events { id } } }`},
	"Mutation.updateAgent.input.agentId":                   {[]string{"agent"}, `mutation($x: ID!) { updateAgent(input: {agentId: $x, name: "Stolen"}) { events { id } } }`},
	"Mutation.deactivateAgent.input.agentId":               {[]string{"agent"}, `mutation($x: ID!) { deactivateAgent(input: {agentId: $x}) { events { id } } }`},
	"Mutation.deactivateAgent.input.handOverTo":            {[]string{"agent"}, `mutation($x: ID!) { deactivateAgent(input: {agentId: $agent, handOverTo: $x}) { events { id } } }`},
	"Mutation.reactivateAgent.input.agentId":               {[]string{"agent"}, `mutation($x: ID!) { reactivateAgent(input: {agentId: $x}) { events { id } } }`},

	"Mutation.sendMessage.input.conversationId":                 {[]string{"conv"}, `mutation($x: ID!) { sendMessage(input: {conversationId: $x, body: "Stolen"}) { events { id } } }`},
	"Mutation.sendMessage.input.onlyIfLastMessageId":            {[]string{"msg"}, `mutation($x: ID!) { sendMessage(input: {conversationId: $conv, body: "Stolen", onlyIfLastMessageId: $x}) { events { id } } }`},
	"Mutation.addNote.input.conversationId":                     {[]string{"conv"}, `mutation($x: ID!) { addNote(input: {conversationId: $x, body: "Stolen"}) { events { id } } }`},
	"Mutation.markRead.input.conversationId":                    {[]string{"conv"}, `mutation($x: ID!) { markRead(input: {conversationId: $x}) { conversation { id } } }`},
	"Mutation.assignConversations.input.items.conversationId":   {[]string{"conv"}, `mutation($x: ID!) { assignConversations(input: {items: [{conversationId: $x}], assigneeId: $agent}) { outcomes { conversationId conversation { id } userErrors { code message } } events { id } } }`},
	"Mutation.assignConversations.input.assigneeId":             {[]string{"agent"}, `mutation($x: ID!) { assignConversations(input: {items: [{conversationId: $conv}], assigneeId: $x}) { events { id } } }`},
	"Mutation.unassignConversations.input.items.conversationId": {[]string{"conv"}, `mutation($x: ID!) { unassignConversations(input: {items: [{conversationId: $x}]}) { outcomes { conversationId conversation { id } userErrors { code message } } events { id } } }`},
	"Mutation.closeConversations.input.items.conversationId":    {[]string{"conv"}, `mutation($x: ID!) { closeConversations(input: {items: [{conversationId: $x}]}) { outcomes { conversationId conversation { id } userErrors { code message } } events { id } } }`},

	"Subscription.assignmentChanged.conversationId":    {[]string{"conv"}, `subscription($x: ID!) { assignmentChanged(conversationId: $x, after: $end) { id } }`},
	"Subscription.assignmentChanged.assigneeId":        {[]string{"agent"}, `subscription($x: ID!) { assignmentChanged(assigneeId: $x, after: $end) { id } }`},
	"Subscription.assignmentChanged.after":             {anyCursor, `subscription($x: EventCursor) { assignmentChanged(after: $x) { id } }`},
	"Subscription.statusChanged.conversationId":        {[]string{"conv"}, `subscription($x: ID!) { statusChanged(conversationId: $x, after: $end) { id } }`},
	"Subscription.statusChanged.after":                 {anyCursor, `subscription($x: EventCursor) { statusChanged(after: $x) { id } }`},
	"Subscription.conversationChanged.conversationId":  {[]string{"conv"}, `subscription($x: ID!) { conversationChanged(conversationId: $x, after: $end) { id } }`},
	"Subscription.conversationChanged.conversationIds": {[]string{"conv"}, `subscription($x: ID!) { conversationChanged(conversationIds: [$x], after: $end) { id } }`},
	"Subscription.conversationChanged.after":           {anyCursor, `subscription($x: EventCursor) { conversationChanged(conversationId: $conv, after: $x) { id } }`},
	"Subscription.events.contactId":                    {[]string{"contact"}, `subscription($x: ID!) { events(contactId: $x, after: $end) { id } }`},
	"Subscription.events.after":                        {anyCursor, `subscription($x: EventCursor) { events(after: $x) { id } }`},
	"Subscription.inboxChanged.filter.assignees":       {[]string{"agent"}, `subscription($x: ID!) { inboxChanged(view: ALL, filter: {assignees: [$x, null]}, after: $end) { kind conversationId } }`},
	"Subscription.agentsChanged.after":                 {anyCursor, `subscription($x: EventCursor) { agentsChanged(after: $x) { cursor } }`},
	"Subscription.inboxChanged.after":                  {anyCursor, `subscription($x: EventCursor) { inboxChanged(view: ALL, after: $x) { kind } }`},

	"Mutation.createToken.input.agentId": {[]string{"agent"}, `mutation($x: ID!) { createToken(input: {scope: AGENT, agentId: $x}) { events { id } } }`},
	"Mutation.revokeToken.input.tokenId": {[]string{"token"}, `mutation($x: ID!) { revokeToken(input: {tokenId: $x}) { events { id } } }`},
	"Query.tokens.after":                 {[]string{"Query.tokens"}, `query($x: String) { tokens(after: $x) { nodes { id } } }`},
	"Query.tokens.before":                {[]string{"Query.tokens"}, `query($x: String) { tokens(before: $x) { nodes { id } } }`},
	"Query.accessLog.after":              {[]string{"Query.accessLog"}, `query($x: String) { accessLog(after: $x) { nodes { outcome } } }`},
	"Query.accessLog.before":             {[]string{"Query.accessLog"}, `query($x: String) { accessLog(before: $x) { nodes { outcome } } }`},
	"Query.auditEvents.after":            {[]string{"Query.auditEvents"}, `query($x: String) { auditEvents(after: $x) { nodes { id } } }`},
	"Query.auditEvents.before":           {[]string{"Query.auditEvents"}, `query($x: String) { auditEvents(before: $x) { nodes { id } } }`},

	"Query.workflow.id":      {[]string{"wf"}, `query($x: ID!) { workflow(id: $x) { id name runs { nodes { id } } } }`},
	"Query.workflows.after":  {[]string{"Query.workflows"}, `query($x: String) { workflows(after: $x) { nodes { id } } }`},
	"Query.workflows.before": {[]string{"Query.workflows"}, `query($x: String) { workflows(before: $x) { nodes { id } } }`},
	"Workflow.runs.after":    {[]string{"Workflow.runs"}, `query($x: String) { workflow(id: $wf) { runs(after: $x) { nodes { id } } } }`},
	"Workflow.runs.before":   {[]string{"Workflow.runs"}, `query($x: String) { workflow(id: $wf) { runs(before: $x) { nodes { id } } } }`},
	"Mutation.createWorkflow.input.definition.conditions.assignee.agentIds":           {[]string{"agent"}, `mutation($x: ID!) { createWorkflow(input: {name: "Stolen", definition: {triggers: [CONVERSATION_OPENED], conditions: {assignee: {agentIds: [$x]}}, steps: [{unassign: {}}]}}) { events { id } } }`},
	"Mutation.createWorkflow.input.definition.steps.assign.agentId":                   {[]string{"agent"}, `mutation($x: ID!) { createWorkflow(input: {name: "Stolen", definition: {triggers: [CONVERSATION_OPENED], steps: [{assign: {agentId: $x}}]}}) { events { id } } }`},
	"Mutation.createWorkflow.input.definition.steps.assignRoundRobin.agentIds":        {[]string{"agent"}, `mutation($x: ID!) { createWorkflow(input: {name: "Stolen", definition: {triggers: [CONVERSATION_OPENED], steps: [{assignRoundRobin: {agentIds: [$agent, $x]}}]}}) { events { id } } }`},
	"Mutation.createWorkflow.input.definition.steps.assignLeastLoaded.agentIds":       {[]string{"agent"}, `mutation($x: ID!) { createWorkflow(input: {name: "Stolen", definition: {triggers: [CONVERSATION_OPENED], steps: [{assignLeastLoaded: {agentIds: [$agent, $x]}}]}}) { events { id } } }`},
	"Mutation.updateWorkflow.input.definition.conditions.assignee.agentIds":           {[]string{"agent"}, `mutation($x: ID!) { updateWorkflow(input: {workflowId: $wf, definition: {triggers: [CONVERSATION_OPENED], conditions: {assignee: {agentIds: [$x]}}, steps: [{unassign: {}}]}}) { events { id } } }`},
	"Mutation.updateWorkflow.input.definition.steps.assign.agentId":                   {[]string{"agent"}, `mutation($x: ID!) { updateWorkflow(input: {workflowId: $wf, definition: {triggers: [CONVERSATION_OPENED], steps: [{assign: {agentId: $x}}]}}) { events { id } } }`},
	"Mutation.updateWorkflow.input.definition.steps.assignRoundRobin.agentIds":        {[]string{"agent"}, `mutation($x: ID!) { updateWorkflow(input: {workflowId: $wf, definition: {triggers: [CONVERSATION_OPENED], steps: [{assignRoundRobin: {agentIds: [$agent, $x]}}]}}) { events { id } } }`},
	"Mutation.updateWorkflow.input.definition.steps.assignLeastLoaded.agentIds":       {[]string{"agent"}, `mutation($x: ID!) { updateWorkflow(input: {workflowId: $wf, definition: {triggers: [CONVERSATION_OPENED], steps: [{assignLeastLoaded: {agentIds: [$agent, $x]}}]}}) { events { id } } }`},
	"Query.dryRunWorkflow.input.workflow.definition.conditions.assignee.agentIds":     {[]string{"agent"}, `query($x: ID!) { dryRunWorkflow(input: {conversationId: $conv, workflow: {definition: {triggers: [CONVERSATION_OPENED], conditions: {assignee: {agentIds: [$x]}}, steps: [{unassign: {}}]}}}) { steps { kind } } }`},
	"Query.dryRunWorkflow.input.workflow.definition.steps.assign.agentId":             {[]string{"agent"}, `query($x: ID!) { dryRunWorkflow(input: {conversationId: $conv, workflow: {definition: {triggers: [CONVERSATION_OPENED], steps: [{assign: {agentId: $x}}]}}}) { steps { kind } } }`},
	"Query.dryRunWorkflow.input.workflow.definition.steps.assignRoundRobin.agentIds":  {[]string{"agent"}, `query($x: ID!) { dryRunWorkflow(input: {conversationId: $conv, workflow: {definition: {triggers: [CONVERSATION_OPENED], steps: [{assignRoundRobin: {agentIds: [$agent, $x]}}]}}}) { steps { kind } } }`},
	"Query.dryRunWorkflow.input.workflow.definition.steps.assignLeastLoaded.agentIds": {[]string{"agent"}, `query($x: ID!) { dryRunWorkflow(input: {conversationId: $conv, workflow: {definition: {triggers: [CONVERSATION_OPENED], steps: [{assignLeastLoaded: {agentIds: [$agent, $x]}}]}}}) { steps { kind } } }`},
	"Mutation.createWorkflowFromTemplate.input.agents":                                {[]string{"agent"}, `mutation($x: ID!) { createWorkflowFromTemplate(input: {templateKey: "round-robin-online", agents: [$x]}) { events { id } } }`},
	"Mutation.updateWorkflow.input.workflowId":                                        {[]string{"wf"}, `mutation($x: ID!) { updateWorkflow(input: {workflowId: $x, name: "Stolen"}) { events { id } } }`},
	"Mutation.enableWorkflow.input.workflowId":                                        {[]string{"wf"}, `mutation($x: ID!) { enableWorkflow(input: {workflowId: $x}) { events { id } } }`},
	"Mutation.disableWorkflow.input.workflowId":                                       {[]string{"wf"}, `mutation($x: ID!) { disableWorkflow(input: {workflowId: $x}) { events { id } } }`},
	"Mutation.deleteWorkflow.input.workflowId":                                        {[]string{"wf"}, `mutation($x: ID!) { deleteWorkflow(input: {workflowId: $x}) { events { id } } }`},
	"Query.dryRunWorkflow.input.trigger.conversationAssigned.agentId":                 {[]string{"agent"}, `query($x: ID!) { dryRunWorkflow(input: {workflow: {workflowId: $wf}, conversationId: $conv, trigger: {conversationAssigned: {agentId: $x}}}) { steps { kind } } }`},
	"Query.dryRunWorkflow.input.trigger.messageSent.agentId":                          {[]string{"agent"}, `query($x: ID!) { dryRunWorkflow(input: {workflow: {workflowId: $wf}, conversationId: $conv, trigger: {messageSent: {agentId: $x}}}) { steps { kind } } }`},
	"Mutation.cancelWorkflowRun.input.runId":                                          {[]string{"run"}, `mutation($x: ID!) { cancelWorkflowRun(input: {runId: $x}) { events { id } } }`},
	"Query.dryRunWorkflow.input.workflow.workflowId":                                  {[]string{"wf"}, `query($x: ID!) { dryRunWorkflow(input: {workflow: {workflowId: $x}, conversationId: $conv}) { steps { kind } } }`},
	"Query.dryRunWorkflow.input.conversationId":                                       {[]string{"conv"}, `query($x: ID!) { dryRunWorkflow(input: {workflow: {workflowId: $wf}, conversationId: $x}) { steps { kind } } }`},
	"Subscription.workflowRunChanged.workflowId":                                      {[]string{"wf"}, `subscription($x: ID!) { workflowRunChanged(workflowId: $x) { id } }`},
}

// anyCursor are the forms of a position in the log: the one of versions before 1.0, and the present one.
var anyCursor = []string{"EventCursor", "sealed"}

var anyID = []string{"agent", "contact", "conv", "msg", "evt", "ws", "token", "wf", "run"}

// TestProbesAreComplete walks the schema for arguments that take an id or a cursor.
func TestProbesAreComplete(t *testing.T) {
	var types []*ast.Definition
	for _, def := range schema.Types {
		if def.Kind == ast.Object && !strings.HasPrefix(def.Name, "__") {
			types = append(types, def)
		}
	}
	found := map[string]bool{}
	walkInputs(types, func(path, name, kind string) {
		if kind == "ID" || kind == "EventCursor" || kind == "String" && slices.Contains(pageCursors, name) {
			found[path] = true
		}
	})
	for path := range found {
		if probes[path].doc == "" {
			t.Errorf("no probe for %s", path)
		}
	}
	for path := range probes {
		if !found[path] {
			t.Errorf("the schema has no %s", path)
		}
	}
}

// walkInputs calls visit for each argument of the types' fields, or for each input field in it, with
// its path, its name and the type of its value.
func walkInputs(types []*ast.Definition, visit func(path, name, kind string)) {
	var walk func(path, name string, of *ast.Type)
	walk = func(path, name string, of *ast.Type) {
		def := schema.Types[of.Name()]
		if def.Kind != ast.InputObject {
			visit(path, name, def.Name)
			return
		}
		for _, f := range def.Fields {
			walk(path+"."+f.Name, f.Name, f.Type)
		}
	}
	for _, def := range types {
		for _, field := range def.Fields {
			for _, a := range field.Arguments {
				walk(def.Name+"."+field.Name+"."+a.Name, a.Name, a.Type)
			}
		}
	}
}

// TestForeignIsUnknown sets every argument to an id of another workspace: the answer is the same
// as for an unknown id, and nothing changes anywhere. An id of the caller's own gets another answer.
func TestForeignIsUnknown(t *testing.T) {
	t.Parallel()
	x := newTwo(t)
	x.knowOwn()
	paths := slices.SortedFunc(maps.Keys(probes), func(a, b string) int { // mutations last, as they change what others see
		return cmp.Or(cmp.Compare(strings.Count(a, "Mutation."), strings.Count(b, "Mutation.")), strings.Compare(a, b))
	})
	for _, path := range paths {
		for _, kind := range probes[path].kinds {
			if strings.HasPrefix(path, "Subscription.") {
				x.probeSubscription(path, kind)
			} else {
				x.probe(path, kind)
			}
		}
	}
}

// document returns the document of a probe with ids of the caller's workspace.
func (x *two) document(path string) string {
	return strings.NewReplacer("$contact", quote(x.contact.ID), "$conv", quote(x.conversation.ID), "$agent", quote(x.agent.id),
		"$wf", quote(x.workflow), "$end", quote(x.end())).Replace(probes[path].doc)
}

func (x *two) probe(path, kind string) {
	x.t.Helper()
	doc, token := x.document(path), x.manager.token
	if strings.HasPrefix(path, "Mutation.receiveMessage.") || strings.HasPrefix(path, "Mutation.recordBusinessEvent.") {
		token = x.integration // managers may not
	}
	kept := x.snapshot()
	foreign := x.post(x.t, token, doc, vars{"x": x.foreign[kind]})
	unknown := x.post(x.t, token, doc, vars{"x": x.unknown[kind]})
	a, b := normal(foreign.body, x.foreign[kind]), normal(unknown.body, x.unknown[kind])
	if a != b || foreign.status != unknown.status {
		x.t.Errorf("%s with %s: %s, but for an unknown one %s", path, kind, a, b)
	}
	switch {
	case strings.Contains(path, ".items."):
		if !strings.Contains(string(foreign.body), `"conversation":null,"userErrors":[{"code":"NOT_FOUND"`) {
			x.t.Errorf("%s: the item says %s", path, foreign.body)
		}
	case strings.HasPrefix(path, "Mutation."):
		foreign.wantCode("NOT_FOUND")
	}
	if now := x.snapshot(); now != kept {
		x.t.Fatalf("%s with %s changed something", path, kind)
	}
	own := x.post(x.t, token, doc, vars{"x": x.own[kind]})
	if normal(own.body, x.own[kind]) == b || strings.HasPrefix(path, "Mutation.") && strings.Contains(string(own.body), "NOT_FOUND") {
		x.t.Errorf("%s with %s: one's own gets the answer of an unknown one: %s", path, kind, own.body)
	}
	x.restore(path)
}

// restore undoes what a mutation on one's own has changed and the other probes need.
func (x *two) restore(path string) {
	x.t.Helper()
	switch strings.Join(strings.Split(path, ".")[:2], ".") {
	case "Mutation.deactivateAgent":
		did(x.t)(x.service.ReactivateAgent(x.t.Context(), x.manager.Actor, service.ReactivateAgentInput{AgentID: x.agent.id}))
	case "Mutation.closeConversation", "Mutation.closeConversations":
		x.reopen(x.manager, x.conversation)
	case "Mutation.blockContact":
		x.unblock(x.manager, x.contact.ID)
	case "Mutation.deleteWorkflow":
		x.own["wf"], x.own["run"] = x.waiting()
	}
}

func (x *two) probeSubscription(path, kind string) {
	x.t.Helper()
	doc := x.document(path)
	var answers []string
	var sockets []*socket
	values := []any{x.foreign[kind], x.unknown[kind], x.own[kind]}
	for _, value := range values {
		s := x.connect(x.t, x.manager.token)
		s.subscribe("1", doc, vars{"x": value})
		sockets = append(sockets, s)
	}
	// Subscriptions that were not refused receive events of the caller's workspace.
	x.unassign(x.manager, x.conversation)
	x.assign(x.manager, x.conversation, x.agent)
	x.close(x.manager, x.conversation)
	x.reopen(x.manager, x.conversation)
	for i, s := range sockets {
		f, err := s.read()
		if err != nil {
			x.t.Fatalf("%s with %s %v: %v", path, kind, values[i], err)
		}
		answers = append(answers, f.Type+" "+normal(f.Payload, values[i]))
		_ = s.Close()
	}
	if answers[0] != answers[1] {
		x.t.Errorf("%s: %s, but for an unknown one %s", path, answers[0], answers[1])
	}
	if answers[2] == answers[1] {
		x.t.Errorf("%s with %s: one's own gets the answer of an unknown one: %s", path, kind, answers[2])
	}
}

func quote(v fmt.Stringer) string { return fmt.Sprintf("%q", v) }

var requestIDs = regexp.MustCompile(`"requestId":"[^"]+"`)

// normal replaces the requested id, and that of the request, in an answer, so that answers can be
// compared.
func normal(body []byte, asked any) string {
	return strings.ReplaceAll(requestIDs.ReplaceAllString(string(body), `"requestId":"R"`), fmt.Sprint(asked), "X")
}

// snapshot returns a digest of the whole database except for when tokens were used and the access log.
func (w *world) snapshot() (digest string) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.url)
	must(w.t, err)
	defer conn.Close(context.Background())
	var union []string
	rows, _ := conn.Query(w.t.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'access_log' ORDER BY 1")
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(w.t, err)
	for _, table := range tables {
		union = append(union, fmt.Sprintf("SELECT '%s' || coalesce(string_agg(md5(row::text), '' ORDER BY md5(row::text)), '') AS part FROM (SELECT (to_jsonb(t) - 'last_used_at') AS row FROM %s AS t) AS rows", table, table))
	}
	must(w.t, conn.QueryRow(w.t.Context(), "SELECT md5(string_agg(part, '' ORDER BY part)) FROM ("+strings.Join(union, " UNION ALL ")+") AS parts").Scan(&digest))
	return digest
}

// TestOwnOnly reads every list, count and search in two workspaces with the same history: each
// sees only its own data.
func TestOwnOnly(t *testing.T) {
	t.Parallel()
	x := newTwo(t)
	docs := map[string]string{
		"lists": `{ inbox(view: ALL) { nodes { id contact { id name assignee { id } } assignee { id } lastMessage { id author { ... on Contact { id } } } } totalCount }
			agents(filter: {active: null}) { nodes { id email openConversations } } contacts { nodes { id conversations { nodes { id } } timeline { nodes { id actor { ... on Agent { id } } } } } } }`,
		"closed": `{ inbox(view: CLOSED) { nodes { id closedBy { ... on Agent { id } } } totalCount } }`,
		"search": `{ inbox(view: ALL, search: "lovelace") { nodes { id } totalCount } agents(search: "agnt") { nodes { id } } contacts(search: "lovelcae") { nodes { id name } } }`,
		"counts": `{ inboxCounts { mine unassigned all closed blocked } }`,
		"unread": `{ inbox(view: ALL, filter: {unread: true}) { nodes { id unreadCount } totalCount } }`,
		"dashboard": `{ dashboard { counts { open unassigned waiting } agents { agent { id name } openConversations closedToday longestWaiting } oldestWaiting
			resolution { today { p50 count } } timeToAssignment { today { count } } } }`,
		"own": `{ viewer { id } workspace { id name } }`,
	}
	for name, doc := range docs {
		ours, theirs := x.query(x.agent.token, doc, nil), x.query(x.theirs.agent.token, doc, nil)
		a, b := string(stable(ours.body)), strings.NewReplacer("Globex", "Acme", "globex", "acme").Replace(string(stable(theirs.body)))
		if a != b || !strings.ContainsAny(a, "123456789") {
			t.Errorf("%s: the one sees\n%s\nthe other\n%s", name, a, b)
		}
		for _, id := range volatile.FindAllString(string(ours.body), -1) {
			if strings.Contains(id, "_") && strings.Contains(string(theirs.body), id) {
				t.Errorf("%s: both see %s", name, id)
			}
		}
	}
}

// TestSubscribersSeeTheirOwn changes the other workspace first, then the subscriber's:
// the first item is about the latter.
func TestSubscribersSeeTheirOwn(t *testing.T) {
	t.Parallel()
	x := newTwo(t)
	end := x.end()
	streams := map[string]*stream{}
	for field, v := range map[string]vars{
		"assignmentChanged": {"after": end}, "statusChanged": {"after": end},
		"conversationChanged": {"after": end, "conversationId": x.conversation.ID}, "inboxChanged": {"after": end, "view": "ALL"}, "inboxCountsChanged": nil,
		"unreadChanged": nil, "dashboardChanged": nil, "workflowRunChanged": nil, "agentsChanged": {"after": end}, "events": {"after": end},
	} {
		streams[field] = x.subscribe(t, x.agent.token, field, v)
	}
	for _, field := range schema.Subscription.Fields {
		if streams[field.Name] == nil {
			t.Fatalf("%s has no row", field.Name)
		}
	}
	counts, dashboard := streams["inboxCountsChanged"].next(), streams["dashboardChanged"].next()
	x.works()
	for _, w := range []*world{x.theirs, x.world} {
		conversation := x.conversation
		if w == x.theirs {
			conversation = &db.Conversation{ID: x.foreign["conv"].(db.ConversationID)}
		}
		w.assign(w.manager, conversation, w.manager)
		w.close(w.manager, conversation)
	}
	for field, s := range streams {
		item := s.next()
		if field == "unreadChanged" { // the conversation was assigned to the subscriber before
			if get(item, "conversationId") != x.conversation.ID.String() {
				t.Errorf("%s delivers what is not ours: %v", field, item)
			}
			continue
		}
		ours := map[string]bool{}
		for _, e := range x.history(x.key) {
			ours[x.shown(e.Cursor())] = true
		}
		place := get(item, "cursor")
		if field == "inboxCountsChanged" {
			place = get(item, "asOf")
			if get(counts, "all") != 1.0 || get(item, "all") == get(counts, "all") && get(item, "mine") == get(counts, "mine") {
				t.Errorf("counts went from %v to %v", counts, item)
			}
		}
		if field == "dashboardChanged" {
			place = get(item, "asOf")
			if same(without(item, "asOf"), without(dashboard, "asOf")) {
				t.Errorf("the dashboard is still %v", item)
			}
		}
		if field == "workflowRunChanged" {
			place = get(item, "event", "cursor")
		}
		if !ours[place.(string)] {
			t.Errorf("%s delivers what is not ours: %v", field, item)
		}
	}
}
