package service

import (
	"context"
	"slices"

	"switchboard/db"
	"switchboard/service/definition"
)

// DeactivateAgentInput is the agent to deactivate and the assignee of their open conversations.
type DeactivateAgentInput struct {
	AgentID    db.AgentID
	HandOverTo *db.AgentID // nil: the open conversations become unassigned
	Keyed
}

// DeactivateAgent deactivates an agent (managers only): nothing more can be assigned to them, each of
// their open conversations is unassigned or assigned to a colleague, and each of their tokens is
// revoked, with one event each. Contacts without an open conversation keep their assignee (A7).
// Refusals: LAST_MANAGER, AGENT_INACTIVE.
func (s *Service) DeactivateAgent(ctx context.Context, actor Actor, in DeactivateAgentInput) (*Outcome, error) {
	if err := Permit(actor, "deactivateAgent"); err != nil {
		return nil, err
	}
	if in.HandOverTo != nil && *in.HandOverTo == in.AgentID {
		return nil, NewBadInput("handOverTo must be a colleague, not the agent who is deactivated")
	}
	return s.Write(ctx, actor, "deactivateAgent", &in, func(w *Writer) (Changes, error) {
		threads, a, managers, err := w.lockForDeactivation(ctx, in.AgentID)
		if err != nil {
			return nil, err
		}
		if !a.Active {
			return Unchanged, nil
		}
		if err := FirstOf(checkManagerStays(managers, a)); err != nil {
			return nil, err
		}
		if in.HandOverTo != nil {
			colleague, err := w.ShareAgent(ctx, *in.HandOverTo)
			if err != nil {
				return nil, err
			}
			if err := FirstOf(CheckActive(colleague, "handOverTo")); err != nil {
				return nil, err
			}
		}
		a.Active, a.Availability = false, db.Offline
		events := Changes{w.AboutAgent(a, db.AgentDeactivated, db.EventData{})}
		for _, t := range threads {
			events = append(events, t.Assign(w.Recorder, in.HandOverTo, db.ReasonAgentDeactivated))
		}
		if err := w.UpdateAgent(ctx, a); err != nil {
			return nil, err
		}
		names := func(d *db.WorkflowDefinition) bool { return definition.StepsName(d, a.ID) }
		if err := w.showProblems(ctx, names); err != nil {
			return nil, err
		}
		if events, err = w.Save(ctx, events, threads...); err != nil {
			return nil, err
		}
		revoked, err := w.revokeTokensOf(ctx, a.ID)
		return append(events, revoked...), err
	})
}

// lockForDeactivation locks the contacts whose open conversation is assigned to the agent, then the
// agent. Every transaction locks contacts before agents, so the contacts are read before the agent
// is locked, and again afterwards to find those that were assigned in between. Waiting for the lock
// of a late one could deadlock, as its holder may wait for the agent: if it is not free, the
// transaction starts over.
func (w *Writer) lockForDeactivation(ctx context.Context, id db.AgentID) ([]*Thread, *db.Agent, []*db.Agent, error) {
	found, err := w.OpenContactsOf(ctx, id)
	if err != nil {
		return nil, nil, nil, err
	}
	contacts, err := w.LockContacts(ctx, found)
	if err != nil {
		return nil, nil, nil, err
	}
	a, managers, err := w.lockAgentAndManagers(ctx, id)
	if err != nil {
		return nil, nil, nil, err
	}
	late, err := w.OpenContactsOf(ctx, id)
	if err != nil {
		return nil, nil, nil, err
	}
	late = without(late, found)
	more, err := w.LockFreeContacts(ctx, late)
	if err == nil && len(more) < len(late) {
		err = ErrStartOver
	}
	if err != nil {
		return nil, nil, nil, err
	}
	threads, err := w.openThreads(ctx, id, append(contacts, more...))
	return threads, a, managers, err
}

// without returns the first list without the elements of the second; it reuses the first one's
// array.
func without[K comparable](all, known []K) []K {
	isKnown := make(map[K]bool, len(known))
	for _, key := range known {
		isKnown[key] = true
	}
	return slices.DeleteFunc(all, func(key K) bool { return isKnown[key] })
}

// openThreads returns the threads of the locked contacts whose open conversation is assigned to the
// agent. Some may have been assigned to others before they were locked, so this is checked again.
func (w *Writer) openThreads(ctx context.Context, agent db.AgentID, contacts []*db.Contact) ([]*Thread, error) {
	ids := make([]db.ContactID, len(contacts))
	for i, contact := range contacts {
		ids[i] = contact.ID
	}
	latest, err := w.LatestConversations(ctx, ids)
	if err != nil {
		return nil, err
	}
	byContact := map[db.ContactID]*db.Conversation{}
	for _, c := range latest {
		byContact[c.ContactID] = c
	}
	var threads []*Thread
	for _, contact := range contacts {
		t := &Thread{Contact: contact, Latest: byContact[contact.ID]}
		if t.IsOpen() && t.IsAssignedTo(&agent) {
			threads = append(threads, t)
		}
	}
	return threads, nil
}

// ReactivateAgentInput is the agent to reactivate.
type ReactivateAgentInput struct {
	AgentID db.AgentID
	Keyed
}

// ReactivateAgent reactivates a deactivated agent, whose availability is offline (managers only).
func (s *Service) ReactivateAgent(ctx context.Context, actor Actor, in ReactivateAgentInput) (*Outcome, error) {
	if err := Permit(actor, "reactivateAgent"); err != nil {
		return nil, err
	}
	return s.Write(ctx, actor, "reactivateAgent", &in, func(w *Writer) (Changes, error) {
		a, err := w.lockAgent(ctx, in.AgentID)
		if err != nil {
			return nil, err
		}
		w.Outcome.Agent = a
		if a.Active {
			return Unchanged, nil
		}
		if err := s.checkAgents(ctx, w); err != nil {
			return nil, err
		}
		a.Active = true
		return Changes{w.AboutAgent(a, db.AgentReactivated, db.EventData{})}, w.UpdateAgent(ctx, a)
	})
}
