package graph

import (
	"context"
	"fmt"
	"slices"

	"switchboard/db"
	"switchboard/service"
)

// WorkflowStep is a step of a definition in the type that the schema has for its kind.
type WorkflowStep interface{ row() *db.WorkflowStep }

type workflowStep struct{ *db.WorkflowStep }

func (s workflowStep) row() *db.WorkflowStep { return s.WorkflowStep }

// choiceStep chooses an agent among several.
type choiceStep struct{ workflowStep }

// choiceStepRelations are the relations of steps that choose an agent among several.
type choiceStepRelations struct{ *reads }

// Agents reads the agents whom the steps may choose; nil if a step may choose any.
func (r choiceStepRelations) Agents(ctx context.Context, rows []choiceStep) ([][]*db.Agent, []error) {
	return namedAgents(ctx, r.reads, rows, func(s choiceStep) []db.AgentID { return s.AgentIDs })
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

// assignStepRelations are the relations of AssignStep.
type assignStepRelations struct{ *reads }

// Agent reads the agents who become responsible.
func (r assignStepRelations) Agent(ctx context.Context, rows []AssignStep) ([]*db.Agent, []error) {
	return refer(ctx, r.agents, rows, func(s AssignStep) *db.AgentID { return s.AgentID })
}

// namedAgents reads the agents that parts of definitions name, in their order; nil for nil.
func namedAgents[R any](ctx context.Context, r *reads, rows []R, ids func(R) []db.AgentID) ([][]*db.Agent, []error) {
	agents, errs := referAll(ctx, r.agents.all, rows, ids)
	return derive(len(rows), errs, func(i int) []*db.Agent {
		return slices.DeleteFunc(agents[i], func(a *db.Agent) bool { return a == nil })
	})
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

// workflowStepInputResolver reads the fields of WorkflowStepInput.
type workflowStepInputResolver struct{ *Resolver }

// WorkflowStepInput reads the fields of WorkflowStepInput.
func (r *Resolver) WorkflowStepInput() WorkflowStepInputResolver { return workflowStepInputResolver{r} }

// workflowDefinitionRelations are the relations of WorkflowDefinition.
type workflowDefinitionRelations struct{ *reads }

func (r workflowDefinitionRelations) Steps(_ context.Context, rows []*db.WorkflowDefinition) ([][]WorkflowStep, []error) {
	return derive(len(rows), nil, func(i int) []WorkflowStep {
		steps := make([]WorkflowStep, len(rows[i].Steps))
		for n, s := range rows[i].Steps {
			steps[n] = toStep(s)
		}
		return steps
	})
}

// assigneeConditionRelations are the relations of AssigneeCondition.
type assigneeConditionRelations struct{ *reads }

func (r assigneeConditionRelations) Agents(ctx context.Context, rows []*db.AssigneeCondition) ([][]*db.Agent, []error) {
	return namedAgents(ctx, r.reads, rows, func(c *db.AssigneeCondition) []db.AgentID { return c.AgentIDs })
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
