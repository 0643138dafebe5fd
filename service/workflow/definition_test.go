package workflow_test

import (
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

// TestInvalidWorkflow: a definition that cannot be carried out is refused, with the path of the
// fault.
func TestInvalidWorkflow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, gone := w.Agent("Ada"), w.Agent("Gone")
	w.Deactivate(gone)
	closes := servicetest.When(db.TriggerClosed, servicetest.Act(db.StepUnassign))
	with := func(c db.WorkflowConditions) *db.WorkflowDefinition {
		return &db.WorkflowDefinition{Triggers: closes.Triggers, Conditions: &c, Steps: closes.Steps}
	}
	does := func(s db.WorkflowStep) *db.WorkflowDefinition {
		return servicetest.When(db.TriggerClosed, servicetest.Act(db.StepUnassign), &s)
	}
	for _, c := range []struct {
		path string
		of   *db.WorkflowDefinition
	}{
		{"triggers", &db.WorkflowDefinition{Steps: closes.Steps}},
		{"triggers.1", &db.WorkflowDefinition{Triggers: []db.WorkflowTrigger{db.TriggerClosed, db.TriggerClosed}, Steps: closes.Steps}},
		{"steps", &db.WorkflowDefinition{Triggers: closes.Triggers}},
		{"steps", servicetest.When(db.TriggerClosed, make([]*db.WorkflowStep, 21)...)},
		{"conditions.reasons", with(db.WorkflowConditions{Reasons: []db.AssignmentReason{db.ReasonSelf}})},
		{"conditions.sources", with(db.WorkflowConditions{Sources: []db.ConversationSource{db.SourceAgent}})},
		{"conditions.businessEventTypes", with(db.WorkflowConditions{BusinessEventTypes: []string{"order.placed"}})},
		{"conditions.categories", with(db.WorkflowConditions{Categories: []string{}})},
		{"conditions.channels.1", with(db.WorkflowConditions{Channels: []string{"email", ""}})},
		{"conditions.days.1", with(db.WorkflowConditions{Days: []db.DayOfWeek{db.Monday, db.Monday}})},
		{"conditions.assignee", with(db.WorkflowConditions{Assignee: &db.AssigneeCondition{}})},
		{"conditions.assignee.agentIds.1", with(db.WorkflowConditions{Assignee: &db.AssigneeCondition{AgentIDs: []db.AgentID{*ada.Agent, *ada.Agent}}})},
		{"conditions.hours.from", with(db.WorkflowConditions{Hours: &db.WorkflowHours{From: 24, Until: 1}})},
		{"conditions.hours.until", with(db.WorkflowConditions{Hours: &db.WorkflowHours{From: 0, Until: 25}})},
		{"conditions.hours", with(db.WorkflowConditions{Hours: &db.WorkflowHours{From: 9, Until: 9}})},
		{"steps.1.assign.agentId", does(db.WorkflowStep{Kind: db.StepAssign})},
		{"steps.1.assign.agentId", does(db.WorkflowStep{Kind: db.StepAssign, AgentID: gone.Agent})},
		{"steps.1.assignRoundRobin.agentIds.1", does(db.WorkflowStep{Kind: db.StepRoundRobin, AgentIDs: []db.AgentID{*ada.Agent, *gone.Agent}})},
		{"steps.1.unassign.exceptPrevious", does(db.WorkflowStep{Kind: db.StepUnassign, ExceptPrevious: true})},
		{"conditions.automated", with(db.WorkflowConditions{Automated: new(db.AutomatedOnly)})},
		{"steps.1.assign.seconds", does(db.WorkflowStep{Kind: db.StepAssign, AgentID: ada.Agent, Seconds: new(1)})},
		{"steps.1.assignRoundRobin.agentIds", does(db.WorkflowStep{Kind: db.StepRoundRobin, AgentIDs: []db.AgentID{}})},
		{"steps.1.assignLeastLoaded.capacity", does(db.WorkflowStep{Kind: db.StepLeastLoaded, Capacity: new(0)})},
		{"steps.1.assignLeastLoaded.capacity", does(db.WorkflowStep{Kind: db.StepLeastLoaded, Capacity: new(1001)})},
		{"steps.1.assignLeastLoaded.skill", does(db.WorkflowStep{Kind: db.StepLeastLoaded, Skill: service.Text("")})},
		{"steps.1.close.category", does(db.WorkflowStep{Kind: db.StepClose, Category: service.Text("Nonsense")})},
		{"steps.1.addNote.text", does(db.WorkflowStep{Kind: db.StepAddNote})},
		{"steps.1.addNote.text", does(db.WorkflowStep{Kind: db.StepAddNote, Text: service.Text(strings.Repeat("a", 16_001))})},
		{"steps.1.wait.seconds", does(db.WorkflowStep{Kind: db.StepWait})},
		{"steps.1.wait.seconds", does(db.WorkflowStep{Kind: db.StepWait, Seconds: new(2_592_001)})},
	} {
		w.Unchanged(c.path, func() {
			_, err := w.CreateWorkflow(w.Context(), w.Manager, workflow.CreateWorkflowInput{Name: "Flow", Definition: c.of})
			servicetest.Refused(t, err, service.InvalidWorkflow)
			servicetest.Equal(t, "path", strings.Join(servicetest.RefusalOf(err).Field, "."), "definition."+c.path)
		})
	}
	for path, in := range map[string]workflow.CreateWorkflowFromTemplateInput{
		"templateKey": {TemplateKey: "nonsense"},
		"agents":      {TemplateKey: "unassign-after-close", Agents: []db.AgentID{*ada.Agent}},
		"agents.1":    {TemplateKey: "round-robin-online", Agents: []db.AgentID{*ada.Agent, *ada.Agent}},
		"capacity":    {TemplateKey: "least-busy-online", Capacity: new(0)},
		"days":        {TemplateKey: "close-when-silent", Days: new(31)},
	} {
		_, err := w.CreateWorkflowFromTemplate(w.Context(), w.Manager, in)
		servicetest.Refused(t, err, service.InvalidWorkflow)
		servicetest.Equal(t, "path", strings.Join(servicetest.RefusalOf(err).Field, "."), path)
	}
	// Each template is created and enabled by one mutation (W3).
	for _, template := range workflow.WorkflowTemplates() {
		servicetest.Equal(t, template.Key, w.Template(template.Key, nil).Enabled, true)
	}
}

