package service

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"switchboard/db"
)

// A run takes one step after the other. What a step does and what the run remembers of it
// commit together, and the run is locked meanwhile, so that each step is taken once (W2).

// engine is who takes the steps; in the log it is the workflow.
func engine(workspace int64) Actor { return Actor{Workspace: workspace, Role: RoleWorkflow} }

// stepWorkflow takes the step that has been due longest; false if none is.
func (s *Service) stepWorkflow(ctx context.Context, workspace int64) (stepped bool, err error) {
	var claimed db.WorkflowRun // as it was
	_, err = s.write(ctx, engine(workspace), "stepWorkflow", &Keyed{}, func(w *writer) (changes, error) {
		stepped = false
		run, err := w.ClaimRun(ctx, w.at)
		if err != nil || run == nil {
			return unchanged, err
		}
		stepped, claimed = true, *run
		return contained(func() (changes, error) { return w.advance(ctx, run) })
	})
	if err != nil && stepped && ctx.Err() == nil {
		return true, s.postpone(ctx, workspace, &claimed, err)
	}
	return stepped, err
}

// contained makes an error of a panic: nobody is there to ask for what workflows do, and one
// that cannot be done must not end the server.
func contained[T any](do func() (T, error)) (result T, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v\n%s", reason, debug.Stack())
		}
	}()
	return do()
}

// doing says in whose name and for which run events are recorded.
func (w *writer) doing(run *db.WorkflowRun) {
	w.by, w.run = run.WorkflowID.Ref(), &db.RunRef{ID: run.ID, Depth: run.Depth}
}

// advance takes the next step of a run.
func (w *writer) advance(ctx context.Context, run *db.WorkflowRun) (changes, error) {
	w.doing(run)
	t, err := w.lockThreadOfRun(ctx, run)
	if err != nil {
		return nil, err
	}
	if run.Depth > maxChainDepth {
		return w.finish(ctx, run, t, nil, db.RunStopped)
	}
	definition, err := w.definitionOf(ctx, run)
	if err != nil {
		return nil, err
	}
	step := definition.Steps[run.Next]
	took, events, err := w.take(ctx, run, t, step)
	if err != nil {
		return nil, err
	}
	if took.Outcome == db.StepNobody {
		unserved := run.Next
		run.Unserved = &unserved
	}
	run.Steps, run.Attempts, run.Next = append(run.Steps, took), 0, run.Next+1
	switch {
	case took.Outcome == db.StepRefused:
		return w.finish(ctx, run, t, events, db.RunRefused)
	case run.Next == len(definition.Steps):
		return w.finish(ctx, run, t, events, db.RunCompleted)
	case step.Kind == db.StepWait:
		due := w.at.Add(time.Duration(*step.Seconds) * time.Second)
		run.Status, run.DueAt = db.RunWaiting, &due
		return append(events, w.ran(run, t)), w.SaveRun(ctx, run)
	}
	run.Status, run.DueAt = db.RunRunning, &w.at
	return events, w.SaveRun(ctx, run)
}

func (w *writer) lockThreadOfRun(ctx context.Context, run *db.WorkflowRun) (*thread, error) {
	if run.ConversationID == nil {
		return w.lockThread(ctx, run.ContactID)
	}
	return w.lockThreadOf(ctx, *run.ConversationID)
}

func (w *writer) definitionOf(ctx context.Context, run *db.WorkflowRun) (*db.WorkflowDefinition, error) {
	rows, err := w.WorkflowVersions(ctx, []db.EventID{run.VersionID})
	if err != nil {
		return nil, err
	}
	return rows[0].Definition, nil // which the database guarantees
}

// finish ends a run, and tells so.
func (w *writer) finish(ctx context.Context, run *db.WorkflowRun, t *thread, events changes, how db.RunStatus) (changes, error) {
	run.Status, run.DueAt, run.EndedAt = how, nil, &w.at
	return append(events, w.ran(run, t)), w.SaveRun(ctx, run)
}

// ran records how a run is. It changes nothing of the conversation.
func (w *writer) ran(run *db.WorkflowRun, t *thread) *db.Event {
	e := w.event(db.WorkflowRan, db.EventData{WorkflowID: &run.WorkflowID, RunStatus: run.Status, Unserved: run.Unserved != nil})
	e.ContactID, e.ConversationID, e.After = &t.contact.ID, run.ConversationID, t.facets()
	if c := t.asked; c != nil {
		e.After = c.Facets()
	}
	e.Before = e.After
	return e
}

// take does what a step says. A refusal is an outcome, everything else that fails an error.
func (w *writer) take(ctx context.Context, run *db.WorkflowRun, t *thread, step *db.WorkflowStep) (*db.WorkflowRunStep, changes, error) {
	took := &db.WorkflowRunStep{Kind: step.Kind, Outcome: db.StepDone, At: w.at}
	events, err := w.act(ctx, run, t, step, took)
	if r := isRefusal(err); r != nil {
		took.Outcome, took.Code, took.Message = db.StepRefused, text(r.Code), &r.Message
		return took, nil, nil
	}
	return took, events, err
}

