package graph

import (
	"context"

	"switchboard/db"
	"switchboard/graph/live"
	"switchboard/service"
)

func (r subscriptionResolver) AssignmentChanged(ctx context.Context, conversationID, assigneeID *string, after *db.EventCursor) (<-chan Event, error) {
	conversation, err := decodeOptional[db.ConversationID](conversationID)
	if err != nil {
		return nil, err
	}
	agent, err := decodeOptional[db.AgentID](assigneeID)
	if err != nil {
		return nil, err
	}
	s, err := r.service.WatchAssignments(ctx, audienceOf(ctx), conversation, agent, after)
	return push(ctx, s, err, toEvent)
}

func (r subscriptionResolver) StatusChanged(ctx context.Context, conversationID *string, after *db.EventCursor) (<-chan Event, error) {
	conversation, err := decodeOptional[db.ConversationID](conversationID)
	if err != nil {
		return nil, err
	}
	s, err := r.service.WatchStatus(ctx, audienceOf(ctx), conversation, after)
	return push(ctx, s, err, toEvent)
}

func (r subscriptionResolver) ConversationChanged(ctx context.Context, conversationID string, after *db.EventCursor) (<-chan Event, error) {
	conversation, err := decode[db.ConversationID](conversationID)
	if err != nil {
		return nil, err
	}
	s, err := r.service.WatchConversation(ctx, audienceOf(ctx), conversation, after)
	return push(ctx, s, err, toEvent)
}

func (r subscriptionResolver) InboxChanged(ctx context.Context, view db.View, filter *db.InboxFilter, after *db.EventCursor) (<-chan *InboxChange, error) {
	s, err := r.service.WatchInbox(ctx, audienceOf(ctx), view, filter, after)
	return push(ctx, s, err, func(c service.InboxChange) *InboxChange { return &InboxChange{c} })
}

func (r subscriptionResolver) InboxCountsChanged(ctx context.Context) (<-chan *service.Counts, error) {
	s, err := r.service.WatchCounts(ctx, audienceOf(ctx))
	return push(ctx, s, err, func(c service.Counts) *service.Counts { return &c })
}

// push hands a stream's items to the executor one by one. A stream that ends with an
// error ends the operation with it, after everything before was delivered.
func push[S, T any](ctx context.Context, s *service.Stream[S], err error, item func(S) T) (<-chan T, error) {
	if err != nil {
		return nil, err
	}
	items := make(chan T)
	go func() {
		defer close(items)
		defer s.Close()
		if err := pump(ctx, s, items, item); ctx.Err() == nil {
			live.Fail(ctx, err)
		}
	}()
	return items, nil
}

// position tells the pings how far a stream has looked; nil for one of states.
func position[S any](s *service.Stream[S]) func() live.Position {
	if s.Position() == nil {
		return nil
	}
	return func() live.Position {
		at := s.Position()
		return live.Position{Seq: at.Seq, Cursor: at.String()}
	}
}

// pump runs until the stream or the context ends, and says why.
func pump[S, T any](ctx context.Context, s *service.Stream[S], items chan<- T, item func(S) T) (err error) {
	defer guard(ctx, &err)
	progress := live.Follow(ctx, position(s))
	for {
		next, err := s.Next(ctx)
		if err != nil {
			return err
		}
		progress.Hand()
		select {
		case items <- item(next):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
