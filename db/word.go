package db

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The dictionary holds the words that occur. Mistyped words are corrected with it.

// Words in the dictionary have at least leastWord and at most mostWord letters. Shorter words are
// too similar to each other to correct one.
const leastWord, mostWord = 4, 40

// isKnowable reports whether a folded word may stand in the dictionary.
func isKnowable(word string) bool {
	n := utf8.RuneCountInString(word)
	return leastWord <= n && n <= mostWord && !strings.ContainsAny(word, "0123456789")
}

// wordCode returns a code of a word: one small ASCII letter for each of its letters. PostgreSQL
// makes trigrams only of characters that are letters in the locale of the database, which ASCII
// letters always are. Different words may have the same code.
func wordCode(word string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return r
		}
		return 'a' + r%26
	}, word)
}

// occurs reports whether a row contains the word. The word is written into the text of the
// statement, so that PostgreSQL chooses the plan by its frequency.
func (w ForWorkspace) occurs(ctx context.Context, in *searched, word string) (there bool, err error) {
	q := w.bun.NewRaw(fmt.Sprintf("SELECT EXISTS (SELECT FROM %s WHERE workspace_id = ? AND %s LIKE ?)", in.table, in.text),
		w.Key, contains(word))
	err = w.sharing(ctx, func() error { return q.Scan(ctx, &there) })
	return there, err
}

// learnWords adds the words of these folded texts to the dictionary. They are inserted in order, so
// that two transactions that add the same words cannot deadlock. Words that are already known lock
// nothing.
func (tx Tx) learnWords(ctx context.Context, in *searched, texts []*string) error {
	return tx.send(ctx, func(b *Batch) { b.learnWords(in, texts) })
}

func (b *Batch) learnWords(in *searched, texts []*string) {
	var words, codes []string
	for _, text := range texts {
		words = append(words, strings.Fields(deref(text))...)
	}
	slices.Sort(words)
	words = slices.DeleteFunc(slices.Compact(words), func(word string) bool { return !isKnowable(word) })
	if len(words) == 0 {
		return
	}
	for _, word := range words {
		codes = append(codes, wordCode(word))
	}
	b.exec(`
		INSERT INTO known_words (workspace_id, kind, word, code)
		SELECT $1, $2, given.word, given.code
		FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS given (word, code, n)
		WHERE NOT EXISTS (SELECT FROM known_words AS known
			WHERE known.workspace_id = $1 AND known.kind = $2 AND known.word = given.word)
		ORDER BY n
		ON CONFLICT DO NOTHING`, b.tx.Key, in.kind, words, codes)
}

// doubtedWord is a word that was removed from a row and may occur in no other.
type doubtedWord struct {
	ID        int64
	Kind      string
	Word      string
	Forgotten bool
	Due       bool // forgotten for longer than any transaction lasts that still saw the word
}

// ForgetWords deletes words that occur nowhere any more from the dictionary, and returns the number
// of doubted words that it processed. A concurrent transaction may have added a row and still have
// seen the deleted word, so each word is checked again a minute later.
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
