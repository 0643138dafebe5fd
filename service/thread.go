package service

import (
	"context"
	"time"

	"switchboard/db"
)

// Thread is a contact with its latest conversation: the pair that every rule of assignment and
// status is about, locked for the time of a transaction. Its transitions change the rows in memory
// and return the event; Save writes the rows.
type Thread struct {
	Contact *db.Contact
	Latest  *db.Conversation // nil if the contact has none
	Asked   *db.Conversation // the one that the caller named, perhaps an older one; nil if a contact was named

	previous       *db.Conversation // the latest before this transaction opened a new one
	isNew          bool             // Latest is to be inserted
	contactChanged bool             // the contact's row is to be updated
}

// Conversation returns the conversation to show to the caller.
func (t *Thread) Conversation() *db.Conversation {
	if t.Asked != nil {
		return t.Asked
	}
	return t.Latest
}

// IsOpen reports whether the latest conversation is open.
func (t *Thread) IsOpen() bool { return t.Latest != nil && t.Latest.Status == db.StatusOpen }

// IsOlder reports whether the caller named a conversation that is not the latest.
func (t *Thread) IsOlder() bool { return t.Asked != nil && !t.Asked.Latest }

// older returns the conversation that the caller named if it is not the latest, else nil.
func (t *Thread) older() *db.Conversation {
	if !t.IsOlder() {
		return nil
	}
	return t.Asked
}

// IsAssignedTo reports whether the contact is assigned to an agent, or with nil, is unassigned.
func (t *Thread) IsAssignedTo(agent *db.AgentID) bool { return SameAgent(t.Contact.AssigneeID, agent) }

// SameAgent reports whether two references name the same agent, or are both nil.
func SameAgent(a, b *db.AgentID) bool {
	return a == b || (a != nil && b != nil && *a == *b)
}

// Recorder stamps the events of one transaction.
type Recorder struct {
	By     db.ActorRef
	Via    db.ActorRef // the integration that called on behalf of By; zero if By called itself
	At     time.Time
	Origin *string
	Run    *db.RunRef // the workflow run that called; nil for other callers
}

// Event returns an event without a contact.
func (r Recorder) Event(kind db.EventType, data db.EventData) *db.Event {
	data.Run = r.Run
	return &db.Event{ID: db.EventID{UUID: db.NewUUID()}, Type: kind, Actor: r.By, Via: r.Via, Origin: r.Origin, CreatedAt: r.At, Data: data}
}

// About returns an event about a thread in its present state.
func (r Recorder) About(t *Thread, kind db.EventType, before *db.Facets, data db.EventData) *db.Event {
	e := r.Event(kind, data)
	e.ContactID, e.Before, e.After = &t.Contact.ID, before, t.Facets()
	if t.Latest != nil {
		e.ConversationID = &t.Latest.ID
	}
	return e
}

// Facets returns the facets of the latest conversation, or of the contact if it has none.
func (t *Thread) Facets() *db.Facets {
	if t.Latest != nil {
		return t.Latest.Facets()
	}
	return &db.Facets{Assignee: t.Contact.AssigneeID, Blocked: t.Contact.Blocked(), Version: t.Contact.Version}
}

// NextVersion increments the version after a change of status, assignee or block (A4).
func (t *Thread) NextVersion() {
	t.contactChanged = true
	t.Contact.Version++
	if t.Latest != nil {
		t.Latest.Version = t.Contact.Version
	}
}

// Assign assigns the contact and its latest conversation to an agent, or with nil unassigns them. A
// change from one agent to another is one event (A8).
func (t *Thread) Assign(r Recorder, to *db.AgentID, reason db.AssignmentReason) *db.Event {
	before := t.Facets()
	t.Contact.AssigneeID = to
	if t.Latest != nil {
		t.Latest.AssigneeID = to
	}
	t.NextVersion()
	kind := db.ConversationAssigned
	if to == nil {
		kind = db.ConversationUnassigned
	}
	return r.About(t, kind, before, db.EventData{Reason: reason})
}

