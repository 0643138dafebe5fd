package service

import (
	"context"
	"encoding/json"

	"switchboard/db"
	"switchboard/service/definition"
)

// Workflows: what a workspace wants to happen by itself (W1). What a definition must be
// is in workflow_definition.go, what runs do in workflow_run.go.

// lockWorkflow locks a workflow that is not deleted; NOT_FOUND without one.
func (w *Writer) lockWorkflow(ctx context.Context, id db.WorkflowID) (*db.Workflow, error) {
	rows, err := w.LockWorkflow(ctx, id)
	if err == nil && len(rows) == 0 {
		err = NewNotFound("workflow")
	}
	w.Outcome.Workflow = First(rows)
	return First(rows), err
}

// aboutWorkflow makes an event about a workflow and keeps the workflow as it is from
// there on: the event's place in the log decides which events it is for (W2).
func (w *Writer) aboutWorkflow(ctx context.Context, f *db.Workflow, kind db.EventType, data db.EventData) (Changes, error) {
	data.WorkflowID = &f.ID
	e := w.Event(kind, data)
	return Changes{e}, w.InsertWorkflowVersion(ctx, &db.WorkflowVersion{ID: e.ID, WorkflowID: f.ID, Definition: f.Definition, Enabled: f.Enabled})
}

// CreateWorkflowInput is the data of a new workflow.
type CreateWorkflowInput struct {
	Name       string
	Definition *db.WorkflowDefinition
	Keyed
}

// CreateWorkflow adds a workflow, disabled at first (managers only). Refusals: INVALID_WORKFLOW.
func (s *Service) CreateWorkflow(ctx context.Context, actor Actor, in CreateWorkflowInput) (*Outcome, error) {
	called, err := managedName(actor, in.Name)
	if err != nil {
		return nil, err
	}
	defer s.lookForWorkflows()
	return s.Write(ctx, actor, "createWorkflow", &in, func(w *Writer) (Changes, error) {
		f := &db.Workflow{ID: db.WorkflowID{UUID: db.NewUUID()}, Name: called, Definition: in.Definition, CreatedAt: w.At}
		return w.createWorkflow(ctx, f)
	})
}

func managedName(actor Actor, text string) (string, error) {
	if err := MayManage(actor); err != nil {
		return "", err
	}
	return CheckName("name", text)
}

// createWorkflow is the common part of creating one with and without a template.
func (w *Writer) createWorkflow(ctx context.Context, f *db.Workflow) (Changes, error) {
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
	Keyed
}

