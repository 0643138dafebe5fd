package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// docs/rules.md explains the rules that this repository cites by codes such as A4.

var (
	ruleHeading = regexp.MustCompile(`(?m)^### ([A-Z]\d+)$`)

	// A word is a code only if it stands alone: none of W10=, 0xA1, P256, result.P50 and A1.go is
	// one.
	ruleCode = regexp.MustCompile(`^[ASIWP][1-9]\d?$`)
	codeSpan = regexp.MustCompile("`[^`\n]*`")

	// The name of a test begins with the codes of what it shows, as in "A5, A7 a deactivated caller
	// …".
	namedRules = regexp.MustCompile(`^((?:[ASIWP][1-9]\d?,? )+)\S`)

	// The name of a test function may have one code, right after Test.
	functionRule = regexp.MustCompile(`^(?:Test|Fuzz)([ASIWP][1-9]\d?)[A-Z]`)
)

// TestRules holds docs/rules.md and what cites it together.
func TestRules(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, heading := range ruleHeading.FindAllStringSubmatch(string(text), -1) {
		if slices.Contains(rules, heading[1]) {
			t.Errorf("docs/rules.md explains %s twice", heading[1])
		}
		rules = append(rules, heading[1])
	}
	cited, shown := readCitations(t)
	for code, where := range cited {
		if !slices.Contains(rules, code) {
			t.Errorf("%s: %s is not in docs/rules.md; if it is no rule, write it in lower case or in quotes of code", where, code)
		}
	}
	for _, code := range rules {
		if shown[code] == "" {
			t.Errorf("no test has %s in its name; name the row or function that shows it, such as %q", code, code+" what it shows")
		}
	}
}

// readCitations returns the codes that the repository cites and those that are in names of tests,
// each with one place.
func readCitations(t *testing.T) (cited, shown map[string]string) {
	t.Helper()
	cited, shown = map[string]string{}, map[string]string{}
	cite := func(where, text string) {
		for _, code := range codesIn(text) {
			cited[code] = where
		}
	}
	for _, name := range ownTexts(t) {
		switch filepath.Ext(name) {
		case ".go":
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if ast.IsGenerated(file) {
				continue
			}
			for _, group := range file.Comments {
				cite(set.Position(group.Pos()).String(), group.Text())
			}
			ast.Inspect(file, func(node ast.Node) bool {
				if text, at := prose(node); text != "" {
					cite(set.Position(at).String(), text)
				}
				return true
			})
			if strings.HasSuffix(name, "_test.go") {
				for code, at := range rulesShown(file) {
					where := set.Position(at).String()
					cited[code], shown[code] = where, where
				}
			}
		case ".graphqls", ".sql", ".md":
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			cite(name, string(text))
		}
	}
	return cited, shown
}

// prose returns the text of a string of several words, which a message or the name of a test is.
func prose(node ast.Node) (text string, at token.Pos) {
	literal, ok := node.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", token.NoPos
	}
	if text, _ = strconv.Unquote(literal.Value); !strings.Contains(text, " ") {
		return "", token.NoPos
	}
	return text, literal.Pos()
}

// ownTexts returns the files that may cite rules: all but test data, what others wrote and
// docs/rules.md itself.
func ownTexts(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || slices.Contains([]string{"node_modules", "artifacts", "testdata"}, entry.Name())):
			return fs.SkipDir
		case entry.Type().IsRegular() && name != filepath.FromSlash("docs/rules.md"):
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// codesIn returns the codes of rules in a text; what stands in quotes of code is none.
func codesIn(text string) (codes []string) {
	words := strings.FieldsFunc(codeSpan.ReplaceAllString(text, " "), func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("(),;:!?'\"*[]{}/|–—…", r)
	})
	for _, word := range words {
		if word = strings.TrimSuffix(word, "."); ruleCode.MatchString(word) {
			codes = append(codes, word)
		}
	}
	return codes
}

// rulesShown returns the codes in names of tests: of functions, of rows of a table and of what Run
// is given.
func rulesShown(file *ast.File) map[string]token.Pos {
	shown := map[string]token.Pos{}
	name := func(expression ast.Expr) {
		literal, ok := expression.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return
		}
		text, _ := strconv.Unquote(literal.Value)
		if codes := namedRules.FindStringSubmatch(text); codes != nil {
			for code := range strings.FieldsSeq(strings.ReplaceAll(codes[1], ",", "")) {
				shown[code] = literal.Pos()
			}
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.FuncDecl:
			if code := functionRule.FindStringSubmatch(node.Name.Name); code != nil {
				shown[code[1]] = node.Pos()
			}
		case *ast.CompositeLit:
			if len(node.Elts) > 0 {
				name(node.Elts[0])
			}
		case *ast.KeyValueExpr: // the key of a map of tests, or a field called name
			name(node.Key)
			if key, ok := node.Key.(*ast.Ident); ok && key.Name == "name" {
				name(node.Value)
			}
		case *ast.CallExpr:
			if called, ok := node.Fun.(*ast.SelectorExpr); ok && called.Sel.Name == "Run" && len(node.Args) > 0 {
				name(node.Args[0])
			}
		}
		return true
	})
	return shown
}

// TestCodesIn shows what counts as the citation of a rule.
func TestCodesIn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"checkLatest (A6).":                     "A6",
		"whoever had it before (A1, S10)":       "A1 S10",
		"A5 A7 S4 in a row":                     "A5 A7 S4",
		"rule I1: views":                        "I1",
		"from A1 to P8 or A1…A8":                "A1 P8 A1 A8",
		"A7 is cited twice, says A7":            "A7 A7",
		"P256, SHA1, 0xA1, A1B2, W3C, IPv4, T1": "",
		"SQLSTATE 42P01 and 58P01":              "",
		"cursor W10= and w1, a1, p50, s3":       "",
		"the file A1.go":                        "",
		"`P50` in quotes of code":               "",
		"result.P50":                            "",
		"A0, A100 and A-1":                      "",
	} {
		if got := strings.Join(codesIn(text), " "); got != want {
			t.Errorf("%q cites %q, not %q", text, got, want)
		}
	}
}

// TestRulesShown shows what counts as the name of a test.
func TestRulesShown(t *testing.T) {
	t.Parallel()
	const source = `package p
func TestP5Linearizable(t *testing.T) {
	rows := []row{{"A1 first", nil}, {"A2, S10 two", nil}, {nil, "A3 not first"}, {name: "S1 by its field"}, {"W10=", nil}}
	all := map[string]int{"I1 a key": 1}
	t.Run("W1 given to Run", nil)
	t.Errorf("S2 a message")
	// P1 a comment
}
func TestPairs(t *testing.T) {}
func helperA8X() {}
`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for code := range rulesShown(file) {
		got = append(got, code)
	}
	if slices.Sort(got); strings.Join(got, " ") != "A1 A2 I1 P5 S1 S10 W1" {
		t.Errorf("names of tests show %v", got)
	}
}
