package workflow

import (
	"context"
	"encoding/json"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/definition"
)

// Workflows: what a workspace wants to happen by itself (W1). What a definition must be
// is in workflow_definition.go, what runs do in workflow_run.go.

// lockWorkflow locks a workflow that is not deleted; NOT_FOUND without one.
func (w *writer) lockWorkflow(ctx context.Context, id db.WorkflowID) (*db.Workflow, error) {
	rows, err := w.LockWorkflow(ctx, id)
	if err == nil && len(rows) == 0 {
		err = service.NewNotFound("workflow")
	}
	w.Outcome.Workflow = service.First(rows)
	return service.First(rows), err
}

// aboutWorkflow returns an event about a workflow and stores the version that begins with it: the
// event's position in the log decides which events the version applies to (W2).
func (w *writer) aboutWorkflow(ctx context.Context, f *db.Workflow, kind db.EventType, data db.EventData) (service.Changes, error) {
	data.WorkflowID = &f.ID
	e := w.Event(kind, data)
	return service.Changes{e}, w.InsertWorkflowVersion(ctx, &db.WorkflowVersion{ID: e.ID, WorkflowID: f.ID, Definition: f.Definition, Enabled: f.Enabled})
}

// CreateWorkflowInput is the data of a new workflow.
type CreateWorkflowInput struct {
	Name       string
	Definition *db.WorkflowDefinition
	service.Keyed
}

// CreateWorkflow adds a workflow, disabled at first (managers only). Refusals: INVALID_WORKFLOW.
func (s *Service) CreateWorkflow(ctx context.Context, actor service.Actor, in CreateWorkflowInput) (*service.Outcome, error) {
	if err := service.Permit(actor, "createWorkflow"); err != nil {
		return nil, err
	}
	called, err := service.CheckName("name", in.Name)
	if err != nil {
		return nil, err
	}
	defer s.lookForWorkflows()
	return s.write(ctx, actor, "createWorkflow", &in, func(w *writer) (service.Changes, error) {
		f := &db.Workflow{ID: db.WorkflowID{UUID: db.NewUUID()}, Name: called, Definition: in.Definition, CreatedAt: w.At}
		return w.createWorkflow(ctx, f)
	})
}

// createWorkflow is the part of creating a workflow that does not depend on a template.
func (w *writer) createWorkflow(ctx context.Context, f *db.Workflow) (service.Changes, error) {
	if err := w.checkDefinition(ctx, f.Definition); err != nil {
		return nil, err
	}
	w.Outcome.Workflow = f
	if err := w.InsertWorkflow(ctx, f); err != nil {
		return nil, err
	}
	return w.aboutWorkflow(ctx, f, db.WorkflowCreated, db.EventData{})
}

// CreateWorkflowFromTemplateInput says which template to use, among whom it chooses and how
// long it waits.
type CreateWorkflowFromTemplateInput struct {
	TemplateKey string
	Agents      []db.AgentID // nil: anybody
	Capacity    *int         // open conversations of an agent at most; nil: any number
	Days        *int         `json:",omitempty"` // nil: the template's own number
	service.Keyed
}

// CreateWorkflowFromTemplate adds a workflow as a template describes it, enabled at once
// (W3, managers only). Refusals: INVALID_WORKFLOW, LIMIT_REACHED.
func (s *Service) CreateWorkflowFromTemplate(ctx context.Context, actor service.Actor, in CreateWorkflowFromTemplateInput) (*service.Outcome, error) {
	if err := service.Permit(actor, "createWorkflowFromTemplate"); err != nil {
		return nil, err
	}
	defer s.lookForWorkflows()
	return s.write(ctx, actor, "createWorkflowFromTemplate", &in, func(w *writer) (service.Changes, error) {
		f, err := fromTemplate(in)
		if err != nil {
			return nil, err
		}
		f.ID, f.CreatedAt = db.WorkflowID{UUID: db.NewUUID()}, w.At
		if err := s.checkEnabled(ctx, w, f.ID, f.Definition); err != nil {
			return nil, err
		}
		events, err := w.createWorkflow(ctx, f)
		if err != nil {
			return nil, err
		}
		enabled, err := w.setEnabled(ctx, f, true, db.EventData{})
		return append(events, enabled...), err
	})
}

// UpdateWorkflowInput is what to change about a workflow; nil stays.
type UpdateWorkflowInput struct {
	WorkflowID db.WorkflowID
	Name       *string
	Definition *db.WorkflowDefinition
	service.Keyed
}

