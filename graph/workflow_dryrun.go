package graph

import (
	"context"
	"errors"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/workflow"
)

// WorkflowDryRun is the result of trying a workflow.
type WorkflowDryRun struct {
	ConditionsHold *bool
	Steps          []*db.WorkflowRunStep
	UserErrors     []*service.Refusal
}

// WorkflowOrDefinitionInput is a workflow, or a definition that is not stored; exactly one field is
// set.
type WorkflowOrDefinitionInput struct {
	WorkflowID *db.WorkflowID
	Definition *db.WorkflowDefinition
}

type dryRunWorkflowInputResolver struct{ *Resolver }

// DryRunWorkflowInput reads the fields of DryRunWorkflowInput.
func (r *Resolver) DryRunWorkflowInput() DryRunWorkflowInputResolver {
	return dryRunWorkflowInputResolver{r}
}

// Workflow puts the workflow into the input of the service.
func (dryRunWorkflowInputResolver) Workflow(_ context.Context, in *workflow.DryRunWorkflowInput, v *WorkflowOrDefinitionInput) error {
	in.WorkflowID, in.Definition = v.WorkflowID, v.Definition
	return nil
}

// DryRunWorkflow returns nil without an error if an id in the input is unknown, as all queries do.
func (r queryResolver) DryRunWorkflow(ctx context.Context, input workflow.DryRunWorkflowInput) (*WorkflowDryRun, error) {
	dry, err := r.service.DryRunWorkflow(ctx, actorOf(ctx), input)
	var refusal *service.Refusal
	var failed *service.Error
	switch {
	case errors.As(err, &refusal):
		return &WorkflowDryRun{UserErrors: []*service.Refusal{refusal}}, nil
	case errors.As(err, &failed) && failed.Code == service.NotFound:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &WorkflowDryRun{ConditionsHold: &dry.ConditionsHold, Steps: dry.Steps}, nil
}
