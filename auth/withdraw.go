package auth

import (
	"slices"

	"switchboard/db"
	"switchboard/service"
)

// Withdraw ends the watches of agents whose rights these events took away or changed. The feed
// calls it, in log order, before watchers see the events, so that a caller sees nothing from after
// its rights ended. It sends no statement to the database. Changes without an event, such as a
// revoked token, are found by Run.
func (a *Authenticator) Withdraw(events []*db.Event) {
	for _, e := range events {
		if reason := withdrawalReason(e); reason != "" {
			a.forget(func(actor service.Actor) bool { return losesRights(actor, e) })
			for _, one := range a.watchesBefore(e) {
				one.end(unauthenticated(reason))
			}
		}
	}
}

// withdrawalReason returns why an event ends the rights of its agent, or "" if it does not.
func withdrawalReason(e *db.Event) (reason string) {
	switch e.Type {
	case db.AgentDeactivated:
		return deactivated
	case db.AgentUpdated:
		if slices.ContainsFunc(e.Data.Changes, func(c db.FieldChange) bool { return c.Field == "role" }) {
			return roleChanged
		}
	}
	return ""
}

// watchesBefore returns the watches of an event's agent whose rights were read before the event.
// Later ones are kept: a replay of an old deactivation must not affect an agent who is active
// again.
func (a *Authenticator) watchesBefore(e *db.Event) (all []*tokenWatch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, watches := range a.watches {
		for one := range watches {
			if losesRights(one.actor, e) {
				all = append(all, one)
			}
		}
	}
	return all
}

// losesRights reports whether an event's agent is the actor, whose rights were read before it.
func losesRights(actor service.Actor, e *db.Event) bool {
	id := e.Data.AgentID
	return actor.Workspace == e.WorkspaceID && actor.AsOf < e.Seq && actor.Agent != nil && id != nil && *actor.Agent == *id
}
