package service

import (
	"context"
	"time"

	"switchboard/db"
)

// comeback is a workspace's policy for what comes in for a contact, a message or a
// business event: whether it brings a conversation back, which one, and whose that then
// is (S6, S7, S8).
type comeback struct {
	reopen db.ReopenPolicy
	within time.Duration // of closing, for REOPEN_WITHIN
	owner  db.OwnerPolicy
}

func comebackOf(w *db.Workspace) comeback {
	return comeback{w.ReopenPolicy, time.Duration(w.ReopenWithinDays) * 24 * time.Hour, w.OwnerPolicy}
}

// way is what becomes of something that comes in.
type way string

// The ways.
const (
	stays   way = "stays"   // it brings nothing back: it is with the latest conversation, or with the contact alone
	joins   way = "joins"   // the open conversation
	reopens way = "reopens" // the latest conversation
	begins  way = "begins"  // a new conversation
)

// comesBack says that a conversation is opened or reopened.
func (w way) comesBack() bool { return w == reopens || w == begins }

// way says what becomes of something that comes in at a time. It calls if somebody has to
// look at it: no automated message, no business event that requires no action.
func (p comeback) way(t *thread, calls bool, at time.Time) way {
	switch {
	case t.contact.Blocked(): // S9
		return stays
	case t.isOpen():
		return joins
	case !calls:
		return stays
	case t.latest == nil, p.reopen == db.ReopenNew,
		p.reopen == db.ReopenWithin && at.Sub(*t.latest.ClosedAt) > p.within:
		return begins
	}
	return reopens
}

// keeps says whether what comes back stays with its owner (S8); one who is inactive
// counts as none (A7).
func (p comeback) keeps(owner *db.Agent) bool {
	switch {
	case !owner.Active, p.owner == db.OwnerUnassign:
		return false
	case p.owner == db.OwnerUnassignIfUnavailable:
		return owner.Availability == db.Online
	}
	return true
}

// arrival is something that comes in for a contact.
type arrival struct {
	kind    db.EventType
	data    db.EventData
	message *db.Message // nil for a business event
	calls   bool        // somebody has to look at it
	channel string      // of the conversation that it may begin
	source  db.ConversationSource
}

// received is the arrival of a message.
func received(m *db.Message) arrival {
	return arrival{
		kind: db.MessageReceived, data: db.EventData{MessageID: &m.ID}, message: m,
		calls: !m.Automated, channel: m.Channel, source: db.SourceMessage,
	}
}

// recorded is the arrival of a business event.
func recorded(e *db.BusinessEvent, channel string) arrival {
	return arrival{
		kind: db.BusinessEventRecorded, data: db.EventData{BusinessEvent: e},
		calls: e.RequiresAction, channel: channel, source: db.SourceBusinessEvent,
	}
}

// arrive lets something come in and go its way by the policy; owner is the contact's
// assignee, if there is one. The events are in the order of A8: itself, who is no longer
// responsible, what came back. What begins a conversation names it before it is there,
// and so has no facets.
func (t *thread) arrive(r recorder, p comeback, in arrival, owner *db.Agent) changes {
	before, to := t.facets(), p.way(t, in.calls, r.at)
	at := r.at
	if t.latest != nil { // younger than all that has happened, like any message
		at = later(at, t.latest.LastActivityAt.Add(time.Microsecond))
	}
	if !to.comesBack() {
		t.take(r, in, at)
		return changes{r.about(t, in.kind, before, in.data)}
	}
	came := r.event(in.kind, in.data)
	came.ContactID = &t.contact.ID
	if to == reopens {
		came.Before, came.After = before, before
	}
	events := changes{came}
	if !t.isAssignedTo(nil) && !p.keeps(owner) {
		events = append(events, t.assign(r, nil, db.ReasonOwnerPolicy))
	}
	var back *db.Event
	if to == reopens {
		back = t.reopen(r, in.source, nil)
	} else {
		back = t.open(r, in.channel, in.source)
	}
	t.take(r, in, at)
	came.ConversationID, back.After = &t.latest.ID, t.facets()
	return append(events, back)
}

// take puts what came in into the latest conversation. What a blocked contact sends, and
// a business event that nobody has to look at, moves nothing (S7, S9); the contact's first
// unanswered message starts the wait, but none that a machine wrote (I3).
func (t *thread) take(r recorder, in arrival, at time.Time) {
	c, m := t.latest, in.message
	if m != nil {
		if m.CreatedAt, m.Withheld = at, t.contact.Blocked(); c != nil {
			m.ConversationID = &c.ID
		}
	}
	if c == nil || t.contact.Blocked() || m == nil && !in.calls {
		return
	}
	c.LastActivityAt = at
	if m == nil {
		return
	}
	c.LastMessageID, c.LastInboundAt, c.LastInboundChannel = &m.ID, &m.CreatedAt, &m.Channel
	if t.isOpen() && in.calls && c.WaitingSince == nil {
		c.WaitingSince = &r.at
	}
}

// arrive is thread.arrive by the workspace's policy. It saves the thread, but not what
// came in.
func (w *writer) arrive(ctx context.Context, t *thread, in arrival) (changes, error) {
	workspace, err := w.Workspace(ctx)
	if err != nil {
		return nil, err
	}
	policy, owner := comebackOf(workspace), (*db.Agent)(nil)
	if t.contact.AssigneeID != nil && policy.way(t, in.calls, w.at).comesBack() {
		if owner, err = w.shareAgent(ctx, *t.contact.AssigneeID); err != nil {
			return nil, err
		}
	}
	events := t.arrive(w.recorder, policy, in, owner)
	w.outcome.Conversation = t.latest
	return w.save(ctx, events, t)
}
