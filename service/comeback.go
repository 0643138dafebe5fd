package service

import (
	"context"
	"time"

	"switchboard/db"
)

// Comeback is a workspace's policy for what comes in for a contact, a message or a
// business event: whether it brings a conversation back, which one, and whose that then
// is (S6, S7, S8).
type Comeback struct {
	reopen db.ReopenPolicy
	within time.Duration // of closing, for REOPEN_WITHIN
	owner  db.OwnerPolicy
}

// ComebackOf returns the workspace's policies for a contact that comes back.
func ComebackOf(w *db.Workspace) Comeback {
	return Comeback{w.ReopenPolicy, time.Duration(w.ReopenWithinDays) * 24 * time.Hour, w.OwnerPolicy}
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
func (p Comeback) way(t *Thread, calls bool, at time.Time) way {
	switch {
	case t.Contact.Blocked(): // S9
		return stays
	case t.IsOpen():
		return joins
	case !calls:
		return stays
	case t.Latest == nil, p.reopen == db.ReopenNew,
		p.reopen == db.ReopenWithin && at.Sub(*t.Latest.ClosedAt) > p.within:
		return begins
	}
	return reopens
}

// keeps says whether what comes back stays with its owner (S8); one who is inactive
// counts as none (A7).
func (p Comeback) keeps(owner *db.Agent) bool {
	switch {
	case !owner.Active, p.owner == db.OwnerUnassign:
		return false
	case p.owner == db.OwnerUnassignIfUnavailable:
		return owner.Availability == db.Online
	}
	return true
}

// Arrival is something that comes in for a contact.
type Arrival struct {
	kind    db.EventType
	data    db.EventData
	message *db.Message // nil for a business event
	calls   bool        // somebody has to look at it
	channel string      // of the conversation that it may begin
	source  db.ConversationSource
}

// Received is the arrival of a message.
func Received(m *db.Message) Arrival {
	return Arrival{
		kind: db.MessageReceived, data: db.EventData{MessageID: &m.ID}, message: m,
		calls: !m.Automated, channel: m.Channel, source: db.SourceMessage,
	}
}

// Recorded is the arrival of a business event.
func Recorded(e *db.BusinessEvent, channel string) Arrival {
	return Arrival{
		kind: db.BusinessEventRecorded, data: db.EventData{BusinessEvent: e},
		calls: e.RequiresAction, channel: channel, source: db.SourceBusinessEvent,
	}
}

// Arrive lets something come in and go its way by the policy; owner is the contact's
// assignee, if there is one. The events are in the order of A8: itself, who is no longer
// responsible, what came back. What begins a conversation names it before it is there,
// and so has no facets.
func (t *Thread) Arrive(r Recorder, p Comeback, in Arrival, owner *db.Agent) Changes {
	before, to := t.Facets(), p.way(t, in.calls, r.At)
	at := r.At
	if t.Latest != nil { // younger than all that has happened, like any message
		at = later(at, t.Latest.LastActivityAt.Add(time.Microsecond))
	}
	if !to.comesBack() {
		t.take(r, in, at)
		return Changes{r.About(t, in.kind, before, in.data)}
	}
	came := r.Event(in.kind, in.data)
	came.ContactID = &t.Contact.ID
	if to == reopens {
		came.Before, came.After = before, before
	}
	events := Changes{came}
	if !t.IsAssignedTo(nil) && !p.keeps(owner) {
		events = append(events, t.Assign(r, nil, db.ReasonOwnerPolicy))
	}
	var back *db.Event
	if to == reopens {
		back = t.Reopen(r, in.source, nil)
	} else {
		back = t.Open(r, in.channel, in.source)
	}
	t.take(r, in, at)
	came.ConversationID, back.After = &t.Latest.ID, t.Facets()
	return append(events, back)
}

// take puts what came in into the latest conversation. What a blocked contact sends, and
// a business event that nobody has to look at, moves nothing (S7, S9); the contact's first
// unanswered message starts the wait, but none that a machine wrote (I3).
func (t *Thread) take(r Recorder, in Arrival, at time.Time) {
	c, m := t.Latest, in.message
	if m != nil {
		if m.CreatedAt, m.Withheld = at, t.Contact.Blocked(); c != nil {
			m.ConversationID = &c.ID
		}
	}
	if c == nil || t.Contact.Blocked() || m == nil && !in.calls {
		return
	}
	c.LastActivityAt = at
	if m == nil {
		return
	}
	c.LastMessageID, c.LastInboundAt, c.LastInboundChannel = &m.ID, &m.CreatedAt, &m.Channel
	if t.IsOpen() && in.calls && c.WaitingSince == nil {
		c.WaitingSince = &r.At
	}
}

// Arrive is thread.arrive by the workspace's policy. It saves the thread, but not what
// came in.
func (w *Writer) Arrive(ctx context.Context, t *Thread, in Arrival) (Changes, error) {
	workspace, err := w.Workspace(ctx)
	if err != nil {
		return nil, err
	}
	policy, owner := ComebackOf(workspace), (*db.Agent)(nil)
	if t.Contact.AssigneeID != nil && policy.way(t, in.calls, w.At).comesBack() {
		if owner, err = w.ShareAgent(ctx, *t.Contact.AssigneeID); err != nil {
			return nil, err
		}
	}
	events := t.Arrive(w.Recorder, policy, in, owner)
	w.Outcome.Conversation = t.Latest
	return w.Save(ctx, events, t)
}
