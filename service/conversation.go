package service

import (
	"context"
	"fmt"
	"time"

	"switchboard/db"
	"switchboard/service/definition"
)

// The rules of conversations. Each check depends on the state alone and returns a refusal or nil.
// If several checks of a verb refuse, the first one is reported, in the order of S5: blocked,
// state, version, input.

// CheckUnblocked refuses to open, close or reopen anything for a blocked contact (S4).
func CheckUnblocked(contact *db.Contact) *Refusal {
	if contact.Blocked() {
		return Refuse(ContactBlocked, "the contact is blocked; unblock it first")
	}
	return nil
}

// CheckLatest refuses to assign or unassign a conversation that is not the latest (A6).
func CheckLatest(t *Thread) *Refusal {
	if t.IsOlder() {
		return Refuse(NotLatest, "the contact has a newer conversation; only the latest can be assigned")
	}
	return nil
}

// checkSelfAssign refuses "assign to me" unless the conversation is open and either unassigned or
// already the caller's (A3).
func checkSelfAssign(t *Thread, me db.AgentID) *Refusal {
	switch {
	case t.Asked.Status != db.StatusOpen:
		return Refuse(NotOpen, "the conversation is closed; reopen it first")
	case t.Asked.AssigneeID != nil && *t.Asked.AssigneeID != me:
		return Refuse(AlreadyAssigned, "somebody else is responsible for the conversation already; take it over with assignConversation")
	}
	return nil
}

// checkClose refuses to close a conversation that is closed or whose contact is blocked (S1, S4,
// S5).
func checkClose(contact *db.Contact, c *db.Conversation) *Refusal {
	if r := CheckUnblocked(contact); r != nil {
		return r
	}
	if c.Status == db.StatusClosed {
		return Refuse(AlreadyClosed, "the conversation is closed already")
	}
	return nil
}

// CheckCloseAsked is checkClose for the conversation that the caller named.
func CheckCloseAsked(t *Thread) *Refusal { return checkClose(t.Contact, t.Asked) }

// CheckOpen refuses a second open conversation with a contact, and any with a blocked one (S3, S4,
// S5).
func CheckOpen(contact *db.Contact, latest *db.Conversation) *Refusal {
	if r := CheckUnblocked(contact); r != nil {
		return r
	}
	if latest != nil && latest.Status == db.StatusOpen {
		return Refuse(AlreadyOpen, "a conversation with the contact is open already")
	}
	return nil
}

// CheckReopen is CheckOpen, and refuses to reopen a conversation that is not the latest (S3).
func CheckReopen(contact *db.Contact, latest, c *db.Conversation) *Refusal {
	if r := CheckOpen(contact, latest); r != nil {
		return r
	}
	if !c.Latest {
		return Refuse(NotLatest, "the contact has a newer conversation; only the latest can be reopened")
	}
	return nil
}

// checkVersion refuses if the caller expects another version than the present one (A4).
func checkVersion(expected *int, actual int) *Refusal {
	if expected != nil && *expected != actual {
		return Refuse(Conflict, fmt.Sprintf("you expected version %d, but it is %d now; look at it again", *expected, actual), "expectedVersion")
	}
	return nil
}

// CheckActive refuses to assign a deactivated agent (A7).
func CheckActive(a *db.Agent, field string) *Refusal {
	if !a.Active {
		return Refuse(AgentInactive, a.Name+" is deactivated; choose somebody else", field)
	}
	return nil
}

// checkCategory refuses a closing note whose category the workspace does not have (S1).
func checkCategory(note *db.ClosingNote, w *db.Workspace) *Refusal {
	if note == nil {
		return nil
	}
	if fault := definition.CategoryFault(note.Category, w); fault != "" {
		return Refuse(UnknownCategory, fault, "note", "category")
	}
	return nil
}

