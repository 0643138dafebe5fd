package service

import (
	"context"
	"time"

	"switchboard/db"
)

// thread is a contact with its latest conversation: the pair that every rule of
// assignment and status is about, locked for the time of a transaction. Its methods
// change the rows in memory and record the event; save writes them.
type thread struct {
	contact *db.Contact
	latest  *db.Conversation // nil if there never was any
	asked   *db.Conversation // the one that the caller named, perhaps an older one; nil if a contact was named

	former *db.Conversation // was the latest until a new one was opened in this transaction
	fresh  bool             // latest is to be inserted
	moved  bool             // the contact's row has changed, and is to be written
}

// conversation is the one to show to the caller.
func (t *thread) conversation() *db.Conversation {
	if t.asked != nil {
		return t.asked
	}
	return t.latest
}

func (t *thread) isOpen() bool { return t.latest != nil && t.latest.Status == db.StatusOpen }

// isOlder says that the caller named a conversation that is not the latest.
func (t *thread) isOlder() bool { return t.asked != nil && !t.asked.Latest }

// older is that conversation; nil if there is none.
func (t *thread) older() *db.Conversation {
	if !t.isOlder() {
		return nil
	}
	return t.asked
}

func (t *thread) isAssignedTo(agent *db.AgentID) bool { return sameAgent(t.contact.AssigneeID, agent) }

func sameAgent(a, b *db.AgentID) bool {
	return a == b || (a != nil && b != nil && *a == *b)
}

// recorder stamps the events of one transaction.
type recorder struct {
	by     db.ActorRef
	via    db.ActorRef // the integration that called on behalf of by; zero if that one called
	at     time.Time
	origin *string
	run    *db.RunRef // of the workflow that does it; nil for others
}

// event makes an event about nothing in particular.
func (r recorder) event(kind db.EventType, data db.EventData) *db.Event {
	data.Run = r.run
	return &db.Event{ID: db.EventID{UUID: db.NewUUID()}, Type: kind, Actor: r.by, Via: r.via, Origin: r.origin, CreatedAt: r.at, Data: data}
}

// about makes an event about the thread as it now is.
func (r recorder) about(t *thread, kind db.EventType, before *db.Facets, data db.EventData) *db.Event {
	e := r.event(kind, data)
	e.ContactID, e.Before, e.After = &t.contact.ID, before, t.facets()
	if t.latest != nil {
		e.ConversationID = &t.latest.ID
	}
	return e
}

// facets are those of the latest conversation, or of the contact if there is none.
func (t *thread) facets() *db.Facets {
	if t.latest != nil {
		return t.latest.Facets()
	}
	return &db.Facets{Assignee: t.contact.AssigneeID, Blocked: t.contact.Blocked(), Version: t.contact.Version}
}

// next counts a change of status, assignee or block (A4).
func (t *thread) next() {
	t.moved = true
	t.contact.Version++
	if t.latest != nil {
		t.latest.Version = t.contact.Version
	}
}

// assign makes an agent, or with nil nobody, responsible for the contact and the latest
// conversation. From one agent to another is one event (A8).
func (t *thread) assign(r recorder, to *db.AgentID, reason db.AssignmentReason) *db.Event {
	before := t.facets()
	t.contact.AssigneeID = to
	if t.latest != nil {
		t.latest.AssigneeID = to
	}
	t.next()
	kind := db.ConversationAssigned
	if to == nil {
		kind = db.ConversationUnassigned
	}
	return r.about(t, kind, before, db.EventData{Reason: reason})
}

// close archives the open conversation (S1); the contact stays assigned (S2).
func (t *thread) close(r recorder, note *db.ClosingNote) *db.Event {
	before, c := t.facets(), t.latest
	c.Status, c.ClosedAt, c.ClosedBy, c.WaitingSince, c.LastActivityAt = db.StatusClosed, &r.at, r.by, nil, later(c.LastActivityAt, r.at)
	c.SetClosingNote(note)
	t.next()
	return r.about(t, db.ConversationClosed, before, db.EventData{ClosingNote: note})
}

// open starts a new conversation, owned by the contact's assignee (S3). The one before
// keeps what it had.
func (t *thread) open(r recorder, channel string, source db.ConversationSource) *db.Event {
	at := r.at
	if t.former = t.latest; t.former != nil {
		t.former.Latest = false
		// The latest is the one opened last, though clocks differ and calls wait for each other.
		if !at.After(t.former.OpenedAt) {
			at = t.former.OpenedAt.Add(time.Microsecond)
		}
	}
	t.fresh = true
	t.latest = &db.Conversation{
		ID: db.ConversationID{UUID: db.NewUUID()}, ContactID: t.contact.ID, Channel: channel,
		Status: db.StatusOpen, Latest: true, AssigneeID: t.contact.AssigneeID,
		OpenedAt: at, OpenedBy: r.by, LastActivityAt: r.at,
	}
	t.next()
	return r.about(t, db.ConversationOpened, nil, db.EventData{Source: source})
}

// reopen brings the latest conversation back (S3): its closing is cleared, the timeline
// keeps it. The contact waits since the given time; nil for not at all.
func (t *thread) reopen(r recorder, source db.ConversationSource, waiting *time.Time) *db.Event {
	before, c := t.facets(), t.latest
	c.Status, c.ClosedAt, c.ClosedBy, c.WaitingSince, c.LastActivityAt = db.StatusOpen, nil, db.ActorRef{}, waiting, later(c.LastActivityAt, r.at)
	c.SetClosingNote(nil)
	t.next()
	return r.about(t, db.ConversationReopened, before, db.EventData{Source: source})
}

