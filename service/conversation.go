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

// checkUnblocked: nothing is opened, closed or reopened for a blocked contact (S4).
func checkUnblocked(contact *db.Contact) *Refusal {
	if contact.Blocked() {
		return refuse(ContactBlocked, "the contact is blocked; unblock it first")
	}
	return nil
}

// checkLatest: only the latest conversation is assigned or unassigned (A6).
func checkLatest(t *thread) *Refusal {
	if t.isOlder() {
		return refuse(NotLatest, "the contact has a newer conversation; only the latest can be assigned")
	}
	return nil
}

// checkFree: "assign to me" takes an open conversation that nobody has, or one's own (A3).
func checkFree(t *thread, me db.AgentID) *Refusal {
	switch {
	case t.asked.Status != db.StatusOpen:
		return refuse(NotOpen, "the conversation is closed; reopen it first")
	case t.asked.AssigneeID != nil && *t.asked.AssigneeID != me:
		return refuse(AlreadyAssigned, "somebody else is responsible for the conversation already; assign it to yourself to take it over")
	}
	return nil
}

// checkClose: an open conversation of an unblocked contact can be closed (S1, S4, S5).
func checkClose(contact *db.Contact, c *db.Conversation) *Refusal {
	if r := checkUnblocked(contact); r != nil {
		return r
	}
	if c.Status == db.StatusClosed {
		return refuse(AlreadyClosed, "the conversation is closed already")
	}
	return nil
}

// checkCloseAsked is checkClose of the conversation that the caller named.
func checkCloseAsked(t *thread) *Refusal { return checkClose(t.contact, t.asked) }

// checkOpen: a contact has at most one open conversation (S3, S4, S5).
func checkOpen(contact *db.Contact, latest *db.Conversation) *Refusal {
	if r := checkUnblocked(contact); r != nil {
		return r
	}
	if latest != nil && latest.Status == db.StatusOpen {
		return refuse(AlreadyOpen, "a conversation with the contact is open already")
	}
	return nil
}

// checkReopen: like checkOpen, and only the latest conversation comes back (S3).
func checkReopen(contact *db.Contact, latest, c *db.Conversation) *Refusal {
	if r := checkOpen(contact, latest); r != nil {
		return r
	}
	if !c.Latest {
		return refuse(NotLatest, "the contact has a newer conversation; only the latest can be reopened")
	}
	return nil
}

// checkVersion: whoever says which version they believe in is refused if it moved on (A4).
func checkVersion(expected *int, actual int) *Refusal {
	if expected != nil && *expected != actual {
		return refuse(Conflict, fmt.Sprintf("you expected version %d, but it is %d now; look at it again", *expected, actual), "expectedVersion")
	}
	return nil
}

// checkActive: a deactivated agent cannot be assigned (A7).
func checkActive(a *db.Agent, field string) *Refusal {
	if !a.Active {
		return refuse(AgentInactive, a.Name+" is deactivated; choose somebody else", field)
	}
	return nil
}

// checkCategory: a closing note's category is one of the workspace's (S1).
func checkCategory(note *db.ClosingNote, w *db.Workspace) *Refusal {
	if note == nil {
		return nil
	}
	if fault := definition.CategoryFault(note.Category, w); fault != "" {
		return refuse(UnknownCategory, fault, "note", "category")
	}
	return nil
}

// firstOf gives the first refusal as an error.
func firstOf(refusals ...*Refusal) error {
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
	return checkReopen(contact, latest, c)
}

// WhyNotOpen is about openConversation; latest is nil if there never was any.
func WhyNotOpen(contact *db.Contact, latest *db.Conversation) *Refusal {
	return checkOpen(contact, latest)
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
	return s.writeThread(ctx, actor, "assignConversation", &in, threadOf(in.ConversationID), in.ExpectedVersion, checkLatest,
		func(w *writer, t *thread) (changes, error) { return w.assign(ctx, t, in.AssigneeID) })
}

// assign is the common end of assigning a conversation and a contact.
func (w *writer) assign(ctx context.Context, t *thread, to db.AgentID) (changes, error) {
	give, err := w.assigning(ctx, to)
	if err != nil {
		return nil, err
	}
	return w.carryOut(ctx, t, give)
}

// assigning makes an agent responsible, who must be active (A7).
func (w *writer) assigning(ctx context.Context, to db.AgentID) (step, error) {
	agent, err := w.shareAgent(ctx, to)
	return func(t *thread) (changes, error) {
		if err := firstOf(checkActive(agent, "assigneeId")); err != nil {
			return nil, err
		}
		return w.give(t, &to, db.ReasonManual)
	}, err
}

