package service

import (
	"context"
	"slices"
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

	unsaved threadChanges
}

// threadChanges are the rows of a thread that were changed in memory.
type threadChanges struct {
	contact       *db.Contact        // nil if it is unchanged
	conversations []*db.Conversation // to be updated
	opened        *db.Conversation   // to be inserted; nil if none was opened
}

// touch notes that a conversation of the thread was changed.
func (t *Thread) touch(c *db.Conversation) {
	if c != t.unsaved.opened && !slices.Contains(t.unsaved.conversations, c) {
		t.unsaved.conversations = append(t.unsaved.conversations, c)
	}
}

// takeChanges returns the changed rows as their next revisions, and counts them as saved.
func (t *Thread) takeChanges() threadChanges {
	taken := t.unsaved
	t.unsaved = threadChanges{}
	if taken.contact != nil {
		taken.contact.Revision++
	}
	for _, c := range taken.conversations {
		c.Revision++
	}
	if taken.opened != nil {
		taken.opened.Revision = 1
	}
	return taken
}

// clone returns a copy of a thread without unsaved changes. Transitions of the copy leave the
// original as it is.
func (t *Thread) clone() *Thread {
	contact := *t.Contact
	c := &Thread{Contact: &contact}
	if t.Latest != nil {
		latest := *t.Latest
		c.Latest = &latest
	}
	switch {
	case t.Asked == nil:
	case t.Asked == t.Latest:
		c.Asked = c.Latest
	default:
		asked := *t.Asked
		c.Asked = &asked
	}
	return c
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

// OnBehalfOf returns a recorder whose events have another actor than the caller, such as the
// contact whose message an integration delivers.
func (r Recorder) OnBehalfOf(who db.ActorRef) Recorder {
	r.By, r.Via = who, r.By
	return r
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
	e.Show(t.Contact, t.Latest)
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
	t.unsaved.contact = t.Contact
	t.Contact.Version++
	if t.Latest != nil {
		t.Latest.Version = t.Contact.Version
		t.touch(t.Latest)
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
	if previous := t.Latest; previous != nil {
		previous.Latest = false
		t.touch(previous)
		// Clocks of servers differ and calls wait for locks, but the latest must have the latest time.
		if !at.After(previous.OpenedAt) {
			at = previous.OpenedAt.Add(time.Microsecond)
		}
	}
	t.Latest = &db.Conversation{
		WorkspaceID: t.Contact.WorkspaceID, ID: db.ConversationID{UUID: db.NewUUID()}, ContactID: t.Contact.ID, Channel: channel,
		Status: db.StatusOpen, Latest: true, AssigneeID: t.Contact.AssigneeID,
		OpenedAt: at, OpenedBy: r.By, LastActivityAt: r.At,
	}
	t.unsaved.opened = t.Latest
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
	t.touch(c)
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
	return w.lockThread(ctx, ofContact(id, nil))
}

// LockThreadOf is LockThread for the contact of a conversation, which becomes Asked.
func (w *Writer) LockThreadOf(ctx context.Context, id db.ConversationID) (*Thread, error) {
	return w.lockThread(ctx, inConversation(id, nil))
}

func (w *Writer) lockThread(ctx context.Context, of target) (*Thread, error) {
	all := newThreads(true)
	if err := w.send(ctx, func(b *db.Batch) { all.lock(b, of) }); err != nil {
		return nil, err
	}
	if err := w.send(ctx, all.read); err != nil {
		return nil, err
	}
	h, err := all.of(of)
	if err != nil {
		return nil, err
	}
	t := h.view(of.conversation)
	w.Outcome.about(t)
	return t, nil
}

// CarryOut carries out a verb on a locked thread, and writes what it changed. A refusal leaves the
// thread as it was.
func (w *Writer) CarryOut(ctx context.Context, t *Thread, v Verb) (Changes, error) {
	read := &reading{wait: true}
	var named *db.ConversationID
	if t.Asked != nil {
		named = &t.Asked.ID
	}
	read.want(v.needed(t.Contact), w.By, t.Contact.ID, named)
	if err := w.send(ctx, read.add); err != nil {
		return nil, err
	}
	a, after := &Act{Recorder: w.Recorder, Actor: w.Actor, read: read}, t.clone()
	events, err := v.on(a, after, nil)
	if err != nil || len(events) == 0 {
		return Unchanged, err
	}
	*t = *after
	w.Outcome.about(t)
	return events, w.send(ctx, func(b *db.Batch) {
		writeThreads(b, events, t)
		b.InsertMessages(a.messages)
		b.SaveReadMarks(a.marks)
	})
}

// send sends the statements that add adds.
func (w *Writer) send(ctx context.Context, add func(*db.Batch)) error {
	b := w.Batch()
	add(b)
	return b.Send(ctx)
}

// Save writes the rows of threads and returns the events.
func (w *Writer) Save(ctx context.Context, events Changes, threads ...*Thread) (Changes, error) {
	return events, w.send(ctx, func(b *db.Batch) { writeThreads(b, events, threads...) })
}

// writeThreads adds the statements that write the rows of threads, and records in the events which
// revisions the rows have then.
func writeThreads(b *db.Batch, events Changes, threads ...*Thread) {
	about := make(map[db.ContactID]Changes, len(threads))
	for _, e := range events {
		if e.ContactID != nil {
			about[*e.ContactID] = append(about[*e.ContactID], e)
		}
	}
	var rows rowsToWrite
	for _, t := range threads {
		changed := t.takeChanges()
		if changed.contact != nil {
			rows.contacts = append(rows.contacts, changed.contact)
		}
		rows.changed = append(rows.changed, changed.conversations...)
		if changed.opened != nil {
			rows.opened = append(rows.opened, changed.opened)
		}
		for _, e := range about[t.Contact.ID] {
			e.Show(t.Contact, append(changed.conversations, t.Latest, t.Asked)...)
		}
	}
	rows.write(b)
}