// block keeps the contact out of every view but BLOCKED; nothing else changes (S4).
func (t *thread) block(r recorder) *db.Event {
	return t.setBlocked(r, &r.at, db.ContactBlocked)
}

// unblock makes everything as it was.
func (t *thread) unblock(r recorder) *db.Event {
	return t.setBlocked(r, nil, db.ContactUnblocked)
}

func (t *thread) setBlocked(r recorder, at *time.Time, kind db.EventType) *db.Event {
	before := t.facets()
	t.contact.BlockedAt = at
	if t.latest != nil {
		t.latest.Blocked = at != nil
	}
	t.next()
	return r.about(t, kind, before, db.EventData{})
}

// message records what an agent wrote in the conversation that the caller named, or else in
// the latest: a reply ends the wait (I3). Nothing else changes, so that notes are possible
// everywhere (S10). It says when the message was recorded.
func (t *thread) message(r recorder, m *db.Message) *db.Event {
	c := t.conversation()
	before, kind := c.Facets(), db.NoteAdded
	// A message is younger than all that has happened before it, though clocks differ and
	// calls wait for each other: who had read everything has not read this one.
	m.CreatedAt = later(r.at, c.LastActivityAt.Add(time.Microsecond))
	if m.Kind == db.Outbound {
		kind, c.WaitingSince = db.MessageSent, nil
	}
	c.LastActivityAt, c.LastMessageID = m.CreatedAt, &m.ID
	e := r.about(t, kind, before, db.EventData{MessageID: &m.ID})
	e.ConversationID, e.After = &c.ID, c.Facets() // an older one has facets of its own
	return e
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// lockThread locks a contact and reads its latest conversation; NOT_FOUND without one.
func (w *writer) lockThread(ctx context.Context, id db.ContactID) (*thread, error) {
	contacts, err := w.LockContacts(ctx, []db.ContactID{id})
	if err != nil {
		return nil, err
	}
	if len(contacts) == 0 {
		return nil, notFound("contact")
	}
	return w.readThread(ctx, contacts[0], nil)
}

// lockThreadOf is lockThread for the contact of a conversation.
func (w *writer) lockThreadOf(ctx context.Context, id db.ConversationID) (*thread, error) {
	contacts, err := w.LockContactOf(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(contacts) == 0 {
		return nil, notFound("conversation")
	}
	return w.readThread(ctx, contacts[0], &id)
}

func (w *writer) readThread(ctx context.Context, contact *db.Contact, asked *db.ConversationID) (*thread, error) {
	rows, err := w.LatestConversations(ctx, []db.ContactID{contact.ID})
	if err != nil {
		return nil, err
	}
	t := &thread{contact: contact, latest: first(rows)}
	if asked != nil {
		t.asked = t.latest
		if t.latest.ID != *asked {
			if rows, err = w.Conversations(ctx, []db.ConversationID{*asked}); err != nil {
				return nil, err
			}
			t.asked = first(rows)
		}
	}
	w.outcome.Contact, w.outcome.Conversation = t.contact, t.conversation()
	return t, nil
}

// locker locks the thread that a verb is about.
type locker func(ctx context.Context, w *writer) (*thread, error)

// threadWith is the thread of a contact.
func threadWith(id db.ContactID) locker {
	return func(ctx context.Context, w *writer) (*thread, error) { return w.lockThread(ctx, id) }
}

// threadOf is the thread that a conversation belongs to.
func threadOf(id db.ConversationID) locker {
	return func(ctx context.Context, w *writer) (*thread, error) { return w.lockThreadOf(ctx, id) }
}

// writeThread is what the verbs on a thread have in common: lock, state, version, and
// then what the verb does (S5).
func (s *Service) writeThread(ctx context.Context, actor Actor, verb string, in interface{ key() *string }, lock locker,
	expected *int, check func(*thread) *Refusal, do func(*writer, *thread) (changes, error)) (*Outcome, error) {
	return s.write(ctx, actor, verb, in, func(w *writer) (changes, error) {
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
func checkThread(t *thread, check func(*thread) *Refusal, expected *int) error {
	return firstOf(check(t), checkVersion(expected, t.contact.Version))
}

// step is what a verb does to a thread in memory once state and version are checked: its
// events, unchanged, or a refusal of the input.
type step func(t *thread) (changes, error)

// carryOut does a step and saves what came of it.
func (w *writer) carryOut(ctx context.Context, t *thread, do step) (changes, error) {
	events, err := do(t)
	if err != nil || len(events) == 0 {
		return unchanged, err
	}
	return w.save(ctx, events, t)
}

// checkNothing: the verb is possible in every state.
func checkNothing(*thread) *Refusal { return nil }

// save writes threads back and gives their events on.
func (w *writer) save(ctx context.Context, events changes, threads ...*thread) (changes, error) {
	var contacts []*db.Contact
	var changed, fresh []*db.Conversation
	for _, t := range threads {
		if t.moved {
			contacts = append(contacts, t.contact)
		}
		for _, c := range []*db.Conversation{t.former, t.latest, t.older()} {
			switch {
			case c == nil:
			case c == t.latest && t.fresh:
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
