package graph_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// released is the golden copy of the schema: what the last release had, and before the first
// release what clients were written for.
const released = "testdata/released.graphqls"

var release = flag.Bool("release", false, "make schema.graphqls the golden copy of the schema")

// TestBreakingChangesAreInTheChangelog fails for a change of the schema that can break a client and
// is not listed under [Unreleased] in CHANGELOG.md by its coordinate, such as `Event.origin`. When
// a version is released, go test ./graph -run TestBreakingChangesAreInTheChangelog -release makes
// its schema the golden copy.
func TestBreakingChangesAreInTheChangelog(t *testing.T) {
	if *release {
		text, err := os.ReadFile("../schema.graphqls")
		must(t, err)
		must(t, os.WriteFile(released, text, 0o644))
	}
	text, err := os.ReadFile(released)
	must(t, err)
	changelog, err := os.ReadFile("../CHANGELOG.md")
	must(t, err)
	_, unreleased, _ := strings.Cut(string(changelog), "\n## [Unreleased]")
	unreleased, _, _ = strings.Cut(unreleased, "\n## [")
	for _, b := range breaking(gqlparser.MustLoadSchema(&ast.Source{Name: released, Input: string(text)}), schema) {
		if !strings.Contains(unreleased, "`"+b.coordinate+"`") {
			t.Errorf("%s %s, which can break a client: undo it, or list `%s` under [Unreleased] in CHANGELOG.md", b.coordinate, b.what, b.coordinate)
		}
	}
}

// breakage is a change that can break a client.
type breakage struct{ coordinate, what string }

// breaking returns the changes from one schema to another that can break a client, in the order of
// their coordinates. Additions break nothing, unless an argument or input field that is added must
// be given. What a change causes elsewhere is not listed again: a field for each type that
// implements an interface, or each use of a type that is gone.
func breaking(from, to *ast.Schema) (all []breakage) {
	add := func(coordinate, format string, args ...any) {
		all = append(all, breakage{coordinate, fmt.Sprintf(format, args...)})
	}
	for _, old := range from.Types {
		now := to.Types[old.Name]
		switch {
		case old.BuiltIn:
		case now == nil:
			add(old.Name, "is gone")
		case now.Kind != old.Kind:
			add(old.Name, "is no longer of the kind %s", old.Kind)
		case old.Directives.ForName("oneOf") == nil && now.Directives.ForName("oneOf") != nil:
			add(old.Name, "takes exactly one of its fields")
		default:
			breakingFields(from, to, old, add)
			breakingMembers(old, now, add)
		}
	}
	slices.SortFunc(all, func(a, b breakage) int { return strings.Compare(a.coordinate, b.coordinate) })
	return all
}

func breakingFields(from, to *ast.Schema, old *ast.Definition, add func(string, string, ...any)) {
	input, now := old.Kind == ast.InputObject, to.Types[old.Name]
	for _, field := range old.Fields {
		at, is := old.Name+"."+field.Name, now.Fields.ForName(field.Name)
		switch {
		case strings.HasPrefix(field.Name, "__"), isInherited(from, old, field.Name):
		case is != nil && to.Types[field.Type.Name()] == nil && shape(field.Type) == shape(is.Type):
		case is == nil:
			add(at, "is gone")
		case input && !accepts(is.Type, field.Type), !input && !accepts(field.Type, is.Type):
			add(at, "was %s and is %s", field.Type, is.Type)
		case input && field.DefaultValue.String() != is.DefaultValue.String():
			add(at, "has another default value")
		default:
			breakingArguments(at, field.Arguments, is.Arguments, add)
		}
	}
	for _, field := range now.Fields {
		if input && old.Fields.ForName(field.Name) == nil && field.Type.NonNull && field.DefaultValue == nil {
			add(old.Name+"."+field.Name, "is new and must be given")
		}
	}
}

// isInherited reports whether a field is one of an interface of its type.
func isInherited(s *ast.Schema, def *ast.Definition, field string) bool {
	return slices.ContainsFunc(def.Interfaces, func(name string) bool { return s.Types[name].Fields.ForName(field) != nil })
}

// shape returns a type without its name, such as [!]!.
func shape(t *ast.Type) string { return strings.ReplaceAll(t.String(), t.Name(), "") }