// give records a change of assignment, if it is one (A6).
func (w *writer) give(t *thread, to *db.AgentID, why db.AssignmentReason) (changes, error) {
	if t.isAssignedTo(to) {
		return unchanged, nil
	}
	return changes{t.assign(w.recorder, to, why)}, nil
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
	free := func(t *thread) *Refusal { return checkFree(t, *actor.Agent) }
	return s.writeThread(ctx, actor, "assignToMe", &in, threadOf(in.ConversationID), in.ExpectedVersion, free,
		func(w *writer, t *thread) (changes, error) {
			if err := w.stayActive(ctx); err != nil {
				return nil, err
			}
			if t.isAssignedTo(actor.Agent) {
				return unchanged, nil
			}
			return w.save(ctx, changes{t.assign(w.recorder, actor.Agent, db.ReasonSelf)}, t)
		})
}

// stayActive keeps the caller, who is to become responsible, from being deactivated until
// the end of the transaction. It may have happened since the call came in (A7).
func (w *writer) stayActive(ctx context.Context) error {
	me, err := w.shareAgent(ctx, *w.actor.Agent)
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
	return s.writeThread(ctx, actor, "unassignConversation", &in, threadOf(in.ConversationID), in.ExpectedVersion, checkLatest,
		func(w *writer, t *thread) (changes, error) { return w.unassign(ctx, t) })
}

// unassign is the common end of unassigning a conversation and a contact.
func (w *writer) unassign(ctx context.Context, t *thread) (changes, error) {
	return w.carryOut(ctx, t, w.unassigning)
}

// unassigning makes nobody responsible (A2).
func (w *writer) unassigning(t *thread) (changes, error) {
	return w.give(t, nil, db.ReasonManual)
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
	if note.Category, err = optional("note.category", in.Category, maxName); err != nil {
		return nil, err
	}
	if note.Text, err = optional("note.text", in.Text, maxBody); err != nil {
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
	return s.writeThread(ctx, actor, "closeConversation", &in, threadOf(in.ConversationID), in.ExpectedVersion, checkCloseAsked,
		func(w *writer, t *thread) (changes, error) {
			archive, err := w.closing(ctx, note)
			if err != nil {
				return nil, err
			}
			return w.carryOut(ctx, t, archive)
		})
}

// closing archives an open conversation with a note, whose category must be known (S1).
func (w *writer) closing(ctx context.Context, note *db.ClosingNote) (step, error) {
	var workspace *db.Workspace
	var err error
	if note != nil && note.Category != nil {
		workspace, err = w.Workspace(ctx)
	}
	return func(t *thread) (changes, error) {
		if err := firstOf(checkCategory(note, workspace)); err != nil {
			return nil, err
		}
		return changes{t.close(w.recorder, note)}, nil
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
	channel, err := channel("channel", in.Channel)
	if err != nil {
		return nil, err
	}
	check := func(t *thread) *Refusal { return checkOpen(t.contact, t.latest) }
	return s.writeThread(ctx, actor, "openConversation", &in, threadWith(in.ContactID), in.ExpectedVersion, check,
		func(w *writer, t *thread) (changes, error) { return w.open(ctx, t, channel, actor.source()) })
}

// open starts a new conversation with a contact; an inactive owner counts as none (A7).
func (w *writer) open(ctx context.Context, t *thread, channel string, source db.ConversationSource) (changes, error) {
	events, err := w.releaseInactive(ctx, t)
	if err != nil {
		return nil, err
	}
	events = append(events, t.open(w.recorder, channel, source))
	w.outcome.Conversation = t.latest
	return w.save(ctx, events, t)
}

// releaseInactive unassigns a contact whose owner is no longer active, before a
// conversation is opened for it (A7, A8).
func (w *writer) releaseInactive(ctx context.Context, t *thread) (changes, error) {
	if t.contact.AssigneeID == nil {
		return nil, nil
	}
	owner, err := w.shareAgent(ctx, *t.contact.AssigneeID)
	if err != nil || owner.Active {
		return nil, err
	}
	return changes{t.assign(w.recorder, nil, db.ReasonOwnerPolicy)}, nil
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
	check := func(t *thread) *Refusal { return checkReopen(t.contact, t.latest, t.asked) }
	return s.writeThread(ctx, actor, "reopenConversation", &in, threadOf(in.ConversationID), in.ExpectedVersion, check,
		func(w *writer, t *thread) (changes, error) { return w.reopen(ctx, t, actor.source()) })
}

// reopen undoes the close of a contact's latest conversation (S3); an inactive owner counts
// as none (A7).
func (w *writer) reopen(ctx context.Context, t *thread, source db.ConversationSource) (changes, error) {
	events, err := w.releaseInactive(ctx, t)
	if err != nil {
		return nil, err
	}
	waiting, err := w.waitingBeforeClose(ctx, t.latest.ID)
	if err != nil {
		return nil, err
	}
	return w.save(ctx, append(events, t.reopen(w.recorder, source, waiting)), t)
}

// waitingBeforeClose returns since when the contact waited when the conversation was
// closed; nil if it did not, or if a reply is newer than the close.
func (w *writer) waitingBeforeClose(ctx context.Context, id db.ConversationID) (*time.Time, error) {
	last, err := w.LastOf(ctx, id, db.ConversationClosed, db.MessageSent)
	if err != nil || last == nil || last.Type != db.ConversationClosed {
		return nil, err
	}
	return last.Before.WaitingSince, nil
}