// Close closes the open conversation (S1); the contact stays assigned (S2).
func (t *Thread) Close(r Recorder, note *db.ClosingNote) *db.Event {
	before, c := t.Facets(), t.Latest
	c.Status, c.ClosedAt, c.ClosedBy, c.WaitingSince, c.LastActivityAt = db.StatusClosed, &r.At, r.By, nil, later(c.LastActivityAt, r.At)
	c.SetClosingNote(note)
	t.NextVersion()
	return r.About(t, db.ConversationClosed, before, db.EventData{ClosingNote: note})
}

// Open opens a new conversation, assigned to the contact's assignee (S3). The previous one only
// stops being the latest.
func (t *Thread) Open(r Recorder, channel string, source db.ConversationSource) *db.Event {
	at := r.At
	if t.previous = t.Latest; t.previous != nil {
		t.previous.Latest = false
		// Clocks of servers differ and calls wait for locks, but the latest must have the latest time.
		if !at.After(t.previous.OpenedAt) {
			at = t.previous.OpenedAt.Add(time.Microsecond)
		}
	}
	t.isNew = true
	t.Latest = &db.Conversation{
		ID: db.ConversationID{UUID: db.NewUUID()}, ContactID: t.Contact.ID, Channel: channel,
		Status: db.StatusOpen, Latest: true, AssigneeID: t.Contact.AssigneeID,
		OpenedAt: at, OpenedBy: r.By, LastActivityAt: r.At,
	}
	t.NextVersion()
	return r.About(t, db.ConversationOpened, nil, db.EventData{Source: source})
}

// Reopen reopens the latest conversation (S3) and clears its closing, which the timeline keeps. The
// contact has been waiting since the given time; nil if it does not wait.
func (t *Thread) Reopen(r Recorder, source db.ConversationSource, waiting *time.Time) *db.Event {
	before, c := t.Facets(), t.Latest
	c.Status, c.ClosedAt, c.ClosedBy, c.WaitingSince, c.LastActivityAt = db.StatusOpen, nil, db.ActorRef{}, waiting, later(c.LastActivityAt, r.At)
	c.SetClosingNote(nil)
	t.NextVersion()
	return r.About(t, db.ConversationReopened, before, db.EventData{Source: source})
}

// Block blocks the contact, which removes it from every view but BLOCKED. Nothing else changes
// (S4).
func (t *Thread) Block(r Recorder) *db.Event {
	return t.setBlocked(r, &r.At, db.ContactBlocked)
}

// Unblock unblocks the contact.
func (t *Thread) Unblock(r Recorder) *db.Event {
	return t.setBlocked(r, nil, db.ContactUnblocked)
}

func (t *Thread) setBlocked(r Recorder, at *time.Time, kind db.EventType) *db.Event {
	before := t.Facets()
	t.Contact.BlockedAt = at
	if t.Latest != nil {
		t.Latest.Blocked = at != nil
	}
	t.NextVersion()
	return r.About(t, kind, before, db.EventData{})
}

