package db

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// A page of a search is found in one of several ways, each of which reads a limited number of
// contacts. A common term fills a page with the first contacts in list order. A rare term is found
// through the trigram index, which would return too many contacts for a common one.
const (
	contactProbe  = 200    // contacts that are read in list order to find out whether the term is common
	commonMatches = 2      // matches among them that make it common
	contactIDs    = 10_000 // matches that are read through the index and then ordered
	contactWalk   = 10_000 // contacts that are read in list order if there are more matches
)

// contactQuery selects one page of contacts.
type contactQuery struct {
	ContactFilter
	order Order
	page  Page
}

// contactRead is a way to find a page. It returns the query of the contacts that are read, the
// query of those that are on the page, and an SQL expression that reports whether the page may be
// incomplete.
type contactRead func(s *statement) (read, page, more string)

// ContactPage returns one page of contacts.
func (w ForWorkspace) ContactPage(ctx context.Context, f ContactFilter, o Order, p Page) ([]*Contact, bool, bool, error) {
	rows, err := w.contactPage(ctx, contactQuery{f, o, p})
	if err != nil {
		return nil, false, false, err
	}
	rows, next, previous := Trim(rows, p)
	return rows, next, previous, nil
}

// contactPage tries the ways to find a page until it is complete.
func (w ForWorkspace) contactPage(ctx context.Context, q contactQuery) ([]*Contact, error) {
	if q.Search.IsZero() {
		rows, _, err := w.readContacts(ctx, q, w.query, q.listed)
		return rows, err
	}
	rows, more, err := w.readContacts(ctx, q, w.query, q.inOrder(contactProbe))
	isCommon := len(rows) >= commonMatches
	if more && err == nil && !isCommon {
		rows, more, err = w.readContacts(ctx, q, w.search, q.byIDs(contactIDs))
	}
	if more && err == nil {
		rows, more, err = w.readContacts(ctx, q, w.query, q.inOrder(contactWalk))
	}
	if more && err == nil {
		rows, _, err = w.readContacts(ctx, q, w.search, q.all)
	}
	return rows, err
}

// readContacts finds a page in one way and reports whether it may be incomplete.
func (w ForWorkspace) readContacts(ctx context.Context, q contactQuery, run runner, find contactRead) (page []*Contact, more bool, err error) {
	var rows []struct {
		Contact
		More bool
	}
	s := &statement{}
	s.where("workspace_id = ", w.Key)
	read, listed, unseen := find(s)
	err = run(ctx, &rows, fmt.Sprintf(`WITH read AS MATERIALIZED (%s), page AS MATERIALIZED (%s LIMIT %d)
		SELECT %s, %s AS name_order, %s AS more FROM (SELECT) AS always
		LEFT JOIN contacts ON workspace_id = $1 AND id IN (SELECT id FROM page) ORDER BY %s`,
		read, listed, q.page.Limit+1, contactColumns, nameOrder, unseen, q.direction()), s.args...)
	for i := range rows {
		more = rows[i].More
		if rows[i].ID.UUID != uuid.Nil {
			page = append(page, &rows[i].Contact)
		}
	}
	return page, more, err
}

// listed reads the page from the index of the list.
func (q contactQuery) listed(s *statement) (read, page, more string) {
	q.match(s)
	q.page.where(s, q.order)
	return q.read("id", s) + q.first(q.page.Limit+1), "SELECT id FROM read", "FALSE"
}

// inOrder finds the matches among the first contacts of the page's range.
func (q contactQuery) inOrder(limit int) contactRead {
	return func(s *statement) (read, page, more string) {
		q.page.where(s, q.order)
		read = q.read(q.matched(), s) + q.first(limit)
		s.conditions = nil
		q.match(s)
		// A materialized table is read in its order, so the read ends when the page is full.
		return read, "SELECT id FROM read WHERE " + strings.Join(s.conditions, " AND "), fmt.Sprintf(
			"(SELECT count(*) FROM page) <= %d AND (SELECT count(*) FROM read) = %d", q.page.Limit, limit)
	}
}

// byIDs finds the matches of the page's range through an index unless there are more than the
// limit.
func (q contactQuery) byIDs(limit int) contactRead {
	return func(s *statement) (read, page, more string) {
		read, page, _ = q.all(s)
		return read + fmt.Sprintf(" LIMIT %d", limit+1), page, fmt.Sprintf("(SELECT count(*) FROM read) > %d", limit)
	}
}

// all finds all matches of the page's range, then orders them.
func (q contactQuery) all(s *statement) (read, page, more string) {
	q.match(s)
	q.page.where(s, q.order)
	return q.read("id, name, name_text, created_at", s), "SELECT id FROM read ORDER BY " + q.direction(), "FALSE"
}

func (q contactQuery) read(columns string, s *statement) string {
	return "SELECT " + columns + " FROM contacts WHERE " + strings.Join(s.conditions, " AND ")
}

// first returns the SQL that limits a read to the first contacts of the list.
func (q contactQuery) first(limit int) string {
	return fmt.Sprintf(" ORDER BY %s LIMIT %d", q.direction(), limit)
}

func (q contactQuery) direction() string { return strings.Join(q.page.orderBy(q.order), ", ") }

// matched returns the columns that decide whether a contact matches.
func (q contactQuery) matched() string {
	columns := "id, assignee_id, blocked_at, name, name_text, search_text"
	if q.Search.unfolded {
		columns += ", search, name_key"
	}
	return columns
}

// match adds the conditions of the filter and the search to a statement.
func (f ContactFilter) match(s *statement) {
	if !f.Search.IsZero() {
		s.where(f.Search.sql(searchedContacts, s.arg))
	}
	if f.Assignees != nil {
		some, none := splitAssignees(f.Assignees)
		s.where("(assignee_id = ANY (", some, ") OR ", none, " AND assignee_id IS NULL)")
	}
	if f.Blocked != nil {
		s.where("(blocked_at IS NOT NULL) = ", *f.Blocked)
	}
}

// ContactCount returns the number of contacts that match, at most limit.
func (w ForWorkspace) ContactCount(ctx context.Context, f ContactFilter, limit int) (int, error) {
	var rows []struct{ Count int }
	s := &statement{}
	s.where("workspace_id = ", w.Key)
	f.match(s)
	err := w.search(ctx, &rows, fmt.Sprintf("SELECT count(*) FROM (SELECT FROM contacts WHERE %s LIMIT %d) AS counted",
		strings.Join(s.conditions, " AND "), limit), s.args...)
	if err != nil {
		return 0, err
	}
	return rows[0].Count, nil
}
