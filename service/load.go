package service

import (
	"context"
	"slices"

	"switchboard/db"
)

// OpenConversations returns the number of open conversations assigned to each agent, in the order
// of the ids.
func (s *Service) OpenConversations(ctx context.Context, actor Actor, agents []db.AgentID) ([]int, error) {
	return s.inbox.Loads(ctx, s.DB.ForWorkspace(actor.Workspace), agents)
}

// AgentChange is an event that changes agents or their loads.
type AgentChange struct {
	Agents []db.AgentID // for an assignment from one agent to another both, in this order
	Event  *db.Event
}

// WatchAgents streams each event that changes an agent or a load. The error is CURSOR_EXPIRED or
// CURSOR_INVALID.
func (s *Service) WatchAgents(ctx context.Context, actor Actor, after *db.EventCursor) (*Stream[AgentChange], error) {
	if err := Permit(actor, "agentsChanged"); err != nil {
		return nil, err
	}
	w, err := s.Feed.Watch(ctx, actor.Workspace, after)
	if err != nil {
		return nil, err
	}
	return follow(w, func(e *db.Event) (AgentChange, bool) {
		change := AgentChange{changedAgents(e), e}
		return change, len(change.Agents) > 0
	}), nil
}

// changedAgents returns the agents that an event is about or whose load it changes. Conversations
// of blocked contacts are in no load (S4).
func changedAgents(e *db.Event) (ids []db.AgentID) {
	switch e.Type {
	case db.AgentCreated, db.AgentUpdated, db.AgentDeactivated, db.AgentReactivated, db.AvailabilityChanged:
		return []db.AgentID{*e.Data.AgentID}
	}
	was, is := loadOwner(e.Before), loadOwner(e.After)
	if SameAgent(was, is) {
		return nil
	}
	for _, id := range slices.DeleteFunc([]*db.AgentID{was, is}, func(id *db.AgentID) bool { return id == nil }) {
		ids = append(ids, *id)
	}
	return ids
}

// loadOwner returns the agent whose load includes the conversation, or nil.
func loadOwner(f *db.Facets) *db.AgentID {
	if !db.ViewAll.Holds(f, nil) {
		return nil
	}
	return f.Assignee
}
