package service

import (
	"strings"
	"testing"
	"time"

	"switchboard/db"
)

// TestInvalidWorkflow: what cannot be carried out is refused, with the place of the fault.
func TestInvalidWorkflow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, gone := w.agent("Ada"), w.agent("Gone")
	w.deactivate(gone)
	closes := when(db.TriggerClosed, act(db.StepUnassign))
	with := func(c db.WorkflowConditions) *db.WorkflowDefinition {
		return &db.WorkflowDefinition{Triggers: closes.Triggers, Conditions: &c, Steps: closes.Steps}
	}
	does := func(s db.WorkflowStep) *db.WorkflowDefinition {
		return when(db.TriggerClosed, act(db.StepUnassign), &s)
	}
	for _, c := range []struct {
		path string
		of   *db.WorkflowDefinition
	}{
		{"triggers", &db.WorkflowDefinition{Steps: closes.Steps}},
		{"triggers.1", &db.WorkflowDefinition{Triggers: []db.WorkflowTrigger{db.TriggerClosed, db.TriggerClosed}, Steps: closes.Steps}},
		{"steps", &db.WorkflowDefinition{Triggers: closes.Triggers}},
		{"steps", when(db.TriggerClosed, make([]*db.WorkflowStep, 21)...)},
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
		{"conditions.automated", with(db.WorkflowConditions{Automated: ptr(db.AutomatedOnly)})},
		{"steps.1.assign.seconds", does(db.WorkflowStep{Kind: db.StepAssign, AgentID: ada.Agent, Seconds: ptr(1)})},
		{"steps.1.assignRoundRobin.agentIds", does(db.WorkflowStep{Kind: db.StepRoundRobin, AgentIDs: []db.AgentID{}})},
		{"steps.1.assignLeastLoaded.capacity", does(db.WorkflowStep{Kind: db.StepLeastLoaded, Capacity: ptr(0)})},
		{"steps.1.assignLeastLoaded.capacity", does(db.WorkflowStep{Kind: db.StepLeastLoaded, Capacity: ptr(1001)})},
		{"steps.1.assignLeastLoaded.skill", does(db.WorkflowStep{Kind: db.StepLeastLoaded, Skill: Text("")})},
		{"steps.1.close.category", does(db.WorkflowStep{Kind: db.StepClose, Category: Text("Nonsense")})},
		{"steps.1.addNote.text", does(db.WorkflowStep{Kind: db.StepAddNote})},
		{"steps.1.addNote.text", does(db.WorkflowStep{Kind: db.StepAddNote, Text: Text(strings.Repeat("a", 16_001))})},
		{"steps.1.wait.seconds", does(db.WorkflowStep{Kind: db.StepWait})},
		{"steps.1.wait.seconds", does(db.WorkflowStep{Kind: db.StepWait, Seconds: ptr(2_592_001)})},
	} {
		w.unchanged(c.path, func() {
			_, err := w.CreateWorkflow(w.ctx(), w.manager, CreateWorkflowInput{Name: "Flow", Definition: c.of})
			refused(t, err, InvalidWorkflow)
			equal(t, "path", strings.Join(isRefusal(err).Field, "."), "definition."+c.path)
		})
	}
	for path, in := range map[string]CreateWorkflowFromTemplateInput{
		"templateKey": {TemplateKey: "nonsense"},
		"agents":      {TemplateKey: "unassign-after-close", Agents: []db.AgentID{*ada.Agent}},
		"agents.1":    {TemplateKey: "round-robin-online", Agents: []db.AgentID{*ada.Agent, *ada.Agent}},
		"capacity":    {TemplateKey: "least-busy-online", Capacity: ptr(0)},
		"days":        {TemplateKey: "close-when-silent", Days: ptr(31)},
	} {
		_, err := w.CreateWorkflowFromTemplate(w.ctx(), w.manager, in)
		refused(t, err, InvalidWorkflow)
		equal(t, "path", strings.Join(isRefusal(err).Field, "."), path)
	}
	for _, template := range WorkflowTemplates() { // W3: one mutation each, enabled at once
		equal(t, template.Key, w.template(template.Key, nil).Enabled, true)
	}
}