// CreateWorkflowFromTemplate adds a workflow as a template describes it, enabled at once
// (W3, managers only). Refusals: INVALID_WORKFLOW.
func (s *Service) CreateWorkflowFromTemplate(ctx context.Context, actor Actor, in CreateWorkflowFromTemplateInput) (*Outcome, error) {
	if err := MayManage(actor); err != nil {
		return nil, err
	}
	defer s.lookForWorkflows()
	return s.Write(ctx, actor, "createWorkflowFromTemplate", &in, func(w *Writer) (Changes, error) {
		f, err := fromTemplate(in)
		if err != nil {
			return nil, err
		}
		f.ID, f.CreatedAt = db.WorkflowID{UUID: db.NewUUID()}, w.At
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
	Keyed
}

// UpdateWorkflow changes a workflow for events from now on (managers only). Refusals: INVALID_WORKFLOW.
func (s *Service) UpdateWorkflow(ctx context.Context, actor Actor, in UpdateWorkflowInput) (*Outcome, error) {
	if err := MayManage(actor); err != nil {
		return nil, err
	}
	return s.Write(ctx, actor, "updateWorkflow", &in, func(w *Writer) (Changes, error) {
		f, err := w.lockWorkflow(ctx, in.WorkflowID)
		if err != nil {
			return nil, err
		}
		before := workflowFields(f)
		if in.Name != nil {
			if f.Name, err = CheckName("name", *in.Name); err != nil {
				return nil, err
			}
		}
		if in.Definition != nil {
			if err := w.checkDefinition(ctx, in.Definition); err != nil {
				return nil, err
			}
			f.Definition = in.Definition
		}
		changed := Difference(before, workflowFields(f))
		if len(changed) == 0 {
			return Unchanged, nil
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

func workflowFields(f *db.Workflow) []FieldText {
	b, _ := json.Marshal(f.Definition) // names, numbers and ids always can be
	return []FieldText{{"name", Text(f.Name)}, {"definition", Text(string(b))}}
}

// EnableWorkflowInput says which workflow is to run.
type EnableWorkflowInput struct {
	WorkflowID     db.WorkflowID
	AlsoForWaiting bool `json:",omitempty"` // for what is open and unassigned now, too
	Keyed
}

// EnableWorkflow makes a workflow run for events from now on, and if asked for once for
// each conversation that is open and unassigned now (W4, managers only). Refusals:
// INVALID_WORKFLOW.
func (s *Service) EnableWorkflow(ctx context.Context, actor Actor, in EnableWorkflowInput) (*Outcome, error) {
	if err := MayManage(actor); err != nil {
		return nil, err
	}
	return s.Write(ctx, actor, "enableWorkflow", &in, func(w *Writer) (Changes, error) {
		f, err := w.lockWorkflow(ctx, in.WorkflowID)
		if err != nil || f.Enabled && !in.AlsoForWaiting {
			return Unchanged, err
		}
		if in.AlsoForWaiting && !definition.Assigns(f.Definition) {
			return nil, Refuse(InvalidWorkflow, "the workflow assigns nobody, so nothing waits for it; leave alsoForWaiting out", "alsoForWaiting")
		}
		if err := w.checkDefinition(ctx, f.Definition); err != nil {
			return nil, err
		}
		return w.setEnabled(ctx, f, true, db.EventData{AlsoForWaiting: in.AlsoForWaiting})
	})
}

// DisableWorkflowInput says which workflow is to run no more.
type DisableWorkflowInput struct {
	WorkflowID db.WorkflowID
	CancelRuns bool `json:",omitempty"` // those that have not ended
	Keyed
}

// DisableWorkflow lets a workflow run no more for events from now on (managers only). Runs
// about earlier events go on, unless they are to be cancelled.
func (s *Service) DisableWorkflow(ctx context.Context, actor Actor, in DisableWorkflowInput) (*Outcome, error) {
	if err := MayManage(actor); err != nil {
		return nil, err
	}
	return s.Write(ctx, actor, "disableWorkflow", &in, func(w *Writer) (Changes, error) {
		var cancelled Changes
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

func (w *Writer) setEnabled(ctx context.Context, f *db.Workflow, on bool, data db.EventData) (Changes, error) {
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
	Keyed
}

// DeleteWorkflow disables a workflow for good, cancels its runs that have not ended and
// takes it off the list (managers only). It can still be read, as the one who did what it did.
func (s *Service) DeleteWorkflow(ctx context.Context, actor Actor, in DeleteWorkflowInput) (*Outcome, error) {
	if err := MayManage(actor); err != nil {
		return nil, err
	}
	return s.Write(ctx, actor, "deleteWorkflow", &in, func(w *Writer) (Changes, error) {
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

// Workflows gives one page of the workflows in the order of their creation.
func (s *Service) Workflows(ctx context.Context, actor Actor, in PageInput) (*List[*db.Workflow], error) {
	p, err := CheckPage(actor.Workspace, in, db.WorkflowOrder)
	if err != nil {
		return nil, err
	}
	w := s.DB.ForWorkspace(actor.Workspace)
	rows, next, previous, err := w.WorkflowPage(ctx, p)
	if err != nil {
		return nil, BadKey(p, err)
	}
	return &List[*db.Workflow]{
		Rows: rows, HasNext: next, HasPrevious: previous,
		Cursor: func(f *db.Workflow) string { return db.WorkflowOrder.Cursor(actor.Workspace, f.Key()) },
		Total:  TotalOf(w.WorkflowCount),
	}, nil
}

// RunsOf gives the same page of the runs of each workflow.
func (s *Service) RunsOf(ctx context.Context, actor Actor, ids []db.WorkflowID, in PageInput) ([]*List[*db.WorkflowRun], error) {
	return Nested(ctx, actor, ids, in, db.RunOrder, (*db.WorkflowRun).Key, s.DB.ForWorkspace(actor.Workspace).RunsOf)
}

// WorkflowsByID reads workflows, deleted ones too.
func (s *Service) WorkflowsByID(ctx context.Context, actor Actor, ids []db.WorkflowID) ([]*db.Workflow, error) {
	return s.DB.ForWorkspace(actor.Workspace).Workflows(ctx, ids)
}

// RunsByID reads runs of workflows.
func (s *Service) RunsByID(ctx context.Context, actor Actor, ids []db.RunID) ([]*db.WorkflowRun, error) {
	return s.DB.ForWorkspace(actor.Workspace).Runs(ctx, ids)
}
