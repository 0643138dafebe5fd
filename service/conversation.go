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

// WhyNotReply is WhyNotClose for sendMessage.
func WhyNotReply(contact *db.Contact, c *db.Conversation) *Refusal { return CheckReply(contact, c) }

// WhyNotAssign is WhyNotClose for assignConversation.
func WhyNotAssign(c *db.Conversation) *Refusal {
	return CheckLatest(&Thread{Asked: c})
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
	return s.mutate(ctx, actor, "assignConversation", &in,
		inConversation(in.ConversationID, in.ExpectedVersion), assigning(in.AssigneeID))
}

// assigning is the verb that assigns a thread to an agent; it refuses if the agent is not active
// (A7).
func assigning(to db.AgentID) Verb {
	return Verb{needs: needsAgents(to), check: CheckLatest, do: func(a *Act, t *Thread) (Changes, error) {
		agent, err := a.agent(to)
		if err != nil {
			return nil, err
		}
		if err := FirstOf(CheckActive(agent, "assigneeId")); err != nil {
			return nil, err
		}
		return t.handTo(a.Recorder, &to, db.ReasonManual), nil
	}}
}

// Handing is the verb that assigns a thread to an agent whom the transaction keeps active, or with
// nil unassigns it.
func Handing(to *db.AgentID, why db.AssignmentReason) Verb {
	return Verb{check: CheckLatest, do: func(a *Act, t *Thread) (Changes, error) {
		return t.handTo(a.Recorder, to, why), nil
	}}
}

// handTo assigns the thread to an agent, or with nil unassigns it; Unchanged if it already is so
// (A6).
func (t *Thread) handTo(r Recorder, to *db.AgentID, why db.AssignmentReason) Changes {
	if t.IsAssignedTo(to) {
		return Unchanged
	}
	return Changes{t.Assign(r, to, why)}
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
	if err := mayActAsAgent(actor, "assignToMe"); err != nil {
		return nil, err
	}
	return s.mutate(ctx, actor, "assignToMe", &in,
		inConversation(in.ConversationID, in.ExpectedVersion), taking(*actor.Agent))
}

// taking is the verb that assigns an unassigned open conversation to the caller (A3).
func taking(me db.AgentID) Verb {
	return Verb{
		needs: needsAgents(me),
		check: func(t *Thread) *Refusal { return checkSelfAssign(t, me) },
		do: func(a *Act, t *Thread) (Changes, error) {
			if err := a.requireActive(); err != nil {
				return nil, err
			}
			return t.handTo(a.Recorder, &me, db.ReasonSelf), nil
		},
	}
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
	return s.mutate(ctx, actor, "unassignConversation", &in,
		inConversation(in.ConversationID, in.ExpectedVersion), unassigning)
}

// unassigning is the verb that unassigns a thread (A2).
var unassigning = Handing(nil, db.ReasonManual)

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
	if err := Permit(actor, "closeConversation"); err != nil {
		return nil, err
	}
	note, err := in.Note.note()
	if err != nil {
		return nil, err
	}
	return s.mutate(ctx, actor, "closeConversation", &in,
		inConversation(in.ConversationID, in.ExpectedVersion), Closing(note))
}

// Closing is the verb that closes the conversation that was named, with a note; it refuses an
// unknown category (S1).
func Closing(note *db.ClosingNote) Verb {
	needs := Needs{Workspace: note != nil && note.Category != nil}
	return Verb{
		needs: func(*db.Contact) Needs { return needs },
		check: CheckCloseAsked,
		do: func(a *Act, t *Thread) (Changes, error) {
			if err := FirstOf(checkCategory(note, First(a.read.workspace))); err != nil {
				return nil, err
			}
			return Changes{t.Close(a.Recorder, note)}, nil
		},
	}
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
	if err := Permit(actor, "openConversation"); err != nil {
		return nil, err
	}
	channel, err := CheckChannel("channel", in.Channel)
	if err != nil {
		return nil, err
	}
	return s.mutate(ctx, actor, "openConversation", &in,
		ofContact(in.ContactID, in.ExpectedVersion), Opening(channel, actor.source()))
}

// Opening is the verb that opens a new conversation with a contact, after unassigning an inactive
// assignee (A7).
func Opening(channel string, source db.ConversationSource) Verb {
	return Verb{
		needs: needsAssignee,
		check: func(t *Thread) *Refusal { return CheckOpen(t.Contact, t.Latest) },
		do: func(a *Act, t *Thread) (Changes, error) {
			events, err := a.unassignInactive(t)
			if err != nil {
				return nil, err
			}
			return append(events, t.Open(a.Recorder, channel, source)), nil
		},
	}
}

// unassignInactive unassigns a contact whose assignee is no longer active. It must precede the
// opening of a conversation (A7, A8).
func (a *Act) unassignInactive(t *Thread) (Changes, error) {
	if t.Contact.AssigneeID == nil {
		return nil, nil
	}
	assignee, err := a.agent(*t.Contact.AssigneeID)
	if err != nil || assignee.Active {
		return nil, err
	}
	return Changes{t.Assign(a.Recorder, nil, db.ReasonOwnerPolicy)}, nil
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
	return s.mutate(ctx, actor, "reopenConversation", &in,
		inConversation(in.ConversationID, in.ExpectedVersion), Reopening(actor.source()))
}

// Reopening is the verb that reopens a contact's latest conversation (S3), after unassigning an
// inactive assignee (A7). A contact that was waiting when it was closed waits again.
func Reopening(source db.ConversationSource) Verb {
	return Verb{
		needs: func(contact *db.Contact) Needs {
			needs := needsAssignee(contact)
			needs.Closing = true
			return needs
		},
		check: func(t *Thread) *Refusal { return CheckReopen(t.Contact, t.Latest, t.Asked) },
		do: func(a *Act, t *Thread) (Changes, error) {
			events, err := a.unassignInactive(t)
			if err != nil {
				return nil, err
			}
			waiting, err := a.waitingBeforeClose(t.Asked.ID)
			if err != nil {
				return nil, err
			}
			return append(events, t.Reopen(a.Recorder, source, waiting)), nil
		},
	}
}

// waitingBeforeClose returns since when the contact was waiting at the time of the last close; nil
// if it was not waiting, or if a reply was sent after the close.
func (a *Act) waitingBeforeClose(id db.ConversationID) (*time.Time, error) {
	last, err := a.lastClosing(id)
	if err != nil || last == nil || last.Type != db.ConversationClosed {
		return nil, err
	}
	return last.Before.WaitingSince, nil
}
