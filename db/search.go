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

// Search is a search text, resolved against the known words. A row matches if it matches each term.
// The zero value means no search.
type Search struct {
	Beginning string // folded; a word of the name must begin with it; only for texts of one or two letters
	Terms     []patterns

	unfolded bool // some rows lack their folded text, so the columns of older versions are searched too
}

// patterns are the LIKE patterns of a term, folded and escaped; a row must match one of them. The
// short ones are parts of the full ones and are looked up in the index.
type patterns struct{ full, short []string }

// IsZero reports whether there is nothing to search for.
func (s Search) IsZero() bool { return s.Beginning == "" && len(s.Terms) == 0 }

// searched describes one kind of rows that can be searched. Their words form one dictionary.
type searched struct {
	kind     string // the kind of the words
	table    string
	text     string // the column that is searched
	name     string // the expression whose words short texts begin; empty: short texts match nothing
	kept     string // the condition of the partial index on text; empty if all rows are indexed
	oldText  string // the column that an older version searched
	oldName  string // the column of names in an older version
	missing  string // the condition of rows without a folded text
	hasPhone bool
}

// nameOrder is the expression by which agents and contacts are ordered: the folded name or, if it
// is still missing, the name.
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

// isMissing returns the SQL expression that reports whether a workspace has rows without a folded
// text. PostgreSQL overestimates their number and would scan the table to find the first one; the
// order makes it use their index.
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

// ResolveInbox resolves what was typed to find conversations. A word that occurs in a contact or in
// a closing note is correct in both.
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
		for i := range found {
			found[i] = withoutTerms(typed)
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
			found[i].Beginning = terms[0].Words
		}
		return found, nil
	}
	for _, term := range terms {
		near := make([][]string, len(kinds))
		if !beginsWord(term) && known.isMistyped(term.Words) {
			if near, err = w.nearest(ctx, kinds, term.Words); err != nil {
				return found, err
			}
		}
		for i, in := range kinds {
			forms := []string{term.Words}
			if in.hasPhone {
				forms = term.Forms(known.country)
			}
			found[i].Terms = append(found[i].Terms, patternsOf(term, append(forms, near[i]...)))
		}
	}
	return found, nil
}

// withoutTerms returns the search for a text without terms: none if it is blank. An accent alone is
// not a term either, and finds nothing.
func withoutTerms(typed string) (s Search) {
	if strings.TrimSpace(typed) != "" {
		s.Terms = []patterns{{full: []string{}, short: []string{}}}
	}
	return s
}

// beginsWord reports whether a term of several is only found at the beginning of a word.
func beginsWord(term text.Term) bool { return term.IsShort() && term.IsWord() }

// patternsOf returns the patterns of a term of which one of these forms must be found.
func patternsOf(term text.Term, forms []string) (p patterns) {
	if beginsWord(term) {
		return patterns{begins(term.Words), begins(term.Words)}
	}
	for _, form := range forms {
		p.full = append(p.full, contains(form))
		p.short = append(p.short, contains(term.Indexed(form)))
	}
	return p
}

var (
	likeEscaper   = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
	likeUnescaper = strings.NewReplacer(`\\`, `\`, `\%`, `%`, `\_`, `_`)
)

// begins returns the LIKE patterns for text at the beginning of a word, which a trigram index
// serves however short the text is.
func begins(text string) []string {
	text = likeEscaper.Replace(text)
	return []string{text + "%", "% " + text + "%"}
}

// like reports whether a text matches a pattern that begins or contains returned.
func like(text, pattern string) bool {
	words, anywhere := strings.CutPrefix(pattern, "%")
	words = likeUnescaper.Replace(strings.TrimSuffix(words, "%"))
	return strings.HasPrefix(text, words) || anywhere && strings.Contains(text, words)
}

// contains returns the LIKE pattern for text anywhere, its wildcards taken as letters.
func contains(text string) string { return "%" + likeEscaper.Replace(text) + "%" }

// sql returns the condition for the rows that are found. arg adds a value and returns its
// placeholder.
func (s Search) sql(in *searched, arg func(value any) string) string {
	found := in.kept + s.matches(in.text, in.name, arg, patterns.match)
	if s.Beginning != "" && in.name != "" {
		found += " AND " + in.text + " LIKE ANY (" + arg(begins(s.Beginning)) + ")" // by the index
	}
	if !s.unfolded {
		return found
	}
	return "(" + found + " OR " + in.missing + " AND " + s.matches(in.oldText, in.oldName, arg, patterns.matchOld) + ")"
}

func (s Search) matches(column, name string, arg func(value any) string,
	match func(p patterns, column string, arg func(value any) string) string) string {
	var conditions []string
	if s.Beginning != "" {
		if name == "" {
			return "FALSE"
		}
		conditions = append(conditions, "(' ' || "+name+") LIKE "+arg(begins(s.Beginning)[1]))
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

// matchOld is match for a column of an older version, which has punctuation where the new one has
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

// country returns the country of the workspace's phone numbers without a country code; empty if
// unset.
func (w ForWorkspace) country(ctx context.Context) (string, error) {
	var rows []struct{ Country string }
	if err := w.query(ctx, &rows, "SELECT coalesce(country, '') AS country FROM workspaces WHERE key = $1", w.Key); err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0].Country, nil
}

// Fold sets the folded search fields of an agent.
func (a *Agent) Fold() {
	name := text.Key(a.Name)
	a.NameText, a.SearchText, a.EmailKey = &name, joined(name, text.Undivided(a.Name), text.Key(deref(a.Email))), nil
	if a.Email != nil {
		key := text.EmailKey(*a.Email)
		a.EmailKey = &key
	}
}

// Fold sets the folded search fields of a contact. country is the one of phone numbers without a
// country code.
func (c *Contact) Fold(country string) {
	name, phone := text.Key(c.Name), deref(c.Phone)
	parts := append([]string{name, text.Undivided(c.Name), text.Key(deref(c.Email))}, text.Numbers(phone, country)...)
	if strings.ContainsFunc(phone, unicode.IsLetter) {
		parts = append(parts, text.Key(phone)) // as in 1-800-FLOWERS
	}
	c.NameText, c.SearchText, c.SearchCountry = &name, joined(parts...), &country
}

// Fold sets the folded text of a conversation's closing note.
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