// UpdateWorkflow changes a workflow for events from now on (managers only). Refusals:
// INVALID_WORKFLOW, LIMIT_REACHED.
func (s *Service) UpdateWorkflow(ctx context.Context, actor service.Actor, in UpdateWorkflowInput) (*service.Outcome, error) {
	if err := service.Permit(actor, "updateWorkflow"); err != nil {
		return nil, err
	}
	return s.write(ctx, actor, "updateWorkflow", &in, func(w *writer) (service.Changes, error) {
		f, err := w.lockWorkflow(ctx, in.WorkflowID)
		if err != nil {
			return nil, err
		}
		before := workflowFields(f)
		if in.Name != nil {
			if f.Name, err = service.CheckName("name", *in.Name); err != nil {
				return nil, err
			}
		}
		if in.Definition != nil {
			if err := w.checkDefinition(ctx, in.Definition); err != nil {
				return nil, err
			}
			if err := s.checkEnabled(ctx, w, f.ID, in.Definition); f.Enabled && err != nil {
				return nil, err
			}
			f.Definition = in.Definition
		}
		changed := service.Difference(before, workflowFields(f))
		if len(changed) == 0 {
			return service.Unchanged, nil
		}
		for i, c := range changed {
			if c.Field == "definition" { // its versions are kept, and would be long here
				changed[i] = db.FieldChange{Field: c.Field}
			}
		}
		if err := w.UpdateWorkflow(ctx, f); err != nil {
			return nil, err
		}
		return w.aboutWorkflow(ctx, f, db.WorkflowUpdated, db.EventData{Changes: changed})
	})
}

func workflowFields(f *db.Workflow) []service.FieldText {
	b, _ := json.Marshal(f.Definition) // names, numbers and ids always can be
	return []service.FieldText{
		{Name: "name", Value: service.Text(f.Name)},
		{Name: "definition", Value: service.Text(string(b))},
	}
}

// EnableWorkflowInput says which workflow is to run.
type EnableWorkflowInput struct {
	WorkflowID     db.WorkflowID
	AlsoForWaiting bool `json:",omitempty"` // for what is open and unassigned now, too
	service.Keyed
}

// EnableWorkflow makes a workflow run for events from now on, and if asked for once for
// each conversation that is open and unassigned now (W4, managers only). Refusals:
// INVALID_WORKFLOW, LIMIT_REACHED.
func (s *Service) EnableWorkflow(ctx context.Context, actor service.Actor, in EnableWorkflowInput) (*service.Outcome, error) {
	if err := service.Permit(actor, "enableWorkflow"); err != nil {
		return nil, err
	}
	return s.write(ctx, actor, "enableWorkflow", &in, func(w *writer) (service.Changes, error) {
		f, err := w.lockWorkflow(ctx, in.WorkflowID)
		if err != nil || f.Enabled && !in.AlsoForWaiting {
			return service.Unchanged, err
		}
		if in.AlsoForWaiting && !definition.Assigns(f.Definition) {
			return nil, service.Refuse(service.InvalidWorkflow, "the workflow assigns nobody, so nothing waits for it; leave alsoForWaiting out", "alsoForWaiting")
		}
		if err := w.checkDefinition(ctx, f.Definition); err != nil {
			return nil, err
		}
		if err := s.checkEnabled(ctx, w, f.ID, f.Definition); err != nil {
			return nil, err
		}
		return w.setEnabled(ctx, f, true, db.EventData{AlsoForWaiting: in.AlsoForWaiting})
	})
}

// DisableWorkflowInput says which workflow is to run no more.
type DisableWorkflowInput struct {
	WorkflowID db.WorkflowID
	CancelRuns bool `json:",omitempty"` // those that have not ended
	service.Keyed
}

// DisableWorkflow stops a workflow for events from now on (managers only). Runs for earlier events
// continue, unless they are to be cancelled.
func (s *Service) DisableWorkflow(ctx context.Context, actor service.Actor, in DisableWorkflowInput) (*service.Outcome, error) {
	if err := service.Permit(actor, "disableWorkflow"); err != nil {
		return nil, err
	}
	return s.write(ctx, actor, "disableWorkflow", &in, func(w *writer) (service.Changes, error) {
		var cancelled service.Changes
		if in.CancelRuns {
			var err error
			if cancelled, err = w.cancelPresent(ctx, in.WorkflowID); err != nil {
				return nil, err
			}
		}
		f, err := w.lockWorkflow(ctx, in.WorkflowID)
		if err != nil {
			return nil, err
		}
		if !f.Enabled {
			return cancelled, nil
		}
		disabled, err := w.setEnabled(ctx, f, false, db.EventData{CancelsRuns: in.CancelRuns})
		return append(disabled, cancelled...), err
	})
}

