package text

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The longest texts of two kinds, in characters.
const (
	MaxName = 200    // a name, subject or the like
	MaxBody = 16_000 // a message or note
)

// Fault returns an error message about an unacceptable text of the named field, or "". A text is
// unacceptable if it has fewer than least or more than most characters, contains NUL, which
// PostgreSQL cannot store, or is not valid UTF-8, which lone surrogates decode to.
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
