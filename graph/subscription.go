package graph

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

func (r subscriptionResolver) AssignmentChanged(ctx context.Context, conversationID, assigneeID *string, after *db.EventCursor) (<-chan AssignmentEvent, error) {
	conversation, err := decodeOptional[db.ConversationID](conversationID)
	if err != nil {
		return nil, err
	}
	agent, err := decodeOptional[db.AgentID](assigneeID)
	if err != nil {
		return nil, err
	}
	return pushLog(ctx, after, func(from *db.EventCursor) (*service.Stream[*db.Event], error) {
		return r.service.WatchAssignments(ctx, audienceOf(ctx), conversation, agent, from)
	}, toAssignmentEvent)
}

func (r subscriptionResolver) StatusChanged(ctx context.Context, conversationID *string, after *db.EventCursor) (<-chan StatusEvent, error) {
	conversation, err := decodeOptional[db.ConversationID](conversationID)
	if err != nil {
		return nil, err
	}
	return pushLog(ctx, after, func(from *db.EventCursor) (*service.Stream[*db.Event], error) {
		return r.service.WatchStatus(ctx, audienceOf(ctx), conversation, from)
	}, toStatusEvent)
}

func (r subscriptionResolver) ConversationChanged(ctx context.Context, conversationID *string, conversationIDs []string, after *db.EventCursor) (<-chan Event, error) {
	switch {
	case (conversationID == nil) == (conversationIDs == nil):
		return nil, service.NewBadInput("give either conversationId or conversationIds")
	case conversationID != nil:
		conversationIDs = []string{*conversationID}
	}
	ids := make([]db.ConversationID, len(conversationIDs))
	for i, text := range conversationIDs {
		id, err := decode[db.ConversationID](text)
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return pushLog(ctx, after, func(from *db.EventCursor) (*service.Stream[*db.Event], error) {
		return r.service.WatchConversations(ctx, audienceOf(ctx), ids, from)
	}, toEvent)
}

func (r subscriptionResolver) InboxChanged(ctx context.Context, view db.View, filter *db.InboxFilter, search *string, after *db.EventCursor) (<-chan *InboxChange, error) {
	return pushLog(ctx, after, func(from *db.EventCursor) (*service.Stream[service.InboxChange], error) {
		return r.service.WatchInbox(ctx, audienceOf(ctx), view, filter, search, from)
	}, func(c service.InboxChange) *InboxChange { return &InboxChange{c} })
}

func (r subscriptionResolver) InboxCountsChanged(ctx context.Context) (<-chan *InboxCounts, error) {
	s, err := r.service.WatchCounts(ctx, audienceOf(ctx))
	return push(ctx, s, err, func(c service.Counts) *InboxCounts { return &InboxCounts{Counts: c} })
}

func (r subscriptionResolver) UnreadChanged(ctx context.Context) (<-chan *service.UnreadChange, error) {
	s, err := r.service.WatchUnread(ctx, audienceOf(ctx))
	return push(ctx, s, err, func(c service.UnreadChange) *service.UnreadChange { return &c })
}
