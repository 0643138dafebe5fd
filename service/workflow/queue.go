package workflow

import (
	"context"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/definition"
)

// The queue of W4: runs that found no agent wait until capacity frees. The workflow's present
// definition decides to whom their conversations may be assigned, and how many.

// presentStep returns the index of the step by which a run is served that found no agent at step i
// of an earlier definition: i if that step still chooses, else the first step that does, else -1.
func presentStep(d *db.WorkflowDefinition, i int) int {
	if i < len(d.Steps) && d.Steps[i].Chooses() {
		return i
	}
	for i, step := range d.Steps {
		if step.Chooses() {
			return i
		}
	}
	return -1
}

// leaveToQueue makes no candidate available if conversations wait for them already: once this run
// has joined the queue, those are served first (W4).
func (w *writer) leaveToQueue(ctx context.Context, run *db.WorkflowRun, c candidates) error {
	if run.Unserved != nil { // it is being served
		return nil
	}
	present, err := w.presentDefinition(ctx, run.WorkflowID)
	if err != nil || present == nil {
		return err
	}
	waiting, err := w.AnyWaiting(ctx, run.WorkflowID, servedLike(present, run.Next), run.ContactID)
	if err != nil || !waiting {
		return err
	}
	for _, one := range c {
		if one.Outcome == "" {
			one.Outcome = db.LongerWait
		}
	}
	return nil
}

// servedLike returns the indexes, in any version, that are served by the same present step as i.
func servedLike(present *db.WorkflowDefinition, i int) (steps []int) {
	for other := range definition.MaxSteps {
		if presentStep(present, other) == presentStep(present, i) {
			steps = append(steps, other)
		}
	}
	return steps
}

func (w *writer) presentDefinition(ctx context.Context, id db.WorkflowID) (*db.WorkflowDefinition, error) {
	rows, err := w.Workflows(ctx, []db.WorkflowID{id})
	if err != nil || len(rows) == 0 { // of a dry run of a definition
		return nil, err
	}
	return rows[0].Definition, nil
}

// serveWorkflows assigns the conversations in the queue to agents with capacity, the longest
// waiting first, until no more can be assigned (W4). A failure does not hold up the others;
// complete reports that there was none.
func (s *Service) serveWorkflows(ctx context.Context, workspace db.WorkspaceKey) (complete bool, err error) {
	var without []db.StepRef // steps without an available agent
	for complete = true; ; {
		var tried *db.StepRef
		found := false
		_, err := s.write(ctx, engine(workspace), "serveWorkflow", &service.Keyed{}, func(w *writer) (events service.Changes, err error) {
			tried = nil
			// One after the other, or of two who serve one could give the second longest first.
			if _, err := w.LockWorkflowPosition(ctx); err != nil {
				return nil, err
			}
			run, err := w.ClaimLongestWaiting(ctx, without)
			if err != nil || run == nil {
				return service.Unchanged, err
			}
			tried = &db.StepRef{Workflow: run.WorkflowID, Step: *run.Unserved}
			events, found, err = w.serve(ctx, run)
			return events, err
		})
		if tried == nil || ctx.Err() != nil {
			return complete, err
		}
		if err != nil {
			s.Log.Warn("looking again for an agent failed", "workflow", tried.Workflow.String(), "step", tried.Step, "error", err)
			complete = false
		}
		if !found || err != nil {
			without = append(without, *tried)
		}
	}
}

// serve takes a step again that found no agent. Found reports that it found one, or that none is
// needed any more.
func (w *writer) serve(ctx context.Context, run *db.WorkflowRun) (events service.Changes, found bool, err error) {
	present, err := w.presentDefinition(ctx, run.WorkflowID)
	if err != nil {
		return nil, false, err
	}
	step := presentStep(present, *run.Unserved)
	if step < 0 {
		return nil, false, nil // until the workflow is changed again
	}
	x, err := w.execute(ctx, run)
	if err != nil {
		return nil, false, err
	}
	took, events, err := w.take(ctx, x, present.Steps[step])
	if err != nil || took.Outcome == db.StepNobody {
		return nil, false, err
	}
	if took.Outcome == db.StepDone {
		run.Steps[*run.Unserved] = took
	}
	run.Unserved = nil
	return events, true, w.SaveRun(ctx, run)
}