// FirstOf returns the first refusal as an error; nil if there is none.
func FirstOf(refusals ...*Refusal) error {
	for _, r := range refusals {
		if r != nil {
			return r
		}
	}
	return nil
}

// WhyNotClose returns the refusal that closeConversation would return now, or nil, so that a
// frontend can hide its button.
func WhyNotClose(contact *db.Contact, c *db.Conversation) *Refusal { return checkClose(contact, c) }

// WhyNotReopen is WhyNotClose for reopenConversation; latest is the contact's latest conversation.
func WhyNotReopen(contact *db.Contact, latest, c *db.Conversation) *Refusal {
	return CheckReopen(contact, latest, c)
}

// WhyNotOpen is WhyNotClose for openConversation; latest is nil if the contact has no conversation.
func WhyNotOpen(contact *db.Contact, latest *db.Conversation) *Refusal {
	return CheckOpen(contact, latest)
}

// AssignConversationInput is the conversation to assign and its new assignee.
type AssignConversationInput struct {
	ConversationID  db.ConversationID
	AssigneeID      db.AgentID
	ExpectedVersion *int
	Keyed
}

// AssignConversation makes an active agent responsible for a contact's latest conversation, also if
// another agent was (A1, A6). Refusals: NOT_LATEST, CONFLICT, AGENT_INACTIVE.
func (s *Service) AssignConversation(ctx context.Context, actor Actor, in AssignConversationInput) (*Outcome, error) {
	return s.writeThread(ctx, actor, "assignConversation", &in, threadOf(in.ConversationID), in.ExpectedVersion, CheckLatest,
		func(w *Writer, t *Thread) (Changes, error) { return w.assign(ctx, t, in.AssigneeID) })
}

// assign is shared by AssignConversation and AssignContact.
func (w *Writer) assign(ctx context.Context, t *Thread, to db.AgentID) (Changes, error) {
	transition, err := w.assignTransition(ctx, to)
	if err != nil {
		return nil, err
	}
	return w.CarryOut(ctx, t, transition)
}

// assignTransition returns the assignment to an agent; it refuses if the agent is not active (A7).
func (w *Writer) assignTransition(ctx context.Context, to db.AgentID) (transition, error) {
	agent, err := w.ShareAgent(ctx, to)
	return func(t *Thread) (Changes, error) {
		if err := FirstOf(CheckActive(agent, "assigneeId")); err != nil {
			return nil, err
		}
		return w.Assign(t, &to, db.ReasonManual)
	}, err
}

// Assign assigns the thread to an agent, or with nil unassigns it; Unchanged if it already is so
// (A6).
func (w *Writer) Assign(t *Thread, to *db.AgentID, why db.AssignmentReason) (Changes, error) {
	if t.IsAssignedTo(to) {
		return Unchanged, nil
	}
	return Changes{t.Assign(w.Recorder, to, why)}, nil
}

// AssignToMeInput is the conversation to assign to the caller.
type AssignToMeInput struct {
	ConversationID  db.ConversationID
	ExpectedVersion *int
	Keyed
}

// AssignToMe assigns an unassigned open conversation to the caller. Of several simultaneous callers
// exactly one succeeds (A3). Refusals: NOT_OPEN, ALREADY_ASSIGNED, CONFLICT.
func (s *Service) AssignToMe(ctx context.Context, actor Actor, in AssignToMeInput) (*Outcome, error) {
	if err := mayActAsAgent(actor); err != nil {
		return nil, err
	}
	check := func(t *Thread) *Refusal { return checkSelfAssign(t, *actor.Agent) }
	return s.writeThread(ctx, actor, "assignToMe", &in, threadOf(in.ConversationID), in.ExpectedVersion, check,
		func(w *Writer, t *Thread) (Changes, error) {
			if err := w.requireActive(ctx); err != nil {
				return nil, err
			}
			if t.IsAssignedTo(actor.Agent) {
				return Unchanged, nil
			}
			return w.Save(ctx, Changes{t.Assign(w.Recorder, actor.Agent, db.ReasonSelf)}, t)
		})
}

