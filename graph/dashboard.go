package graph

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

func (r queryResolver) Dashboard(ctx context.Context) (*Dashboard, error) {
	d, err := r.service.Dashboard(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return &Dashboard{d}, nil
}

func (r subscriptionResolver) DashboardChanged(ctx context.Context) (<-chan *Dashboard, error) {
	s, err := r.service.WatchDashboard(ctx, audienceOf(ctx))
	return push(ctx, s, err, func(d *service.Dashboard) *Dashboard { return &Dashboard{d} })
}

func (r subscriptionResolver) AgentsChanged(ctx context.Context, after *db.EventCursor) (<-chan *AgentChange, error) {
	return pushLog(ctx, after, func(from *db.EventCursor) (*service.Stream[service.AgentChange], error) {
		return r.service.WatchAgents(ctx, audienceOf(ctx), from)
	}, func(c service.AgentChange) *AgentChange { return &AgentChange{c} })
}

// Dashboard is the current state of a workspace's inbox and agents in figures.
type Dashboard struct{ *service.Dashboard }

// Agents returns the figures of each agent.
func (d Dashboard) Agents() []*DashboardAgent {
	agents := make([]*DashboardAgent, len(d.Dashboard.Agents))
	for i, a := range d.Dashboard.Agents {
		agents[i] = &DashboardAgent{a}
	}
	return agents
}

// DashboardAgent holds the figures of one agent.
type DashboardAgent struct{ service.DashboardAgent }

// dashboardAgentRelations are the relations of DashboardAgent.
type dashboardAgentRelations struct{ *reads }

func (r dashboardAgentRelations) Agent(ctx context.Context, rows []*DashboardAgent) ([]*db.Agent, []error) {
	return refer(ctx, r.agents, rows, func(row *DashboardAgent) *db.AgentID { return &row.AgentID })
}

// AgentChange is an event that changes agents or their numbers of open conversations.
type AgentChange struct{ service.AgentChange }

// agentChangeRelations are the relations of AgentChange.
type agentChangeRelations struct{ *reads }

// Agents reads the current state of the agents that the events change.
func (r agentChangeRelations) Agents(ctx context.Context, rows []*AgentChange) ([][]*db.Agent, []error) {
	return referAll(ctx, r.agents.all, rows, func(c *AgentChange) []db.AgentID { return c.AgentChange.Agents })
}

// Event returns the event that caused the change.
func (c AgentChange) Event() Event { return toEvent(c.AgentChange.Event) }

// Cursor returns the event's cursor.
func (c AgentChange) Cursor() db.EventCursor { return c.AgentChange.Event.Cursor() }
