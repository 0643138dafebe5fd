package db

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"switchboard/db/text"
)

// A term that is part of no known word is assumed to be mistyped. Known words with one typing error
// are looked up by all codes that differ from the term's code by one error: a few hundred index
// lookups, whatever the size of the dictionary. If there are none, trigrams find words with two
// errors.

// lookedUp is what is known about the terms of a search.
type lookedUp struct {
	country  string
	unfolded []bool // of each kind of rows: whether some are not folded yet
	unknown  map[string]bool
}

// isMistyped reports whether a term is a word that is part of no known word.
func (l *lookedUp) isMistyped(term string) bool { return l.unknown[term] }

// lookUpWords reads for each term whether it is part of a known word. It looks first for a word
// that begins with the term, which costs the least. Doubted words do not count.
const lookUpWords = `SELECT coalesce(w.country, '') AS country, ARRAY[%MISSING] AS unfolded, coalesce(typed.term, '') AS term,
		EXISTS (SELECT FROM known_words AS k WHERE workspace_id = $1 AND kind = ANY ($2)
			AND word >= typed.term AND word < typed.term || U&'\+10FFFF' AND NOT %DOUBTED)
		OR EXISTS (SELECT FROM known_words AS k WHERE workspace_id = $1 AND kind = ANY ($2)
			AND code LIKE '%' || typed.code || '%' AND word LIKE '%' || typed.term || '%' AND NOT %DOUBTED) AS known,
		ARRAY(SELECT DISTINCT kind FROM doubted_words AS d
			WHERE workspace_id = $1 AND kind = ANY ($2) AND word LIKE '%' || typed.term || '%') AS doubted
	FROM workspaces AS w LEFT JOIN unnest($3::text[], $4::text[]) AS typed (term, code) ON TRUE WHERE w.key = $1`

// isDoubted is the SQL condition that the known word k may be gone.
const isDoubted = `EXISTS (SELECT FROM doubted_words AS d WHERE d.workspace_id = $1 AND d.kind = k.kind AND d.word = k.word)`

// lookUp reads what is known about the terms, in one statement.
func (w ForWorkspace) lookUp(ctx context.Context, kinds []*searched, terms []text.Term) (*lookedUp, error) {
	var words, codes, missing []string
	for _, term := range terms {
		if term.IsWord() && isKnowable(term.Words) {
			words, codes = append(words, term.Words), append(codes, wordCode(term.Words))
		}
	}
	for _, in := range kinds {
		missing = append(missing, in.isMissing("$1"))
	}
	var rows []struct {
		Country  string
		Unfolded []bool `bun:",array"`
		Term     string
		Known    bool
		Doubted  []string `bun:",array"` // the kinds of words in doubt that the term is part of
	}
	statement := strings.NewReplacer("%MISSING", strings.Join(missing, ", "), "%DOUBTED", isDoubted).Replace(lookUpWords)
	if err := w.query(ctx, &rows, statement, w.Key, kindsOf(kinds), words, codes); err != nil {
		return nil, err
	}
	found := &lookedUp{unfolded: make([]bool, len(kinds)), unknown: map[string]bool{}}
	for _, row := range rows {
		found.country, found.unfolded = row.Country, row.Unfolded
		known, err := row.Known, error(nil)
		for _, in := range kinds {
			if !known && slices.Contains(row.Doubted, in.kind) {
				if known, err = w.occurs(ctx, in, row.Term); err != nil {
					return nil, err
				}
			}
		}
		found.unknown[row.Term] = !known && row.Term != ""
	}
	return found, nil
}

func kindsOf(kinds []*searched) (names []string) {
	for _, in := range kinds {
		names = append(names, in.kind)
	}
	return names
}

// leastTwice is how many letters a word has at least for two typing errors to be forgiven.
const leastTwice = 5

// maxNear is the largest number of words that correct one term.
const maxNear = 20

// nearWord is a known word, or the beginning of one, that may correct a mistyped term.
type nearWord struct {
	Kind     string
	Word     string
	Distance float64 // the number of typing errors; half an error more for a beginning
	Doubtful bool    // the word may be gone
}

// nearest returns for each kind of rows the words that correct a mistyped term with the fewest
// errors.
func (w ForWorkspace) nearest(ctx context.Context, kinds []*searched, term string) ([][]string, error) {
	near, err := w.oneErrorAway(ctx, kinds, term)
	if err != nil {
		return nil, err
	}
	found, any, err := w.best(ctx, kinds, near)
	if any || err != nil || utf8.RuneCountInString(term) < leastTwice {
		return found, err
	}
	err = w.query(ctx, &near, `SELECT k.kind, k.word, k.distance, `+isDoubted+` AS doubtful
		FROM nearest_words($1, $2, $3, $4) AS k ORDER BY k.distance, k.word`, w.Key, kindsOf(kinds), term, wordCode(term))
	if err != nil {
		return nil, err
	}
	found, _, err = w.best(ctx, kinds, near)
	return found, err
}

