package service

import (
	"context"
	"fmt"
	"time"

	"switchboard/db"
	"switchboard/service/definition"
)

// The rules of conversations. Each check looks at the state alone and gives the refusal
// or nil; if several refuse, the first one of a verb's list counts, which is in the
// order of S5: blocked, state, version, input.

// CheckUnblocked: nothing is opened, closed or reopened for a blocked contact (S4).
func CheckUnblocked(contact *db.Contact) *Refusal {
	if contact.Blocked() {
		return Refuse(ContactBlocked, "the contact is blocked; unblock it first")
	}
	return nil
}

// CheckLatest: only the latest conversation is assigned or unassigned (A6).
func CheckLatest(t *Thread) *Refusal {
	if t.IsOlder() {
		return Refuse(NotLatest, "the contact has a newer conversation; only the latest can be assigned")
	}
	return nil
}

// checkFree: "assign to me" takes an open conversation that nobody has, or one's own (A3).
func checkFree(t *Thread, me db.AgentID) *Refusal {
	switch {
	case t.Asked.Status != db.StatusOpen:
		return Refuse(NotOpen, "the conversation is closed; reopen it first")
	case t.Asked.AssigneeID != nil && *t.Asked.AssigneeID != me:
		return Refuse(AlreadyAssigned, "somebody else is responsible for the conversation already; assign it to yourself to take it over")
	}
	return nil
}

// checkClose: an open conversation of an unblocked contact can be closed (S1, S4, S5).
func checkClose(contact *db.Contact, c *db.Conversation) *Refusal {
	if r := CheckUnblocked(contact); r != nil {
		return r
	}
	if c.Status == db.StatusClosed {
		return Refuse(AlreadyClosed, "the conversation is closed already")
	}
	return nil
}

// CheckCloseAsked is checkClose of the conversation that the caller named.
func CheckCloseAsked(t *Thread) *Refusal { return checkClose(t.Contact, t.Asked) }

// CheckOpen: a contact has at most one open conversation (S3, S4, S5).
func CheckOpen(contact *db.Contact, latest *db.Conversation) *Refusal {
	if r := CheckUnblocked(contact); r != nil {
		return r
	}
	if latest != nil && latest.Status == db.StatusOpen {
		return Refuse(AlreadyOpen, "a conversation with the contact is open already")
	}
	return nil
}

// CheckReopen: like checkOpen, and only the latest conversation comes back (S3).
func CheckReopen(contact *db.Contact, latest, c *db.Conversation) *Refusal {
	if r := CheckOpen(contact, latest); r != nil {
		return r
	}
	if !c.Latest {
		return Refuse(NotLatest, "the contact has a newer conversation; only the latest can be reopened")
	}
	return nil
}

// checkVersion: whoever says which version they believe in is refused if it moved on (A4).
func checkVersion(expected *int, actual int) *Refusal {
	if expected != nil && *expected != actual {
		return Refuse(Conflict, fmt.Sprintf("you expected version %d, but it is %d now; look at it again", *expected, actual), "expectedVersion")
	}
	return nil
}

// CheckActive: a deactivated agent cannot be assigned (A7).
func CheckActive(a *db.Agent, field string) *Refusal {
	if !a.Active {
		return Refuse(AgentInactive, a.Name+" is deactivated; choose somebody else", field)
	}
	return nil
}

// checkCategory: a closing note's category is one of the workspace's (S1).
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

// WhyNotClose, WhyNotReopen and WhyNotOpen say beforehand what a verb would answer as
// things stand, so that a frontend can hide its button; nil if it would be accepted.

// WhyNotClose is about closeConversation.
func WhyNotClose(contact *db.Contact, c *db.Conversation) *Refusal { return checkClose(contact, c) }

// WhyNotReopen is about reopenConversation; latest is the contact's latest conversation.
func WhyNotReopen(contact *db.Contact, latest, c *db.Conversation) *Refusal {
	return CheckReopen(contact, latest, c)
}

// WhyNotOpen is about openConversation; latest is nil if there never was any.
func WhyNotOpen(contact *db.Contact, latest *db.Conversation) *Refusal {
	return CheckOpen(contact, latest)
}

// AssignConversationInput says which conversation to assign to whom.
type AssignConversationInput struct {
	ConversationID  db.ConversationID
	AssigneeID      db.AgentID
	ExpectedVersion *int
	Keyed
}

