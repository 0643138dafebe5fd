package db

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"switchboard/db/text"
)

// The dictionary: the words that occur, by which typos are forgiven.

// The lengths of words in the dictionary, in letters: shorter ones are too much alike, longer
// ones are none.
const leastWord, mostWord = 4, 40

// isKnowable reports whether a folded word may stand in the dictionary.
func isKnowable(word string) bool {
	n := utf8.RuneCountInString(word)
	return leastWord <= n && n <= mostWord && !strings.ContainsAny(word, "0123456789")
}

// wordCode writes a word in small ASCII letters, one for each of its letters. Trigrams of
// PostgreSQL depend on which letters the locale of the database knows; these it always
// knows. Different words may have the same code.
func wordCode(word string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return r
		}
		return 'a' + r%26
	}, word)
}

// lookedUp is what is known about the terms of a search.
type lookedUp struct {
	country  string
	unfolded bool // some rows are not folded yet
	words    map[string]*knownWord
}

// knownWord is what the dictionary says about a term.
type knownWord struct {
	Term      string
	Known     bool
	Doubted   []string  `bun:",array"` // words that the term is part of but that may be gone
	Near      []string  `bun:",array"` // the words nearest to it, the nearest first
	Distances []float64 `bun:",array"` // of these
	Doubts    []bool    `bun:",array"` // whether they may be gone
}

// lookUpWords reads for each term which words it is part of and, if there is none that is
// sure to be there, which words are near.
const lookUpWords = `, typed.term, coalesce(part.known, FALSE) AS known, coalesce(part.doubted, '{}') AS doubted,
		coalesce(near.words, '{}') AS near, coalesce(near.distances, '{}') AS distances, coalesce(near.doubts, '{}') AS doubts
	FROM workspaces AS w CROSS JOIN unnest($3::text[], $4::text[]) AS typed (term, code)
	LEFT JOIN LATERAL (
		SELECT bool_or(NOT doubtful) AS known, array_agg(word) FILTER (WHERE doubtful) AS doubted FROM (
			SELECT word, EXISTS (SELECT FROM doubted_words AS d WHERE d.workspace_id = $1 AND d.kind = $2 AND d.word = k.word) AS doubtful
			FROM known_words AS k WHERE workspace_id = $1 AND kind = $2
				AND code LIKE '%' || typed.code || '%' AND word LIKE '%' || typed.term || '%' LIMIT 20) AS parts) AS part ON TRUE
	LEFT JOIN LATERAL (
		SELECT array_agg(word ORDER BY distance, word) AS words, array_agg(distance ORDER BY distance, word) AS distances,
			array_agg(EXISTS (SELECT FROM doubted_words AS d WHERE d.workspace_id = $1 AND d.kind = $2 AND d.word = n.word)
				ORDER BY distance, word) AS doubts
		FROM near_words($1, $2, typed.term, typed.code) AS n WHERE part.known IS NOT TRUE) AS near ON TRUE
	WHERE w.key = $1`

// lookUp reads what is known about the terms, in one statement.
func (w ForWorkspace) lookUp(ctx context.Context, in *searched, terms []text.Term) (*lookedUp, error) {
	var words, codes []string
	for _, term := range terms {
		if term.IsWord() && isKnowable(term.Words) {
			words, codes = append(words, term.Words), append(codes, wordCode(term.Words))
		}
	}
	var rows []struct {
		Country  string
		Unfolded bool
		knownWord
	}
	state := fmt.Sprintf("coalesce(w.country, '') AS country, %s AS unfolded", in.isMissing("$1"))
	var err error
	if len(words) == 0 {
		err = w.query(ctx, &rows, "SELECT "+state+" FROM workspaces AS w WHERE w.key = $1", w.Key)
	} else {
		err = w.query(ctx, &rows, "SELECT "+state+lookUpWords, w.Key, in.kind, words, codes)
	}
	if err != nil {
		return nil, err
	}
	found := &lookedUp{words: map[string]*knownWord{}}
	for i := range rows {
		found.country, found.unfolded = rows[i].Country, rows[i].Unfolded
		found.words[rows[i].Term] = &rows[i].knownWord
	}
	return found, nil
}

