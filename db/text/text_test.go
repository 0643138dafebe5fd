package text

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

func TestFold(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Ada Novak":                 "ada novak",
		"Jana Nováková":             "jana novakova",
		"Nguyễn Văn Ánh":            "nguyen van anh",
		"Łukasz Żółć":               "lukasz zolc",
		"GROẞ Straße":               "gross strasse",
		"Ægir Œuvre Øst Þór Ðuro đ": "aegir oeuvre ost thor duro d",
		"İNGRİD ıngrıd INGRID":      "ingrid ingrid ingrid",
		"ΟΔΥΣΣΕΎΣ Οδυσσεύς":         "οδυσσευσ οδυσσευσ",
		"Пётр ИВАНОВ":               "петр иванов",
		"ＡＤＡ　Ｎｏｖａｋ １２":              "ada novak 12",
		"ﬁrst ﬃ ĳ ǆ":                "first ffi ij dz",
		"No\u200bvak so\u00adft":    "novak soft",
		"\u202a+49\u202c\u200e 1":   "+49 1",
		"\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f مح\u0640\u0640مد": "محمد محمد",
		"שָׁלוֹם":              "שלום",
		"٠٥٠ ۱۲۳ ०१२ 𝟘𝟙𝟚":      "050 123 012 012",
		"\u1112\u1161\u11ab 한": "한 한",
		"か\u3099 が ｶﾞ ガ":       "か か カ カ",
		"हिन्दी":               "हिनदी",
		"a\u200b\u0301":        "a",
		"\u3164\u115f\ufe0f":   "",
		"\u13ef \uabbf":        "\u13ef \u13ef",
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%+q) = %q, not %q", in, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"24/7 Cleaning": "24 7 cleaning", "O'Brien": "o brien", "O\u02bcBrien": "o brien", "O’Brien": "o brien",
		"ada.novak+x@example.org": "ada novak x example org", "  ": "", "\u00a0": "", "Ada\u00a0Novak": "ada novak",
		"Ada\u2011Maria": "ada maria", "🎉": "🎉", "Ada 🎉": "ada", "( ) !": "( ) !", "": "", "½": "1 2", "二〇二六": "二〇二六",
	} {
		if got := Key(in); got != want {
			t.Errorf("Key(%+q) = %q, not %q", in, got, want)
		}
	}
}

func TestEmailKey(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"ingrid@acme.example", "INGRID@acme.example", "Ingrid@ACME.example", "ＩＮＧＲＩＤ@acme.example", "in\u00adgrid@acme.example"},
		{"josé@acme.example", "JOSE\u0301@acme.example"},
	} {
		for _, address := range same {
			if got := EmailKey(address); got != same[0] {
				t.Errorf("EmailKey(%+q) = %q, not %q", address, got, same[0])
			}
		}
	}
	for _, others := range [][2]string{{"jose@a.example", "josé@a.example"}, {"a.b@c.example", "ab@c.example"}, {"ı@a.example", "i@a.example"}} {
		if EmailKey(others[0]) == EmailKey(others[1]) {
			t.Errorf("%q and %q have the same key", others[0], others[1])
		}
	}
}

