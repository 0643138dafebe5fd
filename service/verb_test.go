package service_test

import (
	"context"
	"fmt"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

// target has the objects that a verb is called on; each verb uses some of them.
type target struct {
	conversation db.ConversationID
	contact      db.ContactID
	agent        db.AgentID // the agent to assign, change or deactivate
	workflow     db.WorkflowID
	token        db.TokenID
	run          db.RunID
	expected     *int
	key          *string
}

// verb is a mutation.
type verb struct {
	name string
	on   string // what it is called on: "conversation", "contact", "agent", "workflow", "run", "token" or nothing
	call func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error)
}

func (v verb) in(w *world, a service.Actor, x target) (*service.Outcome, error) {
	return v.call(w.Context(), w.Service, a, x)
}

// verbs are all mutations, each with an input that is accepted.
var verbs = []verb{
	{"assignConversation", "conversation", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.AssignConversation(ctx, a, service.AssignConversationInput{x.conversation, x.agent, x.expected, service.Keyed{x.key}})
	}},
	{"assignToMe", "conversation", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.AssignToMe(ctx, a, service.AssignToMeInput{x.conversation, x.expected, service.Keyed{x.key}})
	}},
	{"unassignConversation", "conversation", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.UnassignConversation(ctx, a, service.UnassignConversationInput{x.conversation, x.expected, service.Keyed{x.key}})
	}},
	{"assignContact", "contact", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.AssignContact(ctx, a, service.AssignContactInput{x.contact, x.agent, x.expected, service.Keyed{x.key}})
	}},
	{"unassignContact", "contact", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.UnassignContact(ctx, a, service.UnassignContactInput{x.contact, x.expected, service.Keyed{x.key}})
	}},
	{"closeConversation", "conversation", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.CloseConversation(ctx, a, service.CloseConversationInput{ConversationID: x.conversation, ExpectedVersion: x.expected, Keyed: service.Keyed{x.key}})
	}},
	{"openConversation", "contact", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.OpenConversation(ctx, a, service.OpenConversationInput{x.contact, "email", x.expected, service.Keyed{x.key}})
	}},
	{"reopenConversation", "conversation", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.ReopenConversation(ctx, a, service.ReopenConversationInput{x.conversation, x.expected, service.Keyed{x.key}})
	}},
	{"blockContact", "contact", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.BlockContact(ctx, a, service.BlockContactInput{x.contact, x.expected, service.Keyed{x.key}})
	}},
	{"unblockContact", "contact", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.UnblockContact(ctx, a, service.UnblockContactInput{x.contact, x.expected, service.Keyed{x.key}})
	}},
	{"sendMessage", "conversation", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.SendMessage(ctx, a, service.SendMessageInput{ConversationID: x.conversation, Body: "Hello!", Keyed: service.Keyed{x.key}})
	}},
	{"addNote", "conversation", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.AddNote(ctx, a, service.AddNoteInput{x.conversation, "Third time this week", service.Keyed{x.key}})
	}},
	{"markRead", "conversation", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.MarkRead(ctx, a, service.MarkReadInput{x.conversation, service.Keyed{x.key}})
	}},
	{"createContact", "", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.CreateContact(ctx, a, service.CreateContactInput{Name: "Nora", Keyed: service.Keyed{x.key}})
	}},
	{"updateContact", "contact", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.UpdateContact(ctx, a, service.UpdateContactInput{ContactID: x.contact, Name: service.Text("Renamed"), Keyed: service.Keyed{x.key}})
	}},
	{"setAvailability", "agent", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.SetAvailability(ctx, a, service.SetAvailabilityInput{db.Away, &x.agent, service.Keyed{x.key}})
	}},
	{"createAgent", "", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.CreateAgent(ctx, a, service.CreateAgentInput{Name: "Nils", Email: "nils@acme.example", Role: db.RoleAgent, Keyed: service.Keyed{x.key}})
	}},
	{"updateAgent", "agent", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.UpdateAgent(ctx, a, service.UpdateAgentInput{AgentID: x.agent, Name: service.Text("Renamed"), Keyed: service.Keyed{x.key}})
	}},
	{"deactivateAgent", "agent", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.DeactivateAgent(ctx, a, service.DeactivateAgentInput{AgentID: x.agent, Keyed: service.Keyed{x.key}})
	}},
	{"reactivateAgent", "agent", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.ReactivateAgent(ctx, a, service.ReactivateAgentInput{x.agent, service.Keyed{x.key}})
	}},
	{"updateWorkspace", "", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.UpdateWorkspace(ctx, a, service.UpdateWorkspaceInput{Name: service.Text("Renamed"), Keyed: service.Keyed{x.key}})
	}},
	{"assignConversations", "conversation", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return single(s.AssignConversations(ctx, a, service.AssignConversationsInput{Items: x.item(), AssigneeID: x.agent, Keyed: service.Keyed{x.key}}))
	}},
	{"unassignConversations", "conversation", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return single(s.UnassignConversations(ctx, a, service.UnassignConversationsInput{Items: x.item(), Keyed: service.Keyed{x.key}}))
	}},
	{"closeConversations", "conversation", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return single(s.CloseConversations(ctx, a, service.CloseConversationsInput{Items: x.item(), Keyed: service.Keyed{x.key}}))
	}},
	{"receiveMessage", "contact", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.ReceiveMessage(ctx, a, service.ReceiveMessageInput{ContactID: &x.contact, Channel: service.Text("chat"), Body: "Hello?", Keyed: service.Keyed{x.key}})
	}},
	{"recordBusinessEvent", "contact", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.RecordBusinessEvent(ctx, a, service.RecordBusinessEventInput{ContactID: &x.contact, Type: "order.placed", Keyed: service.Keyed{x.key}})
	}},
	{"createToken", "", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.CreateToken(ctx, a, service.CreateTokenInput{Scope: db.ScopeRead, Keyed: service.Keyed{x.key}})
	}},
	{"revokeToken", "token", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.RevokeToken(ctx, a, service.RevokeTokenInput{TokenID: x.token, Keyed: service.Keyed{x.key}})
	}},
	{"createWorkflow", "", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.CreateWorkflow(ctx, a, workflow.CreateWorkflowInput{Name: "Flow", Definition: servicetest.When(db.TriggerClosed, servicetest.Act(db.StepUnassign)), Keyed: service.Keyed{x.key}})
	}},
	{"createWorkflowFromTemplate", "", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.CreateWorkflowFromTemplate(ctx, a, workflow.CreateWorkflowFromTemplateInput{TemplateKey: "unassign-after-close", Keyed: service.Keyed{x.key}})
	}},
	{"updateWorkflow", "workflow", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.UpdateWorkflow(ctx, a, workflow.UpdateWorkflowInput{WorkflowID: x.workflow, Name: service.Text("Renamed"), Keyed: service.Keyed{x.key}})
	}},
	{"enableWorkflow", "workflow", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.EnableWorkflow(ctx, a, workflow.EnableWorkflowInput{WorkflowID: x.workflow, Keyed: service.Keyed{x.key}})
	}},
	{"disableWorkflow", "workflow", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.DisableWorkflow(ctx, a, workflow.DisableWorkflowInput{WorkflowID: x.workflow, Keyed: service.Keyed{x.key}})
	}},
	{"deleteWorkflow", "workflow", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.DeleteWorkflow(ctx, a, workflow.DeleteWorkflowInput{WorkflowID: x.workflow, Keyed: service.Keyed{x.key}})
	}},
	{"cancelWorkflowRun", "run", func(ctx context.Context, s *workflow.Service, a service.Actor, x target) (*service.Outcome, error) {
		return s.CancelWorkflowRun(ctx, a, workflow.CancelWorkflowRunInput{RunID: x.run, Keyed: service.Keyed{x.key}})
	}},
}

