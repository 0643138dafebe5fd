package workflow

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

// checkEnabled refuses a workflow that is to be enabled if the workspace would have too many, or if
// one event could start too many steps: it starts all workflows that have its trigger.
func (s *Service) checkEnabled(ctx context.Context, w *writer, id db.WorkflowID, d *db.WorkflowDefinition) error {
	rows, err := w.ActiveWorkflows(ctx)
	if err != nil {
		return err
	}
	workflows, steps := 1, map[db.WorkflowTrigger]int{}
	for _, other := range rows {
		if other.ID == id || !other.Enabled {
			continue
		}
		workflows++
		for _, trigger := range other.Definition.Triggers {
			steps[trigger] += len(other.Definition.Steps)
		}
	}
	if err := service.CheckQuota(workflows, s.Quotas.Workflows, "a workspace has at most %d enabled workflows; disable one first"); err != nil {
		return err
	}
	for _, trigger := range d.Triggers {
		count := steps[trigger] + len(d.Steps)
		if err := service.CheckQuota(count, s.Quotas.Steps, "the workflows with the trigger "+string(trigger)+" may have %d steps together; disable one first, or leave steps out"); err != nil {
			return err
		}
	}
	return nil
}