// TestWorkflowConditions shows when each condition of W1 holds.
func TestWorkflowConditions(t *testing.T) {
	hold(t, []rule{
		{"W1 reason and assignee", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			taken := w.Workflow(conditional(db.TriggerAssigned, db.WorkflowConditions{Reasons: []db.AssignmentReason{db.ReasonSelf}}))
			toBen := w.Workflow(conditional(db.TriggerAssigned, db.WorkflowConditions{Assignee: &db.AssigneeCondition{AgentIDs: []db.AgentID{*ben.Agent}}}))
			w.Open(ada)
			w.OK(w.AssignToMe(w.Context(), ben, service.AssignToMeInput{ConversationID: w.Open().ID}))
			w.Open(ben)
			w.Settle()
			servicetest.Equal(t, "taken", len(w.runsOf(taken)), 1)
			servicetest.Equal(t, "to Ben", len(w.runsOf(toBen)), 2)
		}},
		{"W1 source and channel", func(t *testing.T, w *world) {
			byProgram := w.Workflow(conditional(db.TriggerOpened, db.WorkflowConditions{Sources: []db.ConversationSource{db.SourceIntegration}}))
			onChat := w.Workflow(conditional(db.TriggerOpened, db.WorkflowConditions{Channels: []string{"Chat", "sms"}}))
			for _, channel := range []string{"email", "chat"} {
				in := service.OpenConversationInput{ContactID: w.Contact("Cora").ID, Channel: channel}
				w.OK(w.OpenConversation(w.Context(), w.Program(service.RoleIntegration), in))
			}
			w.Open()
			w.Settle()
			servicetest.Equal(t, "by a program", len(w.runsOf(byProgram)), 2)
			servicetest.Equal(t, "on chat", len(w.runsOf(onChat)), 1)
		}},
		{"W1 category", func(t *testing.T, w *world) {
			w.OK(w.UpdateWorkspace(w.Context(), w.Manager, service.UpdateWorkspaceInput{ClosingCategories: []string{"Refund", "Other"}}))
			f := w.Workflow(conditional(db.TriggerClosed, db.WorkflowConditions{Categories: []string{"Refund"}}))
			w.Closed()
			for _, category := range []string{"Refund", "Other"} {
				w.OK(w.CloseConversation(w.Context(), w.Manager, service.CloseConversationInput{ConversationID: w.Open().ID, Note: &service.ClosingNoteInput{Category: &category}}))
			}
			w.Settle()
			servicetest.Equal(t, "runs", len(w.runsOf(f)), 1)
		}},
		{"W1 business event and its type", func(t *testing.T, w *world) {
			any := w.Workflow(conditional(db.TriggerBusinessEvent, db.WorkflowConditions{}))
			placed := w.Workflow(conditional(db.TriggerBusinessEvent, db.WorkflowConditions{BusinessEventTypes: []string{"order.placed"}}))
			c := w.Open()
			for _, kind := range []string{"order.placed", "order.cancelled"} {
				w.WriteBusinessEvent(c, kind)
			}
			w.Settle()
			servicetest.Equal(t, "any", len(w.runsOf(any)), 2)
			servicetest.Equal(t, "placed", len(w.runsOf(placed)), 1)
		}},
		{"W1 hours and days, in the workspace's time zone", func(t *testing.T, w *world) {
			// Tokyo is nine hours ahead of UTC.
			w.OK(w.UpdateWorkspace(w.Context(), w.Manager, service.UpdateWorkspaceInput{TimeZone: service.Text("Asia/Tokyo")}))
			morning := w.Workflow(conditional(db.TriggerOpened, db.WorkflowConditions{Hours: &db.WorkflowHours{From: 8, Until: 12}}))
			night := w.Workflow(conditional(db.TriggerOpened, db.WorkflowConditions{Hours: &db.WorkflowHours{From: 22, Until: 6}}))
			monday := w.Workflow(conditional(db.TriggerOpened, db.WorkflowConditions{Days: []db.DayOfWeek{db.Monday}}))
			midnight := time.Date(2026, 3, 1, 15, 0, 0, 0, time.UTC) // Monday begins in Tokyo
			for _, hour := range []int{-3, -2, 0, 5, 6, 8, 11, 12} {
				w.Clock = midnight.Add(time.Duration(hour) * time.Hour)
				w.Open()
			}
			w.Settle()
			servicetest.Equal(t, "morning", len(w.runsOf(morning)), 2)
			servicetest.Equal(t, "night", len(w.runsOf(night)), 3)
			servicetest.Equal(t, "Monday", len(w.runsOf(monday)), 6)
		}},
		{"S9 a withheld message triggers nothing", func(t *testing.T, w *world) {
			f := w.Workflow(conditional(db.TriggerReceived, db.WorkflowConditions{}))
			c := w.Open()
			w.OK(w.PutMessage(w.Context(), w.Manager, c.ID, db.Inbound, "Hello?"))
			w.Block(c)
			w.WriteEvent(w.Read(c), db.MessageReceived)
			w.Settle()
			servicetest.Equal(t, "runs", len(w.runsOf(f)), 1)
		}},
	})
}

// conditional returns a workflow that adds a note when the conditions hold.
func conditional(trigger db.WorkflowTrigger, c db.WorkflowConditions) *db.WorkflowDefinition {
	d := servicetest.When(trigger, servicetest.AddNote("So it is"))
	d.Conditions = &c
	return d
}
