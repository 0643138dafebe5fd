package service

import (
	"context"
	"fmt"

	"switchboard/db"
)

// target is what a verb is called on; each takes what it needs.
type target struct {
	conversation db.ConversationID
	contact      db.ContactID
	agent        db.AgentID // who is assigned, changed, deactivated
	workflow     db.WorkflowID
	run          db.RunID
	expected     *int
	key          *string
}

// verb is a mutation.
type verb struct {
	name string
	on   string // what it is called on: "conversation", "contact", "agent", "workflow", "run" or nothing
	call func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error)
}

func (v verb) in(w *world, a Actor, x target) (*Outcome, error) {
	return v.call(w.ctx(), w.Service, a, x)
}

// verbs are all mutations, each with an input that is accepted.
var verbs = []verb{
	{"assignConversation", "conversation", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.AssignConversation(ctx, a, AssignConversationInput{x.conversation, x.agent, x.expected, Keyed{x.key}})
	}},
	{"assignToMe", "conversation", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.AssignToMe(ctx, a, AssignToMeInput{x.conversation, x.expected, Keyed{x.key}})
	}},
	{"unassignConversation", "conversation", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.UnassignConversation(ctx, a, UnassignConversationInput{x.conversation, x.expected, Keyed{x.key}})
	}},
	{"assignContact", "contact", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.AssignContact(ctx, a, AssignContactInput{x.contact, x.agent, x.expected, Keyed{x.key}})
	}},
	{"unassignContact", "contact", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.UnassignContact(ctx, a, UnassignContactInput{x.contact, x.expected, Keyed{x.key}})
	}},
	{"closeConversation", "conversation", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.CloseConversation(ctx, a, CloseConversationInput{ConversationID: x.conversation, ExpectedVersion: x.expected, Keyed: Keyed{x.key}})
	}},
	{"openConversation", "contact", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.OpenConversation(ctx, a, OpenConversationInput{x.contact, "email", x.expected, Keyed{x.key}})
	}},
	{"reopenConversation", "conversation", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.ReopenConversation(ctx, a, ReopenConversationInput{x.conversation, x.expected, Keyed{x.key}})
	}},
	{"blockContact", "contact", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.BlockContact(ctx, a, BlockContactInput{x.contact, x.expected, Keyed{x.key}})
	}},
	{"unblockContact", "contact", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.UnblockContact(ctx, a, UnblockContactInput{x.contact, x.expected, Keyed{x.key}})
	}},
	{"sendMessage", "conversation", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.SendMessage(ctx, a, SendMessageInput{ConversationID: x.conversation, Body: "Hello!", Keyed: Keyed{x.key}})
	}},
	{"addNote", "conversation", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.AddNote(ctx, a, AddNoteInput{x.conversation, "Third time this week", Keyed{x.key}})
	}},
	{"markRead", "conversation", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.MarkRead(ctx, a, MarkReadInput{x.conversation, Keyed{x.key}})
	}},
	{"createContact", "", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.CreateContact(ctx, a, CreateContactInput{Name: "Nora", Keyed: Keyed{x.key}})
	}},
	{"updateContact", "contact", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.UpdateContact(ctx, a, UpdateContactInput{ContactID: x.contact, Name: Text("Renamed"), Keyed: Keyed{x.key}})
	}},
	{"setAvailability", "agent", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.SetAvailability(ctx, a, SetAvailabilityInput{db.Away, &x.agent, Keyed{x.key}})
	}},
	{"createAgent", "", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.CreateAgent(ctx, a, CreateAgentInput{Name: "Nils", Email: "nils@acme.example", Role: db.RoleAgent, Keyed: Keyed{x.key}})
	}},
	{"updateAgent", "agent", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.UpdateAgent(ctx, a, UpdateAgentInput{AgentID: x.agent, Name: Text("Renamed"), Keyed: Keyed{x.key}})
	}},
	{"deactivateAgent", "agent", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.DeactivateAgent(ctx, a, DeactivateAgentInput{AgentID: x.agent, Keyed: Keyed{x.key}})
	}},
	{"reactivateAgent", "agent", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.ReactivateAgent(ctx, a, ReactivateAgentInput{x.agent, Keyed{x.key}})
	}},
	{"updateWorkspace", "", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.UpdateWorkspace(ctx, a, UpdateWorkspaceInput{Name: Text("Renamed"), Keyed: Keyed{x.key}})
	}},
	{"assignConversations", "conversation", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return single(s.AssignConversations(ctx, a, AssignConversationsInput{Items: x.item(), AssigneeID: x.agent, Keyed: Keyed{x.key}}))
	}},
	{"unassignConversations", "conversation", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return single(s.UnassignConversations(ctx, a, UnassignConversationsInput{Items: x.item(), Keyed: Keyed{x.key}}))
	}},
	{"closeConversations", "conversation", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return single(s.CloseConversations(ctx, a, CloseConversationsInput{Items: x.item(), Keyed: Keyed{x.key}}))
	}},
	{"receiveMessage", "contact", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.ReceiveMessage(ctx, a, ReceiveMessageInput{ContactID: &x.contact, Channel: Text("chat"), Body: "Hello?", Keyed: Keyed{x.key}})
	}},
	{"recordBusinessEvent", "contact", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.RecordBusinessEvent(ctx, a, RecordBusinessEventInput{ContactID: &x.contact, Type: "order.placed", Keyed: Keyed{x.key}})
	}},
	{"createWorkflow", "", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.CreateWorkflow(ctx, a, CreateWorkflowInput{"Flow", when(db.TriggerClosed, act(db.StepUnassign)), Keyed{x.key}})
	}},
	{"createWorkflowFromTemplate", "", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.CreateWorkflowFromTemplate(ctx, a, CreateWorkflowFromTemplateInput{TemplateKey: "unassign-after-close", Keyed: Keyed{x.key}})
	}},
	{"updateWorkflow", "workflow", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.UpdateWorkflow(ctx, a, UpdateWorkflowInput{WorkflowID: x.workflow, Name: Text("Renamed"), Keyed: Keyed{x.key}})
	}},
	{"enableWorkflow", "workflow", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.EnableWorkflow(ctx, a, EnableWorkflowInput{WorkflowID: x.workflow, Keyed: Keyed{x.key}})
	}},
	{"disableWorkflow", "workflow", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.DisableWorkflow(ctx, a, DisableWorkflowInput{WorkflowID: x.workflow, Keyed: Keyed{x.key}})
	}},
	{"deleteWorkflow", "workflow", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.DeleteWorkflow(ctx, a, DeleteWorkflowInput{x.workflow, Keyed{x.key}})
	}},
	{"cancelWorkflowRun", "run", func(ctx context.Context, s *Service, a Actor, x target) (*Outcome, error) {
		return s.CancelWorkflowRun(ctx, a, CancelWorkflowRunInput{x.run, Keyed{x.key}})
	}},
}

