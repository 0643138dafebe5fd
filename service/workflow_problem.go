package service

import (
	"context"
	"slices"

	"switchboard/db"
)

// known is what definitions name, as it now is.
type known struct {
	agents    map[db.AgentID]*db.Agent
	workspace *db.Workspace
}

func readKnown(ctx context.Context, w db.ForWorkspace, definitions ...*db.WorkflowDefinition) (k known, err error) {
	var ids []db.AgentID
	for _, d := range definitions {
		ids = append(ids, agentsOf(d)...)
	}
	rows, err := w.Agents(ctx, ids)
	if err != nil {
		return k, err
	}
	k.agents = map[db.AgentID]*db.Agent{}
	for _, a := range rows {
		k.agents[a.ID] = a
	}
	k.workspace, err = w.Workspace(ctx)
	return k, err
}

// agentsOf returns the agents that a definition names.
func agentsOf(d *db.WorkflowDefinition) (ids []db.AgentID) {
	if d.Conditions != nil && d.Conditions.Assignee != nil {
		ids = append(ids, d.Conditions.Assignee.AgentIDs...)
	}
	for _, step := range d.Steps {
		ids = append(ids, named(step)...)
	}
	return ids
}

// named returns the agents that a step names.
func named(s *db.WorkflowStep) []db.AgentID {
	if s.AgentID != nil {
		return []db.AgentID{*s.AgentID}
	}
	return s.AgentIDs
}

// problems returns what would refuse a definition now, each with its place below the path:
// agents of steps who are deactivated, and categories that are gone.
func (k known) problems(path at, d *db.WorkflowDefinition) (found []*Refusal) {
	for i, step := range d.Steps {
		of := path.field("steps").item(i)
		for j, id := range named(step) {
			field := of.field("agentId")
			if step.AgentID == nil {
				field = of.field("agentIds").item(j)
			}
			if a := k.agents[id]; a != nil && !a.Active {
				found = append(found, refuse(AgentInactive, a.Name+" is deactivated; name somebody else, or reactivate them", field...))
			}
		}
		if r := checkCategory(closingNote(step), k.workspace); r != nil {
			found = append(found, refuse(r.Code, r.Message, of.field("category")...))
		}
	}
	return found
}

// WorkflowProblems returns what would refuse each of these workflows now, as the code and
// message of the rule with the field of the workflow; nothing for deleted ones.
func (s *Service) WorkflowProblems(ctx context.Context, actor Actor, workflows []*db.Workflow) ([][]*Refusal, error) {
	definitions := make([]*db.WorkflowDefinition, len(workflows))
	for i, f := range workflows {
		definitions[i] = f.Definition
	}
	k, err := readKnown(ctx, s.db.ForWorkspace(actor.Workspace), definitions...)
	if err != nil {
		return nil, err
	}
	problems := make([][]*Refusal, len(workflows))
	for i, f := range workflows {
		if problems[i] = []*Refusal{}; f.DeletedAt == nil {
			problems[i] = append(problems[i], k.problems(at{"definition"}, f.Definition)...)
		}
	}
	return problems, nil
}

// showProblems adds to the outcome the workflows with a step that a mutation makes impossible.
func (w *writer) showProblems(ctx context.Context, impossible func(*db.WorkflowStep) bool) error {
	all, err := w.ActiveWorkflows(ctx)
	w.outcome.Workflows = slices.DeleteFunc(all, func(f *db.Workflow) bool {
		return !slices.ContainsFunc(f.Definition.Steps, impossible)
	})
	return err
}

// recallWorkflows reads workflows as they now are, in the order of their creation.
func recallWorkflows(ctx context.Context, tx db.Tx, ids []db.WorkflowID) ([]*db.Workflow, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := tx.Workflows(ctx, ids)
	slices.SortFunc(rows, func(a, b *db.Workflow) int { return slices.Compare(a.ID.UUID[:], b.ID.UUID[:]) })
	return rows, err
}
