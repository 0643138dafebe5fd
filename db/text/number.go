package text

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/language"
)

// leastNumber is the least number of digits in a text without letters that is treated as (part of)
// a phone number.
const leastNumber = 3

// Country returns an ISO 3166-1 alpha-2 country code in capitals, as it is stored, and reports
// whether the country exists.
func Country(code string) (string, bool) {
	code = strings.ToUpper(code)
	region, err := language.ParseRegion(code)
	known := err == nil && len(code) == 2 && region.IsCountry() && region.Canonicalize().String() == code
	return code, known || phonenumbers.GetSupportedRegions()[code]
}

// Numbers returns the digit strings by which a phone number is found: as typed, with its country
// code, and as dialled within its country. country is the ISO code for numbers without a country
// code; empty if unknown.
func Numbers(phone, country string) []string {
	var forms []string
	for _, number := range splitNumbers(Fold(phone)) {
		forms = append(forms, numberForms(number, country)...)
	}
	slices.SortStableFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var kept []string // without forms that are part of a longer one, as a search finds those anyway
	for _, form := range forms {
		if !slices.ContainsFunc(kept, func(longer string) bool { return strings.Contains(longer, form) }) {
			kept = append(kept, form)
		}
	}
	return kept
}

var numbersApart = regexp.MustCompile(`[,;/|]`)

// splitNumbers splits a text that holds several phone numbers; the whole text is the last element.
// If a part is too short for a number, as in 089/12345, the text is one number.
func splitNumbers(folded string) []string {
	parts := numbersApart.Split(folded, -1)
	if slices.ContainsFunc(parts, func(part string) bool { return len(digits(part)) < 7 }) {
		return []string{folded}
	}
	return append(parts, folded)
}

var (
	// People write the zero that is dialled without the country code between the code and the
	// number.
	bracketedZero = regexp.MustCompile(`\(\s*0\s*\)`)
	extension     = regexp.MustCompile(`(\d)[^\d\p{L}]*(?:;ext=|ext|extension|x|#|durchwahl|dw|poste|app|apt)\.?:?\s*(\d{1,7})$`)
)

// numberForms returns the digit strings of one folded number, the typed one first.
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

// addParsed adds the digits of a complete number with its country code and as dialled within its
// country. It adds nothing if the number has no country code and the country is unknown.
func addParsed(add func(string), number, country string) {
	n, err := phonenumbers.Parse(number, country)
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return
	}
	add(digits(phonenumbers.Format(n, phonenumbers.E164)))
	// The library omits the leading zero if it does not know the area code.
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
