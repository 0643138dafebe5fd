package db

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// InboxOrderField is the field by which a list of conversations is ordered.
type InboxOrderField string

// The orders of rule I1.
const (
	LastActivity InboxOrderField = "LAST_ACTIVITY"
	WaitingSince InboxOrderField = "WAITING_SINCE"
	OpenedAt     InboxOrderField = "OPENED_AT"
)

// InboxQuery selects one page of a view.
type InboxQuery struct {
	View   View
	Viewer *AgentID // the agent for whom MINE and unread are computed
	Filter InboxFilter
	Search InboxSearch
	Field  InboxOrderField
	Desc   bool
	Page   Page
}

// InboxPage is one page of a view, read together with the end of the log.
type InboxPage struct {
	Rows                 []*Conversation
	HasNext, HasPrevious bool
	Head                 Head // the page shows the state after exactly this event
	SearchCapped         bool // the search ended before it had covered the whole view
}

// segment is a part of an ordered list: the rows that meet the condition, ordered by the column.
// Conversations that are not waiting form a segment after those that are, ordered by when they were
// opened.
type segment struct {
	condition, column string
	waiting           *bool // whether its conversations wait; nil if they may differ
}

var segments = map[InboxOrderField][]segment{
	LastActivity: {{"TRUE", "last_activity_at", nil}},
	OpenedAt:     {{"TRUE", "opened_at", nil}},
	WaitingSince: {{"waiting_since IS NOT NULL", "waiting_since", new(true)}, {"waiting_since IS NULL", "opened_at", new(false)}},
}

// isImpossible reports whether the constraints of the table keep the segment empty for the view and
// the filter. PostgreSQL would not notice and look for such rows among all others.
func (q InboxQuery) isImpossible(in segment) bool {
	only, f := q.View.row().only, q.Filter
	waiting := func(yes bool) bool { return is(in.waiting, yes) || is(f.Waiting, yes) }
	closed := f.ClosedAfter != nil || f.ClosedBefore != nil || f.ClosingCategories != nil
	return waiting(true) && waiting(false) || waiting(true) && only == StatusClosed || closed && only == StatusOpen
}

func is(b *bool, yes bool) bool { return b != nil && *b == yes }

// Order returns the order of the query's list; its keys are segment, time and id.
func (q InboxQuery) Order() Order {
	return Order{Name: "inbox." + string(q.View), Columns: []string{"segment", string(q.Field), "id"}, Desc: q.Desc}
}

// Key returns the conversation's position in the query's list.
func (q InboxQuery) Key(c *Conversation) Key {
	n, at := q.Field.Place(c)
	return Key{strconv.Itoa(n), timeKey(at), c.ID.UUID.String()}
}

// SortKey returns the conversation's position in the query's list as a text: the smaller text comes
// first in the list, whatever the direction. It begins with the name of the order.
func (q InboxQuery) SortKey(c *Conversation) string {
	key := q.Key(c)
	at, _ := time.Parse(timeKeyFormat, key[1])
	return q.sortName() + key[0] + q.sortable(binary.BigEndian.AppendUint64(nil, uint64(at.UnixMicro())^1<<63)) + q.sortable(c.ID.UUID[:])
}

// sortName names the order in a sort key.
func (q InboxQuery) sortName() string {
	name := strings.ToLower(string(q.Field[0]))
	if q.Desc {
		name = strings.ToUpper(name)
	}
	return name
}

// sortable returns bytes as digits that are ordered like the list.
func (q InboxQuery) sortable(value []byte) string {
	if q.Desc {
		value = slices.Clone(value)
		for i := range value {
			value[i] = ^value[i]
		}
	}
	return hex.EncodeToString(value)
}

// ParseSortKey returns the position that a sort key of the query's order names; ok is false if the
// text is not one.
func (q InboxQuery) ParseSortKey(text string) (key Key, ok bool) {
	rest, ok := strings.CutPrefix(text, q.sortName())
	if !ok || len(rest) != 1+16+32 || !q.hasSegment(rest[:1]) {
		return nil, false
	}
	digits, err := hex.DecodeString(rest[1:])
	if err != nil || rest[1:] != hex.EncodeToString(digits) {
		return nil, false
	}
	if q.Desc {
		for i := range digits {
			digits[i] = ^digits[i]
		}
	}
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(digits) ^ 1<<63)).UTC()
	if at.Year() < 1 || at.Year() > 9999 {
		return nil, false
	}
	return Key{rest[:1], timeKey(at), uuid.UUID(digits[8:]).String()}, true
}

