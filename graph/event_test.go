package graph

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	gql "github.com/vektah/gqlparser/v2/ast"

	"switchboard/db"
)

// TestEventTypesAreWhole: the types of events in package db are exactly the schema's types of
// events, and toEvent returns the one of the same name.
func TestEventTypesAreWhole(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&gql.Source{Name: "schema.graphqls", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	var described, known []string
	for _, of := range schema.PossibleTypes["Event"] {
		if of.Kind == gql.Object {
			described = append(described, of.Name)
		}
	}
	for _, kind := range eventTypes(t) {
		name := ""
		for word := range strings.SplitSeq(string(kind), "_") {
			name += word[:1] + strings.ToLower(word[1:])
		}
		known = append(known, name)
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("%s: %v", kind, p)
				}
			}()
			if got := reflect.TypeOf(toEvent(&db.Event{Type: kind})).Name(); got != name {
				t.Errorf("%s becomes %s in the API", kind, got)
			}
		}()
	}
	slices.Sort(described)
	slices.Sort(known)
	if !slices.Equal(described, known) {
		t.Errorf("db has the events\n%v\nthe schema has\n%v", known, described)
	}
}

// eventTypes reads the constants of type EventType from the source of package db.
func eventTypes(t *testing.T) (types []db.EventType) {
	file, err := parser.ParseFile(token.NewFileSet(), "../db/event.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if of, ok := spec.Type.(*ast.Ident); ok && of.Name == "EventType" {
				value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				types = append(types, db.EventType(value))
			}
		}
		return true
	})
	if len(types) == 0 {
		t.Fatal("no type of event was found in db/event.go")
	}
	return types
}