// AssignConversation makes an active agent responsible for a contact's latest
// conversation, whoever had it before (A1, A6). Refusals: NOT_LATEST, CONFLICT, AGENT_INACTIVE.
func (s *Service) AssignConversation(ctx context.Context, actor Actor, in AssignConversationInput) (*Outcome, error) {
	return s.writeThread(ctx, actor, "assignConversation", &in, threadOf(in.ConversationID), in.ExpectedVersion, CheckLatest,
		func(w *Writer, t *Thread) (Changes, error) { return w.assign(ctx, t, in.AssigneeID) })
}

// assign is the common end of assigning a conversation and a contact.
func (w *Writer) assign(ctx context.Context, t *Thread, to db.AgentID) (Changes, error) {
	give, err := w.assigning(ctx, to)
	if err != nil {
		return nil, err
	}
	return w.CarryOut(ctx, t, give)
}

// assigning makes an agent responsible, who must be active (A7).
func (w *Writer) assigning(ctx context.Context, to db.AgentID) (step, error) {
	agent, err := w.ShareAgent(ctx, to)
	return func(t *Thread) (Changes, error) {
		if err := FirstOf(CheckActive(agent, "assigneeId")); err != nil {
			return nil, err
		}
		return w.Assign(t, &to, db.ReasonManual)
	}, err
}

// Assign records a change of assignment, if it is one (A6).
func (w *Writer) Assign(t *Thread, to *db.AgentID, why db.AssignmentReason) (Changes, error) {
	if t.IsAssignedTo(to) {
		return Unchanged, nil
	}
	return Changes{t.Assign(w.Recorder, to, why)}, nil
}

// AssignToMeInput says which conversation to take.
type AssignToMeInput struct {
	ConversationID  db.ConversationID
	ExpectedVersion *int
	Keyed
}

// AssignToMe takes an unassigned open conversation: of any number of callers at once
// exactly one gets it (A3). Refusals: NOT_OPEN, ALREADY_ASSIGNED, CONFLICT.
func (s *Service) AssignToMe(ctx context.Context, actor Actor, in AssignToMeInput) (*Outcome, error) {
	if err := mayActAsAgent(actor); err != nil {
		return nil, err
	}
	free := func(t *Thread) *Refusal { return checkFree(t, *actor.Agent) }
	return s.writeThread(ctx, actor, "assignToMe", &in, threadOf(in.ConversationID), in.ExpectedVersion, free,
		func(w *Writer, t *Thread) (Changes, error) {
			if err := w.stayActive(ctx); err != nil {
				return nil, err
			}
			if t.IsAssignedTo(actor.Agent) {
				return Unchanged, nil
			}
			return w.Save(ctx, Changes{t.Assign(w.Recorder, actor.Agent, db.ReasonSelf)}, t)
		})
}

// stayActive keeps the caller, who is to become responsible, from being deactivated until
// the end of the transaction. It may have happened since the call came in (A7).
func (w *Writer) stayActive(ctx context.Context) error {
	me, err := w.ShareAgent(ctx, *w.Actor.Agent)
	if err == nil && !me.Active {
		err = &Error{Forbidden, "you are deactivated"}
	}
	return err
}

// UnassignConversationInput says which conversation to give back.
type UnassignConversationInput struct {
	ConversationID  db.ConversationID
	ExpectedVersion *int
	Keyed
}

// UnassignConversation clears the owner of a contact's latest conversation (A2).
// Refusals: NOT_LATEST, CONFLICT.
func (s *Service) UnassignConversation(ctx context.Context, actor Actor, in UnassignConversationInput) (*Outcome, error) {
	return s.writeThread(ctx, actor, "unassignConversation", &in, threadOf(in.ConversationID), in.ExpectedVersion, CheckLatest,
		func(w *Writer, t *Thread) (Changes, error) { return w.unassign(ctx, t) })
}

// unassign is the common end of unassigning a conversation and a contact.
func (w *Writer) unassign(ctx context.Context, t *Thread) (Changes, error) {
	return w.CarryOut(ctx, t, w.unassigning)
}

// unassigning makes nobody responsible (A2).
func (w *Writer) unassigning(t *Thread) (Changes, error) {
	return w.Assign(t, nil, db.ReasonManual)
}

// CloseConversationInput says which conversation to close and what to remember about it.
type CloseConversationInput struct {
	ConversationID  db.ConversationID
	Note            *ClosingNoteInput
	ExpectedVersion *int
	Keyed
}

// ClosingNoteInput is what to remember about a closed conversation; blank means nothing.
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

