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
	readsOf(ctx).kept.Store(l.Kept())
	return r.inboxConnection(actor, l), nil
}

func (r queryResolver) InboxCounts(ctx context.Context, filter *db.InboxFilter) (*InboxCounts, error) {
	counts, err := r.service.FilteredCounts(ctx, actorOf(ctx), filter)
	return &InboxCounts{counts, filter}, err
}

// InboxCounts are how many conversations each view holds.
type InboxCounts struct {
	service.Counts
	filter *db.InboxFilter // that the counted conversations meet; nil: none
}

// inboxCountsRelations are the relations of InboxCounts.
type inboxCountsRelations struct{ *reads }

// MineUnread counts the caller's conversations with unread messages, once for counts without a
// filter, of which there may be many.
func (r inboxCountsRelations) MineUnread(ctx context.Context, rows []*InboxCounts) ([]int, []error) {
	counts, errs := make([]int, len(rows)), make([]error, len(rows))
	for i, row := range rows {
		if i > 0 && row.filter == rows[i-1].filter {
			counts[i], errs[i] = counts[i-1], errs[i-1]
			continue
		}
		counts[i], errs[i] = r.service.MineUnread(ctx, r.actor, row.filter)
	}
	return counts, errs
}

// InboxChange is one change of a live view.
type InboxChange struct{ service.InboxChange }

// Counts returns the counts right after the event; nil while older events are replayed.
func (c InboxChange) Counts() *InboxCounts {
	if c.InboxChange.Counts == nil {
		return nil
	}
	return &InboxCounts{Counts: *c.InboxChange.Counts}
}

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
