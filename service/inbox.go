package service

import (
	"context"

	"switchboard/db"
	"switchboard/service/projection"
)

// InboxInput selects one page of a view.
type InboxInput struct {
	View    db.View
	Search  *string
	Filter  *db.InboxFilter
	OrderBy *InboxOrder
	PageInput
}

// InboxOrder is the order of a list of conversations.
type InboxOrder struct {
	Field     db.InboxOrderField
	Direction Direction
}

// Direction is the direction of an order.
type Direction string

// The two directions.
const (
	Ascending  Direction = "ASC"
	Descending Direction = "DESC"
)

// InboxList is one page of a view, with the query that it answers.
type InboxList struct {
	List[*db.Conversation]
	AsOf         db.EventCursor // the position in the log whose state the page shows
	SearchCapped bool
	query        db.InboxQuery
}

// Inbox returns one page of a view (I1).
func (s *Service) Inbox(ctx context.Context, actor Actor, in InboxInput) (*InboxList, error) {
	q := db.InboxQuery{View: in.View, Viewer: actor.Agent, Field: db.LastActivity, Desc: true}
	if in.OrderBy != nil {
		q.Field, q.Desc = in.OrderBy.Field, in.OrderBy.Direction == Descending
	}
	var err error
	if q.Filter, err = inboxFilter(actor, in.View, in.Filter); err != nil {
		return nil, err
	}
	if q.Page, err = CheckPage(actor.Workspace, in.PageInput, q.Order()); err != nil {
		return nil, err
	}
	w := s.DB.ForWorkspace(actor.Workspace)
	if q.Search, err = search(ctx, in.Search, w.ResolveInbox); err != nil {
		return nil, err
	}
	found, err := w.Inbox(ctx, q)
	if err != nil {
		return nil, BadKey(q.Page, err)
	}
	return &InboxList{
		List: List[*db.Conversation]{
			Rows: found.Rows, HasNext: found.HasNext, HasPrevious: found.HasPrevious,
			Cursor: func(c *db.Conversation) string { return q.Order().Cursor(actor.Workspace, q.Key(c)) },
		},
		AsOf: found.Head.Cursor(), SearchCapped: found.SearchCapped, query: q,
	}, nil
}

// inboxFilter checks a view and its filter.
func inboxFilter(actor Actor, view db.View, f *db.InboxFilter) (db.InboxFilter, error) {
	if view == db.ViewMine && actor.Agent == nil {
		return db.InboxFilter{}, NewBadInput("MINE is an agent's own list, but the token belongs to no agent; choose another view")
	}
	if f == nil {
		return db.InboxFilter{}, nil
	}
	if f.Assignees != nil && len(f.Assignees) == 0 || f.Channels != nil && len(f.Channels) == 0 ||
		f.ClosingCategories != nil && len(f.ClosingCategories) == 0 {
		return db.InboxFilter{}, NewBadInput("an empty list in a filter matches nothing; leave it out to match everything")
	}
	if f.Unread != nil && actor.Agent == nil {
		return db.InboxFilter{}, NewBadInput("what is unread depends on the agent, but the token belongs to none; leave the filter out")
	}
	return *f, checkFilterTexts(f)
}

func checkFilterTexts(f *db.InboxFilter) error {
	for _, texts := range [][]string{f.Channels, f.ClosingCategories} {
		for _, text := range texts {
			if err := CheckText("filter", text, 0, MaxName); err != nil {
				return err
			}
		}
	}
	return nil
}

// search checks a search text and resolves it to terms.
func search[S any](ctx context.Context, text *string, resolve func(context.Context, string) (S, error)) (found S, err error) {
	if text == nil {
		return found, nil
	}
	if err := CheckText("search", *text, 0, maxSearch); err != nil {
		return found, err
	}
	return resolve(ctx, *text)
}

// Counts are the numbers of conversations in each view for one viewer.
type Counts = projection.Counts

// InboxCounts returns the counts of all views for the caller (I2), exact at their asOf.
func (s *Service) InboxCounts(ctx context.Context, actor Actor) (Counts, error) {
	return s.inbox.Counts(ctx, s.DB.ForWorkspace(actor.Workspace), actor.Agent)
}

// InboxTotal counts the whole of a list: by the projection, or up to 1,000 if the list is searched
// or filtered; capped reports whether there are more.
func (s *Service) InboxTotal(ctx context.Context, actor Actor, l *InboxList) (total int, capped bool, err error) {
	if l.query.Search.IsZero() && l.query.Filter.IsZero() {
		c, err := s.InboxCounts(ctx, actor)
		return c.Of(l.query.View), false, err
	}
	n, err := s.DB.ForWorkspace(actor.Workspace).InboxCount(ctx, l.query, countLimit+1)
	return min(n, countLimit), n > countLimit, err
}
