package db

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// InboxOrderField is what a list of conversations is ordered by.
type InboxOrderField string

// The orders of rule I1.
const (
	LastActivity InboxOrderField = "LAST_ACTIVITY"
	WaitingSince InboxOrderField = "WAITING_SINCE"
	OpenedAt     InboxOrderField = "OPENED_AT"
)

// InboxQuery asks for one page of a view.
type InboxQuery struct {
	View   View
	Viewer *AgentID // whose MINE it is
	Filter InboxFilter
	Search InboxSearch
	Field  InboxOrderField
	Desc   bool
	Page   Page
}

// InboxSearch is what a person typed, resolved twice: for contacts and for closing notes.
type InboxSearch struct{ Contacts, Notes Search }

// InboxPage is one page of a view, read together with the end of the log.
type InboxPage struct {
	Rows                 []*Conversation
	HasNext, HasPrevious bool
	Head                 Head // exactly what the page shows
	SearchCapped         bool // more matched than was looked through
}

// searchCap is how many contacts, and how many closing notes, a search looks through.
const searchCap = 200

// segment is a part of an ordered list: the rows that meet the condition, ordered by
// the column. Those who are not waiting come after those who are, by their opening.
type segment struct{ condition, column string }

var segments = map[InboxOrderField][]segment{
	LastActivity: {{"TRUE", "last_activity_at"}},
	OpenedAt:     {{"TRUE", "opened_at"}},
	WaitingSince: {{"waiting_since IS NOT NULL", "waiting_since"}, {"waiting_since IS NULL", "opened_at"}},
}

// Order is the list that the query pages through; its keys are segment, time and id.
func (q InboxQuery) Order() Order {
	return Order{Name: "inbox." + string(q.View), Columns: []string{"segment", string(q.Field), "id"}, Desc: q.Desc}
}

// Key gives a conversation's place in the query's list.
func (q InboxQuery) Key(c *Conversation) Key {
	n, at := 0, c.LastActivityAt
	switch {
	case q.Field == OpenedAt:
		at = c.OpenedAt
	case q.Field == WaitingSince && c.WaitingSince != nil:
		at = *c.WaitingSince
	case q.Field == WaitingSince:
		n, at = 1, c.OpenedAt
	}
	return Key{strconv.Itoa(n), timeKey(at), c.ID.UUID.String()}
}

// Inbox reads one page of a view and the end of the log in the same statement. The error
// is ErrBadCursor for bounds in a segment that the list does not have.
func (w ForWorkspace) Inbox(ctx context.Context, q InboxQuery) (*InboxPage, error) {
	for _, bound := range []Key{q.Page.After, q.Page.Before} {
		if bound != nil && !q.hasSegment(bound[0]) {
			return nil, ErrBadCursor
		}
	}
	var rows []struct {
		Conversation
		HeadSeq   int64
		HeadEvent EventID
		Capped    bool
	}
	s := &statement{}
	s.arg(w.Key)
	matched, capped := q.Search.sql(s)
	page, order := q.sql(s)
	err := w.query(ctx, &rows, fmt.Sprintf(`
		WITH head AS MATERIALIZED (SELECT seq, event_id FROM event_heads WHERE workspace_id = $1)%s, page AS (%s)
		SELECT head.seq AS head_seq, head.event_id AS head_event, %s AS capped, %s
		FROM head LEFT JOIN page ON TRUE ORDER BY %s`, matched, page, capped, conversationColumns, order), s.args...)
	if err != nil {
		return nil, err
	}
	result := &InboxPage{}
	for i := range rows {
		row := &rows[i]
		result.Head = Head{WorkspaceID: w.Key, Seq: row.HeadSeq, EventID: row.HeadEvent}
		result.SearchCapped = row.Capped
		if row.ID.UUID != uuid.Nil {
			result.Rows = append(result.Rows, &row.Conversation)
		}
	}
	result.Rows, result.HasNext, result.HasPrevious = Trim(result.Rows, q.Page)
	return result, nil
}

func (q InboxQuery) hasSegment(text string) bool {
	for n := range segments[q.Field] {
		if text == strconv.Itoa(n) {
			return true
		}
	}
	return false
}

// InboxCount counts the conversations of a view, up to a limit.
func (w ForWorkspace) InboxCount(ctx context.Context, q InboxQuery, limit int) (int, error) {
	var rows []struct{ Count int }
	s := &statement{}
	s.arg(w.Key)
	matched, _ := q.Search.sql(s)
	q.conditions(s)
	err := w.query(ctx, &rows, fmt.Sprintf(`WITH head AS (SELECT)%s SELECT count(*) AS count
		FROM (SELECT FROM conversations WHERE %s LIMIT %d) AS counted`, matched, s.condition(), limit), s.args...)
	if err != nil {
		return 0, err
	}
	return rows[0].Count, nil
}

