package text

import (
	"strings"
	"unicode"
)

// Words returns the words of a text, folded: everything that is neither letter nor digit
// parts them. Of a text without any letter or digit, such as one emoji, the signs are its words.
func Words(s string) []string { return split(Fold(s)) }

// Key returns the words of a text with one space between them. Texts that differ only in
// how they are written have the same key, and it sorts by bytes.
func Key(s string) string { return strings.Join(Words(s), " ") }

func split(folded string) []string {
	words := strings.FieldsFunc(folded, isBoundary)
	if len(words) == 0 {
		return strings.Fields(folded)
	}
	return words
}

// isBoundary reports whether a folded character parts words. Modifier letters such as the
// apostrophes of U+02BC are punctuation to those who type them.
func isBoundary(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.M, unicode.N) || 0x2B0 <= r && r <= 0x2FF
}

func hasWord(folded string) bool {
	return strings.ContainsFunc(folded, func(r rune) bool { return !isBoundary(r) })
}

func hasDigit(s string) bool { return strings.ContainsFunc(s, unicode.IsNumber) }

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, s)
}
