package service

import (
	"context"
	"slices"

	"switchboard/db"
)

// AgentChange is an event that changes agents or how much they have to do.
type AgentChange struct {
	Agents []db.AgentID // from one agent to another names both, in this order
	Event  *db.Event
}

// WatchAgents streams each event that changes an agent or a load. The error is
// CURSOR_EXPIRED or CURSOR_INVALID.
func (s *Service) WatchAgents(ctx context.Context, actor Actor, after *db.EventCursor) (*Stream[AgentChange], error) {
	w, err := s.feed.Watch(ctx, actor.Workspace, after)
	if err != nil {
		return nil, err
	}
	return follow(w, func(e *db.Event) (AgentChange, bool) {
		change := AgentChange{changedAgents(e), e}
		return change, len(change.Agents) > 0
	}), nil
}

// changedAgents are the agents whom an event is about, and those who have one
// conversation more or less to do by it. What is blocked is in no load (S4).
func changedAgents(e *db.Event) (ids []db.AgentID) {
	switch e.Type {
	case db.AgentCreated, db.AgentUpdated, db.AgentDeactivated, db.AgentReactivated, db.AvailabilityChanged:
		return []db.AgentID{*e.Data.AgentID}
	}
	was, is := bearer(e.Before), bearer(e.After)
	if sameAgent(was, is) {
		return nil
	}
	for _, id := range slices.DeleteFunc([]*db.AgentID{was, is}, func(id *db.AgentID) bool { return id == nil }) {
		ids = append(ids, *id)
	}
	return ids
}

// bearer is in whose load a conversation with these facets is; nil for nobody's.
func bearer(f *db.Facets) *db.AgentID {
	if !db.ViewAll.Holds(f, nil) {
		return nil
	}
	return f.Assignee
}
