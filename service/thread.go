package service

import (
	"context"
	"time"

	"switchboard/db"
)

// Thread is a contact with its latest conversation: the pair that every rule of assignment and status
// is about, locked for the time of a transaction. Its transitions change the rows in memory and
// return the event; Save writes the rows.
type Thread struct {
	Contact *db.Contact
	Latest  *db.Conversation // nil if there never was any
	Asked   *db.Conversation // the one that the caller named, perhaps an older one; nil if a contact was named

	former *db.Conversation // was the latest until a new one was opened in this transaction
	fresh  bool             // latest is to be inserted
	moved  bool             // the contact's row has changed, and is to be written
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

// older is that conversation; nil if there is none.
func (t *Thread) older() *db.Conversation {
	if !t.IsOlder() {
		return nil
	}
	return t.Asked
}

// IsAssignedTo reports whether an agent, or with nil nobody, is responsible for the contact.
func (t *Thread) IsAssignedTo(agent *db.AgentID) bool { return SameAgent(t.Contact.AssigneeID, agent) }

// SameAgent reports whether two references are to the same agent, or both to nobody.
func SameAgent(a, b *db.AgentID) bool {
	return a == b || (a != nil && b != nil && *a == *b)
}

// Recorder stamps the events of one transaction.
type Recorder struct {
	By     db.ActorRef
	Via    db.ActorRef // the integration that called on behalf of by; zero if that one called
	At     time.Time
	Origin *string
	Run    *db.RunRef // of the workflow that does it; nil for others
}

// Event returns an event that is about no contact.
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

// Facets returns those of the latest conversation, or of the contact if there is none.
func (t *Thread) Facets() *db.Facets {
	if t.Latest != nil {
		return t.Latest.Facets()
	}
	return &db.Facets{Assignee: t.Contact.AssigneeID, Blocked: t.Contact.Blocked(), Version: t.Contact.Version}
}

// NextVersion counts a change of status, assignee or block (A4).
func (t *Thread) NextVersion() {
	t.moved = true
	t.Contact.Version++
	if t.Latest != nil {
		t.Latest.Version = t.Contact.Version
	}
}

// Assign makes an agent, or with nil nobody, responsible for the contact and the latest conversation.
// A change from one agent to another is one event (A8).
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

// Open starts a new conversation, assigned to the contact's assignee (S3). The former latest one is
// unchanged otherwise.
func (t *Thread) Open(r Recorder, channel string, source db.ConversationSource) *db.Event {
	at := r.At
	if t.former = t.Latest; t.former != nil {
		t.former.Latest = false
		// The latest is the one opened last, though clocks differ and calls wait for each other.
		if !at.After(t.former.OpenedAt) {
			at = t.former.OpenedAt.Add(time.Microsecond)
		}
	}
	t.fresh = true
	t.Latest = &db.Conversation{
		ID: db.ConversationID{UUID: db.NewUUID()}, ContactID: t.Contact.ID, Channel: channel,
		Status: db.StatusOpen, Latest: true, AssigneeID: t.Contact.AssigneeID,
		OpenedAt: at, OpenedBy: r.By, LastActivityAt: r.At,
	}
	t.NextVersion()
	return r.About(t, db.ConversationOpened, nil, db.EventData{Source: source})
}

// Reopen opens the latest conversation again (S3). Its closing is cleared and stays in the timeline.
// Waiting is since when the contact waits; nil if it does not.
func (t *Thread) Reopen(r Recorder, source db.ConversationSource, waiting *time.Time) *db.Event {
	before, c := t.Facets(), t.Latest
	c.Status, c.ClosedAt, c.ClosedBy, c.WaitingSince, c.LastActivityAt = db.StatusOpen, nil, db.ActorRef{}, waiting, later(c.LastActivityAt, r.At)
	c.SetClosingNote(nil)
	t.NextVersion()
	return r.About(t, db.ConversationReopened, before, db.EventData{Source: source})
}

// Block takes the contact out of every view but BLOCKED; nothing else changes (S4).
func (t *Thread) Block(r Recorder) *db.Event {
	return t.setBlocked(r, &r.At, db.ContactBlocked)
}

// Unblock undoes a block.
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

// Message records what an agent wrote in the conversation that the caller named, or else in the
// latest: a reply ends the wait (I3). Nothing else changes, so notes are possible in every state
// (S10). It sets the time of the message.
func (t *Thread) Message(r Recorder, m *db.Message) *db.Event {
	c := t.Conversation()
	before, kind := c.Facets(), db.NoteAdded
	// A message is younger than all that has happened before it, though clocks differ and
	// calls wait for each other: who had read everything has not read this one.
	m.CreatedAt = later(r.At, c.LastActivityAt.Add(time.Microsecond))
	if m.Kind == db.Outbound {
		kind, c.WaitingSince = db.MessageSent, nil
	}
	c.LastActivityAt, c.LastMessageID = m.CreatedAt, &m.ID
	e := r.About(t, kind, before, db.EventData{MessageID: &m.ID})
	e.ConversationID, e.After = &c.ID, c.Facets() // an older one has facets of its own
	return e
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// LockThread locks a contact and reads its latest conversation; NOT_FOUND without one.
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

// LockThreadOf is LockThread for the contact of a conversation.
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

// locker locks the thread that a verb is about.
type locker func(ctx context.Context, w *Writer) (*Thread, error)

// threadWith is the thread of a contact.
func threadWith(id db.ContactID) locker {
	return func(ctx context.Context, w *Writer) (*Thread, error) { return w.LockThread(ctx, id) }
}

// threadOf is the thread that a conversation belongs to.
func threadOf(id db.ConversationID) locker {
	return func(ctx context.Context, w *Writer) (*Thread, error) { return w.LockThreadOf(ctx, id) }
}

// writeThread is what the verbs on a thread have in common: lock, state, version, and
// then what the verb does (S5).
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

// checkThread asks what refuses before any input does: state, then version (S5, A4).
func checkThread(t *Thread, check func(*Thread) *Refusal, expected *int) error {
	return FirstOf(check(t), checkVersion(expected, t.Contact.Version))
}

// step is what a verb does to a thread in memory once state and version are checked: its
// events, unchanged, or a refusal of the input.
type step func(t *Thread) (Changes, error)

// CarryOut does a step and saves the rows that it changed.
func (w *Writer) CarryOut(ctx context.Context, t *Thread, do step) (Changes, error) {
	events, err := do(t)
	if err != nil || len(events) == 0 {
		return Unchanged, err
	}
	return w.Save(ctx, events, t)
}

// checkNothing: the verb is possible in every state.
func checkNothing(*Thread) *Refusal { return nil }

// Save writes the rows of threads and returns the events.
func (w *Writer) Save(ctx context.Context, events Changes, threads ...*Thread) (Changes, error) {
	var contacts []*db.Contact
	var changed, fresh []*db.Conversation
	for _, t := range threads {
		if t.moved {
			contacts = append(contacts, t.Contact)
		}
		for _, c := range []*db.Conversation{t.former, t.Latest, t.older()} {
			switch {
			case c == nil:
			case c == t.Latest && t.fresh:
				fresh = append(fresh, c)
			default:
				changed = append(changed, c)
			}
		}
	}
	if err := w.SaveContacts(ctx, contacts); err != nil {
		return nil, err
	}
	// A former latest makes room for the new one, of which there can be only one.
	if err := w.SaveConversations(ctx, changed); err != nil {
		return nil, err
	}
	return events, w.InsertConversations(ctx, fresh)
}
