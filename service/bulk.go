package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"switchboard/db"
)

// A bulk applies one verb to many conversations in one transaction. Its items are processed in
// their order, each under the rules of the verb on one conversation. A refused item is left
// unchanged; the others are carried out.

const maxItems = 500 // of a bulk

// ConversationItemInput is one of the conversations of a bulk.
type ConversationItemInput struct {
	ConversationID  db.ConversationID
	ExpectedVersion *int
}

// ConversationOutcome is what a bulk did with one of its items.
type ConversationOutcome struct {
	ConversationID db.ConversationID `json:"id"`
	Conversation   *db.Conversation  `json:"-"`                  // present state; nil if it does not exist
	Refusals       []*Refusal        `json:"refusals,omitempty"` // the rule that refused, if one did
}

// AssignConversationsInput is the conversations to assign and their new assignee.
type AssignConversationsInput struct {
	Items      []*ConversationItemInput // 1 to 500
	AssigneeID db.AgentID
	Keyed
}

// AssignConversations is AssignConversation for many conversations. Refusals, each of an item:
// NOT_FOUND, NOT_LATEST, CONFLICT, AGENT_INACTIVE.
func (s *Service) AssignConversations(ctx context.Context, actor Actor, in AssignConversationsInput) (*Outcome, error) {
	return s.mutateAll(ctx, actor, "assignConversations", &in, in.Items, assigning(in.AssigneeID))
}

// UnassignConversationsInput is the conversations to unassign.
type UnassignConversationsInput struct {
	Items []*ConversationItemInput // 1 to 500
	Keyed
}

// UnassignConversations is UnassignConversation for many conversations. Refusals, each of an item:
// NOT_FOUND, NOT_LATEST, CONFLICT.
func (s *Service) UnassignConversations(ctx context.Context, actor Actor, in UnassignConversationsInput) (*Outcome, error) {
	return s.mutateAll(ctx, actor, "unassignConversations", &in, in.Items, unassigning)
}

// CloseConversationsInput is the conversations to close and the closing note of each.
type CloseConversationsInput struct {
	Items []*ConversationItemInput // 1 to 500
	Note  *ClosingNoteInput
	Keyed
}

// CloseConversations is CloseConversation for many conversations. Refusals, each of an item:
// NOT_FOUND, CONTACT_BLOCKED, ALREADY_CLOSED, CONFLICT, UNKNOWN_CATEGORY.
func (s *Service) CloseConversations(ctx context.Context, actor Actor, in CloseConversationsInput) (*Outcome, error) {
	if err := Permit(actor, "closeConversations"); err != nil {
		return nil, err
	}
	note, err := in.Note.note()
	if err != nil {
		return nil, err
	}
	return s.mutateAll(ctx, actor, "closeConversations", &in, in.Items, Closing(note))
}

// mutateAll carries out a verb on many conversations.
func (s *Service) mutateAll(ctx context.Context, actor Actor, name string, in Input,
	items []*ConversationItemInput, v Verb) (*Outcome, error) {
	if err := Permit(actor, name); err != nil {
		return nil, err
	}
	if len(items) == 0 || len(items) > maxItems {
		return nil, NewBadInput(fmt.Sprintf("items must be 1 to %d conversations; there are %d", maxItems, len(items)))
	}
	m := &member{ctx: ctx, actor: actor, verb: v, isBulk: true}
	for _, item := range items {
		m.targets = append(m.targets, inConversation(item.ConversationID, item.ExpectedVersion))
	}
	return s.join(m, name, in)
}

// each carries out the verb of a bulk on each of its conversations. What it changed is added to
// after.
func (c *company) each(m *member, a *Act, after map[db.ContactID]*held) (events Changes, err error) {
	for _, of := range m.targets {
		o := &ConversationOutcome{ConversationID: *of.conversation}
		m.outcome.Conversations = append(m.outcome.Conversations, o)
		done, err := c.item(m, a, of, after)
		var refusal *Refusal
		switch {
		case errors.As(err, &refusal):
			o.Refusals = []*Refusal{refusal}
		case err != nil:
			return nil, err
		}
		events = append(events, done...)
	}
	for _, o := range m.outcome.Conversations {
		if id, known := c.threads.named[o.ConversationID]; known {
			o.Conversation = cmp.Or(after[id], c.threads.held[id]).rows[o.ConversationID].Conversation
		}
	}
	return events, nil
}

// item carries out the verb of a bulk on one conversation. One that does not exist is a refusal,
// too. An item sees what earlier items of the same contact did.
func (c *company) item(m *member, a *Act, of target, after map[db.ContactID]*held) (Changes, error) {
	h, err := c.threads.of(of)
	if err != nil {
		var missing *Error
		if errors.As(err, &missing) {
			err = Refuse(ItemNotFound, missing.Message, "conversationId")
		}
		return nil, err
	}
	id := h.contact.ID
	events, next, err := c.act(m, a, cmp.Or(after[id], h), of)
	if len(events) > 0 {
		after[id] = next
	}
	return events, err
}

// recallConversations fills in the present conversations of the items of a remembered bulk.
func recallConversations(ctx context.Context, in db.ForWorkspace, items []*ConversationOutcome) ([]*ConversationOutcome, error) {
	if len(items) == 0 {
		return nil, nil
	}
	ids := make([]db.ConversationID, len(items))
	for i, item := range items {
		ids[i] = item.ConversationID
	}
	rows, err := in.Conversations(ctx, ids)
	known := conversationsByID(rows)
	for _, item := range items {
		item.Conversation = known[item.ConversationID]
	}
	return items, err
}

func conversationsByID(rows []*db.Conversation) map[db.ConversationID]*db.Conversation {
	known := make(map[db.ConversationID]*db.Conversation, len(rows))
	for _, c := range rows {
		known[c.ID] = c
	}
	return known
}