// Place returns the segment of a list in this order that contains the conversation, and the time by
// which the segment is ordered, before the id.
func (f InboxOrderField) Place(c *Conversation) (segment int, at time.Time) {
	switch {
	case f == LastActivity:
		return 0, c.LastActivityAt
	case f == WaitingSince && c.WaitingSince != nil:
		return 0, *c.WaitingSince
	case f == WaitingSince:
		return 1, c.OpenedAt
	}
	return 0, c.OpenedAt
}

// Inbox returns one page of a view and the end of the log, read in the same statement. The error is
// ErrBadCursor if a bound lies in a segment that the list does not have.
func (w ForWorkspace) Inbox(ctx context.Context, q InboxQuery) (*InboxPage, error) {
	for _, bound := range []Key{q.Page.After, q.Page.Before} {
		if bound != nil && !q.hasSegment(bound[0]) {
			return nil, ErrBadCursor
		}
	}
	ways := q.strategies()
	page, err := w.inboxPage(ctx, q, ways[0])
	if err == nil && page.SearchCapped && len(page.Rows) >= commonMatches {
		ways[1], ways[2] = ways[2], ways[1] // the term is common: more of the list comes first
	}
	for _, find := range ways[1:] {
		if err != nil || !page.SearchCapped {
			break
		}
		page, err = w.inboxPage(ctx, q, find)
	}
	return page, err
}

// inboxPage reads the page among the conversations that one search strategy finds.
func (w ForWorkspace) inboxPage(ctx context.Context, q InboxQuery, find strategy) (*InboxPage, error) {
	var rows []struct {
		Conversation
		HeadSeq   Seq
		HeadEvent EventID
		More      bool
	}
	s := &statement{}
	s.arg(w.Key)
	parts := q.parts(s)
	found, unseen := find(q, s, parts)
	listed, order := q.sql(parts)
	err := q.run(w)(ctx, &rows, fmt.Sprintf(`
		WITH head AS MATERIALIZED (SELECT seq, event_id FROM event_heads WHERE workspace_id = $1)%s, page AS (%s)
		SELECT head.seq AS head_seq, head.event_id AS head_event, %s AS more, %s
		FROM head LEFT JOIN page ON TRUE ORDER BY %s`, found, listed, unseen, conversations.read, order), s.args...)
	page := &InboxPage{}
	for i := range rows {
		row := &rows[i]
		page.Head = Head{WorkspaceID: w.Key, Seq: row.HeadSeq, EventID: row.HeadEvent}
		page.SearchCapped = row.More
		if row.ID.UUID != uuid.Nil {
			page.Rows = append(page.Rows, &row.Conversation)
		}
	}
	page.Rows, page.HasNext, page.HasPrevious = Trim(page.Rows, q.Page)
	return page, err
}

// run returns the method that runs the query's statements: those of a search are planned by its words.
func (q InboxQuery) run(w ForWorkspace) runner {
	if q.Search.IsZero() {
		return w.query
	}
	return w.search
}

func (q InboxQuery) hasSegment(text string) bool {
	for n := range segments[q.Field] {
		if text == strconv.Itoa(n) {
			return true
		}
	}
	return false
}

// InboxCount returns the number of conversations of a view, at most limit.
func (w ForWorkspace) InboxCount(ctx context.Context, q InboxQuery, limit int) (count int, err error) {
	q.Page = Page{Limit: limit - 1}
	for _, find := range q.countStrategies() {
		var rows []struct {
			Count int
			More  bool
		}
		s := &statement{}
		s.arg(w.Key)
		all := part{conditions: q.conditions(s)}
		found, unseen := find(q, s, []part{all})
		err := q.run(w)(ctx, &rows, fmt.Sprintf(`WITH head AS (SELECT)%s SELECT count(*) AS count, %s AS more
			FROM (SELECT FROM conversations WHERE %s LIMIT %d) AS counted`, found, unseen, q.found(all), limit), s.args...)
		if err != nil {
			return 0, err
		}
		if count = rows[0].Count; !rows[0].More {
			break
		}
	}
	return count, nil
}

// conditions adds the conditions of the view and the filter to a statement.
func (q InboxQuery) conditions(s *statement) []string {
	s.conditions = []string{"workspace_id = $1"}
	q.View.sql(s, q.Viewer)
	q.Filter.sql(s, q.Viewer)
	if q.isImpossible(segment{}) {
		s.where("FALSE")
	}
	return s.conditions
}