// nearest returns the words that a term may have been meant for; none if it occurs itself.
// Words that may be gone are looked for among the rows.
func (w ForWorkspace) nearest(ctx context.Context, in *searched, k *knownWord) ([]string, error) {
	if k == nil || k.Known {
		return nil, nil
	}
	if len(k.Doubted) > 0 {
		if there, err := w.occurs(ctx, in, k.Term); there || err != nil {
			return nil, err
		}
	}
	var near []string
	least := 0.0
	for i, word := range k.Near {
		if len(near) == maxNear || len(near) > 0 && k.Distances[i] > least {
			break
		}
		if k.Doubts[i] {
			if there, err := w.occurs(ctx, in, word); err != nil {
				return nil, err
			} else if !there {
				continue
			}
		}
		near, least = append(near, word), k.Distances[i]
	}
	return near, nil
}

// maxNear is how many words a mistyped one is taken for.
const maxNear = 20

// occurs reports whether a word is still found anywhere. The word stands in the text of
// the statement, so that how common it is decides how it is looked for.
func (w ForWorkspace) occurs(ctx context.Context, in *searched, word string) (there bool, err error) {
	err = w.bun.NewRaw(fmt.Sprintf("SELECT EXISTS (SELECT FROM %s WHERE workspace_id = ? AND %s LIKE ?)", in.table, in.text),
		w.Key, contains(word)).Scan(ctx, &there)
	return there, err
}

// learnWords adds the words of these folded texts to the dictionary. They are inserted in
// order, so that two transactions that add the same ones wait for each other instead of
// deadlocking; words known already lock nothing.
func (tx Tx) learnWords(ctx context.Context, in *searched, texts []*string) error {
	var words, codes []string
	for _, text := range texts {
		words = append(words, strings.Fields(deref(text))...)
	}
	slices.Sort(words)
	words = slices.DeleteFunc(slices.Compact(words), func(word string) bool { return !isKnowable(word) })
	if len(words) == 0 {
		return nil
	}
	for _, word := range words {
		codes = append(codes, wordCode(word))
	}
	_, err := tx.exec(ctx, `
		INSERT INTO known_words (workspace_id, kind, word, code)
		SELECT $1, $2, given.word, given.code
		FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS given (word, code, n)
		WHERE NOT EXISTS (SELECT FROM known_words AS known
			WHERE known.workspace_id = $1 AND known.kind = $2 AND known.word = given.word)
		ORDER BY n
		ON CONFLICT DO NOTHING`, tx.Key, in.kind, words, codes)
	return err
}

// doubtedWord is a word that a row has lost.
type doubtedWord struct {
	ID        int64
	Kind      string
	Word      string
	Forgotten bool
	Due       bool // forgotten for so long that whoever took the word for known has ended
}

// ForgetWords takes words that nothing has any more out of the dictionary, and gives how
// many doubts it looked into. Whoever adds a row while its word is taken out may have seen
// the word and added none: a minute later each is looked for once more.
func (tx Tx) ForgetWords(ctx context.Context, limit int) (int, error) {
	var doubts []doubtedWord
	err := tx.query(ctx, &doubts, `SELECT max(id) AS id, kind, word, bool_or(forgotten_at IS NOT NULL) AS forgotten,
			coalesce(max(forgotten_at) < now() - interval '1 minute', FALSE) AS due
		FROM doubted_words WHERE workspace_id = $1 GROUP BY kind, word
		HAVING bool_or(forgotten_at IS NULL) OR max(forgotten_at) < now() - interval '1 minute'
		ORDER BY 1 LIMIT $2`, tx.Key, limit)
	for _, doubt := range doubts {
		if err == nil {
			err = tx.settleDoubt(ctx, doubt)
		}
	}
	return len(doubts), err
}

func (tx Tx) settleDoubt(ctx context.Context, doubt doubtedWord) error {
	in := map[string]*searched{"AGENT": searchedAgents, "CONTACT": searchedContacts, "NOTE": searchedNotes}[doubt.Kind]
	there, err := tx.occurs(ctx, in, doubt.Word)
	switch {
	case err != nil:
		return err
	case there:
		if err := tx.learnWords(ctx, in, []*string{&doubt.Word}); err != nil {
			return err
		}
	case !doubt.Due:
		_, err := tx.exec(ctx, `WITH gone AS (DELETE FROM known_words WHERE workspace_id = $1 AND kind = $2 AND word = $3)
			UPDATE doubted_words SET forgotten_at = now() WHERE workspace_id = $1 AND kind = $2 AND word = $3`, tx.Key, doubt.Kind, doubt.Word)
		return err
	}
	_, err = tx.exec(ctx, "DELETE FROM doubted_words WHERE workspace_id = $1 AND kind = $2 AND word = $3 AND id <= $4",
		tx.Key, doubt.Kind, doubt.Word, doubt.ID)
	return err
}
