package graph

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

func (r queryResolver) Viewer(ctx context.Context) (*db.Agent, error) {
	if id := actorOf(ctx).Agent; id != nil {
		return readsOf(ctx).agents.one(ctx, *id)
	}
	return nil, nil
}

func (r queryResolver) Agent(ctx context.Context, id string) (*db.Agent, error) {
	agent, err := decode[db.AgentID](id)
	if err != nil {
		return nil, err
	}
	return readsOf(ctx).agents.one(ctx, agent)
}

// AgentFilter narrows a list of agents.
type AgentFilter struct {
	Availability []db.Availability
	Skill        *string
	Active       *bool // nil: active and deactivated ones
}

func (r queryResolver) Agents(ctx context.Context, search *string, filter *AgentFilter, orderBy *service.AgentOrder,
	first *int, after *string, last *int, before *string) (*AgentConnection, error) {
	if filter == nil {
		active := true // the default of the filter's field
		filter = &AgentFilter{Active: &active}
	}
	l, err := r.service.Agents(ctx, actorOf(ctx), service.AgentsInput{
		Search: search, Availability: filter.Availability, Skill: filter.Skill, Active: filter.Active, OrderBy: orderBy,
		PageInput: service.PageInput{First: first, After: after, Last: last, Before: before},
	})
	if err != nil {
		return nil, err
	}
	return rootConnection(l, l.Total), nil
}

func (r mutationResolver) SetAvailability(ctx context.Context, input service.SetAvailabilityInput) (*AgentPayload, error) {
	return agentPayload(r.service.SetAvailability(ctx, actorOf(ctx), input))
}

func (r mutationResolver) CreateAgent(ctx context.Context, input service.CreateAgentInput) (*AgentPayload, error) {
	return agentPayload(r.service.CreateAgent(ctx, actorOf(ctx), input))
}

func (r mutationResolver) UpdateAgent(ctx context.Context, input service.UpdateAgentInput) (*AgentPayload, error) {
	return agentPayload(r.service.UpdateAgent(ctx, actorOf(ctx), input))
}

func (r mutationResolver) DeactivateAgent(ctx context.Context, input service.DeactivateAgentInput) (*DeactivateAgentPayload, error) {
	return deactivateAgentPayload(r.service.DeactivateAgent(ctx, actorOf(ctx), input))
}

func (r mutationResolver) ReactivateAgent(ctx context.Context, input service.ReactivateAgentInput) (*AgentPayload, error) {
	return agentPayload(r.service.ReactivateAgent(ctx, actorOf(ctx), input))
}

// agentRelations are the relations of Agent.
type agentRelations struct{ *reads }

func (r agentRelations) OpenConversations(ctx context.Context, rows []*db.Agent) ([]int, []error) {
	return refer(ctx, r.loads, rows, func(a *db.Agent) *db.AgentID { return &a.ID })
}
