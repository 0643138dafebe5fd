package graph

import (
	"context"
	"sync/atomic"

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

// place tells the pings how far a stream has looked.
type place struct {
	at atomic.Pointer[db.EventCursor]
}

func (p *place) position() live.Position {
	at := p.at.Load()
	return live.Position{Seq: at.Seq, Cursor: at.String()}
}

// follow begins to tell the pings of a stream; one of states has no place to tell.
func follow[S any](ctx context.Context, s *service.Stream[S]) (*live.Progress, *place) {
	var p place
	at, ok := s.Position()
	if !ok {
		return live.Follow(ctx, nil), &p
	}
	p.at.Store(&at)
	return live.Follow(ctx, p.position), &p
}

// pump runs until the stream or the context ends, and says why.
func pump[S, T any](ctx context.Context, s *service.Stream[S], items chan<- T, item func(S) T) (err error) {
	defer guard(ctx, &err)
	progress, place := follow(ctx, s)
	for {
		next, ok, err := s.Next(ctx)
		if err != nil {
			return err
		}
		if ok {
			progress.Hand() // before its place is told of
		}
		at, _ := s.Position()
		place.at.Store(&at)
		if !ok {
			if err := s.Wait(ctx); err != nil {
				return err
			}
			continue
		}
		select {
		case items <- item(next):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
