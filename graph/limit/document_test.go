package limit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"pgregory.net/rapid"
)

func parsed(t rapid.TB, text string) *ast.QueryDocument {
	t.Helper()
	document, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		t.Fatalf("%v in %.1000s", err, text)
	}
	return document
}

// TestLimits: a document at a limit passes, and one beyond it is refused in words that name the
// limit.
func TestLimits(t *testing.T) {
	t.Parallel()
	many := func(n int, format string) string {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, strings.ReplaceAll(format, "#", "%[1]d"), i)
		}
		return text.String()
	}
	for _, c := range []struct {
		name string
		most int
		doc  func(n int) string
		says string
	}{
		{"depth", Depth, func(n int) string { return strings.Repeat("{a", n) + strings.Repeat("}", n) }, "10 levels"},
		{"depth over fragments", Depth, func(n int) string {
			return "{a{...F}} fragment F on A" + strings.Repeat("{a", n-1) + strings.Repeat("}", n-1)
		}, "10 levels"},
		{"depth beside a chain of ofType", Depth, func(n int) string {
			return strings.Repeat("{a", n-2) + strings.Repeat("{ofType", 30) + "{a}" + strings.Repeat("}", 28+n)
		}, "10 levels"},
		{"aliases", Aliases, func(n int) string { return "{a{" + many(n, "k#:a ") + "}}" }, "31 aliases"},
		{"aliases in fragments", Aliases, func(n int) string {
			return "{a{...F ...F ...F}} fragment F on A{" + many(n, "k#:a ") + "}"
		}, "31 aliases"},
		{"directives", Directives, func(n int) string { return "{a" + many(n, "@d#") + "}" }, "21 directives"},
		{"directives everywhere", Directives, func(n int) string {
			return "query($v:Int@d)@d{a@d ...F@d ...on A@d{a}} fragment F on A@d{a" + many(n-6, "@d#") + "}"
		}, "21 directives"},
		{"fields", Fields, func(n int) string { // ten times 1 + 199, and what is left over
			return "{" + many(10, "r#{...F}") + strings.Repeat("over ", n-Fields) + "}fragment F on A{" + many(199, "f# ") + "}"
		}, "2000 fields"},
		{"root fields", RootFields, func(n int) string { return "{" + many(n, "f# ") + "}" }, "21 root fields"},
		{"root fields in fragments", RootFields, func(n int) string {
			return "{f0 ...on Q{f1 ...F}}fragment F on Q{f0 f1 " + many(n, "f# ") + "}"
		}, "21 root fields"},
		{"root fields of a mutation", MutationRoots, func(n int) string { return "mutation{" + many(n, "f# ") + "}" }, "6 root fields"},
		{"repeats", Repeats, func(n int) string { return "{a{" + strings.Repeat("b ", n) + "}}" }, "20 times"},
		{"repeats of merged fields", Repeats, func(n int) string {
			return "{a{b{" + strings.Repeat("c ", n/2) + "}} a{...F}}fragment F on A{b{" + strings.Repeat("c ", n-n/2) + "}}"
		}, "20 times"},
		{"repeats in an unused fragment", Repeats, func(n int) string {
			return "{a}fragment F on A{" + strings.Repeat("b ", n) + "}"
		}, "20 times"},
		{"operations", Operations, func(n int) string { return many(n, "query q#{a}") }, "21 operations"},
		{"variables", Variables, func(n int) string { return "query(" + many(n, "$v#:Int ") + "){a}" }, "101 variables"},
	} {
		if err := Check(parsed(t, c.doc(c.most))); err != nil {
			t.Errorf("%s: %d are refused: %v", c.name, c.most, err)
		}
		if err := Check(parsed(t, c.doc(c.most+1))); err == nil || err.Extensions["code"] != Code || !strings.Contains(err.Message, c.says) {
			t.Errorf("%s: %d are answered %v", c.name, c.most+1, err)
		}
	}
}

