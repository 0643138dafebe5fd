package text

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/language"
)

// leastNumber is how many digits a text without letters has at least for being taken as
// (part of) a phone number.
const leastNumber = 3

// Country returns the ISO 3166-1 alpha-2 code of a country as it is kept, in capitals, and
// reports whether there is such a country.
func Country(code string) (string, bool) {
	code = strings.ToUpper(code)
	region, err := language.ParseRegion(code)
	known := err == nil && len(code) == 2 && region.IsCountry() && region.Canonicalize().String() == code
	return code, known || phonenumbers.GetSupportedRegions()[code]
}

// Numbers returns the digits under which a phone number is found: as it was typed, with the
// country's code, and as it is dialled within its country. The country, empty for none,
// is where numbers without a country's code belong.
func Numbers(phone, country string) []string {
	var forms []string
	for _, number := range several(Fold(phone)) {
		forms = append(forms, numberForms(number, country)...)
	}
	slices.SortStableFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var kept []string // what is part of another is found with it
	for _, form := range forms {
		if !slices.ContainsFunc(kept, func(longer string) bool { return strings.Contains(longer, form) }) {
			kept = append(kept, form)
		}
	}
	return kept
}

var numbersApart = regexp.MustCompile(`[,;/|]`)

// several parts a field that holds more than one number. What is too short to be one, as
// in 089/12345, belongs to what stands before it.
func several(folded string) []string {
	parts := numbersApart.Split(folded, -1)
	if slices.ContainsFunc(parts, func(part string) bool { return len(digits(part)) < 7 }) {
		return []string{folded}
	}
	return append(parts, folded)
}

var (
	// Between a country's code and a number people write the zero that is dialled without the code.
	bracketedZero = regexp.MustCompile(`\(\s*0\s*\)`)
	extension     = regexp.MustCompile(`(\d)[^\d\p{L}]*(?:;ext=|ext|extension|x|#|durchwahl|dw|poste|app|apt)\.?:?\s*(\d{1,7})$`)
)

// numberForms returns the digits of one folded number in its different writings, the typed one first.
func numberForms(folded, country string) []string {
	var forms []string
	add := func(form string) {
		if form != "" && !slices.Contains(forms, form) {
			forms = append(forms, form)
		}
	}
	add(digits(folded))
	base := extension.ReplaceAllString(folded, "$1")
	for _, number := range []string{base, bracketedZero.ReplaceAllString(base, "")} {
		dialled := digits(number)
		add(dialled)
		if isInternational(number) {
			addParsed(add, "+"+dialled, country)
			continue
		}
		addParsed(add, dialled, country)
		if abroad, ok := strings.CutPrefix(dialled, "00"); ok {
			add(abroad)
			addParsed(add, "+"+abroad, country)
		}
	}
	return forms
}

func isInternational(number string) bool {
	plus := strings.IndexByte(number, '+')
	return plus >= 0 && digits(number[:plus]) == ""
}

// addParsed adds what a complete number is with its country's code and within its country.
// Without a country, a number that does not begin with a code is none.
func addParsed(add func(string), number, country string) {
	n, err := phonenumbers.Parse(number, country)
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return
	}
	add(digits(phonenumbers.Format(n, phonenumbers.E164)))
	// The library leaves the leading zero out where it does not know the area.
	region := phonenumbers.GetRegionCodeForCountryCode(int(n.GetCountryCode()))
	dialled := phonenumbers.GetNddPrefixForRegion(region, true) + phonenumbers.GetNationalSignificantNumber(n)
	for _, national := range []string{dialled, digits(phonenumbers.Format(n, phonenumbers.NATIONAL))} {
		if len(national) >= 7 {
			add(national)
		}
	}
}

// isNumber reports whether a folded text may be a phone number, or a part of one.
func isNumber(folded string) bool {
	base := extension.ReplaceAllString(folded, "$1")
	return len(digits(base)) >= leastNumber && !strings.ContainsFunc(base, unicode.IsLetter)
}
