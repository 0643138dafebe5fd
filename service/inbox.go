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

// query returns a query with this order; nil is the default, the latest activity first.
func (o *InboxOrder) query() db.InboxQuery {
	if o == nil {
		return db.InboxQuery{Field: db.LastActivity, Desc: true}
	}
	return db.InboxQuery{Field: o.Field, Desc: o.Direction == Descending}
}

// SortKey returns the place of a conversation in a list with this order as a text: the smaller text
// comes first. nil is the default order.
func (o *InboxOrder) SortKey(c *db.Conversation) string { return o.query().SortKey(c) }

// inboxPlaces reads the bounds of a page of the inbox: page cursors or sort keys.
type inboxPlaces struct {
	db.Order
	query db.InboxQuery
}

// ParseCursor returns the position that a page cursor or a sort key names; the error is
// ErrBadCursor.
func (p inboxPlaces) ParseCursor(workspace db.WorkspaceKey, text string) (db.Key, error) {
	if key, ok := p.query.ParseSortKey(text); ok {
		return key, nil
	}
	return p.Order.ParseCursor(workspace, text)
}

// InboxList is one page of a view, with the query that it answers.
type InboxList struct {
	List[*db.Conversation]
	AsOf         db.EventCursor // the position in the log whose state the page shows
	SearchCapped bool
	query        db.InboxQuery
	open         *projection.OpenList // what the page was read from, if from memory
	kept         *Kept
}

// Kept returns what reads the rows to which the conversations refer.
func (l *InboxList) Kept() *Kept { return l.kept }

// Inbox returns one page of a view (I1).
func (s *Service) Inbox(ctx context.Context, actor Actor, in InboxInput) (*InboxList, error) {
	if err := Permit(actor, "inbox"); err != nil {
		return nil, err
	}
	q := in.OrderBy.query()
	q.View, q.Viewer = in.View, actor.Agent
	var err error
	if q.Filter, err = inboxFilter(actor, in.View, in.Filter); err != nil {
		return nil, err
	}
	if q.Page, err = CheckPage(actor.Workspace, in.PageInput, inboxPlaces{q.Order(), q}); err != nil {
		return nil, err
	}
	w := s.DB.ForWorkspace(actor.Workspace)
	if q.Search, err = search(ctx, in.Search, w.ResolveInbox); err != nil {
		return nil, err
	}
	found, open, err := s.inboxPage(ctx, w, q)
	if err != nil {
		return nil, BadKey(q.Page, err)
	}
	return &InboxList{
		List: List[*db.Conversation]{
			Rows: found.Rows, HasNext: found.HasNext, HasPrevious: found.HasPrevious,
			Cursor: func(c *db.Conversation) string { return q.Order().Cursor(actor.Workspace, q.Key(c)) },
		},
		AsOf: found.Head.Cursor(), SearchCapped: found.SearchCapped, query: q, open: open,
		kept: s.keptOf(func(ctx context.Context) (*projection.Kept, error) {
			if open != nil {
				return open.Kept(w), nil
			}
			return s.open.Kept(ctx, w, found.Head)
		}),
	}, nil
}

// inboxPage reads a page from memory if the open conversations are there and alone decide what is
// in it, and otherwise by SQL.
func (s *Service) inboxPage(ctx context.Context, w db.ForWorkspace, q db.InboxQuery) (page *db.InboxPage, l *projection.OpenList, err error) {
	bySQL := func() (err error) {
		page, err = w.Inbox(ctx, q)
		return err
	}
	if !q.IsOfOpen() {
		err = bySQL()
	} else if l, err = s.open.List(ctx, w, q, bySQL); l != nil {
		page, err = l.Page()
	}
	return page, l, err
}

// inboxFilter checks a view and its filter.
func inboxFilter(actor Actor, view db.View, f *db.InboxFilter) (db.InboxFilter, error) {
	if err := checkOwnView(actor, view, f); err != nil || f == nil {
		return db.InboxFilter{}, err
	}
	if f.Assignees != nil && len(f.Assignees) == 0 || f.Channels != nil && len(f.Channels) == 0 ||
		f.ClosingCategories != nil && len(f.ClosingCategories) == 0 {
		return db.InboxFilter{}, NewBadInput("an empty list in a filter matches nothing; leave it out to match everything")
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
	if err := Permit(actor, "inboxCounts"); err != nil {
		return Counts{}, err
	}
	return s.inbox.Counts(ctx, s.DB.ForWorkspace(actor.Workspace), actor.Agent)
}

// FilteredCounts returns the number of conversations in each view that meet a filter, exact at
// their asOf; nil is InboxCounts. It counts them one by one, for callers who may list them.
func (s *Service) FilteredCounts(ctx context.Context, actor Actor, filter *db.InboxFilter) (Counts, error) {
	if filter == nil {
		return s.InboxCounts(ctx, actor)
	}
	if err := Permit(actor, "inbox"); err != nil {
		return Counts{}, err
	}
	f, err := inboxFilter(actor, db.ViewAll, filter)
	if err != nil {
		return Counts{}, err
	}
	return s.tally(ctx, actor, "", f)
}

// tally counts the conversations of a view, or of all, that meet a filter.
func (s *Service) tally(ctx context.Context, actor Actor, view db.View, f db.InboxFilter) (Counts, error) {
	tallies, head, err := s.DB.ForWorkspace(actor.Workspace).InboxTallies(ctx, view, f, actor.Agent)
	return projection.CountsOf(tallies, head, actor.Agent), err
}

// InboxTotal counts the whole of a list: from memory, as of the page, or up to 1,000 if the list is
// searched or filtered; capped reports whether there are more.
func (s *Service) InboxTotal(ctx context.Context, actor Actor, l *InboxList) (total int, capped bool, err error) {
	isWhole := l.query.Search.IsZero() && l.query.Filter.IsZero()
	switch {
	case isWhole && l.open != nil:
		return l.open.Len(), false, nil
	case isWhole:
		n, err := s.countAt(ctx, actor, l.query.View, l.AsOf)
		return n, false, err
	case l.open != nil:
		n := l.open.Count(countLimit + 1)
		return min(n, countLimit), n > countLimit, nil
	}
	n, err := s.DB.ForWorkspace(actor.Workspace).InboxCount(ctx, l.query, countLimit+1)
	return min(n, countLimit), n > countLimit, err
}

// countAt returns the count of a view at a position of the log that is not long ago: the present
// count without what has happened since then.
func (s *Service) countAt(ctx context.Context, actor Actor, view db.View, at db.EventCursor) (int, error) {
	counts, err := s.InboxCounts(ctx, actor)
	if err != nil || counts.AsOf.Seq <= at.Seq {
		return counts.Of(view), err
	}
	since, err := s.DB.ForWorkspace(actor.Workspace).EventsAfter(ctx, at.Seq, int(counts.AsOf.Seq-at.Seq))
	n := counts.Of(view)
	for _, e := range since {
		n -= membership(e, func(f *db.Facets) bool { return view.Holds(f, actor.Agent) }).step()
	}
	return n, err
}
