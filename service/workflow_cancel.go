package service

import (
	"context"

	"switchboard/db"
)

// CancelWorkflowRunInput says which run to end.
type CancelWorkflowRunInput struct {
	RunID db.RunID
	Keyed
}

// CancelWorkflowRun ends a run before its next step (W2, managers only); a step that is
// being taken is waited for. Refusals: RUN_ENDED.
func (s *Service) CancelWorkflowRun(ctx context.Context, actor Actor, in CancelWorkflowRunInput) (*Outcome, error) {
	if err := MayManage(actor); err != nil {
		return nil, err
	}
	return s.Write(ctx, actor, "cancelWorkflowRun", &in, func(w *Writer) (Changes, error) {
		rows, err := w.CancelRun(ctx, in.RunID, w.At)
		if err != nil {
			return nil, err
		}
		if w.Outcome.Run = First(rows); w.Outcome.Run != nil {
			return w.cancelled(rows), nil
		}
		if rows, err = w.Runs(ctx, []db.RunID{in.RunID}); err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return nil, NewNotFound("run")
		}
		w.Outcome.Run = rows[0]
		return nil, Refuse(RunEnded, "the run has ended already, so there is nothing to cancel", "runId")
	})
}

// cancelPresent ends the runs of a workflow that have been planned and have not ended.
// Those of earlier events that have not been planned yet, planning cancels when it comes to
// the event that disables or deletes the workflow. Runs are locked before the workflow,
// as by the steps that are being taken.
func (w *Writer) cancelPresent(ctx context.Context, workflow db.WorkflowID) (Changes, error) {
	if _, err := w.LockWorkflowPosition(ctx); err != nil {
		return nil, err
	}
	return w.cancelRuns(ctx, workflow)
}

// cancelRuns ends all runs of a workflow that have not ended; for those that have ended and
// found nobody, no agent is looked for any more.
func (w *Writer) cancelRuns(ctx context.Context, workflow db.WorkflowID) (Changes, error) {
	rows, err := w.CancelRuns(ctx, workflow, w.At)
	if err != nil {
		return nil, err
	}
	return w.cancelled(rows), w.ForgetQueue(ctx, workflow)
}

// cancelled records the end of runs. Their contacts are not locked, so the events do not
// show the state of the conversations.
func (w *Writer) cancelled(runs []*db.WorkflowRun) (events Changes) {
	for _, run := range runs {
		e := w.aboutRun(run)
		e.Data.Run = &db.RunRef{ID: run.ID, Depth: run.Depth}
		events = append(events, e)
	}
	return events
}