func (w *writer) setEnabled(ctx context.Context, f *db.Workflow, on bool, data db.EventData) (service.Changes, error) {
	f.Enabled = on
	if err := w.UpdateWorkflow(ctx, f); err != nil {
		return nil, err
	}
	kind := db.WorkflowDisabled
	if on {
		kind = db.WorkflowEnabled
	}
	return w.aboutWorkflow(ctx, f, kind, data)
}

// DeleteWorkflowInput says which workflow to delete.
type DeleteWorkflowInput struct {
	WorkflowID db.WorkflowID
	service.Keyed
}

// DeleteWorkflow disables a workflow for good, cancels its runs that have not ended and
// removes it from the list (managers only). It can still be read as the actor of its events.
func (s *Service) DeleteWorkflow(ctx context.Context, actor service.Actor, in DeleteWorkflowInput) (*service.Outcome, error) {
	if err := service.Permit(actor, "deleteWorkflow"); err != nil {
		return nil, err
	}
	return s.write(ctx, actor, "deleteWorkflow", &in, func(w *writer) (service.Changes, error) {
		cancelled, err := w.cancelPresent(ctx, in.WorkflowID)
		if err != nil {
			return nil, err
		}
		f, err := w.lockWorkflow(ctx, in.WorkflowID)
		if err != nil {
			return nil, err
		}
		f.Enabled, f.DeletedAt = false, &w.At
		if err := w.UpdateWorkflow(ctx, f); err != nil {
			return nil, err
		}
		deleted, err := w.aboutWorkflow(ctx, f, db.WorkflowDeleted, db.EventData{CancelsRuns: true})
		return append(deleted, cancelled...), err
	})
}

// Workflows returns one page of the workflows in the order of their creation.
func (s *Service) Workflows(ctx context.Context, actor service.Actor, in service.PageInput) (*service.List[*db.Workflow], error) {
	if err := service.Permit(actor, "workflows"); err != nil {
		return nil, err
	}
	p, err := service.CheckPage(actor.Workspace, in, db.WorkflowOrder)
	if err != nil {
		return nil, err
	}
	w := s.DB.ForWorkspace(actor.Workspace)
	rows, next, previous, err := w.WorkflowPage(ctx, p)
	if err != nil {
		return nil, service.BadKey(p, err)
	}
	return &service.List[*db.Workflow]{
		Rows: rows, HasNext: next, HasPrevious: previous,
		Cursor: func(f *db.Workflow) string { return db.WorkflowOrder.Cursor(actor.Workspace, f.Key()) },
		Total:  service.TotalOf(w.WorkflowCount),
	}, nil
}

// RunsOf returns the same page of the runs of each workflow.
func (s *Service) RunsOf(ctx context.Context, actor service.Actor, ids []db.WorkflowID, in service.PageInput) ([]*service.List[*db.WorkflowRun], error) {
	return service.Nested(ctx, actor, ids, in, db.RunOrder, (*db.WorkflowRun).Key, s.DB.ForWorkspace(actor.Workspace).RunsOf)
}

// WorkflowsByID reads workflows, deleted ones too.
func (s *Service) WorkflowsByID(ctx context.Context, actor service.Actor, ids []db.WorkflowID) ([]*db.Workflow, error) {
	if err := service.Permit(actor, "workflow"); err != nil {
		return nil, err
	}
	return s.DB.ForWorkspace(actor.Workspace).Workflows(ctx, ids)
}

// mostFromTemplate is the number of workflows that are listed of a template.
const mostFromTemplate = 100

// WorkflowsFrom reads the workflows that were created from each template.
func (s *Service) WorkflowsFrom(ctx context.Context, actor service.Actor, templates []string) ([][]*db.Workflow, error) {
	if err := service.Permit(actor, "workflow"); err != nil {
		return nil, err
	}
	found, err := s.DB.ForWorkspace(actor.Workspace).WorkflowsFrom(ctx, templates, mostFromTemplate)
	rows := make([][]*db.Workflow, len(templates))
	for i, key := range templates {
		rows[i] = found[key]
	}
	return rows, err
}

// RunsByID reads runs of workflows.
func (s *Service) RunsByID(ctx context.Context, actor service.Actor, ids []db.RunID) ([]*db.WorkflowRun, error) {
	if err := service.Permit(actor, "workflow"); err != nil {
		return nil, err
	}
	return s.DB.ForWorkspace(actor.Workspace).Runs(ctx, ids)
}
