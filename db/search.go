package db

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/uptrace/bun"

	"switchboard/db/text"
)

// Search is what a person typed, resolved against the words that occur: each term is a
// set of LIKE patterns of which one must match. The zero value is no search.
type Search struct {
	Prefix string     // folded; the name must begin with it; for searches under three letters
	Terms  [][]string // patterns of each term, folded and escaped

	unfolded bool // some rows are not folded yet: what a version before kept of them is searched, too
}

// IsZero says that there is nothing to search for.
func (s Search) IsZero() bool { return s.Prefix == "" && len(s.Terms) == 0 }

// searched are the rows that are searched together and whose words make one dictionary.
type searched struct {
	kind     string // of the words
	table    string
	text     string // the column that is searched
	name     string // of what short searches are a prefix; empty: not found by them
	kept     string // the condition of the rows that can be found, as the index has it; empty: all
	oldText  string // what a version before searched
	oldName  string
	missing  string // the condition of rows that are not folded yet
	hasPhone bool
}

// nameOrder is what agents and contacts are ordered by: their folded name or, until they
// have one, the name.
const nameOrder = `coalesce(name_text, name COLLATE "C")`

var (
	searchedAgents = &searched{
		kind: "AGENT", table: "agents", text: "search_text", name: nameOrder, oldText: "search", oldName: "name_key",
		missing: "search_text IS NULL",
	}
	searchedContacts = &searched{
		kind: "CONTACT", table: "contacts", text: "search_text", name: nameOrder, oldText: "search", oldName: "name_key",
		missing: "search_text IS NULL", hasPhone: true,
	}
	searchedNotes = &searched{
		kind: "NOTE", table: "conversations", text: "note_text", kept: "note_text IS NOT NULL AND ", oldText: "closing_search",
		missing: "note_text IS NULL AND (closing_text IS NOT NULL OR closing_category IS NOT NULL)",
	}
)

// isMissing returns the SQL expression that reports whether a workspace has rows that are not folded
// yet. The order makes PostgreSQL use the index of these rows: it expects many of them, and would
// read the whole table to find the first.
func (in *searched) isMissing(workspace string) string {
	return fmt.Sprintf("(SELECT TRUE FROM %s WHERE workspace_id = %s AND %s ORDER BY workspace_id, id LIMIT 1) IS NOT NULL",
		in.table, workspace, in.missing)
}

// ResolveAgents resolves what was typed to find agents.
func (w ForWorkspace) ResolveAgents(ctx context.Context, typed string) (Search, error) {
	return w.resolve(ctx, searchedAgents, typed)
}

// ResolveContacts resolves what was typed to find contacts.
func (w ForWorkspace) ResolveContacts(ctx context.Context, typed string) (Search, error) {
	return w.resolve(ctx, searchedContacts, typed)
}

// ResolveNotes resolves what was typed to find closing notes.
func (w ForWorkspace) ResolveNotes(ctx context.Context, typed string) (Search, error) {
	return w.resolve(ctx, searchedNotes, typed)
}

