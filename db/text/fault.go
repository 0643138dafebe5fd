package text

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The longest texts of two kinds, in characters.
const (
	MaxName = 200    // a name or the like
	MaxBody = 16_000 // what agents write
)

// Fault returns why a text of the field is refused: it is too short or too long, in characters,
// PostgreSQL cannot keep it (NUL), or it is no text at all (invalid UTF-8, to which lone surrogates
// decode). It is empty for other texts.
func Fault(field, text string, least, most int) string {
	n := utf8.RuneCountInString(text)
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return field + " contains characters that are not valid text"
	case n < least:
		return field + " must not be empty"
	case n > most:
		return fmt.Sprintf("%s has %d characters; at most %d are allowed", field, n, most)
	}
	return ""
}
