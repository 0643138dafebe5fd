package db

import (
	"fmt"
	"slices"
	"strings"
)

// InboxSearch is a search text, resolved once for contacts and once for closing notes.
type InboxSearch struct{ Contacts, Notes Search }

// IsZero reports whether there is nothing to search for.
func (i InboxSearch) IsZero() bool { return i.Contacts.IsZero() && i.Notes.IsZero() }

const (
	// searchCap limits the contacts and the closing notes that are matched first, and the
	// conversations that are matched in any order.
	searchCap = 200
	// searchWalk limits the conversations of a segment that are examined in list order.
	searchWalk = 1000
	// searchProbe limits the conversations that are examined to find out whether the term is common.
	searchProbe = 100
)

// strategy is a way to find the conversations that match a search. It returns common table
// expressions that end in "matched", and an SQL expression that reports whether the page may be
// incomplete.
type strategy func(q InboxQuery, s *statement, parts []part) (with, more string)

// strategies are the ways to find the page, each tried if the one before was incomplete. A rare
// term is found through its contacts. A common term fills a page with the first conversations of
// the view; a look at a few of these tells the two apart. A term that is common, but rare in the
// view, needs a search of the whole range.
func (q InboxQuery) strategies() []strategy {
	if q.Search.IsZero() {
		return []strategy{matchAll}
	}
	return []strategy{matchInOrder(searchProbe), matchByContacts, matchInOrder(searchWalk), matchWithin(searchCap)}
}

// countStrategies are the ways to count the matches.
func (q InboxQuery) countStrategies() []strategy {
	if q.Search.IsZero() {
		return []strategy{matchAll}
	}
	return []strategy{matchByContacts, matchWithin(q.Page.Limit + 1)}
}

func matchAll(InboxQuery, *statement, []part) (with, more string) { return "", "FALSE" }

// matchByContacts matches the conversations of a few contacts and notes, in any view.
func matchByContacts(q InboxQuery, s *statement, _ []part) (with, more string) {
	contacts, notes := q.Search.sql(s)
	return fmt.Sprintf(`,
		found_contacts AS MATERIALIZED (SELECT id FROM contacts WHERE workspace_id = $1 AND %s LIMIT %d),
		found_notes AS MATERIALIZED (SELECT id FROM conversations WHERE workspace_id = $1 AND %s LIMIT %d),
		many AS MATERIALIZED (SELECT (SELECT count(*) FROM found_contacts) > %d OR (SELECT count(*) FROM found_notes) > %d AS yes),
		matched AS MATERIALIZED (
			SELECT id FROM conversations WHERE workspace_id = $1 AND NOT (SELECT yes FROM many)
				AND contact_id IN (SELECT id FROM found_contacts)
			UNION SELECT id FROM found_notes WHERE NOT (SELECT yes FROM many))`,
		contacts, searchCap+1, notes, searchCap+1, searchCap, searchCap), "(SELECT yes FROM many)"
}

// matchInOrder matches conversations in list order among the first of the page's range.
func matchInOrder(limit int) strategy {
	return func(q InboxQuery, s *statement, parts []part) (with, more string) {
		walk, ended := q.walk(s, parts, limit)
		return walk + ", matched AS MATERIALIZED (SELECT id FROM walked)",
			fmt.Sprintf("(SELECT count(*) FROM walked) <= %d AND NOT (%s)", q.Page.Limit, ended)
	}
}

// matchWithin matches up to limit conversations anywhere in the page's range, in addition to those
// that matchInOrder finds.
func matchWithin(limit int) strategy {
	return func(q InboxQuery, s *statement, parts []part) (with, more string) {
		contacts, notes := q.Search.sql(s)
		var found []string
		for _, p := range parts {
			within := strings.Join(p.conditions, " AND ")
			found = append(found,
				fmt.Sprintf("(SELECT id FROM conversations WHERE %s AND contact_id IN (SELECT id FROM contacts WHERE workspace_id = $1 AND %s) LIMIT %d)", within, contacts, limit+1),
				fmt.Sprintf("(SELECT id FROM conversations WHERE %s AND %s LIMIT %d)", within, notes, limit+1))
		}
		with = ", within AS MATERIALIZED (SELECT id FROM (" + strings.Join(found, " UNION ") + fmt.Sprintf(") AS found LIMIT %d)", limit+1)
		more = fmt.Sprintf("(SELECT count(*) FROM within) > %d", limit)
		if parts[0].column == "" { // a count has no order
			return with + ", matched AS MATERIALIZED (SELECT id FROM within)", more
		}
		walk, _ := q.walk(s, parts, searchWalk)
		return walk + with + ", matched AS MATERIALIZED (SELECT id FROM walked UNION SELECT id FROM within)", more
	}
}

// walk returns common table expressions that end in "walked", the matches among the first
// conversations of the page's range, and the condition that they cover the whole range.
func (q InboxQuery) walk(s *statement, parts []part, limit int) (with, ended string) {
	contacts, notes := q.Search.sql(s)
	var steps, ends []string
	if q.Page.Backward { // the last segment is read first
		parts = slices.Clone(parts)
		slices.Reverse(parts)
	}
	for _, p := range parts {
		name := fmt.Sprintf("steps%d", p.number)
		with += fmt.Sprintf(`, %s AS MATERIALIZED (SELECT id AS step, contact_id, note_text, closing_search, closing_text, closing_category
			FROM conversations WHERE %s ORDER BY %s%s, id%s LIMIT %d)`,
			name, strings.Join(p.conditions, " AND "), p.column, q.direction(), q.direction(), limit)
		steps = append(steps, "SELECT * FROM "+name)
		ends = append(ends, fmt.Sprintf("(SELECT count(*) FROM %s) < %d", name, limit))
	}
	// The first LIMIT makes PostgreSQL look up each contact by its key. The second ends the
	// walk when the page is full; a materialized table is always read in order.
	return with + fmt.Sprintf(`, walked AS MATERIALIZED (SELECT step AS id FROM (%s) AS steps
		LEFT JOIN LATERAL (SELECT TRUE AS found FROM contacts WHERE workspace_id = $1 AND id = steps.contact_id AND %s LIMIT 1) AS contact ON TRUE
		WHERE contact.found OR %s LIMIT %d)`, strings.Join(steps, " UNION ALL "), contacts, notes, q.Page.Limit+1), strings.Join(ends, " AND ")
}

// sql returns the conditions for contacts and for closing notes.
func (i InboxSearch) sql(s *statement) (contacts, notes string) {
	contacts, notes = i.Contacts.sql(searchedContacts, s.arg), "FALSE"
	if len(i.Notes.Terms) > 0 { // a beginning applies to names only
		notes = i.Notes.sql(searchedNotes, s.arg)
	}
	return contacts, notes
}
