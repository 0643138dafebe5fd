package projection

import (
	"slices"

	"switchboard/db"
)

// OpenList is a list of open conversations as it was at one position of the log.
type OpenList struct {
	rows  followed // to which the conversations refer
	head  db.Head
	names []string
	query db.InboxQuery
	field int        // the index of the query's order
	trees [][2]*tree // the segments of each group
}

// Kept returns the rows in memory to which the conversations of a workspace's list refer.
func (l *OpenList) Kept(w db.ForWorkspace) *Kept { return &Kept{l.rows, w, l.head} }

// Page returns the query's page. The error is db.ErrBadCursor if a bound is no place of the list.
func (l *OpenList) Page() (*db.InboxPage, error) {
	p := l.query.Page
	after, before, err := l.query.Bounds()
	if err != nil {
		return nil, err
	}
	rows := make([]*db.Conversation, 0, p.Limit+1)
	for _, n := range l.segments() {
		if after != nil && n < after.Segment || before != nil && n > before.Segment {
			continue
		}
		for _, e := range l.first(l.within(n, after, before), p.Limit+1-len(rows)) {
			r := new(row)
			r.show(e, l.head.WorkspaceID, l.names)
			rows = append(rows, &r.Conversation)
		}
	}
	page := &db.InboxPage{Head: l.head}
	page.Rows, page.HasNext, page.HasPrevious = db.Trim(rows, p)
	return page, nil
}

// Len returns the number of conversations in the list of a query without a filter.
func (l *OpenList) Len() (n int) {
	for _, segments := range l.trees {
		for _, t := range segments {
			if t != nil {
				n += t.Len()
			}
		}
	}
	return n
}

// Count returns the number of conversations in the list, at most limit.
func (l *OpenList) Count(limit int) (n int) {
	passes := l.filter()
	for _, segment := range l.segments() {
		for _, segments := range l.trees {
			l.walk(segments[segment], span{}, func(e *entry) bool {
				if passes(e) {
					n++
				}
				return n < limit
			})
		}
	}
	return n
}

// segments returns the segments in the order in which they are read.
func (l *OpenList) segments() []int {
	segments := []int{0}
	if fields[l.field] == db.WaitingSince {
		segments = []int{waiting, notWaiting}
	}
	if l.query.Page.Backward {
		slices.Reverse(segments)
	}
	return segments
}

// span is a range of a segment, without its ends; nil is an open end.
type span struct {
	segment   int
	low, high *entry
}

// within returns the part of a segment that lies between two places of the list.
func (l *OpenList) within(segment int, after, before *db.InboxPlace) span {
	s := span{segment: segment, low: l.end(segment, after), high: l.end(segment, before)}
	if l.query.Desc {
		s.low, s.high = s.high, s.low
	}
	return s
}

// end returns an entry at a place; nil if the place is in another segment.
func (l *OpenList) end(segment int, place *db.InboxPlace) *entry {
	if place == nil || place.Segment != segment {
		return nil
	}
	e := &entry{id: place.ID}
	e.at[l.field] = place.At.UnixMicro()
	return e
}

// descends reports whether the list is read from late to early.
func (l *OpenList) descends() bool { return l.query.Desc != l.query.Page.Backward }

// first returns those entries of a span that are read first, at most limit.
func (l *OpenList) first(s span, limit int) (found []*entry) {
	passes := l.filter()
	for _, segments := range l.trees {
		n := 0
		l.walk(segments[s.segment], s, func(e *entry) bool {
			if passes(e) {
				found, n = append(found, e), n+1
			}
			return n < limit
		})
	}
	if len(l.trees) > 1 {
		slices.SortFunc(found, l.compare)
	}
	return found[:min(limit, len(found))]
}

func (l *OpenList) compare(a, b *entry) int {
	less := before(l.field)
	switch {
	case a == b:
		return 0
	case less(a, b) != l.descends():
		return -1
	}
	return 1
}

// filter returns a function that reports whether an entry is in the list, and the viewer may see
// it.
func (l *OpenList) filter() func(*entry) bool {
	r, holds := new(row), l.query.Matcher()
	return func(e *entry) bool {
		r.show(e, l.head.WorkspaceID, l.names)
		return holds(&r.Conversation)
	}
}

// walk calls visit with the entries of a span in the order in which they are read, until it returns
// false.
func (l *OpenList) walk(t *tree, s span, visit func(*entry) bool) {
	less, down := before(l.field), l.descends()
	step := func(e *entry) bool {
		switch {
		case s.low != nil && !less(s.low, e):
			return !down // the walk begins, or has come to its end
		case s.high != nil && !less(e, s.high):
			return down
		}
		return visit(e)
	}
	switch {
	case down && s.high != nil:
		t.Descend(s.high, step)
	case down:
		t.Reverse(step)
	case s.low != nil:
		t.Ascend(s.low, step)
	default:
		t.Scan(step)
	}
}