// part is the page's range within one segment, before the search is applied.
type part struct {
	segment
	number     int
	conditions []string
}

// parts returns the page's range within each segment.
func (q InboxQuery) parts(s *statement) (parts []part) {
	shared := q.conditions(s)
	for n, seg := range segments[q.Field] {
		s.conditions = append(slices.Clone(shared), seg.condition)
		if q.isImpossible(seg) {
			s.where("FALSE")
		}
		q.bound(s, n, seg)
		parts = append(parts, part{seg, n, s.conditions})
	}
	return parts
}

// found returns the condition for the rows of a part that match the search.
func (q InboxQuery) found(p part) string {
	conditions := p.conditions
	if !q.Search.IsZero() {
		conditions = append(slices.Clone(conditions), "id IN (SELECT id FROM matched)")
	}
	return strings.Join(conditions, " AND ")
}

// direction returns the SQL keyword for the direction in which the page is read.
func (q InboxQuery) direction() string {
	return map[bool]string{false: " ASC", true: " DESC"}[q.Desc != q.Page.Backward]
}

// sql returns the query of the page and the order of its rows. Each segment reads one index range
// of at most a page; an outer sort merges them.
func (q InboxQuery) sql(parts []part) (page, order string) {
	direction := q.direction()
	var selects []string
	for _, p := range parts {
		selects = append(selects, fmt.Sprintf(`(SELECT %d AS segment, %s AS sort_at, * FROM conversations WHERE %s
			ORDER BY %s%s, id%s LIMIT %d)`, p.number, p.column, q.found(p), p.column, direction, direction, q.Page.Limit+1))
	}
	order = "segment" + map[bool]string{false: " ASC", true: " DESC"}[q.Page.Backward] + ", sort_at" + direction + ", id" + direction
	return fmt.Sprintf("SELECT * FROM (%s) AS parts ORDER BY %s LIMIT %d",
		strings.Join(selects, " UNION ALL "), order, q.Page.Limit+1), order
}

// bound restricts a segment to the page's range.
func (q InboxQuery) bound(s *statement, n int, seg segment) {
	o := q.Order()
	for _, bound := range []struct {
		key      Key
		op       string
		excluded func(at int) bool
	}{
		{q.Page.After, o.beyond(), func(at int) bool { return n < at }},
		{q.Page.Before, o.before(), func(at int) bool { return n > at }},
	} {
		if bound.key == nil {
			continue
		}
		at, _ := strconv.Atoi(bound.key[0])
		switch {
		case bound.excluded(at):
			s.where("FALSE")
		case n == at:
			s.where("("+seg.column+", id) "+bound.op+" (", bound.key[1], ", ", bound.key[2], ")")
		}
	}
}

// InboxTally is the number of conversations with the same status, block and assignee.
type InboxTally struct {
	Status   ConversationStatus
	Blocked  bool
	Assignee *AgentID
	Count    int
}

// Facets returns the facets that the counted conversations share.
func (t InboxTally) Facets() *Facets {
	return &Facets{Status: t.Status, Blocked: t.Blocked, Assignee: t.Assignee}
}

// InboxTallies counts the conversations of the workspace that meet a filter, of one view or, if it is
// empty, of all, and returns the end of the log as of the same statement. It reads all of them, so
// use it to initialise what events update then.
func (w ForWorkspace) InboxTallies(ctx context.Context, view View, f InboxFilter, viewer *AgentID) ([]InboxTally, Head, error) {
	s := &statement{}
	s.where("workspace_id = ", w.Key)
	if view != "" {
		view.sql(s, viewer)
	}
	f.sql(s, viewer)
	var rows []struct {
		InboxTally
		HeadSeq   Seq
		HeadEvent EventID
	}
	err := w.query(ctx, &rows, `SELECT head.seq AS head_seq, head.event_id AS head_event, status, blocked, assignee, count
		FROM event_heads AS head LEFT JOIN (
			SELECT status, blocked, assignee_id AS assignee, count(*) AS count
			FROM conversations WHERE `+strings.Join(s.conditions, " AND ")+` GROUP BY 1, 2, 3) AS tally ON TRUE
		WHERE head.workspace_id = $1`, s.args...)
	if err != nil {
		return nil, Head{}, err
	}
	head := Head{WorkspaceID: w.Key}
	var tallies []InboxTally
	for _, row := range rows {
		head.Seq, head.EventID = row.HeadSeq, row.HeadEvent
		if row.Count > 0 {
			tallies = append(tallies, row.InboxTally)
		}
	}
	return tallies, head, nil
}
