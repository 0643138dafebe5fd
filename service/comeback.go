package service

import (
	"time"

	"switchboard/db"
)

// Comeback is a workspace's policy for arrivals, which are messages from contacts and business
// events: whether one reopens or opens a conversation, and whether the contact's assignee keeps it
// (S6, S7, S8).
type Comeback struct {
	reopen db.ReopenPolicy
	within time.Duration // after the close, for REOPEN_WITHIN
	owner  db.OwnerPolicy
}

// ComebackOf returns a workspace's policy for arrivals.
func ComebackOf(w *db.Workspace) Comeback {
	return Comeback{w.ReopenPolicy, time.Duration(w.ReopenWithinDays) * 24 * time.Hour, w.OwnerPolicy}
}

// way is what the policy decides about an arrival.
type way string

// What the policy can decide.
const (
	stays   way = "stays"   // it is recorded, and no conversation is reopened or opened
	joins   way = "joins"   // it is added to the open conversation
	reopens way = "reopens" // it reopens the latest conversation
	begins  way = "begins"  // it opens a new conversation
)

// opens reports whether a conversation is opened or reopened.
func (w way) opens() bool { return w == reopens || w == begins }

// way returns what the policy decides about an arrival at a time. needsAction is false for
// automated messages and for business events that require no action.
func (p Comeback) way(t *Thread, needsAction bool, at time.Time) way {
	switch {
	case t.Contact.Blocked(): // S9
		return stays
	case t.IsOpen():
		return joins
	case !needsAction:
		return stays
	case t.Latest == nil, p.reopen == db.ReopenNew,
		p.reopen == db.ReopenWithin && at.Sub(*t.Latest.ClosedAt) > p.within:
		return begins
	}
	return reopens
}

// keeps reports whether the assignee keeps a conversation that is reopened or opened (S8); an
// inactive assignee never does (A7).
func (p Comeback) keeps(assignee *db.Agent) bool {
	switch {
	case !assignee.Active, p.owner == db.OwnerUnassign:
		return false
	case p.owner == db.OwnerUnassignIfUnavailable:
		return assignee.Availability == db.Online
	}
	return true
}

// Arrival is a message from a contact, or a business event about one.
type Arrival struct {
	kind        db.EventType
	data        db.EventData
	message     *db.Message // nil for a business event
	needsAction bool        // an agent has to handle it
	channel     string      // of the conversation that it may open
	source      db.ConversationSource
}

// Received is the arrival of a message.
func Received(m *db.Message) Arrival {
	return Arrival{
		kind: db.MessageReceived, data: db.EventData{MessageID: &m.ID}, message: m,
		needsAction: !m.Automated, channel: m.Channel, source: db.SourceMessage,
	}
}

// Recorded is the arrival of a business event.
func Recorded(e *db.BusinessEvent, channel string) Arrival {
	return Arrival{
		kind: db.BusinessEventRecorded, data: db.EventData{BusinessEvent: e},
		needsAction: e.RequiresAction, channel: channel, source: db.SourceBusinessEvent,
	}
}

// Arrive adds an arrival to the thread as the policy decides; assignee is the contact's, or nil.
// The events are in the order of A8: the arrival, the unassignment, the opening or reopening. The
// event of an arrival that opens a conversation precedes the opening, so it has no facets yet.
func (t *Thread) Arrive(r Recorder, p Comeback, in Arrival, assignee *db.Agent) Changes {
	before, way := t.Facets(), p.way(t, in.needsAction, r.At)
	at := r.At
	if t.Latest != nil { // newer than all earlier activity, as in Message
		at = later(at, t.Latest.LastActivityAt.Add(time.Microsecond))
	}
	if !way.opens() {
		t.addArrival(r, in, at)
		return Changes{r.About(t, in.kind, before, in.data)}
	}
	arrived := r.Event(in.kind, in.data)
	arrived.ContactID = &t.Contact.ID
	if way == reopens {
		arrived.Before, arrived.After = before, before
	}
	events := Changes{arrived}
	if !t.IsAssignedTo(nil) && !p.keeps(assignee) {
		events = append(events, t.Assign(r, nil, db.ReasonOwnerPolicy))
	}
	var opened *db.Event
	if way == reopens {
		opened = t.Reopen(r, in.source, nil)
	} else {
		opened = t.Open(r, in.channel, in.source)
	}
	t.addArrival(r, in, at)
	arrived.ConversationID, opened.After = &t.Latest.ID, t.Facets()
	return append(events, opened)
}

// addArrival updates the latest conversation for an arrival. Messages of a blocked contact and
// business events that require no action change nothing there (S7, S9). The contact's first
// unanswered message starts the wait, unless it is automated (I3).
func (t *Thread) addArrival(r Recorder, in Arrival, at time.Time) {
	c, m := t.Latest, in.message
	if m != nil {
		if m.CreatedAt, m.Withheld = at, t.Contact.Blocked(); c != nil {
			m.ConversationID = &c.ID
		}
	}
	if c == nil || t.Contact.Blocked() || m == nil && !in.needsAction {
		return
	}
	c.LastActivityAt = at
	t.touch(c)
	if m == nil {
		return
	}
	c.LastMessageID, c.LastInboundAt, c.LastInboundChannel = &m.ID, &m.CreatedAt, &m.Channel
	if t.IsOpen() && in.needsAction && c.WaitingSince == nil {
		c.WaitingSince = &r.At
	}
}

// Arriving is the verb by which something arrives for the thread's contact, as the workspace's
// policy decides.
func Arriving(in Arrival) Verb {
	return Verb{needs: needsComeback, do: func(a *Act, t *Thread) (Changes, error) {
		return a.arrive(a.Recorder, t, in)
	}}
}

// needsComeback returns the needs of a verb by which something arrives.
func needsComeback(contact *db.Contact) Needs {
	needs := needsAssignee(contact)
	needs.Workspace = true
	return needs
}

// arrive calls Arrive with the workspace's policy, and adds the message.
func (a *Act) arrive(r Recorder, t *Thread, in Arrival) (Changes, error) {
	policy, assignee := ComebackOf(First(a.read.workspace)), (*db.Agent)(nil)
	if t.Contact.AssigneeID != nil && policy.way(t, in.needsAction, r.At).opens() {
		var err error
		if assignee, err = a.agent(*t.Contact.AssigneeID); err != nil {
			return nil, err
		}
	}
	if in.message != nil {
		a.messages = append(a.messages, in.message)
	}
	return t.Arrive(r, policy, in, assignee), nil
}
