package text

import (
	"strings"
	"unicode"
)

// Words returns the folded words of a text, which are sequences of letters and digits. The words of
// a text without letters and digits, such as one emoji, are its parts between spaces.
func Words(s string) []string { return split(Fold(s)) }

// Key returns the words of a text, separated by one space. Texts that differ only in spelling have
// the same key. Keys are compared and ordered by bytes.
func Key(s string) string { return strings.Join(Words(s), " ") }

// Undivided returns the words of a text that punctuation divides, without it and separated by one
// space: "annemarie" for "Anne-Marie Smith". Many people type such names in one word.
func Undivided(s string) string {
	var undivided []string
	for _, chunk := range strings.Fields(Fold(s)) {
		if words := strings.FieldsFunc(chunk, isBoundary); len(words) > 1 {
			undivided = append(undivided, strings.Join(words, ""))
		}
	}
	return strings.Join(undivided, " ")
}

// split is Words for a folded text.
func split(folded string) []string {
	words := strings.FieldsFunc(folded, isBoundary)
	if len(words) == 0 {
		return strings.Fields(folded)
	}
	return words
}

// isBoundary reports whether a folded character separates words. Modifier letters, such as the
// apostrophe U+02BC, do: people type them as punctuation.
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
