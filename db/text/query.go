package text

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Term is a part of a search text that must be found.
type Term struct {
	Words  string // folded, with one space between words
	number string // folded, if it may be a phone number; otherwise empty
	local  string // the words before the @ of an e-mail address
}

// Forms returns the texts of which one must be found: the words and, if the term may be a phone
// number, its digit strings. country is that of Numbers.
func (t Term) Forms(country string) []string {
	forms := []string{t.Words}
	if t.number == "" {
		return forms
	}
	for _, form := range numberForms(t.number, country) {
		if len(form) >= leastNumber && form != t.Words {
			forms = append(forms, form)
		}
	}
	return forms
}

// mostIndexed is the number of letters of a form that are looked up in a trigram index. Each
// trigram costs time, and the trigrams of ten letters leave few candidates.
const mostIndexed = 10

// Indexed returns the part of a form that is looked up in a trigram index: its last letters. Of an
// e-mail address it returns the last letters before the @, since many addresses share the domain.
func (t Term) Indexed(form string) string {
	if form == t.Words && t.local != "" {
		form = t.local
	}
	letters := []rune(form)
	return string(letters[max(0, len(letters)-mostIndexed):])
}

// local returns the words before the @ of a folded e-mail address; empty if they are too short for
// a trigram index.
func local(address string) string {
	before, _, found := strings.Cut(address, "@")
	words := strings.Join(strings.FieldsFunc(before, isBoundary), " ")
	if !found || utf8.RuneCountInString(words) < 3 {
		return ""
	}
	return words
}

// IsWord reports whether the term is one word without digits. Only such terms are corrected if they
// are mistyped.
func (t Term) IsWord() bool { return !strings.ContainsRune(t.Words, ' ') && !hasDigit(t.Words) }

// IsShort reports whether the term is too short for a search in the middle of a text.
func (t Term) IsShort() bool { return t.number == "" && utf8.RuneCountInString(t.Words) < 3 }

// Terms splits a search text into terms. Phone numbers and e-mail addresses are one term each;
// every other word is a term, so that words are found in any order. A blank text has no terms.
func Terms(typed string) []Term {
	folded := strings.TrimSpace(Fold(typed))
	if address := withoutScheme(folded); isNumber(address) {
		return []Term{{Words: strings.Join(split(address), " "), number: address}}
	}
	var terms []Term
	add := func(t Term) {
		if t.Words != "" && !slices.Contains(terms, t) {
			terms = append(terms, t)
		}
	}
	if !hasWord(folded) {
		for _, sign := range strings.Fields(folded) {
			add(Term{Words: sign})
		}
		return terms
	}
	for _, chunk := range joinNumbers(strings.Fields(folded)) {
		if isNumber(chunk) {
			add(Term{Words: strings.Join(split(chunk), " "), number: chunk})
			continue
		}
		for _, part := range strings.FieldsFunc(chunk, isSeparator) {
			part = withoutScheme(part)
			switch words := strings.FieldsFunc(part, isBoundary); {
			case hasDigit(part) || strings.ContainsRune(part, '@'):
				add(Term{Words: strings.Join(words, " "), local: local(part)})
			default:
				for _, word := range words {
					add(Term{Words: word})
				}
			}
		}
	}
	return terms
}

var scheme = regexp.MustCompile(`^(?:mailto|tel|sms|callto|whatsapp|sip|sips):`)

// withoutScheme turns a link such as mailto:ada@example.org?subject=Hello into its address. It
// returns the text unchanged if the address is too short to search for.
func withoutScheme(folded string) string {
	bare := scheme.ReplaceAllString(folded, "")
	if bare == folded {
		return folded
	}
	if address, _, _ := strings.Cut(bare, "?"); hasWord(address) && !(Term{Words: Key(address)}).IsShort() {
		return address
	}
	return folded
}

// isSeparator reports whether a character separates terms.
func isSeparator(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune(",;<>()[]{}|\"", r)
}

// joinNumbers joins adjacent chunks without letters if together they are as long as a phone number.
func joinNumbers(chunks []string) []string {
	var joined []string
	for i := 0; i < len(chunks); {
		end := i
		for end < len(chunks) && !strings.ContainsFunc(chunks[end], unicode.IsLetter) {
			end++
		}
		run := strings.Join(chunks[i:end], " ")
		if end > i && len(digits(run)) >= 7 {
			joined = append(joined, run)
			i = end
			continue
		}
		joined = append(joined, chunks[i])
		i++
	}
	return joined
}
