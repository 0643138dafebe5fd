package graph

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

func (r queryResolver) Conversation(ctx context.Context, id string) (*db.Conversation, error) {
	conversation, err := decode[db.ConversationID](id)
	if err != nil {
		return nil, err
	}
	found, kept, err := r.service.Conversation(ctx, actorOf(ctx), conversation)
	readsOf(ctx).kept.Store(kept)
	return found, err
}

func (r mutationResolver) AssignConversation(ctx context.Context, input service.AssignConversationInput) (*ConversationPayload, error) {
	return conversationPayload(r.service.AssignConversation(ctx, actorOf(ctx), input))
}

func (r mutationResolver) AssignToMe(ctx context.Context, input service.AssignToMeInput) (*ConversationPayload, error) {
	return conversationPayload(r.service.AssignToMe(ctx, actorOf(ctx), input))
}

func (r mutationResolver) UnassignConversation(ctx context.Context, input service.UnassignConversationInput) (*ConversationPayload, error) {
	return conversationPayload(r.service.UnassignConversation(ctx, actorOf(ctx), input))
}

func (r mutationResolver) CloseConversation(ctx context.Context, input service.CloseConversationInput) (*ConversationPayload, error) {
	return conversationPayload(r.service.CloseConversation(ctx, actorOf(ctx), input))
}

func (r mutationResolver) OpenConversation(ctx context.Context, input service.OpenConversationInput) (*ConversationPayload, error) {
	return conversationPayload(r.service.OpenConversation(ctx, actorOf(ctx), input))
}

func (r mutationResolver) ReopenConversation(ctx context.Context, input service.ReopenConversationInput) (*ConversationPayload, error) {
	return conversationPayload(r.service.ReopenConversation(ctx, actorOf(ctx), input))
}

func (r mutationResolver) AssignConversations(ctx context.Context, input service.AssignConversationsInput) (*ConversationsPayload, error) {
	return conversationsPayload(r.service.AssignConversations(ctx, actorOf(ctx), input))
}

func (r mutationResolver) UnassignConversations(ctx context.Context, input service.UnassignConversationsInput) (*ConversationsPayload, error) {
	return conversationsPayload(r.service.UnassignConversations(ctx, actorOf(ctx), input))
}

func (r mutationResolver) CloseConversations(ctx context.Context, input service.CloseConversationsInput) (*ConversationsPayload, error) {
	return conversationsPayload(r.service.CloseConversations(ctx, actorOf(ctx), input))
}

// conversationRelations are the relations of Conversation.
type conversationRelations struct{ *reads }

func conversationID(c *db.Conversation) *db.ConversationID { return &c.ID }

func conversationContactID(c *db.Conversation) *db.ContactID { return &c.ContactID }

func (r conversationRelations) Contact(ctx context.Context, rows []*db.Conversation) ([]*db.Contact, []error) {
	return refer(ctx, r.contacts, rows, conversationContactID)
}

func (r conversationRelations) Assignee(ctx context.Context, rows []*db.Conversation) ([]*db.Agent, []error) {
	return refer(ctx, r.agents, rows, func(c *db.Conversation) *db.AgentID { return c.AssigneeID })
}

func (r conversationRelations) OpenedBy(ctx context.Context, rows []*db.Conversation) ([]Actor, []error) {
	return actors(ctx, r.reads, rows, func(c *db.Conversation) db.ActorRef { return c.OpenedBy })
}

func (r conversationRelations) ClosedBy(ctx context.Context, rows []*db.Conversation) ([]Actor, []error) {
	return actors(ctx, r.reads, rows, func(c *db.Conversation) db.ActorRef { return c.ClosedBy })
}

func (r conversationRelations) UnreadCount(ctx context.Context, rows []*db.Conversation) ([]int, []error) {
	return refer(ctx, r.unread, rows, conversationID)
}

func (r conversationRelations) LastMessage(ctx context.Context, rows []*db.Conversation) ([]*db.Message, []error) {
	return refer(ctx, r.messages, rows, func(c *db.Conversation) *db.MessageID { return c.LastMessageID })
}

func (r conversationRelations) Messages(ctx context.Context, rows []*db.Conversation, first *int, after *string, last *int, before *string) ([]*MessageConnection, []error) {
	return connectionsOf(ctx, r.conversationMessages, rows, conversationID, same, argsOf(first, after, last, before))
}

