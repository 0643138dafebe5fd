package service

import (
	"context"

	"switchboard/db"
	"switchboard/service/definition"
)

// The queue of W4: runs that found nobody wait until capacity frees. Who may take their
// conversations, and how many, is decided by the workflow's present definition.

// presentStep returns the step of a present definition by which a run is served that found
// nobody at a step of an earlier one: the step in the same place if it chooses, else the
// first that does; -1 if there is none.
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

// leaveToQueue leaves the agents to the conversations that wait for them already: when
// this run has recorded that it found nobody, they are served, and then this one (W4).
func (w *Writer) leaveToQueue(ctx context.Context, run *db.WorkflowRun, c candidates) error {
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

// servedLike returns the steps, of any version, by whose present step this one is served.
func servedLike(present *db.WorkflowDefinition, i int) (steps []int) {
	for other := range definition.MaxSteps {
		if presentStep(present, other) == presentStep(present, i) {
			steps = append(steps, other)
		}
	}
	return steps
}

func (w *Writer) presentDefinition(ctx context.Context, id db.WorkflowID) (*db.WorkflowDefinition, error) {
	rows, err := w.Workflows(ctx, []db.WorkflowID{id})
	if err != nil || len(rows) == 0 { // of a dry run of a definition
		return nil, err
	}
	return rows[0].Definition, nil
}

// serveWorkflows assigns the conversations that found nobody to agents who can take them
// now, the longest waiting first, until no more can be assigned (W4). Those with which it
// fails hold up nobody else; complete reports that there were none.
func (s *Service) serveWorkflows(ctx context.Context, workspace db.WorkspaceKey) (complete bool, err error) {
	var without []db.StepRef // steps for which there is nobody
	for complete = true; ; {
		var tried *db.StepRef
		found := false
		_, err := s.Write(ctx, engine(workspace), "serveWorkflow", &Keyed{}, func(w *Writer) (events Changes, err error) {
			tried = nil
			// One after the other, or of two who serve one could give the second longest first.
			if _, err := w.LockWorkflowPosition(ctx); err != nil {
				return nil, err
			}
			run, err := w.ClaimLongestWaiting(ctx, without)
			if err != nil || run == nil {
				return Unchanged, err
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

// serve takes a step again that found nobody; found reports that somebody was, or that
// nobody is needed any more.
func (w *Writer) serve(ctx context.Context, run *db.WorkflowRun) (events Changes, found bool, err error) {
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