func breakingArguments(at string, old, now ast.ArgumentDefinitionList, add func(string, string, ...any)) {
	for _, a := range old {
		at, is := at+"("+a.Name+":)", now.ForName(a.Name)
		switch {
		case is == nil:
			add(at, "is gone")
		case !accepts(is.Type, a.Type):
			add(at, "was %s and is %s", a.Type, is.Type)
		case a.DefaultValue.String() != is.DefaultValue.String():
			add(at, "has another default value")
		}
	}
	for _, a := range now {
		if old.ForName(a.Name) == nil && a.Type.NonNull && a.DefaultValue == nil {
			add(at+"("+a.Name+":)", "is new and must be given")
		}
	}
}

// breakingMembers compares the values of enums, the members of unions and the interfaces of
// objects.
func breakingMembers(old, now *ast.Definition, add func(string, string, ...any)) {
	for _, value := range old.EnumValues {
		if now.EnumValues.ForName(value.Name) == nil {
			add(old.Name+"."+value.Name, "is gone")
		}
	}
	for _, member := range old.Types {
		if !slices.Contains(now.Types, member) {
			add(old.Name, "has no longer the member %s", member)
		}
	}
	for _, name := range old.Interfaces {
		if !slices.Contains(now.Interfaces, name) {
			add(old.Name, "no longer implements %s", name)
		}
	}
}

// accepts reports whether every value of the second type is one of the first.
func accepts(wide, narrow *ast.Type) bool {
	switch {
	case wide.NonNull && !narrow.NonNull, (wide.Elem == nil) != (narrow.Elem == nil):
		return false
	case wide.Elem != nil:
		return accepts(wide.Elem, narrow.Elem)
	}
	return wide.NamedType == narrow.NamedType
}

// TestBreaking shows what counts as breaking, and what does not.
func TestBreaking(t *testing.T) {
	const before = `type Query { f(a: Int, b: Int = 1): T g(in: I): [T!] } type T implements N { id: ID! name: String }
		interface N { id: ID! } union U = T | Query enum E { A B } input I { x: Int y: Int = 1 } scalar S`
	for change, want := range map[string]string{
		`scalar S~`:                          `S is gone`,
		`scalar S~enum S { A }`:              `S is no longer of the kind SCALAR`,
		`name: String~`:                      `T.name is gone`,
		`name: String~name: Int`:             `T.name was String and is Int`,
		`name: String~name: String!`:         ``,
		`[T!]~[T]`:                           `Query.g was [T!] and is [T]`,
		`[T!]~T`:                             `Query.g was [T!] and is T`,
		`[T!]~[T!]!`:                         ``,
		`a: Int,~`:                           `Query.f(a:) is gone`,
		`a: Int,~a: Int!,`:                   `Query.f(a:) was Int and is Int!`,
		`b: Int = 1~b: Int = 2`:              `Query.f(b:) has another default value`,
		`b: Int = 1~b: Int = 1, c: Int!`:     `Query.f(c:) is new and must be given`,
		`b: Int = 1~b: Int = 1, c: Int! = 1`: ``,
		`b: Int = 1~b: Int = 1, c: Int`:      ``,
		`x: Int~`:                            `I.x is gone`,
		`x: Int~x: Int!`:                     `I.x was Int and is Int!`,
		`x: Int~x: Int z: Int!`:              `I.z is new and must be given`,
		`x: Int~x: Int z: Int`:               ``,
		`y: Int = 1~y: Int = 2`:              `I.y has another default value`,
		`input I { x: Int y: Int = 1 }~input I @oneOf { x: Int y: Int }`: `I takes exactly one of its fields`,
		`A B~A`:                                 `E.B is gone`,
		`A B~A B C`:                             ``,
		`T | Query~T`:                           `U has no longer the member Query`,
		`T | Query~T | Query type V { v: Int }`: ``,
		` implements N~`:                        `T no longer implements N`,
	} {
		old, replacement, _ := strings.Cut(change, "~")
		if !strings.Contains(before, old) {
			t.Fatalf("%q is not in the schema", old)
		}
		after := strings.Replace(before, old, replacement, 1)
		var got []string
		for _, b := range breaking(gqlparser.MustLoadSchema(&ast.Source{Input: before}), gqlparser.MustLoadSchema(&ast.Source{Input: after})) {
			got = append(got, b.coordinate+" "+b.what)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, not %q", change, got, want)
		}
	}
}
