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
	return loadersOf(ctx).conversations.Load(ctx, conversation)
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

func (r conversationResolver) Contact(ctx context.Context, c *db.Conversation) (*db.Contact, error) {
	return loadersOf(ctx).contacts.Load(ctx, c.ContactID)
}

func (r conversationResolver) Assignee(ctx context.Context, c *db.Conversation) (*db.Agent, error) {
	return loadOptional(ctx, loadersOf(ctx).agents, c.AssigneeID)
}

func (r conversationResolver) OpenedBy(ctx context.Context, c *db.Conversation) (Actor, error) {
	return loadActor(ctx, c.OpenedBy)
}

func (r conversationResolver) ClosedBy(ctx context.Context, c *db.Conversation) (Actor, error) {
	return loadActor(ctx, c.ClosedBy)
}

func (r conversationResolver) UnreadCount(ctx context.Context, c *db.Conversation) (int, error) {
	return loadersOf(ctx).unread.Load(ctx, c.ID)
}

func (r conversationResolver) LastMessage(ctx context.Context, c *db.Conversation) (*db.Message, error) {
	return loadOptional(ctx, loadersOf(ctx).messages, c.LastMessageID)
}

func (r conversationResolver) Messages(ctx context.Context, c *db.Conversation, first *int, after *string, last *int, before *string) (*MessageConnection, error) {
	l, err := loadersOf(ctx).conversationMessages.Load(ctx, pageOf[db.ConversationID]{c.ID, argsOf(first, after, last, before)})
	if err != nil {
		return nil, err
	}
	return connect(l, same[*db.Message], totalOf(loadersOf(ctx).messageTotals, c.ID)), nil
}

func (r conversationResolver) Timeline(ctx context.Context, c *db.Conversation, first *int, after *string, last *int, before *string) (*TimelineConnection, error) {
	l, err := loadersOf(ctx).conversationTimeline.Load(ctx, pageOf[db.ConversationID]{c.ID, argsOf(first, after, last, before)})
	if err != nil {
		return nil, err
	}
	return connect(l, toEvent, totalOf(loadersOf(ctx).conversationTimelineTotals, c.ID)), nil
}

func (r conversationResolver) CanClose(ctx context.Context, c *db.Conversation) (bool, error) {
	reason, err := r.CannotCloseReason(ctx, c)
	return reason == nil, err
}

func (r conversationResolver) CannotCloseReason(ctx context.Context, c *db.Conversation) (*service.RefusalCode, error) {
	contact, err := r.Contact(ctx, c)
	if err != nil {
		return nil, err
	}
	return code(service.WhyNotClose(contact, c)), nil
}

func (r conversationResolver) CanReopen(ctx context.Context, c *db.Conversation) (bool, error) {
	reason, err := r.CannotReopenReason(ctx, c)
	return reason == nil, err
}

func (r conversationResolver) CannotReopenReason(ctx context.Context, c *db.Conversation) (*service.RefusalCode, error) {
	contact, err := r.Contact(ctx, c)
	if err != nil {
		return nil, err
	}
	latest, err := loadersOf(ctx).latest.Load(ctx, c.ContactID)
	if err != nil {
		return nil, err
	}
	return code(service.WhyNotReopen(contact, latest, c)), nil
}

// code returns a refusal's code; nil without a refusal.
func code(r *service.Refusal) *service.RefusalCode {
	if r == nil {
		return nil
	}
	return &r.Code
}