// TestWorkflowConditions is what each condition of W1 lets through.
func TestWorkflowConditions(t *testing.T) {
	hold(t, []rule{
		{"W1 reason and assignee", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			taken := w.workflow(conditional(db.TriggerAssigned, db.WorkflowConditions{Reasons: []db.AssignmentReason{db.ReasonSelf}}))
			toBen := w.workflow(conditional(db.TriggerAssigned, db.WorkflowConditions{Assignee: &db.AssigneeCondition{AgentIDs: []db.AgentID{*ben.Agent}}}))
			w.open(ada)
			w.ok(w.AssignToMe(w.ctx(), ben, AssignToMeInput{ConversationID: w.open().ID}))
			w.open(ben)
			w.settle()
			equal(t, "taken", len(w.runsOf(taken)), 1)
			equal(t, "to Ben", len(w.runsOf(toBen)), 2)
		}},
		{"W1 source and channel", func(t *testing.T, w *world) {
			byProgram := w.workflow(conditional(db.TriggerOpened, db.WorkflowConditions{Sources: []db.ConversationSource{db.SourceIntegration}}))
			onChat := w.workflow(conditional(db.TriggerOpened, db.WorkflowConditions{Channels: []string{"Chat", "sms"}}))
			for _, channel := range []string{"email", "chat"} {
				in := OpenConversationInput{ContactID: w.contact("Cora").ID, Channel: channel}
				w.ok(w.OpenConversation(w.ctx(), w.program(RoleIntegration), in))
			}
			w.open()
			w.settle()
			equal(t, "by a program", len(w.runsOf(byProgram)), 2)
			equal(t, "on chat", len(w.runsOf(onChat)), 1)
		}},
		{"W1 category", func(t *testing.T, w *world) {
			w.ok(w.UpdateWorkspace(w.ctx(), w.manager, UpdateWorkspaceInput{ClosingCategories: []string{"Refund", "Other"}}))
			f := w.workflow(conditional(db.TriggerClosed, db.WorkflowConditions{Categories: []string{"Refund"}}))
			w.closed()
			for _, category := range []string{"Refund", "Other"} {
				w.ok(w.CloseConversation(w.ctx(), w.manager, CloseConversationInput{ConversationID: w.open().ID, Note: &ClosingNoteInput{Category: &category}}))
			}
			w.settle()
			equal(t, "runs", len(w.runsOf(f)), 1)
		}},
		{"W1 business event and its type", func(t *testing.T, w *world) {
			any := w.workflow(conditional(db.TriggerBusinessEvent, db.WorkflowConditions{}))
			placed := w.workflow(conditional(db.TriggerBusinessEvent, db.WorkflowConditions{BusinessEventTypes: []string{"order.placed"}}))
			c := w.open()
			for _, kind := range []string{"order.placed", "order.cancelled"} {
				w.recordBusinessEvent(c, kind)
			}
			w.settle()
			equal(t, "any", len(w.runsOf(any)), 2)
			equal(t, "placed", len(w.runsOf(placed)), 1)
		}},
		{"W1 hours and days, in the workspace's time zone", func(t *testing.T, w *world) {
			w.ok(w.UpdateWorkspace(w.ctx(), w.manager, UpdateWorkspaceInput{TimeZone: Text("Asia/Tokyo")})) // nine hours ahead
			morning := w.workflow(conditional(db.TriggerOpened, db.WorkflowConditions{Hours: &db.WorkflowHours{From: 8, Until: 12}}))
			night := w.workflow(conditional(db.TriggerOpened, db.WorkflowConditions{Hours: &db.WorkflowHours{From: 22, Until: 6}}))
			monday := w.workflow(conditional(db.TriggerOpened, db.WorkflowConditions{Days: []db.DayOfWeek{db.Monday}}))
			midnight := time.Date(2026, 3, 1, 15, 0, 0, 0, time.UTC) // in Tokyo the Monday begins
			for _, hour := range []int{-3, -2, 0, 5, 6, 8, 11, 12} {
				w.clock = midnight.Add(time.Duration(hour) * time.Hour)
				w.open()
			}
			w.settle()
			equal(t, "morning", len(w.runsOf(morning)), 2)
			equal(t, "night", len(w.runsOf(night)), 3)
			equal(t, "Monday", len(w.runsOf(monday)), 6)
		}},
		{"S9 a withheld message triggers nothing", func(t *testing.T, w *world) {
			f := w.workflow(conditional(db.TriggerReceived, db.WorkflowConditions{}))
			c := w.open()
			w.ok(w.givenMessage(w.ctx(), w.manager, c.ID, db.Inbound, "Hello?"))
			w.block(c)
			w.recordEvent(w.read(c), db.MessageReceived)
			w.settle()
			equal(t, "runs", len(w.runsOf(f)), 1)
		}},
	})
}

// conditional notes something when conditions hold.
func conditional(trigger db.WorkflowTrigger, c db.WorkflowConditions) *db.WorkflowDefinition {
	d := when(trigger, addNote("So it is"))
	d.Conditions = &c
	return d
}

// recordEvent writes an event about a conversation that changes nothing.
func (w *world) recordEvent(c *db.Conversation, kind db.EventType) *db.Event {
	w.t.Helper()
	o := w.ok(w.Write(w.ctx(), w.manager, "recordEvent", &Keyed{}, func(wr *Writer) (Changes, error) {
		e := wr.Event(kind, db.EventData{})
		e.ConversationID, e.ContactID, e.Before, e.After = &c.ID, &c.ContactID, c.Facets(), c.Facets()
		return Changes{e}, nil
	}))
	return o.Events[0]
}

// recordBusinessEvent writes one as recordBusinessEvent does, for the type in its data.
func (w *world) recordBusinessEvent(c *db.Conversation, kind string) {
	w.t.Helper()
	_, err := w.DB.ExecContext(w.ctx(), `WITH head AS (UPDATE event_heads SET seq = seq + 1, event_id = ?1 WHERE workspace_id = ?0 RETURNING seq)
		INSERT INTO events (workspace_id, seq, id, type, conversation_id, contact_id, before, after, data, created_at)
		SELECT ?0, head.seq, ?1, 'BUSINESS_EVENT_RECORDED', ?2, ?3, '{"status": "OPEN"}', '{"status": "OPEN"}', jsonb_build_object('businessEvent', jsonb_build_object('type', ?4)), ?5 FROM head`,
		w.manager.Workspace, db.NewUUID(), c.ID, c.ContactID, kind, w.clock)
	fine(w.t, err)
}