// requireActive locks the calling agent against deactivation until the transaction ends. The error
// is FORBIDDEN if the agent was deactivated after the call was authenticated (A7).
func (w *Writer) requireActive(ctx context.Context) error {
	me, err := w.ShareAgent(ctx, *w.Actor.Agent)
	if err == nil && !me.Active {
		err = &Error{Forbidden, "you are deactivated"}
	}
	return err
}

// UnassignConversationInput is the conversation to unassign.
type UnassignConversationInput struct {
	ConversationID  db.ConversationID
	ExpectedVersion *int
	Keyed
}

// UnassignConversation unassigns a contact's latest conversation (A2). Refusals: NOT_LATEST,
// CONFLICT.
func (s *Service) UnassignConversation(ctx context.Context, actor Actor, in UnassignConversationInput) (*Outcome, error) {
	return s.writeThread(ctx, actor, "unassignConversation", &in, threadOf(in.ConversationID), in.ExpectedVersion, CheckLatest,
		func(w *Writer, t *Thread) (Changes, error) { return w.unassign(ctx, t) })
}

// unassign is shared by UnassignConversation and UnassignContact.
func (w *Writer) unassign(ctx context.Context, t *Thread) (Changes, error) {
	return w.CarryOut(ctx, t, w.unassignTransition)
}

// unassignTransition unassigns the thread (A2).
func (w *Writer) unassignTransition(t *Thread) (Changes, error) {
	return w.Assign(t, nil, db.ReasonManual)
}

// CloseConversationInput is the conversation to close and its closing note.
type CloseConversationInput struct {
	ConversationID  db.ConversationID
	Note            *ClosingNoteInput
	ExpectedVersion *int
	Keyed
}

// ClosingNoteInput is the closing note of a conversation; a blank field is left empty.
type ClosingNoteInput struct {
	Category *string // one of the workspace's closing categories
	Text     *string // up to 16,000 characters
}

func (in *ClosingNoteInput) note() (note *db.ClosingNote, err error) {
	if in == nil {
		return nil, nil
	}
	note = &db.ClosingNote{}
	if note.Category, err = optional("note.category", in.Category, MaxName); err != nil {
		return nil, err
	}
	if note.Text, err = optional("note.text", in.Text, MaxBody); err != nil {
		return nil, err
	}
	if *note == (db.ClosingNote{}) {
		return nil, nil
	}
	return note, nil
}

// CloseConversation closes an open conversation; the contact stays assigned (S1, S2). Refusals:
// CONTACT_BLOCKED, ALREADY_CLOSED, CONFLICT, UNKNOWN_CATEGORY.
func (s *Service) CloseConversation(ctx context.Context, actor Actor, in CloseConversationInput) (*Outcome, error) {
	note, err := in.Note.note()
	if err != nil {
		return nil, err
	}
	return s.writeThread(ctx, actor, "closeConversation", &in, threadOf(in.ConversationID), in.ExpectedVersion, CheckCloseAsked,
		func(w *Writer, t *Thread) (Changes, error) {
			transition, err := w.CloseTransition(ctx, note)
			if err != nil {
				return nil, err
			}
			return w.CarryOut(ctx, t, transition)
		})
}

// CloseTransition returns the closing of a conversation with a note; it refuses an unknown category
// (S1).
func (w *Writer) CloseTransition(ctx context.Context, note *db.ClosingNote) (transition, error) {
	var workspace *db.Workspace
	var err error
	if note != nil && note.Category != nil {
		workspace, err = w.Workspace(ctx)
	}
	return func(t *Thread) (Changes, error) {
		if err := FirstOf(checkCategory(note, workspace)); err != nil {
			return nil, err
		}
		return Changes{t.Close(w.Recorder, note)}, nil
	}, err
}