// TestCycles: fragments that spread themselves are refused, used or not.
func TestCycles(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		`{...F} fragment F on Q{...F}`, `{a} fragment F on Q{...F}`, `{...F} fragment F on Q{a{...G}} fragment G on A{...on A{...F}}`,
		`{a} fragment F on Q{...G} fragment G on Q{...H} fragment H on Q{...F}`,
	} {
		if err := Check(parsed(t, doc)); err == nil || !strings.Contains(err.Message, "spreads itself") {
			t.Errorf("%s is answered %v", doc, err)
		}
	}
}

// TestCheckIsLinear: the number of selections that are looked at is bounded by the length of the
// document and the number of fields that it may have, whatever the document.
func TestCheckIsLinear(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := anyDocument(t)
		written := strings.Count(text, " ") // each selection is followed by one
		steps, err := check(parsed(t, text))
		// Each operation, and each fragment that nothing uses, may be merged once.
		if most := written + Fields + Spreads; steps > most {
			t.Fatalf("%d steps for %d selections (%v): %s", steps, written, err, text)
		}
	})
}

// anyDocument returns a document with fragments that spread each other in any way.
func anyDocument(t *rapid.T) string {
	fragments := rapid.IntRange(0, 30).Draw(t, "fragments")
	var text strings.Builder
	fmt.Fprintf(&text, "{%s}", anySelection(t, 4, fragments))
	for i := range fragments {
		fmt.Fprintf(&text, "fragment F%d on A{%s}", i, anySelection(t, 3, fragments))
	}
	return text.String()
}

func anySelection(t *rapid.T, deep, fragments int) string {
	var text strings.Builder
	for range rapid.IntRange(1, 6).Draw(t, "selections") {
		switch kind := rapid.IntRange(0, 5).Draw(t, "kind"); {
		case kind <= 1 && deep > 0:
			fmt.Fprintf(&text, "f%d{%s} ", rapid.IntRange(0, 3).Draw(t, "name"), anySelection(t, deep-1, fragments))
		case kind == 2 && deep > 0:
			fmt.Fprintf(&text, "...on A{%s} ", anySelection(t, deep-1, fragments))
		case kind <= 4 && fragments > 0:
			fmt.Fprintf(&text, "...F%d ", rapid.IntRange(0, fragments-1).Draw(t, "fragment"))
		default:
			fmt.Fprintf(&text, "leaf%d ", rapid.IntRange(0, 5).Draw(t, "leaf"))
		}
	}
	return text.String()
}

// TestDoubling: fragments that spread each other twice are refused at any depth, and so are
// fragments around few fields; spreading one fragment many times in one place is not.
func TestDoubling(t *testing.T) {
	t.Parallel()
	for levels := range 100 {
		var text strings.Builder
		text.WriteString("{...F0}")
		for i := range levels {
			fmt.Fprintf(&text, "fragment F%d on A{...F%d ...F%[2]d}", i, i+1)
		}
		fmt.Fprintf(&text, "fragment F%d on A{a}", levels)
		if err := Check(parsed(t, text.String())); (err != nil) != (levels > 9) {
			t.Errorf("%d levels: %v", levels, err)
		}
	}
	around := "fragment F on A{" + strings.Repeat("...{", 99) + "a" + strings.Repeat("}", 99) + "}"
	for times, refused := range map[int]bool{1: false, 15: false, 25: true} {
		roots := ""
		for i := range times {
			roots += fmt.Sprintf("a{b%d{...F}}", i)
		}
		if err := Check(parsed(t, "{"+strings.ReplaceAll(roots, "}a{", " ")+"}"+around)); (err != nil) != refused {
			t.Errorf("%d spreads of 99 fragments: %v", times, err)
		}
	}
	if err := Check(parsed(t, "{a{"+strings.Repeat("...F ", 100)+"}}fragment F on A{b}")); err != nil {
		t.Errorf("a fragment that is spread often in one place: %v", err)
	}
}
