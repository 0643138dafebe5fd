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
	Prefix string // folded; the name must begin with it; for searches under three letters
	Terms  []patterns

	unfolded bool // some rows are not folded yet: what a version before kept of them is searched, too
}

// patterns are the LIKE patterns of a term, folded and escaped. An index is asked for the short ones,
// which are parts of the others.
type patterns struct{ full, short []string }

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
	found, err := w.resolve(ctx, typed, searchedAgents)
	return found[0], err
}

// ResolveContacts resolves what was typed to find contacts.
func (w ForWorkspace) ResolveContacts(ctx context.Context, typed string) (Search, error) {
	found, err := w.resolve(ctx, typed, searchedContacts)
	return found[0], err
}

// ResolveInbox resolves what was typed to find conversations. A word of a contact is no typing error
// in a closing note, nor the other way round.
func (w ForWorkspace) ResolveInbox(ctx context.Context, typed string) (InboxSearch, error) {
	found, err := w.resolve(ctx, typed, searchedContacts, searchedNotes)
	return InboxSearch{Contacts: found[0], Notes: found[1]}, err
}

// resolve returns for each kind of rows the patterns of each term. A word that is part of no known
// word is joined by the words nearest to it, which forgives typing errors. A word that is part of a
// known word is taken as it is, and so is a term with digits.
func (w ForWorkspace) resolve(ctx context.Context, typed string, kinds ...*searched) ([]Search, error) {
	found := make([]Search, len(kinds))
	terms := text.Terms(typed)
	if len(terms) == 0 {
		if strings.TrimSpace(typed) != "" { // an accent alone is no term: nothing is found
			for i := range found {
				found[i].Terms = []patterns{{full: []string{}, short: []string{}}}
			}
		}
		return found, nil
	}
	known, err := w.lookUp(ctx, kinds, terms)
	if err != nil {
		return found, err
	}
	for i := range found {
		found[i].unfolded = known.unfolded[i]
	}
	if len(terms) == 1 && terms[0].IsShort() {
		for i := range found {
			found[i].Prefix = terms[0].Words
		}
		return found, nil
	}
	for _, term := range terms {
		near := make([][]string, len(kinds))
		if known.isMistyped(term.Words) {
			if near, err = w.nearest(ctx, kinds, term.Words); err != nil {
				return found, err
			}
		}
		for i, in := range kinds {
			forms := []string{term.Words}
			if in.hasPhone {
				forms = term.Forms(known.country)
			}
			var p patterns
			for _, form := range append(forms, near[i]...) {
				p.full = append(p.full, contains(form))
				p.short = append(p.short, contains(term.Indexed(form)))
			}
			found[i].Terms = append(found[i].Terms, p)
		}
	}
	return found, nil
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// contains returns the LIKE pattern for text anywhere, its wildcards taken as letters.
func contains(text string) string { return "%" + likeEscaper.Replace(text) + "%" }

// sql returns the condition for the rows that are found. arg adds a value and returns its
// placeholder.
func (s Search) sql(in *searched, arg func(value any) string) string {
	found := in.kept + s.matches(in.text, in.name, arg, patterns.match)
	if !s.unfolded {
		return found
	}
	return "(" + found + " OR " + in.missing + " AND " + s.matches(in.oldText, in.oldName, arg, patterns.matchOld) + ")"
}

func (s Search) matches(column, name string, arg func(value any) string,
	match func(p patterns, column string, arg func(value any) string) string) string {
	var conditions []string
	if s.Prefix != "" {
		if name == "" {
			return "FALSE"
		}
		// An index serves bounds in any plan, but LIKE only in a plan that was made for the prefix.
		conditions = append(conditions, name+" >= "+arg(s.Prefix), name+" < "+arg(s.Prefix+"\U0010FFFF"))
	}
	for _, term := range s.Terms {
		conditions = append(conditions, match(term, column, arg))
	}
	return strings.Join(conditions, " AND ")
}

// match returns the condition for the rows that a term matches.
func (p patterns) match(column string, arg func(value any) string) string {
	if slices.Equal(p.full, p.short) {
		return column + " LIKE ANY (" + arg(p.full) + ")"
	}
	// No index is asked for an expression.
	return column + " LIKE ANY (" + arg(p.short) + ") AND (" + column + " || '') LIKE ANY (" + arg(p.full) + ")"
}

// matchOld is match for a column of a version before, which has punctuation where the new one has
// spaces.
func (p patterns) matchOld(column string, arg func(value any) string) string {
	var all []string
	for _, pattern := range p.full {
		all = append(all, strings.ReplaceAll(pattern, " ", "%"))
	}
	return column + " LIKE ANY (" + arg(all) + ")"
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