// item returns the conversation as the item of a bulk of one.
func (x target) item() []*service.ConversationItemInput {
	return []*service.ConversationItemInput{{ConversationID: x.conversation, ExpectedVersion: x.expected}}
}

// single converts the outcome of a bulk of one to that of the verb on one conversation.
func single(o *service.Outcome, err error) (*service.Outcome, error) {
	if err != nil {
		return o, err
	}
	item := o.Conversations[0]
	o.Conversation = item.Conversation
	switch {
	case len(item.Refusals) == 0:
		return o, nil
	case item.Refusals[0].Code == service.ItemNotFound:
		return o, service.NewNotFound("conversation")
	}
	return o, item.Refusals[0]
}

// unlogged are the verbs that change rows without an event.
var unlogged = map[string]bool{"markRead": true}

// caller returns an actor that may call the verb: a manager, or an integration.
func (w *world) caller(v verb) service.Actor {
	if v.name == "receiveMessage" || v.name == "recordBusinessEvent" {
		return w.Program(service.RoleIntegration)
	}
	return w.Manager
}

// ready sets up a target on which the verb succeeds.
func (w *world) ready(v verb) target {
	w.T.Helper()
	agent := w.Agent(fmt.Sprint("Agent", w.Head()))
	var c *db.Conversation
	switch v.name {
	case "unassignConversation", "unassignConversations", "unassignContact":
		c = w.Open(agent)
	case "openConversation", "reopenConversation":
		c = w.Closed()
	default:
		c = w.Open()
	}
	switch v.name {
	case "unblockContact":
		w.Block(c)
	case "reactivateAgent":
		w.Deactivate(agent)
	}
	f := w.OK(verbNamed("createWorkflow").in(w, w.Manager, target{})).Workflow
	if v.name == "disableWorkflow" {
		w.OK(verbNamed("enableWorkflow").in(w, w.Manager, target{workflow: f.ID}))
	}
	x := target{conversation: c.ID, contact: c.ContactID, agent: *agent.Agent, workflow: f.ID}
	if v.name == "revokeToken" {
		x.token = w.OK(verbNamed("createToken").in(w, w.Manager, x)).Token.ID
	}
	if v.name == "cancelWorkflowRun" {
		waits := w.Workflow(servicetest.ClosesLater())
		w.Open()
		w.Settle()
		x.run = w.LastRun(waits).ID
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
