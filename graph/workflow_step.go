package graph

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"

	"switchboard/db"
	"switchboard/service"
)

// WorkflowStep is a step of a definition in the type that the schema has for its kind.
type WorkflowStep interface{ row() *db.WorkflowStep }

type workflowStep struct{ *db.WorkflowStep }

func (s workflowStep) row() *db.WorkflowStep { return s.WorkflowStep }

// choiceStep chooses an agent among several.
type choiceStep struct{ workflowStep }

// Agents loads the agents whom the step may choose; nil if it may choose any.
func (s choiceStep) Agents(ctx context.Context) ([]*db.Agent, error) {
	return loadAgents(ctx, s.AgentIDs)
}

// The kinds of steps.
type (
	AssignStep            struct{ workflowStep }
	UnassignStep          struct{ workflowStep }
	AssignRoundRobinStep  struct{ choiceStep }
	AssignLeastLoadedStep struct{ choiceStep }
	CloseStep             struct{ workflowStep }
	AddNoteStep           struct{ workflowStep }
	WaitStep              struct{ workflowStep }
)

// Agent loads the agent who becomes responsible.
func (s AssignStep) Agent(ctx context.Context) (*db.Agent, error) {
	return loadOptional(ctx, loadersOf(ctx).agents, s.AgentID)
}

// loadAgents loads agents in the order of their ids. It returns nil if ids is nil.
func loadAgents(ctx context.Context, ids []db.AgentID) ([]*db.Agent, error) {
	if ids == nil {
		return nil, nil
	}
	agents, err := loadersOf(ctx).agents.LoadAll(ctx, ids)
	return existing(agents), err
}

func toStep(s *db.WorkflowStep) WorkflowStep {
	step := workflowStep{s}
	switch s.Kind {
	case db.StepAssign:
		return AssignStep{step}
	case db.StepUnassign:
		return UnassignStep{step}
	case db.StepRoundRobin:
		return AssignRoundRobinStep{choiceStep{step}}
	case db.StepLeastLoaded:
		return AssignLeastLoadedStep{choiceStep{step}}
	case db.StepClose:
		return CloseStep{step}
	case db.StepAddNote:
		return AddNoteStep{step}
	case db.StepWait:
		return WaitStep{step}
	}
	panic(fmt.Sprintf("the schema has no type for the step %s", s.Kind))
}

// The resolvers of definitions.
type (
	workflowDefinitionResolver struct{ *Resolver }
	assigneeConditionResolver  struct{ *Resolver }
	workflowStepInputResolver  struct{ *Resolver }
)

// WorkflowDefinition answers the fields of WorkflowDefinition.
func (r *Resolver) WorkflowDefinition() WorkflowDefinitionResolver {
	return workflowDefinitionResolver{r}
}

// AssigneeCondition answers the fields of AssigneeCondition.
func (r *Resolver) AssigneeCondition() AssigneeConditionResolver { return assigneeConditionResolver{r} }

// WorkflowStepInput reads the fields of WorkflowStepInput.
func (r *Resolver) WorkflowStepInput() WorkflowStepInputResolver { return workflowStepInputResolver{r} }

func (workflowDefinitionResolver) Steps(_ context.Context, d *db.WorkflowDefinition) ([]WorkflowStep, error) {
	steps := make([]WorkflowStep, len(d.Steps))
	for i, s := range d.Steps {
		steps[i] = toStep(s)
	}
	return steps, nil
}

func (assigneeConditionResolver) Agents(ctx context.Context, c *db.AssigneeCondition) ([]*db.Agent, error) {
	agents, err := loadAgents(ctx, c.AgentIDs)
	return append([]*db.Agent{}, agents...), err // never null
}

// become sets the input of a step to v, which is the value of the one field that was given, and
// sets its kind.
func become(in, v *db.WorkflowStep, kind db.WorkflowStepKind) error {
	if v == nil {
		return &service.Error{Code: service.BadInput, Message: "the field that is given in a step must have a value"}
	}
	*in = *v
	in.Kind = kind
	return nil
}

func (workflowStepInputResolver) Assign(_ context.Context, in, v *db.WorkflowStep) error {
	return become(in, v, db.StepAssign)
}

func (workflowStepInputResolver) Unassign(_ context.Context, in, v *db.WorkflowStep) error {
	return become(in, v, db.StepUnassign)
}

func (workflowStepInputResolver) AssignRoundRobin(_ context.Context, in, v *db.WorkflowStep) error {
	return become(in, v, db.StepRoundRobin)
}

func (workflowStepInputResolver) AssignLeastLoaded(_ context.Context, in, v *db.WorkflowStep) error {
	return become(in, v, db.StepLeastLoaded)
}

func (workflowStepInputResolver) Close(_ context.Context, in, v *db.WorkflowStep) error {
	return become(in, v, db.StepClose)
}

func (workflowStepInputResolver) AddNote(_ context.Context, in, v *db.WorkflowStep) error {
	return become(in, v, db.StepAddNote)
}

func (workflowStepInputResolver) Wait(_ context.Context, in, v *db.WorkflowStep) error {
	return become(in, v, db.StepWait)
}

// ofDefinitions reads ahead for the agents in definitions of workflows; f is the field that returns
// a definition.
func (a ahead) ofDefinitions(f graphql.CollectedField, workflows []*db.Workflow) {
	var steps []*db.WorkflowStep
	var conditions []*db.AssigneeCondition
	for _, w := range workflows {
		steps = append(steps, w.Definition.Steps...)
		if c := w.Definition.Conditions; c != nil && c.Assignee != nil {
			conditions = append(conditions, c.Assignee)
		}
	}
	var ids []db.AgentID
	var selected []graphql.CollectedField
	for _, part := range a.fieldsOf(f) {
		switch part.Name {
		case "steps":
			for _, s := range steps {
				ids = append(ids, s.AgentIDs...)
				if s.AgentID != nil {
					ids = append(ids, *s.AgentID)
				}
			}
			selected = append(selected, graphql.CollectFields(a.op, part.Selections, schema.Types["WorkflowStep"].Types)...)
		case "conditions":
			for _, c := range conditions {
				ids = append(ids, c.AgentIDs...)
			}
			selected = append(selected, graphql.CollectFields(a.op, a.below(part, "assignee"), []string{"AssigneeCondition"})...)
		}
	}
	for _, field := range selected {
		if field.Name == "agent" || field.Name == "agents" {
			a.ofAgents(field.Selections, read(a, a.agents, ids, func(id db.AgentID) *db.AgentID { return &id }))
		}
	}
}
