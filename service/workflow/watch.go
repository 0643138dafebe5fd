package workflow

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

// unfinishedShown is the most unfinished runs with which a stream of runs begins.
const unfinishedShown = 100

// WatchRuns streams runs, of one workflow if asked for: those that have not ended, then
// each as it steps and ends. The error is NOT_FOUND for an unknown workflow.
func (s *Service) WatchRuns(ctx context.Context, actor service.Actor, workflow *db.WorkflowID) (*service.Stream[*db.WorkflowRun], error) {
	if err := service.Permit(actor, "workflowRunChanged"); err != nil {
		return nil, err
	}
	w := s.DB.ForWorkspace(actor.Workspace)
	if workflow != nil {
		rows, err := w.Workflows(ctx, []db.WorkflowID{*workflow})
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return nil, service.NewNotFound("workflow")
		}
	}
	watcher, err := s.Feed.Watch(ctx, actor.Workspace, nil) // before reading what there is
	if err != nil {
		return nil, err
	}
	present, err := w.UnfinishedRuns(ctx, workflow, unfinishedShown)
	if err != nil {
		watcher.Close()
		return nil, err
	}
	r := &runStream{rows: w, workflow: workflow, present: present, shown: map[db.RunID]int{}}
	r.Stream = service.NewStateStream(watcher, r.next)
	return r.Stream, nil
}

// runStream yields the states of runs for the events about them.
type runStream struct {
	*service.Stream[*db.WorkflowRun]
	rows     db.ForWorkspace
	workflow *db.WorkflowID
	present  []*db.WorkflowRun // not yet given
	shown    map[db.RunID]int  // the revision that was given last
}

const shownKept = 1000 // runs of which is remembered what was given

func (r *runStream) next(ctx context.Context) (*db.WorkflowRun, bool, error) {
	for {
		run, err := r.changed(ctx)
		if err != nil || run == nil {
			return nil, false, err
		}
		if r.isNew(run) {
			return run, true, nil
		}
	}
}

// changed returns the next run with an event; nil if there is none yet.
func (r *runStream) changed(ctx context.Context) (*db.WorkflowRun, error) {
	if len(r.present) > 0 {
		run := r.present[0]
		r.present = r.present[1:]
		return run, nil
	}
	for {
		e, err := r.Event(ctx)
		if err != nil || e == nil {
			return nil, err
		}
		if e.Data.Run == nil || r.workflow != nil && !isOf(e, *r.workflow) {
			continue
		}
		rows, err := r.rows.Runs(ctx, []db.RunID{e.Data.Run.ID})
		if err != nil || len(rows) > 0 {
			return service.First(rows), err
		}
	}
}

// isOf reports whether a workflow caused an event, or the event is about a run of it.
func isOf(e *db.Event, workflow db.WorkflowID) bool {
	return e.Actor == workflow.Ref() || e.Data.WorkflowID != nil && *e.Data.WorkflowID == workflow
}

// isNew reports whether a run has changed since the stream returned it last. Several events may be
// about one change.
func (r *runStream) isNew(run *db.WorkflowRun) bool {
	if revision, known := r.shown[run.ID]; known && revision >= run.Revision {
		return false
	}
	if len(r.shown) >= shownKept {
		clear(r.shown)
	}
	r.shown[run.ID] = run.Revision
	return true
}
