package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

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
	return s.writeThreads(ctx, actor, "assignConversations", &in, in.Items, CheckLatest,
		func(w *Writer) (transition, error) { return w.assignTransition(ctx, in.AssigneeID) })
}

// UnassignConversationsInput is the conversations to unassign.
type UnassignConversationsInput struct {
	Items []*ConversationItemInput // 1 to 500
	Keyed
}

// UnassignConversations is UnassignConversation for many conversations. Refusals, each of an item:
// NOT_FOUND, NOT_LATEST, CONFLICT.
func (s *Service) UnassignConversations(ctx context.Context, actor Actor, in UnassignConversationsInput) (*Outcome, error) {
	return s.writeThreads(ctx, actor, "unassignConversations", &in, in.Items, CheckLatest,
		func(w *Writer) (transition, error) { return w.unassignTransition, nil })
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
	note, err := in.Note.note()
	if err != nil {
		return nil, err
	}
	return s.writeThreads(ctx, actor, "closeConversations", &in, in.Items, CheckCloseAsked,
		func(w *Writer) (transition, error) { return w.CloseTransition(ctx, note) })
}

// writeThreads is writeThread for many conversations: it locks all of them at once, checks and
// changes each item in memory, and writes all changed rows together. prepare returns the transition
// to apply to each item; it may read rows.
func (s *Service) writeThreads(ctx context.Context, actor Actor, verb string, in Input,
	items []*ConversationItemInput, check func(*Thread) *Refusal, prepare func(*Writer) (transition, error)) (*Outcome, error) {
	if len(items) == 0 || len(items) > maxItems {
		return nil, NewBadInput(fmt.Sprintf("items must be 1 to %d conversations; there are %d", maxItems, len(items)))
	}
	return s.Write(ctx, actor, verb, in, func(w *Writer) (Changes, error) {
		threads, err := w.lockThreadsOf(ctx, items)
		if err != nil {
			return nil, err
		}
		do, err := prepare(w)
		if err != nil {
			return nil, err
		}
		var events Changes
		changed := map[db.ContactID]*Thread{} // a map, as two items may belong to one contact
		for i, item := range items {
			done, err := w.carryOutItem(item, threads[i], check, do)
			if err != nil {
				return nil, err
			}
			if len(done) > 0 {
				events, changed[threads[i].Contact.ID] = append(events, done...), threads[i]
			}
		}
		if len(events) == 0 {
			return Unchanged, nil
		}
		return w.Save(ctx, events, slices.Collect(maps.Values(changed))...)
	})
}

// carryOutItem checks and changes one item, and adds its result to the outcome. The thread is nil
// if the conversation does not exist.
func (w *Writer) carryOutItem(item *ConversationItemInput, t *Thread, check func(*Thread) *Refusal, do transition) (events Changes, err error) {
	o := &ConversationOutcome{ConversationID: item.ConversationID}
	w.Outcome.Conversations = append(w.Outcome.Conversations, o)
	if t == nil {
		o.Refusals = []*Refusal{Refuse(ItemNotFound, NewNotFound("conversation").Message, "conversationId")}
		return Unchanged, nil
	}
	o.Conversation = t.Asked
	if err = checkThread(t, check, item.ExpectedVersion); err == nil {
		events, err = do(t)
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		o.Refusals = []*Refusal{refusal}
		return Unchanged, nil
	}
	return events, err
}

// lockThreadsOf locks and returns the thread of each item; nil if the conversation does not exist.
// Threads of the same contact share their rows, so that a later item sees the changes of an earlier
// one.
func (w *Writer) lockThreadsOf(ctx context.Context, items []*ConversationItemInput) ([]*Thread, error) {
	ids := make([]db.ConversationID, len(items))
	for i, item := range items {
		ids[i] = item.ConversationID
	}
	rows, err := w.LockContactsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	contacts := map[db.ContactID]*db.Contact{}
	for _, c := range rows {
		contacts[c.ID] = c
	}
	latest, err := w.LatestConversations(ctx, slices.Collect(maps.Keys(contacts)))
	if err != nil {
		return nil, err
	}
	asked, err := w.Conversations(ctx, ids)
	if err != nil {
		return nil, err
	}
	return threadsOf(ids, contacts, latest, asked), nil
}

func threadsOf(ids []db.ConversationID, contacts map[db.ContactID]*db.Contact, latest, asked []*db.Conversation) []*Thread {
	known, last := conversationsByID(asked), map[db.ContactID]*db.Conversation{}
	for _, c := range latest {
		known[c.ID], last[c.ContactID] = c, c
	}
	threads := make([]*Thread, len(ids))
	for i, id := range ids {
		if c := known[id]; c != nil && last[c.ContactID] != nil { // else it was created after the locks were taken
			threads[i] = &Thread{Contact: contacts[c.ContactID], Latest: last[c.ContactID], Asked: c}
		}
	}
	return threads
}

func conversationsByID(rows []*db.Conversation) map[db.ConversationID]*db.Conversation {
	known := make(map[db.ConversationID]*db.Conversation, len(rows))
	for _, c := range rows {
		known[c.ID] = c
	}
	return known
}

// recallConversations fills in the present conversations of the items of a remembered bulk.
func recallConversations(ctx context.Context, tx db.Tx, items []*ConversationOutcome) ([]*ConversationOutcome, error) {
	if len(items) == 0 {
		return nil, nil
	}
	ids := make([]db.ConversationID, len(items))
	for i, item := range items {
		ids[i] = item.ConversationID
	}
	rows, err := tx.Conversations(ctx, ids)
	known := conversationsByID(rows)
	for _, item := range items {
		item.Conversation = known[item.ConversationID]
	}
	return items, err
}