// found reports whether a search text finds a contact, by the comparisons of the database.
func found(name, email, phone, country, typed string) bool {
	stored := strings.Join(append([]string{Key(name), Key(email)}, Numbers(phone, country)...), " ")
	terms := Terms(typed)
	if len(terms) == 1 && terms[0].IsShort() {
		return strings.HasPrefix(Key(name), terms[0].Words)
	}
	for _, term := range terms {
		if !slices.ContainsFunc(term.Forms(country), func(form string) bool { return strings.Contains(stored, form) }) {
			return false
		}
	}
	return len(terms) > 0
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ phone, country, typed string }{
		{"+49 1234 56789", "", "01234 56789"}, {"+49 1234 56789", "", "0049 1234 56789"}, {"+49 1234 56789", "", "+49123456789"},
		{"+49 1234 56789", "DE", "1234 56"}, {"+49 1234 56789", "", "(+49) 1234/56789"}, {"+49 1234 56789", "", "+49 (0) 1234-567 89"},
		{"+49 (0) 30 901820", "", "+49 30 901820"}, {"+49 (0) 30 901820", "", "030 901820"}, {"+49 (0)30 901820", "", "+49(0)30/901820"},
		{"+49 (0) 30 901820", "", "0049 30 901820"}, {"+49 (0) 30 901820", "", "+49 30 90"}, {"+49 30 901820", "", "+49 (0)30 90"},
		{"030 901820", "DE", "+49 30 901820"}, {"+49 30 901820", "DE", "030 901820"}, {"030 901820", "DE", "0049 (0)30-901820"},
		{"030 901820", "", "030/901820"}, {"0049 89 636-48018", "", "004989"}, {"0049 89 636-48018", "", "+49 89 63648018"},
		{"٠٥٠ ١٢٣ ٤٥٦٧", "", "٠٥٠ ١٢٣ ٤٥٦٧"}, {"٠٥٠ ١٢٣ ٤٥٦٧", "", "050 123 4567"}, {"050 123 4567", "", "٠٥٠١٢٣٤٥٦٧"},
		{"٠٥٠ ١٢٣ ٤٥٦٧", "AE", "+971 50 123 4567"}, {"+٩٧١ ٥٠ ١٢٣ ٤٥٦٧", "", "050 1234567"},
		{"\u202a+49 30 901820\u202c", "", "+49 30 901820"}, {"+49 30 901820", "", "\u202a+49 30 901820\u202c\u200e"},
		{"+49\u00a030\u2011901820", "", "+49 30 901820"}, {"+49–30—901820", "", "030−901820"}, {"＋４９ ３０ ９０１８２０", "", "+49 30 901820"},
		{"+1 (555) 010-2345", "", "555 010"}, {"(212) 555-0123", "US", "+1 212 555 0123"}, {"+49 30 901820", "US", "011 49 30 901820"},
		{"+49 30 901820 ext. 12", "", "+49 30 901820"}, {"+49 30 901820", "", "+49 30 901820 x12"}, {"+49 30 901820 ext. 12", "", "+49 30 901820 x12"},
		{"+49 30 901820", "", "tel:+49-30-901820;ext=12"}, {"+49 30 901820", "", "tel:+49-30-901820"}, {"+49 30 901820", "", "whatsapp:+4930901820"},
		{"+49 30 901820 / +49 170 1234567", "", "0170 1234567"}, {"+49 30 901820, +49 170 1234567", "", "030 901820"},
		{"+39 06 1234 5678", "", "06 1234 5678"}, {"06 12345678", "IT", "+39 06 1234 5678"}, {"+44 (0)20 7946 0018", "", "020 7946 0018"},
		{"+54 9 11 2345-6789", "", "11 2345 6789"}, {"+33 (0)1 23 45 67 89", "", "01.23.45.67.89"}, {"+49 30 901820", "", "Ada 030 901820"},
		{"+49 30 901820", "", "Ada +49 (0) 30 901820"},
	} {
		if !found("Ada Novak", "", c.phone, c.country, c.typed) {
			t.Errorf("%+q (%s) is not found by %+q: stored is %q, searched is %q", c.phone, c.country, c.typed,
				Numbers(c.phone, c.country), Terms(c.typed)[0].Forms(c.country))
		}
	}
	for _, c := range []struct{ phone, country, typed string }{
		{"+49 30 901820", "", "+49 30 901821"}, {"+49 30 901820", "", "0309018200"}, {"030 901820", "", "+43 1 901820"},
		{"+49 30 901820", "", "5559"}, {"030 901820", "DE", "+43 1 901820"},
	} {
		if found("Ada Novak", "", c.phone, c.country, c.typed) {
			t.Errorf("%q is found by %q: stored is %q", c.phone, c.typed, Numbers(c.phone, c.country))
		}
	}
}

func TestTerms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, email, typed string }{
		{"24/7 Cleaning", "", "24/7"}, {"24/7 Cleaning", "", "cleaning 24/7"}, {"24/7 Cleaning", "", "24 7"}, {"24/7 Cleaning", "", "24-7 clean"},
		{"Ada Novak", "", "Novak, Ada"}, {"Ada Novak", "", "Novak,Ada"}, {"Ada Novak", "", "novak/ada"}, {"Ada Novak", "", "ADA.NOVAK"},
		{"Ada Novak", "ada.novak@example.org", "Ada Novak <ada.novak@example.org>"}, {"Ada Novak", "ada.novak@example.org", `"Novak, Ada" <ada.novak@example.org>`},
		{"Ada Novak", "ada.novak@example.org", "mailto:ada.novak@example.org"}, {"Ada Novak", "ada.novak@example.org", "MAILTO:Ada.Novak@Example.org?subject=Hello"},
		{"Ada Novak", "ada.novak@example.org", "Ada Novak <mailto:ada.novak@example.org>;"}, {"Ada Novak", "ada.novak@example.org", "ada.novak@exa"},
		{"Ada No\u200bvak", "", "novak"}, {"Ada Novak", "", "no\u200bvak"}, {"Ada Novak", "", "\u202aAda Novak\u202c\u200e"},
		{"김민준", "", norm.NFD.String("김민준")}, {norm.NFD.String("김민준"), "", "김민준"}, {norm.NFD.String("ガブリエル"), "", "ガブリ"}, {"がぶりえる", "", norm.NFD.String("がぶり")},
		{"O'Brien", "", "o’brien"}, {"O'Brien", "", "brien"}, {"Jean-Luc Picard", "", "jean luc"}, {"C-3PO", "", "c-3po"}, {"🎉", "", "🎉"}, {"🎉🎉🎉", "", "🎉🎉🎉"},
		{"mailto:", "", "mailto:"}, {"tel:", "", "tel:"}, {"Studio 54 2000", "", "2000 studio"}, {"INGRID", "", "ıngrıd"}, {"İngrid", "", "ingrid"},
		{"Σίσυφος", "", "ΣΊΣΥΦΟΣ"}, {"Zażółć", "", "zazolc"}, {"Müller-Lüdenscheidt", "", "muller ludenscheidt"},
	} {
		if !found(c.name, c.email, "", "", c.typed) {
			t.Errorf("%+q %q is not found by %+q: %q", c.name, c.email, c.typed, Terms(c.typed))
		}
	}
	for _, c := range []struct{ name, email, typed string }{
		{"24 Flowers 7", "", "24/7"}, {"Ada Novak", "ada@novak.example", "ada.novak@example.org"}, {"Ada Novak", "", "Novak, Eva"}, {"Ada", "", "☃"}, {"Ada", "", "%"},
	} {
		if found(c.name, c.email, "", "", c.typed) {
			t.Errorf("%+q %q is found by %+q", c.name, c.email, c.typed)
		}
	}
	for _, blank := range []string{"", " ", "\t\n\u00a0", "\u0301", "\u200b", "\u3164"} {
		if terms := Terms(blank); terms != nil {
			t.Errorf("%+q has the terms %q", blank, terms)
		}
	}
}

