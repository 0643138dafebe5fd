package text

import (
	"testing"
	"unicode"
)

// TestBlank: a text shows nothing if all its characters are spaces, control characters or
// invisible.
func TestBlank(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "\t\n", "\x00\x7f", "\u00a0", "\u3000", "\u2028",
		"\u200b", "\u200d", "\u00ad", "\ufeff", "\u202e", "\U000e0041", // format characters
		"\u3164", "\u115f", "\u1160", "\uffa0", "\u034f", "\u2065", // default-ignorable ones
		"\ufe0f", "\u180b", "\U000e0100", // variation selectors
		"\u0640", "\u2800", "\ue000", "\u0378", // a stroke that widens, Braille without dots, private use, unassigned
		" \u200b\u2800\u0640\u3164 ",
	} {
		if !Blank(text) {
			t.Errorf("%+q counts as visible", text)
		}
	}
	for _, text := range []string{"a", "0", ".", "é", "김", "م", "🎉", "\u2801", "\u200ba", "م\u0640", "\u0301"} {
		if Blank(text) {
			t.Errorf("%+q counts as blank", text)
		}
	}
}

// TestInvisibleIsBlank: each character that folding removes as invisible shows nothing, and of
// those that show nothing it keeps only spaces, control characters and characters without a meaning
// in Unicode.
func TestInvisibleIsBlank(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		invisible, blank := isInvisible(r), Blank(string(r))
		if invisible && !blank {
			t.Errorf("%U is invisible and not blank", r)
		}
		kept := unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2800' || !unicode.IsGraphic(r)
		if blank && !invisible && !kept {
			t.Errorf("%U is blank, but folding keeps it", r)
		}
	}
}