// resolve returns the patterns of each term. A word that is part of no known word is joined
// by the words nearest to it, which forgives typos; one that is part of some word is
// taken as it is, and so is what holds digits.
func (w ForWorkspace) resolve(ctx context.Context, in *searched, typed string) (Search, error) {
	terms := text.Terms(typed)
	if len(terms) == 0 {
		if strings.TrimSpace(typed) == "" {
			return Search{}, nil
		}
		return Search{Terms: [][]string{{}}}, nil // an accent alone is no term: nothing is found
	}
	known, err := w.lookUp(ctx, in, terms)
	if err != nil {
		return Search{}, err
	}
	s := Search{unfolded: known.unfolded}
	if len(terms) == 1 && terms[0].IsShort() {
		s.Prefix = terms[0].Words
		return s, nil
	}
	for _, term := range terms {
		forms := []string{term.Words}
		if in.hasPhone {
			forms = term.Forms(known.country)
		}
		near, err := w.nearest(ctx, in, known.words[term.Words])
		if err != nil {
			return Search{}, err
		}
		var patterns []string
		for _, form := range append(forms, near...) {
			patterns = append(patterns, contains(form))
		}
		s.Terms = append(s.Terms, patterns)
	}
	return s, nil
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// contains returns the LIKE pattern for text anywhere, its wildcards taken as letters.
func contains(text string) string { return "%" + likeEscaper.Replace(text) + "%" }

// sql returns the condition of the rows that are found. arg takes a value and gives its
// place in the statement.
func (s Search) sql(in *searched, arg func(value any) string) string {
	found := in.kept + s.matches(in.text, in.name, arg, func(pattern string) string { return pattern })
	if !s.unfolded {
		return found
	}
	// The old column holds punctuation where the new one has spaces.
	old := s.matches(in.oldText, in.oldName, arg, func(pattern string) string { return strings.ReplaceAll(pattern, " ", "%") })
	return "(" + found + " OR " + in.missing + " AND " + old + ")"
}

func (s Search) matches(column, name string, arg func(value any) string, written func(pattern string) string) string {
	var conditions []string
	if s.Prefix != "" {
		if name == "" {
			return "FALSE"
		}
		// Bounds are found by an index whatever the plan, LIKE is not by one that was made for any prefix.
		conditions = append(conditions, name+" >= "+arg(s.Prefix), name+" < "+arg(s.Prefix+"\U0010FFFF"))
	}
	for _, patterns := range s.Terms {
		all := make([]string, len(patterns))
		for i, pattern := range patterns {
			all[i] = written(pattern)
		}
		conditions = append(conditions, column+" LIKE ANY ("+arg(all)+")")
	}
	return strings.Join(conditions, " AND ")
}

// apply narrows a query to the rows that are found.
func (s Search) apply(q *bun.SelectQuery, in *searched) *bun.SelectQuery {
	if s.IsZero() {
		return q
	}
	var args []any
	condition := s.sql(in, func(value any) string {
		if patterns, several := value.([]string); several {
			args = append(args, bun.List(patterns))
			return "ARRAY[?]::text[]"
		}
		args = append(args, value)
		return "?"
	})
	return q.Where(condition, args...)
}

// country returns where the workspace's numbers without a country's code belong; empty for nowhere.
func (w ForWorkspace) country(ctx context.Context) (string, error) {
	var rows []struct{ Country string }
	if err := w.query(ctx, &rows, "SELECT coalesce(country, '') AS country FROM workspaces WHERE key = $1", w.Key); err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0].Country, nil
}

// Fold puts what an agent is found by beside it.
func (a *Agent) Fold() {
	name := text.Key(a.Name)
	a.NameText, a.SearchText, a.EmailKey = &name, joined(name, text.Key(deref(a.Email))), nil
	if a.Email != nil {
		key := text.EmailKey(*a.Email)
		a.EmailKey = &key
	}
}

// Fold puts what a contact is found by beside it.
func (c *Contact) Fold(country string) {
	name, phone := text.Key(c.Name), deref(c.Phone)
	parts := append([]string{name, text.Key(deref(c.Email))}, text.Numbers(phone, country)...)
	if strings.ContainsFunc(phone, unicode.IsLetter) {
		parts = append(parts, text.Key(phone)) // as in 1-800-FLOWERS
	}
	c.NameText, c.SearchText, c.SearchCountry = &name, joined(parts...), &country
}

// Fold puts what a conversation's closing note is found by beside it.
func (c *Conversation) Fold() {
	c.NoteText = nil
	if c.ClosingNote() != nil {
		c.NoteText = joined(text.Key(deref(c.ClosingCategory)), text.Key(deref(c.ClosingText)))
	}
}

func joined(parts ...string) *string {
	all := strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " ")
	return &all
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
