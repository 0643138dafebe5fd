package service

import (
	"context"
	"slices"

	"switchboard/db"
	"switchboard/feed"
)

// LogFilter restricts the log. Nil fields restrict nothing.
type LogFilter struct {
	Types   []db.EventType
	Contact *db.ContactID // only events about this contact or its conversations
}

// check refuses an empty list of types, and a contact that does not exist.
func (f LogFilter) check(ctx context.Context, w db.ForWorkspace) error {
	if f.Types != nil && len(f.Types) == 0 {
		return NewBadInput("an empty list of types matches nothing; leave it out to match everything")
	}
	if f.Contact == nil {
		return nil
	}
	rows, err := w.Contacts(ctx, []db.ContactID{*f.Contact})
	if err == nil && len(rows) == 0 {
		err = NewNotFound("contact")
	}
	return err
}

// holds reports whether an event passes the filter.
func (f LogFilter) holds(e *db.Event) bool {
	return (f.Types == nil || slices.Contains(f.Types, e.Type)) &&
		(f.Contact == nil || e.ContactID != nil && *e.ContactID == *f.Contact)
}

// EventsInput selects one page of the log.
type EventsInput struct {
	LogFilter
	First *int
	After *db.EventCursor // nil: from the beginning
}

// EventPage is one page of the log.
type EventPage struct {
	Rows    []*db.Event
	HasNext bool
	Cursor  db.EventCursor // how far the log was read, after which the next page begins
}

// scanned is how many events are looked through for one page at most.
const scanned = 50_000

// Events returns one page of the log. A page of some types may be empty although more follow. The
// error is NOT_FOUND for an unknown contact, CURSOR_EXPIRED if the log was replaced, or
// CURSOR_INVALID.
func (s *Service) Events(ctx context.Context, actor Actor, in EventsInput) (*EventPage, error) {
	if err := Permit(actor, "events"); err != nil {
		return nil, err
	}
	w := s.DB.ForWorkspace(actor.Workspace)
	p, err := CheckPage(actor.Workspace, PageInput{First: in.First}, db.TimelineOrder)
	if err != nil {
		return nil, err
	}
	if err := in.check(ctx, w); err != nil {
		return nil, err
	}
	from, end, isEnd, err := logRange(ctx, w, in)
	if err != nil {
		return nil, err
	}
	found, err := w.LogPage(ctx, from, end.Seq, in.Types, in.Contact, p.Limit+1)
	if err != nil {
		return nil, err
	}
	page := &EventPage{Rows: found, HasNext: !isEnd, Cursor: end}
	if len(found) > p.Limit {
		page.Rows = found[:p.Limit]
		page.HasNext, page.Cursor = true, page.Rows[p.Limit-1].Cursor()
	}
	page.Rows = visible(actor, page.Rows)
	return page, nil
}

// logRange returns the part of the log to look through for a page: after from, up to end. isEnd
// reports whether that is the end of the log.
func logRange(ctx context.Context, w db.ForWorkspace, in EventsInput) (from db.Seq, end db.EventCursor, isEnd bool, err error) {
	head, err := w.Head(ctx)
	if err != nil {
		return 0, end, false, err
	}
	start := db.Head{WorkspaceID: w.Key}.Cursor()
	after := start
	if in.After != nil {
		after = *in.After
	}
	last := head.Seq
	if in.Contact == nil { // whose events an index finds
		last = min(last, after.Seq+scanned)
	}
	bounds, err := w.EventsBySeq(ctx, []db.Seq{after.Seq, last})
	known := map[db.Seq]db.EventCursor{0: start}
	for _, e := range bounds {
		known[e.Seq] = e.Cursor()
	}
	switch {
	case err != nil:
	case after.Workspace != w.Key:
		err = db.ErrBadEventCursor
	case known[after.Seq] != after: // the log was replaced by an older one
		err = feed.ErrExpired
	}
	return after.Seq, known[last], last == head.Seq, err
}

// WatchEvents streams the log. The errors are those of Events, and CURSOR_EXPIRED if the position
// lies too far back.
func (s *Service) WatchEvents(ctx context.Context, actor Actor, f LogFilter, after *db.EventCursor) (*Stream[*db.Event], error) {
	if err := Permit(actor, "events"); err != nil {
		return nil, err
	}
	if err := f.check(ctx, s.DB.ForWorkspace(actor.Workspace)); err != nil {
		return nil, err
	}
	return s.watch(ctx, actor, after, func(e *db.Event) bool { return f.holds(e) && maySee(actor, e) })
}
