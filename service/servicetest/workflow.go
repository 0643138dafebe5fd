package servicetest

import (
	"switchboard/db"
	"switchboard/service"

	"switchboard/service/workflow"
)

// Workflow creates and enables a workflow.
func (w *World) Workflow(d *db.WorkflowDefinition) *db.Workflow {
	w.T.Helper()
	f := w.OK(w.CreateWorkflow(w.Context(), w.Manager, workflow.CreateWorkflowInput{Name: "Flow", Definition: d})).Workflow
	w.OK(w.EnableWorkflow(w.Context(), w.Manager, workflow.EnableWorkflowInput{WorkflowID: f.ID}))
	return f
}

// Template creates a workflow from a template.
func (w *World) Template(key string, capacity *int, agents ...service.Actor) *db.Workflow {
	w.T.Helper()
	in := workflow.CreateWorkflowFromTemplateInput{TemplateKey: key, Capacity: capacity}
	for _, a := range agents {
		in.Agents = append(in.Agents, *a.Agent)
	}
	return w.OK(w.CreateWorkflowFromTemplate(w.Context(), w.Manager, in)).Workflow
}

// When returns a definition with one trigger.
func When(trigger db.WorkflowTrigger, steps ...*db.WorkflowStep) *db.WorkflowDefinition {
	return &db.WorkflowDefinition{Triggers: []db.WorkflowTrigger{trigger}, Steps: steps}
}

// Act returns a step without data.
func Act(kind db.WorkflowStepKind) *db.WorkflowStep { return &db.WorkflowStep{Kind: kind} }

// AssignTo returns a step that assigns to an agent.
func AssignTo(a service.Actor) *db.WorkflowStep {
	return &db.WorkflowStep{Kind: db.StepAssign, AgentID: a.Agent}
}

// Pause returns a step that waits.
func Pause(seconds int) *db.WorkflowStep {
	return &db.WorkflowStep{Kind: db.StepWait, Seconds: &seconds}
}

// Always sets that a step is taken even after an earlier one was overtaken or refused.
func Always(s *db.WorkflowStep) *db.WorkflowStep {
	s.Always = true
	return s
}

// AddNote returns a step that adds a note.
func AddNote(body string) *db.WorkflowStep {
	return &db.WorkflowStep{Kind: db.StepAddNote, Text: &body}
}

// Settle plans and takes all steps that are due.
func (w *World) Settle() {
	w.T.Helper()
	for again := true; again; {
		Fine(w.T, w.CatchUp(w.Context(), w.Manager.Workspace))
		again = false
		for {
			stepped, err := w.Step(w.Context(), w.Manager.Workspace)
			Fine(w.T, err)
			if !stepped {
				break
			}
			again = true
		}
	}
}

// LastRun returns the run of a workflow that was started last.
func (w *World) LastRun(f *db.Workflow) *db.WorkflowRun {
	w.T.Helper()
	lists, err := w.RunsOf(w.Context(), w.Manager, []db.WorkflowID{f.ID}, service.PageInput{First: new(1)})
	Fine(w.T, err)
	if len(lists[0].Rows) == 0 {
		w.T.Fatal("the workflow never ran")
	}
	return lists[0].Rows[0]
}

// WriteEvent writes an event about a conversation that changes nothing.
func (w *World) WriteEvent(c *db.Conversation, kind db.EventType) *db.Event {
	w.T.Helper()
	o := w.OK(w.Write(w.Context(), w.Manager, "recordEvent", &service.Keyed{}, func(wr *service.Writer) (service.Changes, error) {
		e := wr.Event(kind, db.EventData{})
		e.ConversationID, e.ContactID, e.Before, e.After = &c.ID, &c.ContactID, c.Facets(), c.Facets()
		return service.Changes{e}, nil
	}))
	return o.Events[0]
}

// WriteBusinessEvent appends a business event of a type to the log.
func (w *World) WriteBusinessEvent(c *db.Conversation, kind string) {
	w.T.Helper()
	_, err := w.DB.ExecContext(w.Context(), `WITH head AS (UPDATE event_heads SET seq = seq + 1, event_id = ?1 WHERE workspace_id = ?0 RETURNING seq)
		INSERT INTO events (workspace_id, seq, id, type, conversation_id, contact_id, before, after, data, created_at)
		SELECT ?0, head.seq, ?1, 'BUSINESS_EVENT_RECORDED', ?2, ?3, '{"status": "OPEN"}', '{"status": "OPEN"}', jsonb_build_object('businessEvent', jsonb_build_object('type', ?4)), ?5 FROM head`,
		w.Manager.Workspace, db.NewUUID(), c.ID, c.ContactID, kind, w.Clock)
	Fine(w.T, err)
}

// ClosesLater returns a definition that closes a conversation a minute after it opened.
func ClosesLater() *db.WorkflowDefinition {
	return When(db.TriggerOpened, Pause(60), Act(db.StepClose))
}
