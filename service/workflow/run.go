package workflow

import (
	"context"
	"slices"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// A run takes one step after the other. What a step does and what the run remembers of it
// commit together, and the run is locked meanwhile, so that each step is taken once (W2).

// engine returns the actor that takes the steps; the log shows the workflow instead.
func engine(workspace db.WorkspaceKey) service.Actor {
	return service.Actor{Workspace: workspace, Role: service.RoleWorkflow}
}

// Step takes the step that has been due longest; false if none is.
func (s *Service) Step(ctx context.Context, workspace db.WorkspaceKey) (stepped bool, err error) {
	var claimed db.WorkflowRun // as it was
	_, err = s.write(ctx, engine(workspace), "stepWorkflow", &service.Keyed{}, func(w *writer) (service.Changes, error) {
		stepped = false
		run, err := w.ClaimRun(ctx, w.At)
		if err != nil || run == nil {
			return service.Unchanged, err
		}
		stepped, claimed = true, *run
		return service.Contained(func() (service.Changes, error) { return w.advance(ctx, run) })
	})
	if err != nil && stepped && ctx.Err() == nil {
		return true, s.Postpone(ctx, workspace, &claimed, err)
	}
	return stepped, err
}

// doing makes the events of the transaction those of a run.
func (w *writer) doing(run *db.WorkflowRun) {
	w.By, w.Run = run.WorkflowID.Ref(), &db.RunRef{ID: run.ID, Depth: run.Depth}
}

// execution is a run whose contact is locked.
type execution struct {
	run    *db.WorkflowRun
	event  *db.Event       // that triggered it
	since  db.Seq          // the end of the event's change: what comes later may overtake the run
	thread *service.Thread // asked for the run's conversation
}

// execute locks the contact of a run and reads the event that triggered it.
func (w *writer) execute(ctx context.Context, run *db.WorkflowRun) (*execution, error) {
	w.doing(run)
	t, err := w.lockThreadOfRun(ctx, run)
	if err != nil {
		return nil, err
	}
	events, err := w.Events(ctx, []db.EventID{run.Trigger()})
	if err != nil {
		return nil, err
	}
	x := &execution{run: run, event: service.First(events), since: run.EventSeq, thread: t}
	if x.event != nil {
		x.since = x.event.ChangeEnd()
	}
	return x, nil
}

// advance takes the next step of a run.
func (w *writer) advance(ctx context.Context, run *db.WorkflowRun) (service.Changes, error) {
	x, err := w.execute(ctx, run)
	if err != nil {
		return nil, err
	}
	if run.Depth > maxChainDepth {
		return w.finish(ctx, x, nil, db.RunStopped)
	}
	definition, err := w.definitionOf(ctx, run)
	if err != nil {
		return nil, err
	}
	step := definition.Steps[run.Next]
	took, events, err := w.take(ctx, x, step)
	if err != nil {
		return nil, err
	}
	if took.Outcome == db.StepNobody {
		unserved := run.Next
		run.Unserved = &unserved
	}
	run.Attempts = 0
	run.RecordStep(took)
	skip(run, definition, w.At)
	switch {
	case run.Next == len(definition.Steps):
		return w.finish(ctx, x, events, ending(run))
	case step.Kind == db.StepWait:
		due := w.At.Add(time.Duration(*step.Seconds) * time.Second)
		run.Status, run.DueAt = db.RunWaiting, &due
		return append(events, w.ran(x)), w.SaveRun(ctx, run)
	}
	run.Status, run.DueAt = db.RunRunning, &w.At
	return events, w.SaveRun(ctx, run)
}

// skip skips the steps that are not taken after an earlier one was overtaken or refused: all
// without always (W2).
func skip(run *db.WorkflowRun, d *db.WorkflowDefinition, now time.Time) {
	if !hasOutcome(run, db.StepOvertaken, db.StepRefused) {
		return
	}
	for run.Next < len(d.Steps) && !d.Steps[run.Next].Always {
		run.RecordStep(&db.WorkflowRunStep{Kind: d.Steps[run.Next].Kind, Outcome: db.StepSkipped, At: now})
	}
}

// ending returns the status of a run that has no step left.
func ending(run *db.WorkflowRun) db.RunStatus {
	if hasOutcome(run, db.StepRefused) {
		return db.RunRefused
	}
	return db.RunCompleted
}

// hasOutcome reports whether a step of the run had one of these outcomes.
func hasOutcome(run *db.WorkflowRun, outcomes ...db.StepOutcome) bool {
	return slices.ContainsFunc(run.Steps, func(s *db.WorkflowRunStep) bool { return slices.Contains(outcomes, s.Outcome) })
}

func (w *writer) lockThreadOfRun(ctx context.Context, run *db.WorkflowRun) (*service.Thread, error) {
	if run.ConversationID == nil {
		return w.LockThread(ctx, run.ContactID)
	}
	return w.LockThreadOf(ctx, *run.ConversationID)
}

func (w *writer) definitionOf(ctx context.Context, run *db.WorkflowRun) (*db.WorkflowDefinition, error) {
	rows, err := w.WorkflowVersions(ctx, []db.EventID{run.VersionID})
	if err != nil {
		return nil, err
	}
	return rows[0].Definition, nil // which the database guarantees
}

// finish ends a run and returns its last event.
func (w *writer) finish(ctx context.Context, x *execution, events service.Changes, how db.RunStatus) (service.Changes, error) {
	x.run.Status, x.run.DueAt, x.run.EndedAt = how, nil, &w.At
	return append(events, w.ran(x)), w.SaveRun(ctx, x.run)
}

// ran returns the event for the status of a run. It does not change the conversation.
func (w *writer) ran(x *execution) *db.Event {
	e := w.aboutRun(x.run)
	e.After = x.thread.Facets()
	if c := x.thread.Asked; c != nil {
		e.After = c.Facets()
	}
	e.Before = e.After
	e.Show(x.thread.Contact, x.thread.Latest, x.thread.Asked)
	return e
}

// aboutRun returns the event for the status of a run, without the state of its conversation.
func (w *writer) aboutRun(run *db.WorkflowRun) *db.Event {
	e := w.Event(db.WorkflowRan, db.EventData{WorkflowID: &run.WorkflowID, RunStatus: run.Status, Unserved: run.Unserved != nil})
	e.ContactID, e.ConversationID = &run.ContactID, run.ConversationID
	return e
}

// A step that fails is tried again after a tenth of a second. The pause doubles with each attempt,
// up to a minute; all attempts take about three minutes.
const (
	stepAttempts = 12
	firstPause   = 100 * time.Millisecond
	lastPause    = time.Minute
)

// Postpone lets a run try its step again later, or after many attempts fail.
func (s *Service) Postpone(ctx context.Context, workspace db.WorkspaceKey, failed *db.WorkflowRun, cause error) error {
	_, err := s.write(ctx, engine(workspace), "postponeWorkflow", &service.Keyed{}, func(w *writer) (service.Changes, error) {
		run, err := w.LockRun(ctx, failed.ID)
		if err != nil || run.Revision != failed.Revision || run.DueAt == nil {
			return service.Unchanged, err // another worker has continued it
		}
		run.Attempts++
		if run.Attempts < stepAttempts {
			due := w.At.Add(min(firstPause<<(run.Attempts-1), lastPause))
			run.DueAt = &due
			return service.Unchanged, w.SaveRun(ctx, run)
		}
		return w.fail(ctx, run, cause)
	})
	if err == nil {
		s.Log.Warn("a step of a workflow failed", "run", failed.ID.String(), "attempt", failed.Attempts+1, "error", cause)
	}
	return err
}

// fail ends a run whose step failed for good.
func (w *writer) fail(ctx context.Context, run *db.WorkflowRun, cause error) (service.Changes, error) {
	definition, err := w.definitionOf(ctx, run)
	if err != nil {
		return nil, err
	}
	x, err := w.execute(ctx, run)
	if err != nil {
		return nil, err
	}
	message := service.Explain(cause).Message
	run.Steps = append(run.Steps, &db.WorkflowRunStep{Kind: definition.Steps[run.Next].Kind, Outcome: db.StepFailed, At: w.At, Message: &message})
	return w.finish(ctx, x, nil, db.RunFailed)
}
