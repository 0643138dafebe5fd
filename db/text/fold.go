// Package text brings names, addresses, phone numbers and notes into the form in which they are
// searched. Stored text and search text pass through the same functions, so a search finds text in
// any spelling. PostgreSQL never folds text, it only compares bytes, so no answer depends on the
// locale of a database.
package text

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold returns the text in lower case, without accents, compatibility forms and invisible
// characters, and with ASCII digits. It keeps punctuation and spaces. Folding a folded text does
// not change it.
func Fold(s string) string {
	if isFolded(s) {
		return s
	}
	s = norm.NFKD.String(s)
	// Remove invisible characters first: one between a letter and its accent would prevent their
	// canonical ordering.
	s = norm.NFKD.String(strings.Map(visible, s))
	s = norm.NFKD.String(foldCase(s))
	var b strings.Builder
	for _, r := range s {
		switch plain, known := plainLetters[r]; {
		case known:
			b.WriteString(plain)
		case isAccent(r) || isInvisible(r):
		default:
			b.WriteRune(digit(r))
		}
	}
	return norm.NFC.String(b.String())
}

// EmailKey returns the form of an e-mail address by which addresses are compared: without case and
// invisible characters, but with accents.
func EmailKey(address string) string {
	s := norm.NFKD.String(strings.Map(visible, norm.NFKD.String(address)))
	return norm.NFC.String(norm.NFKD.String(foldCase(s)))
}

// foldCase folds case. It lowers first, since the library's folding only swaps the capital and
// small letters of Cherokee.
func foldCase(s string) string { return cases.Fold().String(strings.ToLower(s)) }

// isFolded reports whether the text is ASCII without capital letters, which Fold does not change.
// Most text is.
func isFolded(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 || 'A' <= s[i] && s[i] <= 'Z' {
			return false
		}
	}
	return true
}

// isAccent reports whether writers often omit a mark. Marks with combining class 0 are not omitted:
// they are vowels of Indic and other scripts, and removing them would change the word.
func isAccent(r rune) bool {
	return r >= 0x300 && unicode.In(r, unicode.Mn, unicode.Me, unicode.Mc) &&
		(norm.NFD.PropertiesString(string(r)).CCC() != 0 || unicode.Is(unicode.Me, r))
}

// digit returns the ASCII digit for a decimal digit of any script, and other characters unchanged.
// Unicode ranges of digits are runs of ten that begin with zero.
func digit(r rune) rune {
	if r < 0x80 || !unicode.Is(unicode.Nd, r) {
		return r
	}
	for _, run := range unicode.Nd.R16 {
		if rune(run.Lo) <= r && r <= rune(run.Hi) {
			return '0' + (r-rune(run.Lo))%10
		}
	}
	for _, run := range unicode.Nd.R32 {
		if rune(run.Lo) <= r && r <= rune(run.Hi) {
			return '0' + (r-rune(run.Lo))%10
		}
	}
	return r
}

// plainLetters maps small letters to the ASCII letters that people type instead. Unicode does not
// treat them as a letter with an accent. The table follows PostgreSQL's unaccent.
var plainLetters = pairs(`
	æ ae  œ oe  ø o   ð d   þ th  đ d   ħ h   ı i   ĸ q   ł l   ŋ n   ŧ t   ȷ j   ƕ hv  ƣ oi
	ƀ b   ɓ b   ƃ b   ƈ c   ȼ c   ɕ c   ɖ d   ɗ d   ƌ d   ȡ d   ɛ e   ɇ e   ƒ f   ɠ g   ǥ g   ɡ g
	ɦ h   ⱨ h   ɩ i   ɨ i   ɪ i   ɉ j   ɟ j   ʝ j   ƙ k   ⱪ k   ƚ l   ɫ l   ɬ l   ɭ l   ⱡ l   ȴ l
	ɱ m   ɲ n   ƞ n   ɳ n   ȵ n   ⱺ o   ƥ p   ᵽ p   ʠ q   ɍ r   ɼ r   ɽ r   ɾ r   ʂ s   ȿ s   ƭ t
	ƫ t   ʈ t   ⱦ t   ȶ t   ʉ u   ʋ v   ⱱ v   ⱴ v   ⱳ w   ƴ y   ɏ y   ỿ y   ƶ z   ȥ z   ɀ z   ʐ z
	ʑ z   ⱬ z   ⱥ a   ᶏ a   ꜳ aa  ꜵ ao  ꜷ au  ꜹ av  ꜽ ay  ꝏ oo  ỻ ll  ꝥ th  ȸ db  ȹ qp`)

// pairs parses a table of letters and their replacements.
func pairs(table string) map[rune]string {
	fields, letters := strings.Fields(table), map[rune]string{}
	for i := 0; i < len(fields); i += 2 {
		for _, letter := range fields[i] {
			letters[letter] = fields[i+1]
		}
	}
	return letters
}
