package auth

import (
	"slices"

	"switchboard/db"
)

// Withdraw ends what is attended by agents whose rights these events, in the order of
// their workspace's log, took away or changed. The feed calls it before anybody sees the
// events, so that nobody sees what happened after their rights ended. It asks the database
// nothing; what is no event, such as a revoked token, Run finds.
func (a *Authenticator) Withdraw(events []*db.Event) {
	for _, e := range events {
		if reason := withdrawn(e); reason != "" {
			for _, one := range a.attendedBefore(e) {
				one.end(unauthenticated(reason))
			}
		}
	}
}

// withdrawn says why an event ends the rights that its agent had; empty if it does not.
func withdrawn(e *db.Event) (reason string) {
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

// attendedBefore gives the attention of an event's agent under rights from before it.
// Those whose rights are known as of the event, or later, are left alone: whoever resumes
// reads of deactivations long ago, of agents who may since be active again.
func (a *Authenticator) attendedBefore(e *db.Event) (all []*attention) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, attending := range a.attended {
		for one := range attending {
			of, id := one.actor, e.Data.AgentID
			if of.Workspace == e.WorkspaceID && of.AsOf < e.Seq && of.Agent != nil && id != nil && *of.Agent == *id {
				all = append(all, one)
			}
		}
	}
	return all
}