func TestCountry(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{"DE": "DE", "de": "DE", "TR": "TR", "XK": "XK", "AQ": "AQ"} {
		if got, ok := Country(code); !ok || got != want {
			t.Errorf("%q: %q, %t", code, got, ok)
		}
	}
	for _, code := range []string{"", "D", "DEU", "276", "ZZ", "UK", "EU", "001", "Germany", "XX", "D\x00"} {
		if got, ok := Country(code); ok {
			t.Errorf("%q is accepted as %q", code, got)
		}
	}
}

// writings returns the same text in different encodings and cases.
func writings(s string) []string {
	all := []string{
		s, norm.NFC.String(s), norm.NFD.String(s), norm.NFKC.String(s), norm.NFKD.String(s),
		"\u202a" + s + "\u202c\u200e", " " + s + "\u00a0", strings.Join(strings.Split(s, ""), "\u200b"),
	}
	// The capital of one letter may be two letters, so folding may change the length.
	for _, form := range []string{s, norm.NFC.String(s), norm.NFD.String(s)} {
		all = append(all, cases.Upper(language.Und).String(form), cases.Lower(language.Und).String(form),
			strings.ToUpper(form), strings.ToLower(form))
	}
	return all
}

func TestFoldEveryCharacter(t *testing.T) {
	t.Parallel()
	for r := range rune(unicode.MaxRune) {
		if !utf8.ValidRune(r) || r == 0 || 0x32000 < r && r < 0xE0000 || r > 0xE1000 { // unassigned
			continue
		}
		s := "x" + string(r) + "y"
		folded := Fold(s)
		if again := Fold(folded); again != folded {
			t.Errorf("U+%04X: folding %+q again returns %+q", r, folded, again)
		}
		for _, other := range []string{norm.NFC.String(s), norm.NFD.String(s), strings.ToUpper(s), strings.ToLower(s)} {
			if got := Fold(other); Key(got) != Key(folded) {
				t.Errorf("U+%04X: %+q folds to %+q, but %+q to %+q", r, s, folded, other, got)
			}
		}
	}
}

// FuzzFound: a stored text is found by itself, in any encoding and case.
func FuzzFound(f *testing.F) {
	for _, seed := range []string{
		"Ada Novak", "24/7 Cleaning", "Łukasz Żółć", "김민준", "ガブリエル", "שָׁלוֹם", "محمّد", "ﬁx ẞ İı ΐ ᾳ ŉ ǰ", "+49 (0) 30 901820 x12",
		"mailto:a@b?c", "🎉", "٠٥٠ ١٢٣", "a\u0345b", "हिन्दी ಕೋ", "1-800-FLOWERS", "tel:1", "%_\\",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) || utf8.RuneCountInString(s) > 100 {
			t.Skip()
		}
		key := Key(s)
		if again := Key(key); again != key {
			t.Errorf("%+q: the key %+q has the key %+q", s, key, again)
		}
		if address := EmailKey(s); EmailKey(address) != address {
			t.Errorf("%+q: the address %+q has another key, %+q", s, address, EmailKey(address))
		}
		if key == "" {
			return
		}
		for _, written := range writings(s) {
			if got := Key(written); got != key && len(Words(s)) > 0 && hasWord(key) {
				t.Errorf("%+q has the key %+q, as %+q it has %+q", s, key, written, got)
			}
			if !found(s, "", "", "", written) {
				t.Errorf("%+q is not found by %+q: %+q", s, written, Terms(written))
			}
			if !found("-", "", s, "DE", written) && len(digits(Fold(s))) >= leastNumber && isNumber(strings.TrimSpace(Fold(s))) {
				t.Errorf("the number %+q is not found by %+q: %q, %q", s, written, Numbers(s, "DE"), Terms(written))
			}
		}
	})
}