// item is the target as a bulk of one.
func (x target) item() []*ConversationItemInput {
	return []*ConversationItemInput{{ConversationID: x.conversation, ExpectedVersion: x.expected}}
}

// single gives the outcome of a bulk of one as the verb on one conversation would.
func single(o *Outcome, err error) (*Outcome, error) {
	if err != nil {
		return o, err
	}
	item := o.Conversations[0]
	o.Conversation = item.Conversation
	switch {
	case len(item.Refusals) == 0:
		return o, nil
	case item.Refusals[0].Code == ItemNotFound:
		return o, NewNotFound("conversation")
	}
	return o, item.Refusals[0]
}

// unlogged are the verbs that leave the log as it is, even when they change something.
var unlogged = map[string]bool{"markRead": true}

// caller is one who may call the verb: a manager, or else an integration.
func (w *world) caller(v verb) Actor {
	if v.name == "receiveMessage" || v.name == "recordBusinessEvent" {
		return w.program(RoleIntegration)
	}
	return w.manager
}

// ready sets up what a verb needs to be carried out, and gives its target.
func (w *world) ready(v verb) target {
	w.t.Helper()
	agent := w.agent(fmt.Sprint("Agent", w.head()))
	var c *db.Conversation
	switch v.name {
	case "unassignConversation", "unassignContact":
		c = w.open(agent)
	case "openConversation", "reopenConversation":
		c = w.closed()
	default:
		c = w.open()
	}
	switch v.name {
	case "unblockContact":
		w.block(c)
	case "reactivateAgent":
		w.deactivate(agent)
	}
	f := w.ok(verbNamed("createWorkflow").in(w, w.manager, target{})).Workflow
	if v.name == "disableWorkflow" {
		w.ok(verbNamed("enableWorkflow").in(w, w.manager, target{workflow: f.ID}))
	}
	x := target{conversation: c.ID, contact: c.ContactID, agent: *agent.Agent, workflow: f.ID}
	if v.name == "cancelWorkflowRun" {
		waits := w.workflow(closesLater())
		w.open()
		w.settle()
		x.run = w.lastRun(waits).ID
	}
	return x
}

func verbNamed(name string) verb {
	for _, v := range verbs {
		if v.name == name {
			return v
		}
	}
	panic("no verb " + name)
}
