package service

import (
	"context"
	"errors"
	"time"

	"switchboard/db"
)

// DryRunWorkflowInput says which workflow, or which definition that there is not yet, to
// try on which conversation.
type DryRunWorkflowInput struct {
	WorkflowID     *db.WorkflowID
	Definition     *db.WorkflowDefinition
	ConversationID db.ConversationID
	Keyed
}

// DryRun is what a workflow would do.
type DryRun struct {
	ConditionsHold bool
	Steps          []*db.WorkflowRunStep // none if the conditions do not hold
}

// errDryRun rolls back what was tried.
var errDryRun = errors.New("this was a dry run")

// DryRunWorkflow tells what would happen if a workflow was triggered now for a
// conversation, and writes nothing: the steps are taken, without waiting, and rolled
// back. What only an event can say, reason, source and type, counts as fulfilled
// (managers only). Refusals: INVALID_WORKFLOW.
func (s *Service) DryRunWorkflow(ctx context.Context, actor Actor, in DryRunWorkflowInput) (*DryRun, error) {
	if err := mayManage(actor); err != nil {
		return nil, err
	}
	if (in.WorkflowID == nil) == (in.Definition == nil) {
		return nil, badInput("give either a workflowId or a definition")
	}
	if in.IdempotencyKey != nil { // a repetition does nothing either
		if err := checkText("idempotencyKey", *in.IdempotencyKey, 1, 100); err != nil {
			return nil, err
		}
	}
	dry := &DryRun{Steps: []*db.WorkflowRunStep{}}
	err := s.db.Transact(ctx, actor.Workspace, func(tx db.Tx) error {
		w := &writer{Tx: tx, actor: engine(actor.Workspace), outcome: &Outcome{}, recorder: recorder{at: s.now()}}
		if err := w.dryRun(ctx, in, dry); err != nil {
			return err
		}
		return errDryRun
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return nil, err
	}
	return dry, nil
}

func (w *writer) dryRun(ctx context.Context, in DryRunWorkflowInput, dry *DryRun) error {
	run := &db.WorkflowRun{ConversationID: &in.ConversationID, Depth: 1}
	definition := in.Definition
	if in.WorkflowID != nil {
		f, err := w.lockWorkflow(ctx, *in.WorkflowID)
		if err != nil {
			return err
		}
		run.WorkflowID, definition = f.ID, f.Definition
	} else if err := w.checkDefinition(ctx, definition); err != nil {
		return err
	}
	head, err := w.Head(ctx)
	if err != nil {
		return err
	}
	run.EventSeq = head.Seq
	w.doing(run)
	t, err := w.lockThreadOfRun(ctx, run)
	if err != nil {
		return err
	}
	if dry.ConditionsHold, err = w.holdNow(ctx, t, definition.Conditions); err != nil || !dry.ConditionsHold {
		return err
	}
	for _, step := range definition.Steps {
		took, _, err := w.take(ctx, run, t, step)
		if err != nil {
			return err
		}
		if dry.Steps = append(dry.Steps, took); took.Outcome == db.StepRefused {
			return nil
		}
	}
	return nil
}

// holdNow says whether conditions hold for a conversation as it is.
func (w *writer) holdNow(ctx context.Context, t *thread, c *db.WorkflowConditions) (bool, error) {
	if c == nil {
		return true, nil
	}
	workspace, err := w.Workspace(ctx)
	if err != nil {
		return false, err
	}
	zone, err := time.LoadLocation(workspace.TimeZone)
	if err != nil {
		return false, err
	}
	now := situation{facets: t.asked.Facets(), at: w.at.In(zone)}
	if owner := t.asked.AssigneeID; owner != nil {
		if now.assignee, err = one(w.Agents(ctx, []db.AgentID{*owner})); err != nil {
			return false, err
		}
	}
	return now.holds(c), nil
}