// conditions puts the view, filter and search on a statement.
func (q InboxQuery) conditions(s *statement) {
	s.conditions = []string{"workspace_id = $1"}
	q.View.sql(s, q.Viewer)
	q.Filter.sql(s, q.Viewer)
	if !q.Search.IsZero() {
		s.where("id IN (SELECT id FROM matched)")
	}
}

// sql gives the query of the page and the order of its rows. Each segment is one index
// range of at most a page; an outer sort joins them.
func (q InboxQuery) sql(s *statement) (page, order string) {
	direction := map[bool]string{false: " ASC", true: " DESC"}
	reverse := q.Desc != q.Page.Backward
	q.conditions(s)
	shared := s.conditions
	var parts []string
	for n, seg := range segments[q.Field] {
		s.conditions = append(slices.Clone(shared), seg.condition)
		q.bound(s, n, seg)
		parts = append(parts, fmt.Sprintf(`(SELECT %d AS segment, %s AS sort_at, * FROM conversations WHERE %s
			ORDER BY %s%s, id%s LIMIT %d)`, n, seg.column, s.condition(),
			seg.column, direction[reverse], direction[reverse], q.Page.Limit+1))
	}
	order = "segment" + direction[q.Page.Backward] + ", sort_at" + direction[reverse] + ", id" + direction[reverse]
	return fmt.Sprintf("SELECT * FROM (%s) AS parts ORDER BY %s LIMIT %d",
		strings.Join(parts, " UNION ALL "), order, q.Page.Limit+1), order
}

// bound narrows a segment to the page's range.
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

// IsZero says that there is nothing to search for.
func (i InboxSearch) IsZero() bool { return i.Contacts.IsZero() && i.Notes.IsZero() }

// sql gives common table expressions that end in "matched", the conversations found,
// and an expression that says whether the cap cut something off.
func (i InboxSearch) sql(s *statement) (with, capped string) {
	if i.IsZero() {
		return "", "FALSE"
	}
	contacts := i.Contacts.condition(s, "search", "name_key")
	notes := "FALSE" // a prefix is looked for in names alone
	if len(i.Notes.Terms) > 0 {
		notes = "(closing_text IS NOT NULL OR closing_category IS NOT NULL) AND " + i.Notes.condition(s, "closing_search", "")
	}
	return fmt.Sprintf(`,
		found_contacts AS MATERIALIZED (SELECT id FROM contacts WHERE workspace_id = $1 AND %s LIMIT %d),
		found_notes AS MATERIALIZED (SELECT id FROM conversations WHERE workspace_id = $1 AND %s LIMIT %d),
		matched AS MATERIALIZED (
			SELECT id FROM conversations WHERE workspace_id = $1 AND contact_id IN (SELECT id FROM found_contacts LIMIT %d)
			UNION SELECT id FROM (SELECT id FROM found_notes LIMIT %d) AS notes)`,
			contacts, searchCap+1, notes, searchCap+1, searchCap, searchCap),
		fmt.Sprintf("((SELECT count(*) FROM found_contacts) > %d OR (SELECT count(*) FROM found_notes) > %d)", searchCap, searchCap)
}

// InboxTally is how many conversations share a status, a block and an assignee.
type InboxTally struct {
	Status   ConversationStatus
	Blocked  bool
	Assignee *AgentID
	Count    int
}

// Facets gives what the counted conversations have in common.
func (t InboxTally) Facets() *Facets {
	return &Facets{Status: t.Status, Blocked: t.Blocked, Assignee: t.Assignee}
}

// InboxTallies counts all conversations of the workspace, with the end of the log as of
// the same statement. It reads the whole table: it is where a fold of the log starts.
func (w ForWorkspace) InboxTallies(ctx context.Context) ([]InboxTally, Head, error) {
	var rows []struct {
		InboxTally
		HeadSeq   int64
		HeadEvent EventID
	}
	err := w.query(ctx, &rows, `SELECT head.seq AS head_seq, head.event_id AS head_event, status, blocked, assignee, count
		FROM event_heads AS head LEFT JOIN (
			SELECT status, blocked, assignee_id AS assignee, count(*) AS count
			FROM conversations WHERE workspace_id = $1 GROUP BY 1, 2, 3) AS tally ON TRUE
		WHERE head.workspace_id = $1`, w.Key)
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
