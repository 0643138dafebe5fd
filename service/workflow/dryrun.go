package workflow

import (
	"context"
	"errors"

	"switchboard/db"
	"switchboard/service"
)

// DryRunWorkflowInput says which workflow, or which definition that there is not yet, to
// try on which conversation, and what happens first.
type DryRunWorkflowInput struct {
	WorkflowID     *db.WorkflowID
	Definition     *db.WorkflowDefinition
	ConversationID db.ConversationID
	Trigger        *DryRunTrigger // nil: what the definition's first trigger stands for
}

// DryRun is what a workflow would do.
type DryRun struct {
	ConditionsHold bool
	Steps          []*db.WorkflowRunStep // none if the conditions do not hold
}

// errDryRun rolls the transaction of a dry run back.
var errDryRun = errors.New("this was a dry run")

// DryRunWorkflow returns what a workflow would do after a trigger on a conversation, and writes
// nothing: it carries out the trigger, then the steps without waiting, and rolls everything back
// (managers only). Refusals: INVALID_WORKFLOW and those of the trigger.
func (s *Service) DryRunWorkflow(ctx context.Context, actor service.Actor, in DryRunWorkflowInput) (*DryRun, error) {
	if err := service.Permit(actor, "dryRunWorkflow"); err != nil {
		return nil, err
	}
	if (in.WorkflowID == nil) == (in.Definition == nil) {
		return nil, service.NewBadInput("give either a workflowId or a definition")
	}
	if err := in.Trigger.check(); err != nil {
		return nil, err
	}
	dry := &DryRun{Steps: []*db.WorkflowRunStep{}}
	err := s.DB.Transact(ctx, actor.Workspace, func(tx db.Tx) error {
		w := &writer{&service.Writer{
			Tx: tx, Actor: actor, Outcome: &service.Outcome{}, Recorder: service.Recorder{By: actor.Ref(), At: s.Now()},
		}}
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
	run := &db.WorkflowRun{Depth: 1}
	definition, err := w.toTry(ctx, in, run)
	if err != nil {
		return err
	}
	head, err := w.Head(ctx)
	if err != nil {
		return err
	}
	t, err := w.LockThreadOf(ctx, in.ConversationID)
	if err != nil {
		return err
	}
	event, holds, err := w.tryTrigger(ctx, t, definition, in.Trigger)
	if dry.ConditionsHold = holds; err != nil || !holds {
		return err
	}
	if t, err = w.LockThread(ctx, t.Contact.ID); err != nil {
		return err
	}
	t.Asked = t.Latest
	run.ContactID, run.ConversationID = t.Contact.ID, &t.Latest.ID
	w.Actor = engine(w.Actor.Workspace)
	w.doing(run)
	x := &execution{run: run, event: event, since: head.Seq, thread: t}
	if err := w.trySteps(ctx, x, definition); err != nil {
		return err
	}
	dry.Steps = run.Steps
	return nil
}

// toTry returns the definition to try, and sets the workflow of the run.
func (w *writer) toTry(ctx context.Context, in DryRunWorkflowInput, run *db.WorkflowRun) (*db.WorkflowDefinition, error) {
	if in.WorkflowID == nil {
		err := w.checkDefinition(ctx, in.Definition)
		if r := isRefusal(err); r != nil {
			err = service.Refuse(r.Code, r.Message, append([]string{"workflow"}, r.Field...)...)
		}
		return in.Definition, err
	}
	f, err := w.lockWorkflow(ctx, *in.WorkflowID)
	if err != nil {
		return nil, err
	}
	run.WorkflowID = f.ID
	return f.Definition, nil
}

// trySteps takes the steps one after the other, as a run does.
func (w *writer) trySteps(ctx context.Context, x *execution, d *db.WorkflowDefinition) error {
	for x.run.Next < len(d.Steps) {
		took, _, err := w.take(ctx, x, d.Steps[x.run.Next])
		if err != nil {
			return err
		}
		x.run.RecordStep(took)
		skip(x.run, d, w.At)
	}
	return nil
}

// tryTrigger carries out the trigger. It returns the event for which the workflow runs, nil if
// there was nothing to carry out, and whether the workflow runs.
func (w *writer) tryTrigger(ctx context.Context, t *service.Thread, d *db.WorkflowDefinition, named *DryRunTrigger) (*db.Event, bool, error) {
	trigger := named
	if named == nil {
		trigger = usualTrigger(d, t)
	}
	events, err := w.happen(ctx, t, trigger)
	if err != nil {
		return nil, false, err
	}
	now, err := w.situationNow(ctx, t)
	if err != nil {
		return nil, false, err
	}
	now.released = endsOf(events)[contactChange{contact: t.Contact.ID}].released
	for _, e := range events {
		o := occurrence{situation: now, event: e, automated: trigger.isAutomated()}
		if named != nil && o.triggers(d) || named == nil && o.pulls(d) && now.meets(d.Conditions) {
			return e, true, nil
		}
	}
	return nil, trigger == nil && now.meets(d.Conditions), nil
}

// situationNow returns the present state of a thread.
func (w *writer) situationNow(ctx context.Context, t *service.Thread) (situation, error) {
	zone, err := w.timeZone(ctx)
	if err != nil {
		return situation{}, err
	}
	now := situation{facets: t.Facets(), at: w.At.In(zone)}
	if now.facets.Assignee != nil {
		now.assignee, err = service.One(w.Agents(ctx, []db.AgentID{*now.facets.Assignee}))
	}
	return now, err
}
