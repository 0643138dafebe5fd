package db

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/uptrace/bun"
)

// Search is what a person typed, resolved against the words that occur: each term is a
// set of LIKE patterns of which one must match. The zero value is no search.
type Search struct {
	Prefix string     // folded; the name must begin with it; for searches under three letters
	Terms  [][]string // patterns of each term, folded and escaped
}

// IsZero says that there is nothing to search for.
func (s Search) IsZero() bool { return s.Prefix == "" && len(s.Terms) == 0 }

// wordKind says where the words of the dictionary come from.
type wordKind string

const (
	agentWords   wordKind = "AGENT"
	contactWords wordKind = "CONTACT"
	noteWords    wordKind = "NOTE"
)

// ResolveAgents resolves what was typed to find agents.
func (w ForWorkspace) ResolveAgents(ctx context.Context, text string) (Search, error) {
	return w.resolve(ctx, agentWords, text)
}

// ResolveContacts resolves what was typed to find contacts.
func (w ForWorkspace) ResolveContacts(ctx context.Context, text string) (Search, error) {
	return w.resolve(ctx, contactWords, text)
}

// ResolveNotes resolves what was typed to find closing notes.
func (w ForWorkspace) ResolveNotes(ctx context.Context, text string) (Search, error) {
	return w.resolve(ctx, noteWords, text)
}

// foundTerm is a folded term with the known words that it may have been meant for.
type foundTerm struct {
	Term    string
	Similar []string `bun:",array"`
}

// resolve folds the text and splits it into terms. A term that is part of no known word
// is joined by the words nearest to it, which forgives typos; one that is part of some
// word is taken as it is, and so is one that is not all letters.
func (w ForWorkspace) resolve(ctx context.Context, kind wordKind, text string) (Search, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Search{}, nil
	}
	var found []foundTerm
	err := w.query(ctx, &found, `
		SELECT term, CASE WHEN term !~ '^[[:alpha:]]+$' OR EXISTS (SELECT FROM search_words AS known
				WHERE known.workspace_id = $1 AND known.kind = $2 AND known.word LIKE '%' || like_escape(term) || '%')
			THEN '{}' ELSE ARRAY(SELECT similar_words($1, $2, term)) END AS similar
		FROM unnest($3::text[]) WITH ORDINALITY AS typed (raw, n), fold(raw) AS term ORDER BY n`,
		w.Key, string(kind), splitTerms(kind, text))
	if err != nil {
		return Search{}, err
	}
	// An accent alone folds to nothing, which is no term; where nothing else is, nothing is found.
	found = slices.DeleteFunc(found, func(f foundTerm) bool { return f.Term == "" })
	if len(found) == 0 {
		return Search{Terms: [][]string{{}}}, nil
	}
	if len(found) == 1 && utf8.RuneCountInString(found[0].Term) < 3 {
		return Search{Prefix: found[0].Term}, nil
	}
	var s Search
	for _, f := range found {
		patterns := []string{contains(f.Term)}
		for _, word := range f.Similar {
			patterns = append(patterns, contains(word))
		}
		s.Terms = append(s.Terms, patterns)
	}
	return s, nil
}

// splitTerms splits at spaces; what looks like a contact's phone number stays one term and
// loses its punctuation, since numbers are searched by their digits.
func splitTerms(kind wordKind, text string) []string {
	if kind != contactWords {
		return strings.Fields(text)
	}
	digits := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsDigit(r):
			return r
		case strings.ContainsRune("+-./() \u00a0", r):
			return -1
		}
		return utf8.RuneError
	}, text)
	if len(digits) >= 3 && !strings.ContainsRune(digits, utf8.RuneError) {
		return []string{digits}
	}
	return strings.Fields(text)
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// contains gives the LIKE pattern for text anywhere, its wildcards taken as letters.
func contains(text string) string { return "%" + likeEscaper.Replace(text) + "%" }

// apply narrows a query to the rows whose search column matches.
func (s Search) apply(q *bun.SelectQuery, search, name string) *bun.SelectQuery {
	if s.Prefix != "" {
		q = q.Where(name+" LIKE ?", likeEscaper.Replace(s.Prefix)+"%")
	}
	for _, patterns := range s.Terms {
		q = q.Where(search+" LIKE ANY (ARRAY[?])", bun.List(patterns))
	}
	return q
}

// condition is apply for hot statements.
func (s Search) condition(to *statement, search, name string) string {
	conditions := []string{}
	if s.Prefix != "" {
		conditions = append(conditions, name+" LIKE "+to.arg(likeEscaper.Replace(s.Prefix)+"%"))
	}
	for _, patterns := range s.Terms {
		conditions = append(conditions, search+" LIKE ANY ("+to.arg(patterns)+")")
	}
	return strings.Join(conditions, " AND ")
}

// learnWords adds the words of these texts to the dictionary. They are inserted in
// order, so that two transactions that add the same ones wait for each other instead
// of deadlocking; words known already lock nothing.
func (tx Tx) learnWords(ctx context.Context, kind wordKind, texts []string) error {
	_, err := tx.exec(ctx, `
		INSERT INTO search_words (workspace_id, kind, word)
		SELECT DISTINCT $1::bigint, $2, split.word
		FROM unnest($3::text[]) AS given (text), regexp_split_to_table(fold(given.text), '[^[:alnum:]]+') AS split (word)
		WHERE length(split.word) BETWEEN 4 AND 40 AND NOT EXISTS (SELECT FROM search_words AS known
			WHERE known.workspace_id = $1 AND known.kind = $2 AND known.word = split.word)
		ORDER BY 3
		ON CONFLICT DO NOTHING`, tx.Key, string(kind), texts)
	return err
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
