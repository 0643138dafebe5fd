package graph

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

func (r queryResolver) AsOf(ctx context.Context) (*db.EventCursor, error) {
	return ctx.Value(asOfKey).(*db.EventCursor), nil // read by prepare
}

func (r queryResolver) Inbox(ctx context.Context, view db.View, search *string, filter *db.InboxFilter, orderBy *service.InboxOrder,
	first *int, after *string, last *int, before *string) (*InboxConnection, error) {
	actor := actorOf(ctx)
	l, err := r.service.Inbox(ctx, actor, service.InboxInput{
		View: view, Search: search, Filter: filter, OrderBy: orderBy,
		PageInput: service.PageInput{First: first, After: after, Last: last, Before: before},
	})
	if err != nil {
		return nil, err
	}
	return r.inboxConnection(actor, l), nil
}

func (r queryResolver) InboxCounts(ctx context.Context) (*service.Counts, error) {
	counts, err := r.service.InboxCounts(ctx, actorOf(ctx))
	return &counts, err
}

// InboxChange is one change of a live view.
type InboxChange struct{ service.InboxChange }

// ConversationID returns the id of the conversation.
func (c InboxChange) ConversationID() db.ConversationID { return *c.InboxChange.Event.ConversationID }

// inboxChangeRelations are the relations of InboxChange.
type inboxChangeRelations struct{ *reads }

// Conversation reads the current state of the conversations.
func (r inboxChangeRelations) Conversation(ctx context.Context, rows []*InboxChange) ([]*db.Conversation, []error) {
	return refer(ctx, r.conversations, rows, func(c *InboxChange) *db.ConversationID { return c.InboxChange.Event.ConversationID })
}

// Event returns the event that caused the change.
func (c InboxChange) Event() Event { return toEvent(c.InboxChange.Event) }

// Cursor returns the event's cursor.
func (c InboxChange) Cursor() db.EventCursor { return c.InboxChange.Event.Cursor() }
