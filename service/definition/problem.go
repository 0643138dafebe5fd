package definition

import (
	"context"
	"slices"
	"strings"

	"switchboard/db"
)

// Code is why a definition cannot be used; it is also the code of the refusal.
type Code string

// The codes of problems.
const (
	Invalid         Code = "INVALID_WORKFLOW"
	AgentInactive   Code = "AGENT_INACTIVE"
	UnknownCategory Code = "UNKNOWN_CATEGORY"
)

// Problem is why a definition cannot be used.
type Problem struct {
	Code    Code
	Message string   // what is wrong and what to do, for people
	Field   []string // path in the input
}

// Known is the present state of what definitions name.
type Known struct {
	agents    map[db.AgentID]*db.Agent
	workspace *db.Workspace
}

// ReadKnown reads what these definitions name.
func ReadKnown(ctx context.Context, w db.ForWorkspace, definitions ...*db.WorkflowDefinition) (k Known, err error) {
	var ids []db.AgentID
	for _, d := range definitions {
		ids = append(ids, AgentsOf(d)...)
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

// AgentsOf returns the agents that a definition names.
func AgentsOf(d *db.WorkflowDefinition) (ids []db.AgentID) {
	if d.Conditions != nil && d.Conditions.Assignee != nil {
		ids = append(ids, d.Conditions.Assignee.AgentIDs...)
	}
	for _, step := range d.Steps {
		ids = append(ids, Named(step)...)
	}
	return ids
}

// Named returns the agents that a step names.
func Named(s *db.WorkflowStep) []db.AgentID {
	if s.AgentID != nil {
		return []db.AgentID{*s.AgentID}
	}
	return s.AgentIDs
}

// HasAgents reports whether all agents that a definition names exist.
func (k Known) HasAgents(d *db.WorkflowDefinition) bool {
	return !slices.ContainsFunc(AgentsOf(d), func(id db.AgentID) bool { return k.agents[id] == nil })
}

// StepsName reports whether a step of the definition names the agent.
func StepsName(d *db.WorkflowDefinition, agent db.AgentID) bool {
	return slices.ContainsFunc(d.Steps, func(s *db.WorkflowStep) bool { return slices.Contains(Named(s), agent) })
}

// NamesCategory reports whether a condition or a step of the definition names one of the
// categories.
func NamesCategory(d *db.WorkflowDefinition, categories []string) bool {
	named := func(c string) bool { return slices.Contains(categories, c) }
	return d.Conditions != nil && slices.ContainsFunc(d.Conditions.Categories, named) ||
		slices.ContainsFunc(d.Steps, func(s *db.WorkflowStep) bool { return s.Category != nil && named(*s.Category) })
}

// Problems returns why a definition cannot be used now: agents of steps who are deactivated, and
// categories that are gone. A condition that names such a category can never hold.
func (k Known) Problems(d *db.WorkflowDefinition) (found []*Problem) {
	if d.Conditions != nil {
		for i := range d.Conditions.Categories {
			if fault := CategoryFault(&d.Conditions.Categories[i], k.workspace); fault != "" {
				found = append(found, &Problem{UnknownCategory, fault, root.field("conditions").field("categories").item(i)})
			}
		}
	}
	for i, step := range d.Steps {
		of := root.step(i, step)
		for j, id := range Named(step) {
			field := of.field("agentId")
			if step.AgentID == nil {
				field = of.field("agentIds").item(j)
			}
			if a := k.agents[id]; a != nil && !a.Active {
				found = append(found, &Problem{AgentInactive, a.Name + " is deactivated; name somebody else, or reactivate them", field})
			}
		}
		if fault := CategoryFault(step.Category, k.workspace); fault != "" {
			found = append(found, &Problem{UnknownCategory, fault, of.field("category")})
		}
	}
	return found
}

// CategoryFault returns why a conversation cannot be closed with a category, which is that the
// workspace does not have it (S1); empty if it can.
func CategoryFault(category *string, w *db.Workspace) string {
	if category == nil || slices.Contains(w.ClosingCategories, *category) {
		return ""
	}
	return "the workspace has no such closing category; it has: " + strings.Join(w.ClosingCategories, ", ")
}
