package service

import (
	"context"
	"slices"

	"switchboard/db"
)

// showProblems adds to the outcome the active workflows whose definition names something that the
// mutation made unusable, such as a deactivated agent.
func (w *Writer) showProblems(ctx context.Context, names func(*db.WorkflowDefinition) bool) error {
	all, err := w.ActiveWorkflows(ctx)
	w.Outcome.Workflows = slices.DeleteFunc(all, func(f *db.Workflow) bool {
		return !names(f.Definition)
	})
	return err
}

// recallWorkflows reads the present state of workflows, in the order of their creation.
func recallWorkflows(ctx context.Context, in db.ForWorkspace, ids []db.WorkflowID) ([]*db.Workflow, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := in.Workflows(ctx, ids)
	slices.SortFunc(rows, func(a, b *db.Workflow) int { return slices.Compare(a.ID.UUID[:], b.ID.UUID[:]) })
	return rows, err
}