// CloseConversation archives an open conversation; the contact stays assigned (S1, S2).
// Refusals: CONTACT_BLOCKED, ALREADY_CLOSED, CONFLICT, UNKNOWN_CATEGORY.
func (s *Service) CloseConversation(ctx context.Context, actor Actor, in CloseConversationInput) (*Outcome, error) {
	note, err := in.Note.note()
	if err != nil {
		return nil, err
	}
	return s.writeThread(ctx, actor, "closeConversation", &in, threadOf(in.ConversationID), in.ExpectedVersion, CheckCloseAsked,
		func(w *Writer, t *Thread) (Changes, error) {
			archive, err := w.Closing(ctx, note)
			if err != nil {
				return nil, err
			}
			return w.CarryOut(ctx, t, archive)
		})
}

// Closing archives an open conversation with a note, whose category must be known (S1).
func (w *Writer) Closing(ctx context.Context, note *db.ClosingNote) (step, error) {
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

// OpenConversationInput says with whom to start a conversation and on which channel.
type OpenConversationInput struct {
	ContactID       db.ContactID
	Channel         string
	ExpectedVersion *int
	Keyed
}

// OpenConversation starts a new conversation with a contact who has none open, owned by
// the contact's assignee; an inactive one counts as none (S3, A7). Refusals:
// CONTACT_BLOCKED, ALREADY_OPEN, CONFLICT.
func (s *Service) OpenConversation(ctx context.Context, actor Actor, in OpenConversationInput) (*Outcome, error) {
	channel, err := CheckChannel("channel", in.Channel)
	if err != nil {
		return nil, err
	}
	check := func(t *Thread) *Refusal { return CheckOpen(t.Contact, t.Latest) }
	return s.writeThread(ctx, actor, "openConversation", &in, threadWith(in.ContactID), in.ExpectedVersion, check,
		func(w *Writer, t *Thread) (Changes, error) { return w.Open(ctx, t, channel, actor.source()) })
}

// Open starts a new conversation with a contact; an inactive owner counts as none (A7).
func (w *Writer) Open(ctx context.Context, t *Thread, channel string, source db.ConversationSource) (Changes, error) {
	events, err := w.releaseInactive(ctx, t)
	if err != nil {
		return nil, err
	}
	events = append(events, t.Open(w.Recorder, channel, source))
	w.Outcome.Conversation = t.Latest
	return w.Save(ctx, events, t)
}

// releaseInactive unassigns a contact whose owner is no longer active, before a
// conversation is opened for it (A7, A8).
func (w *Writer) releaseInactive(ctx context.Context, t *Thread) (Changes, error) {
	if t.Contact.AssigneeID == nil {
		return nil, nil
	}
	owner, err := w.ShareAgent(ctx, *t.Contact.AssigneeID)
	if err != nil || owner.Active {
		return nil, err
	}
	return Changes{t.Assign(w.Recorder, nil, db.ReasonOwnerPolicy)}, nil
}

// ReopenConversationInput says which conversation to bring back.
type ReopenConversationInput struct {
	ConversationID  db.ConversationID
	ExpectedVersion *int
	Keyed
}

// ReopenConversation brings a contact's latest conversation back (S3). Refusals:
// CONTACT_BLOCKED, ALREADY_OPEN, NOT_LATEST, CONFLICT.
func (s *Service) ReopenConversation(ctx context.Context, actor Actor, in ReopenConversationInput) (*Outcome, error) {
	check := func(t *Thread) *Refusal { return CheckReopen(t.Contact, t.Latest, t.Asked) }
	return s.writeThread(ctx, actor, "reopenConversation", &in, threadOf(in.ConversationID), in.ExpectedVersion, check,
		func(w *Writer, t *Thread) (Changes, error) { return w.Reopen(ctx, t, actor.source()) })
}

// Reopen undoes the close of a contact's latest conversation (S3); an inactive owner counts
// as none (A7).
func (w *Writer) Reopen(ctx context.Context, t *Thread, source db.ConversationSource) (Changes, error) {
	events, err := w.releaseInactive(ctx, t)
	if err != nil {
		return nil, err
	}
	waiting, err := w.waitingBeforeClose(ctx, t.Latest.ID)
	if err != nil {
		return nil, err
	}
	return w.Save(ctx, append(events, t.Reopen(w.Recorder, source, waiting)), t)
}

// waitingBeforeClose returns since when the contact waited when the conversation was
// closed; nil if it did not, or if a reply is newer than the close.
func (w *Writer) waitingBeforeClose(ctx context.Context, id db.ConversationID) (*time.Time, error) {
	last, err := w.LastOf(ctx, id, db.ConversationClosed, db.MessageSent)
	if err != nil || last == nil || last.Type != db.ConversationClosed {
		return nil, err
	}
	return last.Before.WaitingSince, nil
}