func (w *writer) act(ctx context.Context, run *db.WorkflowRun, t *thread, step *db.WorkflowStep, took *db.WorkflowRunStep) (changes, error) {
	switch step.Kind {
	case db.StepWait:
		return unchanged, nil
	case db.StepAddNote:
		return w.stepNote(ctx, t, *step.Text)
	case db.StepClose:
		return w.stepClose(ctx, t, step)
	}
	overtaken, err := w.AssignedSince(ctx, t.contact.ID, run.EventSeq, run.ID)
	if err != nil {
		return nil, err
	}
	if overtaken {
		took.Outcome = db.StepOvertaken
		return unchanged, nil
	}
	return w.stepAssignment(ctx, run, t, step, took)
}

// stepAssignment takes a step that changes who is responsible.
func (w *writer) stepAssignment(ctx context.Context, run *db.WorkflowRun, t *thread, step *db.WorkflowStep, took *db.WorkflowRunStep) (changes, error) {
	if step.Kind == db.StepUnassign {
		if err := firstOf(checkLatest(t)); err != nil {
			return nil, err
		}
		return w.entrust(ctx, t, nil, took)
	}
	if err := firstOf(checkUnblocked(t.contact), checkLatest(t)); err != nil { // S4, A6
		return nil, err
	}
	if step.Kind != db.StepAssign {
		return w.stepChoice(ctx, run, t, step, took)
	}
	agent, err := w.shareAgent(ctx, *step.AgentID)
	if err != nil {
		return nil, err
	}
	if err := firstOf(checkActive(agent, "")); err != nil {
		return nil, err
	}
	return w.entrust(ctx, t, step.AgentID, took)
}

// entrust makes somebody responsible, or with nil nobody.
func (w *writer) entrust(ctx context.Context, t *thread, to *db.AgentID, took *db.WorkflowRunStep) (changes, error) {
	took.AgentID = to
	if t.isAssignedTo(to) {
		took.Outcome = db.StepUnchanged
	}
	return w.carryOut(ctx, t, func(t *thread) (changes, error) { return w.give(t, to, db.ReasonWorkflow) })
}

func (w *writer) stepClose(ctx context.Context, t *thread, step *db.WorkflowStep) (changes, error) {
	if t.asked == nil {
		return nil, refuse(NotOpen, "the contact has no conversation")
	}
	if err := firstOf(checkCloseAsked(t)); err != nil {
		return nil, err
	}
	archive, err := w.closing(ctx, closingNote(step))
	if err != nil {
		return nil, err
	}
	return w.carryOut(ctx, t, archive)
}

// stepNote adds a note to the run's conversation, whatever its state (S10).
func (w *writer) stepNote(ctx context.Context, t *thread, body string) (changes, error) {
	if t.asked == nil {
		return nil, refuse(NotOpen, "the contact has no conversation to add a note to")
	}
	return w.note(ctx, t, body)
}

// Failures of machinery are tried again, later each time: a tenth of a second after the
// first one, doubled with each, a minute at most, about three minutes in all.
const (
	stepAttempts = 12
	firstPause   = 100 * time.Millisecond
	lastPause    = time.Minute
)

// postpone lets a run try its step again later, or after many attempts fail.
func (s *Service) postpone(ctx context.Context, workspace int64, failed *db.WorkflowRun, cause error) error {
	_, err := s.write(ctx, engine(workspace), "postponeWorkflow", &Keyed{}, func(w *writer) (changes, error) {
		run, err := w.LockRun(ctx, failed.ID)
		if err != nil || run.Revision != failed.Revision || run.DueAt == nil {
			return unchanged, err // somebody else went on with it
		}
		w.doing(run)
		run.Attempts++
		if run.Attempts < stepAttempts {
			due := w.at.Add(min(firstPause<<(run.Attempts-1), lastPause))
			run.DueAt = &due
			return unchanged, w.SaveRun(ctx, run)
		}
		return w.fail(ctx, run, cause)
	})
	if err == nil {
		s.log.Warn("a step of a workflow failed", "run", failed.ID.String(), "attempt", failed.Attempts+1, "error", cause)
	}
	return err
}

// fail ends a run whose step failed for good.
func (w *writer) fail(ctx context.Context, run *db.WorkflowRun, cause error) (changes, error) {
	definition, err := w.definitionOf(ctx, run)
	if err != nil {
		return nil, err
	}
	t, err := w.lockThreadOfRun(ctx, run)
	if err != nil {
		return nil, err
	}
	message := Explain(cause).Message
	run.Steps = append(run.Steps, &db.WorkflowRunStep{Kind: definition.Steps[run.Next].Kind, Outcome: db.StepFailed, At: w.at, Message: &message})
	return w.finish(ctx, run, t, nil, db.RunFailed)
}