// OpenConversationInput is the contact and the channel of a new conversation.
type OpenConversationInput struct {
	ContactID       db.ContactID
	Channel         string
	ExpectedVersion *int
	Keyed
}

// OpenConversation opens a conversation with a contact that has none open. It is assigned to the
// contact's assignee; an inactive assignee is unassigned first (S3, A7). Refusals: CONTACT_BLOCKED,
// ALREADY_OPEN, CONFLICT.
func (s *Service) OpenConversation(ctx context.Context, actor Actor, in OpenConversationInput) (*Outcome, error) {
	channel, err := CheckChannel("channel", in.Channel)
	if err != nil {
		return nil, err
	}
	check := func(t *Thread) *Refusal { return CheckOpen(t.Contact, t.Latest) }
	return s.writeThread(ctx, actor, "openConversation", &in, threadWith(in.ContactID), in.ExpectedVersion, check,
		func(w *Writer, t *Thread) (Changes, error) { return w.Open(ctx, t, channel, actor.source()) })
}

// Open opens a new conversation with a contact, after unassigning an inactive assignee (A7).
func (w *Writer) Open(ctx context.Context, t *Thread, channel string, source db.ConversationSource) (Changes, error) {
	events, err := w.unassignInactive(ctx, t)
	if err != nil {
		return nil, err
	}
	events = append(events, t.Open(w.Recorder, channel, source))
	w.Outcome.Conversation = t.Latest
	return w.Save(ctx, events, t)
}

// unassignInactive unassigns a contact whose assignee is no longer active. It must precede the
// opening of a conversation (A7, A8).
func (w *Writer) unassignInactive(ctx context.Context, t *Thread) (Changes, error) {
	if t.Contact.AssigneeID == nil {
		return nil, nil
	}
	assignee, err := w.ShareAgent(ctx, *t.Contact.AssigneeID)
	if err != nil || assignee.Active {
		return nil, err
	}
	return Changes{t.Assign(w.Recorder, nil, db.ReasonOwnerPolicy)}, nil
}

// ReopenConversationInput is the conversation to reopen.
type ReopenConversationInput struct {
	ConversationID  db.ConversationID
	ExpectedVersion *int
	Keyed
}

// ReopenConversation reopens a contact's latest conversation (S3). Refusals: CONTACT_BLOCKED,
// ALREADY_OPEN, NOT_LATEST, CONFLICT.
func (s *Service) ReopenConversation(ctx context.Context, actor Actor, in ReopenConversationInput) (*Outcome, error) {
	check := func(t *Thread) *Refusal { return CheckReopen(t.Contact, t.Latest, t.Asked) }
	return s.writeThread(ctx, actor, "reopenConversation", &in, threadOf(in.ConversationID), in.ExpectedVersion, check,
		func(w *Writer, t *Thread) (Changes, error) { return w.Reopen(ctx, t, actor.source()) })
}

// Reopen reopens a contact's latest conversation (S3), after unassigning an inactive assignee (A7).
// A contact that was waiting when it was closed waits again.
func (w *Writer) Reopen(ctx context.Context, t *Thread, source db.ConversationSource) (Changes, error) {
	events, err := w.unassignInactive(ctx, t)
	if err != nil {
		return nil, err
	}
	waiting, err := w.waitingBeforeClose(ctx, t.Latest.ID)
	if err != nil {
		return nil, err
	}
	return w.Save(ctx, append(events, t.Reopen(w.Recorder, source, waiting)), t)
}

// waitingBeforeClose returns since when the contact was waiting at the time of the last close; nil
// if it was not waiting, or if a reply was sent after the close.
func (w *Writer) waitingBeforeClose(ctx context.Context, id db.ConversationID) (*time.Time, error) {
	last, err := w.LastOf(ctx, id, db.ConversationClosed, db.MessageSent)
	if err != nil || last == nil || last.Type != db.ConversationClosed {
		return nil, err
	}
	return last.Before.WaitingSince, nil
}
