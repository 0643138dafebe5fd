package service

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"switchboard/db"
)

// A run takes one step after the other. What a step does and what the run remembers of it
// commit together, and the run is locked meanwhile, so that each step is taken once (W2).

// engine is who takes the steps; in the log it is the workflow.
func engine(workspace db.WorkspaceKey) Actor { return Actor{Workspace: workspace, Role: RoleWorkflow} }

// stepWorkflow takes the step that has been due longest; false if none is.
func (s *Service) stepWorkflow(ctx context.Context, workspace db.WorkspaceKey) (stepped bool, err error) {
	var claimed db.WorkflowRun // as it was
	_, err = s.Write(ctx, engine(workspace), "stepWorkflow", &Keyed{}, func(w *Writer) (Changes, error) {
		stepped = false
		run, err := w.ClaimRun(ctx, w.At)
		if err != nil || run == nil {
			return Unchanged, err
		}
		stepped, claimed = true, *run
		return contained(func() (Changes, error) { return w.advance(ctx, run) })
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
func (w *Writer) doing(run *db.WorkflowRun) {
	w.By, w.Run = run.WorkflowID.Ref(), &db.RunRef{ID: run.ID, Depth: run.Depth}
}

// execution is a run at work: its contact is locked.
type execution struct {
	run    *db.WorkflowRun
	event  *db.Event // that triggered it
	since  db.Seq    // the end of the event's change: what comes later may overtake the run
	thread *Thread   // asked for the run's conversation
}

// execute locks what a run is about.
func (w *Writer) execute(ctx context.Context, run *db.WorkflowRun) (*execution, error) {
	w.doing(run)
	t, err := w.lockThreadOfRun(ctx, run)
	if err != nil {
		return nil, err
	}
	events, err := w.Events(ctx, []db.EventID{run.Trigger()})
	if err != nil {
		return nil, err
	}
	x := &execution{run: run, event: First(events), since: run.EventSeq, thread: t}
	if x.event != nil {
		x.since = x.event.ChangeEnd()
	}
	return x, nil
}

// advance takes the next step of a run.
func (w *Writer) advance(ctx context.Context, run *db.WorkflowRun) (Changes, error) {
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
	run.Took(took)
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

// skip passes over the steps that are not taken after an earlier one was overtaken or
// refused: all that do not say always (W2).
func skip(run *db.WorkflowRun, d *db.WorkflowDefinition, now time.Time) {
	if !hasOutcome(run, db.StepOvertaken, db.StepRefused) {
		return
	}
	for run.Next < len(d.Steps) && !d.Steps[run.Next].Always {
		run.Took(&db.WorkflowRunStep{Kind: d.Steps[run.Next].Kind, Outcome: db.StepSkipped, At: now})
	}
}

// ending returns how a run ends that has no step left.
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

func (w *Writer) lockThreadOfRun(ctx context.Context, run *db.WorkflowRun) (*Thread, error) {
	if run.ConversationID == nil {
		return w.LockThread(ctx, run.ContactID)
	}
	return w.LockThreadOf(ctx, *run.ConversationID)
}

func (w *Writer) definitionOf(ctx context.Context, run *db.WorkflowRun) (*db.WorkflowDefinition, error) {
	rows, err := w.WorkflowVersions(ctx, []db.EventID{run.VersionID})
	if err != nil {
		return nil, err
	}
	return rows[0].Definition, nil // which the database guarantees
}

// finish ends a run and records it.
func (w *Writer) finish(ctx context.Context, x *execution, events Changes, how db.RunStatus) (Changes, error) {
	x.run.Status, x.run.DueAt, x.run.EndedAt = how, nil, &w.At
	return append(events, w.ran(x)), w.SaveRun(ctx, x.run)
}

// ran records how a run is. It changes nothing of the conversation.
func (w *Writer) ran(x *execution) *db.Event {
	e := w.aboutRun(x.run)
	e.After = x.thread.Facets()
	if c := x.thread.Asked; c != nil {
		e.After = c.Facets()
	}
	e.Before = e.After
	return e
}

// aboutRun makes an event that tells how a run is, without the state of its conversation.
func (w *Writer) aboutRun(run *db.WorkflowRun) *db.Event {
	e := w.Event(db.WorkflowRan, db.EventData{WorkflowID: &run.WorkflowID, RunStatus: run.Status, Unserved: run.Unserved != nil})
	e.ContactID, e.ConversationID = &run.ContactID, run.ConversationID
	return e
}

// Failures of machinery are tried again, later each time: a tenth of a second after the
// first one, doubled with each, a minute at most, about three minutes in all.
const (
	stepAttempts = 12
	firstPause   = 100 * time.Millisecond
	lastPause    = time.Minute
)

// postpone lets a run try its step again later, or after many attempts fail.
func (s *Service) postpone(ctx context.Context, workspace db.WorkspaceKey, failed *db.WorkflowRun, cause error) error {
	_, err := s.Write(ctx, engine(workspace), "postponeWorkflow", &Keyed{}, func(w *Writer) (Changes, error) {
		run, err := w.LockRun(ctx, failed.ID)
		if err != nil || run.Revision != failed.Revision || run.DueAt == nil {
			return Unchanged, err // somebody else went on with it
		}
		run.Attempts++
		if run.Attempts < stepAttempts {
			due := w.At.Add(min(firstPause<<(run.Attempts-1), lastPause))
			run.DueAt = &due
			return Unchanged, w.SaveRun(ctx, run)
		}
		return w.fail(ctx, run, cause)
	})
	if err == nil {
		s.Log.Warn("a step of a workflow failed", "run", failed.ID.String(), "attempt", failed.Attempts+1, "error", cause)
	}
	return err
}

// fail ends a run whose step failed for good.
func (w *Writer) fail(ctx context.Context, run *db.WorkflowRun, cause error) (Changes, error) {
	definition, err := w.definitionOf(ctx, run)
	if err != nil {
		return nil, err
	}
	x, err := w.execute(ctx, run)
	if err != nil {
		return nil, err
	}
	message := Explain(cause).Message
	run.Steps = append(run.Steps, &db.WorkflowRunStep{Kind: definition.Steps[run.Next].Kind, Outcome: db.StepFailed, At: w.At, Message: &message})
	return w.finish(ctx, x, nil, db.RunFailed)
}
