package auth

import (
	"slices"

	"switchboard/db"
	"switchboard/service"
)

// Withdraw ends the watches of callers whose rights these events took away or changed. The feed
// calls it, in log order, before watchers see the events, so that a caller sees nothing from after
// its rights ended. It sends no statement to the database. What events do not say, such as that a
// token has expired, is found by Run.
func (a *Authenticator) Withdraw(events []*db.Event) {
	for _, e := range events {
		if reason := withdrawalReason(e); reason != "" {
			a.forget(func(actor service.Actor) bool { return losesRights(actor, e) })
			for _, one := range a.watchesBefore(e, reason == unlinked) {
				one.end(unauthenticated(reason))
			}
		}
	}
}

// withdrawalReason returns why an event ends the rights of its agent or token, or "" if it does not.
func withdrawalReason(e *db.Event) (reason string) {
	switch e.Type {
	case db.AgentDeactivated:
		return deactivated
	case db.TokenRevoked:
		return revoked
	case db.AgentUpdated:
		changes := func(field string) bool {
			return slices.ContainsFunc(e.Data.Changes, func(c db.FieldChange) bool { return c.Field == field })
		}
		switch {
		case changes("role"):
			return roleChanged
		case changes("identity"):
			return unlinked
		}
	}
	return ""
}

// watchesBefore returns the watches of an event's agent or token whose rights were read before the event.
// Later ones are kept: a replay of an old deactivation must not affect an agent who is active
// again. If onlySignIns is true, those of API and development tokens are kept too.
func (a *Authenticator) watchesBefore(e *db.Event, onlySignIns bool) (all []*watch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, watches := range a.watches {
		for one := range watches.by {
			if losesRights(one.actor, e) && (one.isSignIn || !onlySignIns) {
				all = append(all, one)
			}
		}
	}
	return all
}

// losesRights reports whether an event ends the rights of an actor, whose rights were read before it:
// its agent or its token is the event's.
func losesRights(actor service.Actor, e *db.Event) bool {
	if actor.Workspace != e.WorkspaceID || actor.AsOf >= e.Seq {
		return false
	}
	if e.Data.TokenID != nil {
		return actor.Token == *e.Data.TokenID
	}
	return service.SameAgent(actor.Agent, e.Data.AgentID) && actor.Agent != nil
}
