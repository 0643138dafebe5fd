package workflow

import (
	"context"
	"errors"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/definition"
)

// checkDefinition refuses a definition that cannot be carried out, INVALID_WORKFLOW with the field
// at fault, and one with agents who do not exist, NOT_FOUND.
func (w *writer) checkDefinition(ctx context.Context, d *db.WorkflowDefinition) error {
	if p := definition.Check(d); p != nil {
		return refusalOf(p)
	}
	known, err := definition.ReadKnown(ctx, w.ForWorkspace, d)
	if err != nil {
		return err
	}
	if !known.HasAgents(d) {
		return service.NewNotFound("agent")
	}
	if p := service.First(known.Problems(d)); p != nil {
		return service.Refuse(service.InvalidWorkflow, p.Message, p.Field...)
	}
	return nil
}

// refusalOf returns a problem of a definition as a refusal.
func refusalOf(p *definition.Problem) *service.Refusal {
	return service.Refuse(service.RefusalCode(p.Code), p.Message, p.Field...)
}

// isRefusal returns an error as the refusal that it is; nil for other errors.
func isRefusal(err error) *service.Refusal {
	var r *service.Refusal
	if errors.As(err, &r) {
		return r
	}
	return nil
}

// WorkflowProblems returns why each of these workflows cannot run now, as the code and message of
// the rule with the field of the workflow. Deleted workflows have no problems.
func (s *Service) WorkflowProblems(ctx context.Context, actor service.Actor, workflows []*db.Workflow) ([][]*service.Refusal, error) {
	definitions := make([]*db.WorkflowDefinition, len(workflows))
	for i, f := range workflows {
		definitions[i] = f.Definition
	}
	k, err := definition.ReadKnown(ctx, s.DB.ForWorkspace(actor.Workspace), definitions...)
	if err != nil {
		return nil, err
	}
	problems := make([][]*service.Refusal, len(workflows))
	for i, f := range workflows {
		if problems[i] = []*service.Refusal{}; f.DeletedAt == nil {
			for _, p := range k.Problems(f.Definition) {
				problems[i] = append(problems[i], refusalOf(p))
			}
		}
	}
	return problems, nil
}
