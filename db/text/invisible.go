package text

import (
	"strings"
	"unicode"
)

// Blank reports whether a text shows nothing: it is empty, or has only spaces, control characters
// and invisible characters such as U+200B and U+3164.
func Blank(text string) bool { return !strings.ContainsFunc(text, shows) }

// shows reports whether a character alone makes a text visible. U+2800 is the Braille pattern
// without dots, which looks like a space.
func shows(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !isInvisible(r) && r != '\u2800'
}

// isInvisible reports whether a character only affects how others are shown: format characters,
// variation selectors, fillers, and the Arabic tatweel, which widens a word. Folding removes these.
// It keeps spaces and control characters, which separate words.
func isInvisible(r rune) bool {
	return r >= 0x80 && unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || r == 'ـ'
}

// visible is the mapping for strings.Map that removes invisible characters.
func visible(r rune) rune {
	if isInvisible(r) {
		return -1
	}
	return r
}

// Trim returns the text without white space and invisible characters at its ends.
func Trim(text string) string {
	return strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || isInvisible(r) })
}