func (r conversationRelations) Timeline(ctx context.Context, rows []*db.Conversation, first *int, after *string, last *int, before *string) ([]*TimelineConnection, []error) {
	return connectionsOf(ctx, r.conversationTimeline, rows, conversationID, toEvent, argsOf(first, after, last, before))
}

// Entry is a message or an event.
type Entry any

// Entries reads the same page of the messages and other events of the conversations, then all of
// these together.
func (r conversationRelations) Entries(ctx context.Context, rows []*db.Conversation, first *int, after *string, last *int, before *string) ([]*EntryConnection, []error) {
	entries, errs := connectionsOf(ctx, r.conversationEntries, rows, conversationID, same, argsOf(first, after, last, before))
	refs := func(c *Connection[*db.Entry]) (refs []reference) {
		if c != nil {
			refs = make([]reference, len(c.nodes))
			for i, entry := range c.nodes {
				refs[i] = entry.Ref()
			}
		}
		return refs
	}
	objects, more := referAll(ctx, r.objects, entries, refs)
	errs = joined(errs, more)
	return derive(len(rows), errs, func(i int) *EntryConnection {
		c := &EntryConnection{page: entries[i].page, nodes: make([]Entry, len(objects[i]))}
		for n, object := range objects[i] {
			c.nodes[n] = object
		}
		return c
	})
}

func (r conversationRelations) CanClose(ctx context.Context, rows []*db.Conversation) ([]bool, []error) {
	reasons, errs := r.CannotCloseReason(ctx, rows)
	return derive(len(rows), errs, func(i int) bool { return reasons[i] == nil })
}

func (r conversationRelations) CannotCloseReason(ctx context.Context, rows []*db.Conversation) ([]*service.RefusalCode, []error) {
	contacts, errs := r.Contact(ctx, rows)
	return derive(len(rows), errs, func(i int) *service.RefusalCode { return code(service.WhyNotClose(contacts[i], rows[i])) })
}

func (r conversationRelations) CanReopen(ctx context.Context, rows []*db.Conversation) ([]bool, []error) {
	reasons, errs := r.CannotReopenReason(ctx, rows)
	return derive(len(rows), errs, func(i int) bool { return reasons[i] == nil })
}

func (r conversationRelations) CannotReopenReason(ctx context.Context, rows []*db.Conversation) ([]*service.RefusalCode, []error) {
	contacts, errs := r.Contact(ctx, rows)
	latest, more := refer(ctx, r.latest, rows, conversationContactID)
	errs = joined(errs, more)
	return derive(len(rows), errs, func(i int) *service.RefusalCode {
		return code(service.WhyNotReopen(contacts[i], latest[i], rows[i]))
	})
}

// SortKey returns the places of the conversations in a list with this order.
func (r conversationRelations) SortKey(_ context.Context, rows []*db.Conversation, orderBy *service.InboxOrder) ([]string, []error) {
	return derive(len(rows), nil, func(i int) string { return orderBy.SortKey(rows[i]) })
}

func (r conversationRelations) CanReply(ctx context.Context, rows []*db.Conversation) ([]bool, []error) {
	reasons, errs := r.CannotReplyReason(ctx, rows)
	return derive(len(rows), errs, func(i int) bool { return reasons[i] == nil })
}

func (r conversationRelations) CannotReplyReason(ctx context.Context, rows []*db.Conversation) ([]*service.RefusalCode, []error) {
	contacts, errs := r.Contact(ctx, rows)
	return derive(len(rows), errs, func(i int) *service.RefusalCode { return code(service.WhyNotReply(contacts[i], rows[i])) })
}

// CanAssign reports whether the conversations can be assigned.
func (r conversationRelations) CanAssign(ctx context.Context, rows []*db.Conversation) ([]bool, []error) {
	reasons, errs := r.CannotAssignReason(ctx, rows)
	return derive(len(rows), errs, func(i int) bool { return reasons[i] == nil })
}

// CannotAssignReason returns the rules that refuse assigning the conversations.
func (r conversationRelations) CannotAssignReason(_ context.Context, rows []*db.Conversation) ([]*service.RefusalCode, []error) {
	return derive(len(rows), nil, func(i int) *service.RefusalCode { return code(service.WhyNotAssign(rows[i])) })
}

// code returns a refusal's code; nil without a refusal.
func code(r *service.Refusal) *service.RefusalCode {
	if r == nil {
		return nil
	}
	return &r.Code
}
