package db

import (
	"fmt"
	"slices"
	"strings"
)

// InboxSearch is what a person typed, resolved twice: for contacts and for closing notes.
type InboxSearch struct{ Contacts, Notes Search }

// IsZero says that there is nothing to search for.
func (i InboxSearch) IsZero() bool { return i.Contacts.IsZero() && i.Notes.IsZero() }

const (
	// searchCap is how many contacts, and how many closing notes, are found first; and how
	// many conversations of the view, where the page has to be looked for among all.
	searchCap = 200
	// searchWalk is how many conversations of the view are looked at in their order.
	searchWalk = 1000
)

// look is a way to find what a search asks for. It gives common table expressions that end
// in "matched", the conversations found, and an expression that says whether what the page
// shows may not be all among them.
type look func(q InboxQuery, s *statement, parts []part) (with, more string)

// looks are the ways to find the page, the next for when the one before did not see all.
// What is rare is found through its contacts; what is common fills a page within the first
// conversations of the view; what is common but rare in the view has to be looked for.
func (q InboxQuery) looks() []look {
	if q.Search.IsZero() {
		return []look{lookAtAll}
	}
	return []look{lookForContacts, lookAlong, lookWithin(searchCap)}
}

// countLooks are the ways to find how many there are.
func (q InboxQuery) countLooks() []look {
	if q.Search.IsZero() {
		return []look{lookAtAll}
	}
	return []look{lookForContacts, lookWithin(q.Page.Limit + 1)}
}

func lookAtAll(InboxQuery, *statement, []part) (with, more string) { return "", "FALSE" }

// lookForContacts finds a few contacts and notes, whose conversations may be in the view or not.
func lookForContacts(q InboxQuery, s *statement, _ []part) (with, more string) {
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

// lookAlong goes along the page's range of the view, in its order.
func lookAlong(q InboxQuery, s *statement, parts []part) (with, more string) {
	walk, ended := q.walk(s, parts)
	return walk + ", matched AS MATERIALIZED (SELECT id FROM walked)",
		fmt.Sprintf("NOT (%s OR (SELECT count(*) FROM walked) > %d)", ended, q.Page.Limit)
}

// lookWithin adds as many of the page's range as it may from anywhere in it.
func lookWithin(limit int) look {
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
		if parts[0].column == "" { // there is no order to go along
			return with + ", matched AS MATERIALIZED (SELECT id FROM within)", more
		}
		walk, _ := q.walk(s, parts)
		return walk + with + ", matched AS MATERIALIZED (SELECT id FROM walked UNION SELECT id FROM within)", more
	}
}

// walk gives common table expressions that end in "walked", what is found among the first
// conversations of the page's range, and the condition that the range ended before them.
func (q InboxQuery) walk(s *statement, parts []part) (with, ended string) {
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
			name, strings.Join(p.conditions, " AND "), p.column, q.direction(), q.direction(), searchWalk)
		steps = append(steps, "SELECT * FROM "+name)
		ends = append(ends, fmt.Sprintf("(SELECT count(*) FROM %s) < %d", name, searchWalk))
	}
	// The first LIMIT has each contact looked up by its key. The second ends the walk when the
	// page is full: the steps are read in their order, as a table of a query's own always is.
	return with + fmt.Sprintf(`, walked AS MATERIALIZED (SELECT step AS id FROM (%s) AS steps
		LEFT JOIN LATERAL (SELECT TRUE AS found FROM contacts WHERE workspace_id = $1 AND id = steps.contact_id AND %s LIMIT 1) AS contact ON TRUE
		WHERE contact.found OR %s LIMIT %d)`, strings.Join(steps, " UNION ALL "), contacts, notes, q.Page.Limit+1), strings.Join(ends, " AND ")
}

// sql gives the conditions of contacts and of closing notes.
func (i InboxSearch) sql(s *statement) (contacts, notes string) {
	contacts, notes = i.Contacts.sql(searchedContacts, s.arg), "FALSE"
	if len(i.Notes.Terms) > 0 { // a prefix is looked for in names alone
		notes = i.Notes.sql(searchedNotes, s.arg)
	}
	return contacts, notes
}
