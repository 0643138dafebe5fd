package service

import (
	"context"

	"switchboard/db"
)

// unfinishedShown is how many unfinished runs a stream of runs begins with at most.
const unfinishedShown = 100

// WatchRuns streams runs, of one workflow if asked for: those that have not ended, then
// each as it steps and ends. The error is NOT_FOUND for an unknown workflow.
func (s *Service) WatchRuns(ctx context.Context, actor Actor, workflow *db.WorkflowID) (*Stream[*db.WorkflowRun], error) {
	w := s.DB.ForWorkspace(actor.Workspace)
	if workflow != nil {
		rows, err := w.Workflows(ctx, []db.WorkflowID{*workflow})
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return nil, NewNotFound("workflow")
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
	r.Stream = &Stream[*db.WorkflowRun]{watcher: watcher, states: true, next: r.next}
	return r.Stream, nil
}

// runStream makes states of runs out of what the log says of them.
type runStream struct {
	*Stream[*db.WorkflowRun]
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

// changed gives the next run of which something is known; nil if there is none yet.
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
			return First(rows), err
		}
	}
}

// isOf reports whether a workflow caused an event, or the event tells how a run of it is.
func isOf(e *db.Event, workflow db.WorkflowID) bool {
	return e.Actor == workflow.Ref() || e.Data.WorkflowID != nil && *e.Data.WorkflowID == workflow
}

// isNew says that a run is not as it was given last; several events may tell of one change.
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
