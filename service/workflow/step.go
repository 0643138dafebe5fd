package workflow

import (
	"context"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/definition"
)

// take takes a step. A refusal is an outcome of it; every other failure is an error.
func (w *writer) take(ctx context.Context, x *execution, step *db.WorkflowStep) (*db.WorkflowRunStep, service.Changes, error) {
	took := &db.WorkflowRunStep{Kind: step.Kind, Outcome: db.StepDone, At: w.At}
	overtaken, err := w.overtaken(ctx, x, step)
	if err != nil {
		return nil, nil, err
	}
	if overtaken {
		took.Outcome = db.StepOvertaken
		return took, nil, nil
	}
	events, err := w.act(ctx, x, step, took)
	if r := isRefusal(err); r != nil {
		took.Outcome, took.Code, took.Message = db.StepRefused, service.Text(r.Code), &r.Message
		return took, nil, nil
	}
	return took, events, err
}

// overtaken reports whether something happened after the event's change that makes a step
// pointless (W2): to the assignee for a step that assigns, to the status or by a message
// for one that closes. What the run itself did does not count.
func (w *writer) overtaken(ctx context.Context, x *execution, step *db.WorkflowStep) (bool, error) {
	var by []db.EventType
	switch step.Kind {
	case db.StepAddNote, db.StepWait:
		return false, nil
	case db.StepClose:
		by = []db.EventType{db.ConversationOpened, db.ConversationReopened, db.ConversationClosed, db.MessageReceived, db.MessageSent}
	case db.StepUnassign:
		if x.followsClose() && x.thread.IsOpen() {
			return true, nil
		}
		fallthrough
	default:
		by = []db.EventType{db.ConversationAssigned, db.ConversationUnassigned}
	}
	return w.HappenedSince(ctx, x.thread.Contact.ID, x.since, x.run.ID, by...)
}

// followsClose reports whether the run is about a close, or has closed the conversation.
func (x *execution) followsClose() bool {
	if x.event != nil && x.event.Type == db.ConversationClosed {
		return true
	}
	for _, s := range x.run.Steps {
		if s.Kind == db.StepClose && s.Outcome == db.StepDone {
			return true
		}
	}
	return false
}

func (w *writer) act(ctx context.Context, x *execution, step *db.WorkflowStep, took *db.WorkflowRunStep) (service.Changes, error) {
	switch step.Kind {
	case db.StepWait:
		return service.Unchanged, nil
	case db.StepAddNote:
		return w.stepNote(ctx, x.thread, *step.Text)
	case db.StepClose:
		return w.stepClose(ctx, x.thread, step)
	}
	return w.stepAssignment(ctx, x, step, took)
}

// stepAssignment takes a step that changes who is responsible.
func (w *writer) stepAssignment(ctx context.Context, x *execution, step *db.WorkflowStep, took *db.WorkflowRunStep) (service.Changes, error) {
	t := x.thread
	if step.Kind == db.StepUnassign {
		return w.setAssignee(ctx, t, nil, took)
	}
	// Rules S4 and A6.
	if err := service.FirstOf(service.CheckUnblocked(t.Contact), service.CheckLatest(t)); err != nil {
		return nil, err
	}
	if step.Chooses() {
		return w.stepChoice(ctx, x, step, took)
	}
	agent, err := w.ShareAgent(ctx, *step.AgentID)
	if err != nil {
		return nil, err
	}
	if err := service.FirstOf(service.CheckActive(agent, "")); err != nil {
		return nil, err
	}
	return w.setAssignee(ctx, t, step.AgentID, took)
}

// setAssignee makes an agent responsible, or with nil nobody.
func (w *writer) setAssignee(ctx context.Context, t *service.Thread, to *db.AgentID, took *db.WorkflowRunStep) (service.Changes, error) {
	took.AgentID = to
	if t.IsAssignedTo(to) {
		took.Outcome = db.StepUnchanged
	}
	return w.CarryOut(ctx, t, service.Handing(to, db.ReasonWorkflow))
}

func (w *writer) stepClose(ctx context.Context, t *service.Thread, step *db.WorkflowStep) (service.Changes, error) {
	if t.Asked == nil {
		return nil, service.Refuse(service.NotOpen, "the contact has no conversation")
	}
	return w.CarryOut(ctx, t, service.Closing(definition.ClosingNote(step)))
}

// stepNote adds a note to the run's conversation, whatever its state (S10).
func (w *writer) stepNote(ctx context.Context, t *service.Thread, body string) (service.Changes, error) {
	if t.Asked == nil {
		return nil, service.Refuse(service.NotOpen, "the contact has no conversation to add a note to")
	}
	return w.CarryOut(ctx, t, service.Noting(body))
}