// best returns the nearest words of each kind, and whether there are any.
func (w ForWorkspace) best(ctx context.Context, kinds []*searched, near []nearWord) (found [][]string, any bool, err error) {
	found = make([][]string, len(kinds))
	for i, in := range kinds {
		if found[i], err = w.bestOf(ctx, in, near); err != nil {
			return nil, false, err
		}
		any = any || len(found[i]) > 0
	}
	return found, any, nil
}

// bestOf returns the nearest words of one kind. A doubted word counts only if a row contains it.
func (w ForWorkspace) bestOf(ctx context.Context, in *searched, near []nearWord) (words []string, err error) {
	least := 0.0
	for _, n := range near {
		if n.Kind != in.kind || slices.Contains(words, n.Word) {
			continue
		}
		if len(words) == maxNear || len(words) > 0 && n.Distance > least {
			break
		}
		if n.Doubtful {
			if there, err := w.occurs(ctx, in, n.Word); err != nil {
				return nil, err
			} else if !there {
				continue
			}
		}
		words, least = append(words, n.Word), n.Distance
	}
	return words, nil
}

// oneErrorAway returns the known words, or their beginnings, that are one typing error away from a
// term, the nearest first.
func (w ForWorkspace) oneErrorAway(ctx context.Context, kinds []*searched, term string) ([]nearWord, error) {
	codes, ends := oneErrorCodes(wordCode(term))
	var rows []nearWord
	err := w.query(ctx, &rows, `SELECT kind, word, doubtful FROM unnest($3::text[], $4::text[]) AS edited (code, beyond)
		CROSS JOIN LATERAL (SELECT kind, word, `+isDoubted+` AS doubtful FROM known_words AS k
			WHERE workspace_id = $1 AND code >= edited.code AND code < edited.beyond AND kind = ANY ($2) ORDER BY code LIMIT 20) AS found`,
		w.Key, kindsOf(kinds), codes, ends)
	if err != nil {
		return nil, err
	}
	var near []nearWord
	for _, row := range rows {
		row.Word, row.Distance = meantBy(term, row.Word)
		if row.Word != "" { // different words may have one code
			near = append(near, row)
		}
	}
	slices.SortFunc(near, func(a, b nearWord) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), strings.Compare(a.Word, b.Word))
	})
	return near, nil
}

// oneErrorCodes returns ranges of codes of the words that a code with one typing error may have
// been meant for. If two letters were swapped or a letter was left out, a range holds all codes
// with that beginning. If a letter was changed or added, it holds one code.
func oneErrorCodes(code string) (from, to []string) {
	begin := func(edited string) { from, to = append(from, edited), append(to, edited+"{") }
	whole := func(edited string) { from, to = append(from, edited), append(to, edited+"a") }
	for i := range len(code) + 1 {
		for letter := 'a'; letter <= 'z'; letter++ {
			begin(code[:i] + string(letter) + code[i:])
			if i < len(code) && byte(letter) != code[i] {
				whole(code[:i] + string(letter) + code[i+1:])
			}
		}
		if i < len(code) {
			whole(code[:i] + code[i+1:])
		}
		if i+1 < len(code) {
			begin(code[:i] + code[i+1:i+2] + code[i:i+1] + code[i+2:])
		}
	}
	return from, to
}

// meantBy returns the part of a known word that differs from a term by one typing error, and its
// distance: the whole word, or else its beginning. It returns "" if there is none.
func meantBy(term, word string) (meant string, distance float64) {
	typed, known := []rune(term), []rune(word)
	if isOneError(typed, known) {
		return word, 1
	}
	for _, n := range []int{len(typed), len(typed) + 1} {
		if n < len(known) && isOneError(typed, known[:n]) && (n > len(typed) || isSwap(typed, known[:n])) {
			return string(known[:n]), 1.5
		}
	}
	return "", 0
}

// isOneError reports whether two words differ by one letter or by a swap of two neighbours.
func isOneError(a, b []rune) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i, j := 0, 0 // letters that are equal at the beginning and at the end
	for i < len(a) && a[i] == b[i] {
		i++
	}
	for j < len(a)-i && a[len(a)-1-j] == b[len(b)-1-j] {
		j++
	}
	return i+j == len(b)-1 || isSwap(a, b)
}

// isSwap reports whether two words differ only by a swap of two neighbouring letters.
func isSwap(a, b []rune) bool {
	if len(a) != len(b) {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && slices.Equal(a[i+2:], b[i+2:])
}
