package workflow

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

// CancelWorkflowRunInput says which run to end.
type CancelWorkflowRunInput struct {
	RunID db.RunID
	service.Keyed
}

// CancelWorkflowRun ends a run before its next step (W2, managers only). It waits for a step that
// is being taken. Refusals: RUN_ENDED.
func (s *Service) CancelWorkflowRun(ctx context.Context, actor service.Actor, in CancelWorkflowRunInput) (*service.Outcome, error) {
	if err := service.Permit(actor, "cancelWorkflowRun"); err != nil {
		return nil, err
	}
	return s.write(ctx, actor, "cancelWorkflowRun", &in, func(w *writer) (service.Changes, error) {
		rows, err := w.CancelRun(ctx, in.RunID, w.At)
		if err != nil {
			return nil, err
		}
		if w.Outcome.Run = service.First(rows); w.Outcome.Run != nil {
			return w.cancelled(rows), nil
		}
		if rows, err = w.Runs(ctx, []db.RunID{in.RunID}); err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return nil, service.NewNotFound("run")
		}
		w.Outcome.Run = rows[0]
		return nil, service.Refuse(service.RunEnded, "the run has ended already, so there is nothing to cancel", "runId")
	})
}

// cancelPresent ends the runs of a workflow that have been planned and have not ended. Planning
// cancels the runs of earlier events that it has not reached yet, at the event that disables or
// deletes the workflow. Runs are locked before the workflow, in the order in which steps lock them.
func (w *writer) cancelPresent(ctx context.Context, workflow db.WorkflowID) (service.Changes, error) {
	if _, err := w.LockWorkflowPosition(ctx); err != nil {
		return nil, err
	}
	return w.cancelRuns(ctx, workflow)
}

// cancelRuns ends all runs of a workflow that have not ended, and removes from the queue those that
// have ended without an agent.
func (w *writer) cancelRuns(ctx context.Context, workflow db.WorkflowID) (service.Changes, error) {
	rows, err := w.CancelRuns(ctx, workflow, w.At)
	if err != nil {
		return nil, err
	}
	return w.cancelled(rows), w.ClearQueue(ctx, workflow)
}

// cancelled returns the events for the end of runs. They lack the state of the conversations, since
// the contacts are not locked.
func (w *writer) cancelled(runs []*db.WorkflowRun) (events service.Changes) {
	for _, run := range runs {
		e := w.aboutRun(run)
		e.Data.Run = &db.RunRef{ID: run.ID, Depth: run.Depth}
		events = append(events, e)
	}
	return events
}