// Message adds a reply or a note to the conversation that the caller named, or else to the latest,
// and sets the message's time. A reply ends the wait (I3); status and assignee stay, so notes are
// possible in every state (S10).
func (t *Thread) Message(r Recorder, m *db.Message) *db.Event {
	c := t.Conversation()
	before, kind := c.Facets(), db.NoteAdded
	// Clocks of servers differ and calls wait for locks, but a message must be newer than all earlier
	// activity: otherwise a read mark set before it would cover it.
	m.CreatedAt = later(r.At, c.LastActivityAt.Add(time.Microsecond))
	if m.Kind == db.Outbound {
		kind, c.WaitingSince = db.MessageSent, nil
	}
	c.LastActivityAt, c.LastMessageID = m.CreatedAt, &m.ID
	e := r.About(t, kind, before, db.EventData{MessageID: &m.ID})
	e.ConversationID, e.After = &c.ID, c.Facets() // not those of the latest
	return e
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// LockThread locks a contact and reads its latest conversation. The error is NOT_FOUND if there is
// no such contact.
func (w *Writer) LockThread(ctx context.Context, id db.ContactID) (*Thread, error) {
	contacts, err := w.LockContacts(ctx, []db.ContactID{id})
	if err != nil {
		return nil, err
	}
	if len(contacts) == 0 {
		return nil, NewNotFound("contact")
	}
	return w.readThread(ctx, contacts[0], nil)
}

// LockThreadOf is LockThread for the contact of a conversation, which becomes Asked.
func (w *Writer) LockThreadOf(ctx context.Context, id db.ConversationID) (*Thread, error) {
	contacts, err := w.LockContactOf(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(contacts) == 0 {
		return nil, NewNotFound("conversation")
	}
	return w.readThread(ctx, contacts[0], &id)
}

func (w *Writer) readThread(ctx context.Context, contact *db.Contact, asked *db.ConversationID) (*Thread, error) {
	rows, err := w.LatestConversations(ctx, []db.ContactID{contact.ID})
	if err != nil {
		return nil, err
	}
	t := &Thread{Contact: contact, Latest: First(rows)}
	if asked != nil {
		t.Asked = t.Latest
		if t.Latest.ID != *asked {
			if rows, err = w.Conversations(ctx, []db.ConversationID{*asked}); err != nil {
				return nil, err
			}
			t.Asked = First(rows)
		}
	}
	w.Outcome.Contact, w.Outcome.Conversation = t.Contact, t.Conversation()
	return t, nil
}

// locker locks the thread that a verb changes.
type locker func(ctx context.Context, w *Writer) (*Thread, error)

// threadWith locks the thread of a contact.
func threadWith(id db.ContactID) locker {
	return func(ctx context.Context, w *Writer) (*Thread, error) { return w.LockThread(ctx, id) }
}

// threadOf locks the thread that a conversation belongs to.
func threadOf(id db.ConversationID) locker {
	return func(ctx context.Context, w *Writer) (*Thread, error) { return w.LockThreadOf(ctx, id) }
}

// writeThread runs a verb on a thread: it locks the thread, checks its state and version, and then
// calls do (S5).
func (s *Service) writeThread(ctx context.Context, actor Actor, verb string, in Input, lock locker,
	expected *int, check func(*Thread) *Refusal, do func(*Writer, *Thread) (Changes, error)) (*Outcome, error) {
	return s.Write(ctx, actor, verb, in, func(w *Writer) (Changes, error) {
		t, err := lock(ctx, w)
		if err != nil {
			return nil, err
		}
		if err := checkThread(t, check, expected); err != nil {
			return nil, err
		}
		return do(w, t)
	})
}

// checkThread checks the state, then the version: both come before any check of the input (S5, A4).
func checkThread(t *Thread, check func(*Thread) *Refusal, expected *int) error {
	return FirstOf(check(t), checkVersion(expected, t.Contact.Version))
}

// transition changes a thread in memory once its state and version are checked. It returns the
// events of the change, Unchanged, or a refusal of the input.
type transition func(t *Thread) (Changes, error)

// CarryOut applies a transition and saves the rows that it changed.
func (w *Writer) CarryOut(ctx context.Context, t *Thread, do transition) (Changes, error) {
	events, err := do(t)
	if err != nil || len(events) == 0 {
		return Unchanged, err
	}
	return w.Save(ctx, events, t)
}

// checkNothing is the check of a verb that is possible in every state.
func checkNothing(*Thread) *Refusal { return nil }

// Save writes the rows of threads and returns the events.
func (w *Writer) Save(ctx context.Context, events Changes, threads ...*Thread) (Changes, error) {
	var contacts []*db.Contact
	var changed, inserted []*db.Conversation
	for _, t := range threads {
		if t.contactChanged {
			contacts = append(contacts, t.Contact)
		}
		for _, c := range []*db.Conversation{t.previous, t.Latest, t.older()} {
			switch {
			case c == nil:
			case c == t.Latest && t.isNew:
				inserted = append(inserted, c)
			default:
				changed = append(changed, c)
			}
		}
	}
	if err := w.SaveContacts(ctx, contacts); err != nil {
		return nil, err
	}
	// Only one conversation of a contact may be the latest: the previous one is updated first.
	if err := w.SaveConversations(ctx, changed); err != nil {
		return nil, err
	}
	return events, w.InsertConversations(ctx, inserted)
}
