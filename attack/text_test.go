package attack

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"switchboard/db/dbtest"
	"switchboard/service/servicetest"
)

// schema is the schema of the API.
var schema = func() *ast.Schema {
	text, err := os.ReadFile("../schema.graphqls")
	if err != nil {
		panic(err)
	}
	return gqlparser.MustLoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
}()

// hostile are texts that end a literal where backslashes escape, or a quoted one where they do not.
var hostile = []string{`\`, `x\' --`, `'; DROP TABLE agents; --`, `%_`}

// TestTextsAreData: no text in any argument of the schema changes a statement, even in a database
// in which backslashes escape. (1)
func TestTextsAreData(t *testing.T) {
	database := dbtest.New(t, servicetest.Migrate)
	escaping(t, database)
	s := startOn(t, database, "--rate-limit", "0")
	before := tables(t, database)
	sent := 0
	for _, root := range []*ast.Definition{schema.Query, schema.Mutation} {
		for _, field := range root.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			for _, place := range s.places(field) {
				for _, text := range hostile {
					document := fmt.Sprintf("%s(%s) { %s(%s) %s }", strings.ToLower(root.Name), place.declared, field.Name, place.given, selection(field.Type))
					body := marshal(map[string]any{"query": document, "variables": place.variables(text)})
					token := s.manager
					if slices.Contains([]string{"receiveMessage", "recordBusinessEvent"}, field.Name) {
						token = s.integration
					}
					a := s.request("POST", "", token, body, "application/json")
					sent++
					code := a.code()
					if code == "INTERNAL" || code == "FORBIDDEN" || code == "GRAPHQL_VALIDATION_FAILED" || code == "" && !strings.HasPrefix(a.body, `{"data":`) || secret.MatchString(a.body) {
						t.Errorf("%s with %q in %s is answered %.500s", field.Name, text, place.name, a.body)
					}
				}
			}
		}
	}
	t.Logf("%d texts were sent", sent)
	s.checkSecrets(t, reply{})
	after := tables(t, database)
	if !slices.Equal(before, after) {
		t.Errorf("the tables were %v and are %v", before, after)
	}
	if a := post(`{ viewer { name } }`)(s); a.body != `{"data":{"viewer":{"name":"Ann"}}}` {
		t.Errorf("a normal query is answered %s", a.body)
	}
}

// escaping makes backslashes escape in a database, as before PostgreSQL 9.1.
func escaping(t *testing.T, database string) {
	t.Helper()
	name, err := url.Parse(database)
	check(t, err)
	_, err = connect(t, database).Exec(t.Context(), "ALTER DATABASE "+strings.TrimPrefix(name.Path, "/")+" SET standard_conforming_strings = off")
	check(t, err)
}

func connect(t *testing.T, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	check(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// tables returns the names of the tables, and of what must not have changed.
func tables(t *testing.T, database string) (all []string) {
	t.Helper()
	rows, err := connect(t, database).Query(t.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
	check(t, err)
	all, err = pgx.CollectRows(rows, pgx.RowTo[string])
	check(t, err)
	return all
}

// A place is an argument, or a field of an input object, that takes a text.
type place struct {
	name            string
	declared, given string // variables and arguments
	variables       func(text string) map[string]any
}

// places returns all places of a field that take a text. The other arguments have values that fit.
func (s *server) places(field *ast.FieldDefinition) (all []place) {
	var declared, given []string
	values := map[string]any{}
	for _, a := range field.Arguments {
		if a.Name == "first" || a.Name == "last" {
			continue
		}
		declared, given = append(declared, fmt.Sprintf("$%s: %s", a.Name, a.Type)), append(given, fmt.Sprintf("%s: $%[1]s", a.Name))
		if a.Type.NonNull {
			values[a.Name] = s.value(a.Type, a.Name)
		}
	}
	for _, a := range field.Arguments {
		for _, path := range textPaths(a.Type, []string{a.Name}, 4) {
			all = append(all, place{
				name: strings.Join(path, "."), declared: strings.Join(declared, ", "), given: strings.Join(given, ", "),
				variables: func(text string) map[string]any { return s.with(values, field.Arguments, path, text) },
			})
		}
	}
	return all
}

// textPaths returns the paths to all texts in a type.
func textPaths(t *ast.Type, path []string, deep int) (all [][]string) {
	def := schema.Types[t.Name()]
	switch {
	case deep == 0:
	case def.Kind == ast.InputObject:
		for _, field := range def.Fields {
			all = append(all, textPaths(field.Type, append(slices.Clone(path), field.Name), deep-1)...)
		}
	case slices.Contains([]string{"String", "ID", "DateTime", "EventCursor", "JSON"}, def.Name):
		all = append(all, path)
	}
	return all
}

// with returns values with a text at a path, and what the input objects around it need.
func (s *server) with(values map[string]any, arguments ast.ArgumentDefinitionList, path []string, text string) map[string]any {
	changed := map[string]any{}
	for name, value := range values {
		changed[name] = value
	}
	changed[path[0]] = s.at(arguments.ForName(path[0]).Type, path[1:], path[0], text)
	return changed
}

func (s *server) at(t *ast.Type, path []string, name, text string) any {
	if t.Elem != nil {
		return []any{s.at(t.Elem, path, name, text)}
	}
	if len(path) == 0 {
		return text
	}
	def := schema.Types[t.Name()]
	object := map[string]any{}
	if def.Directives.ForName("oneOf") == nil {
		object = s.object(def)
	}
	object[path[0]] = s.at(def.Fields.ForName(path[0]).Type, path[1:], path[0], text)
	return object
}

// object returns the fields that an input object needs.
func (s *server) object(def *ast.Definition) map[string]any {
	object := map[string]any{}
	for i, field := range def.Fields {
		isOneOf := def.Directives.ForName("oneOf") != nil
		if isOneOf && i == 0 || !isOneOf && field.Type.NonNull && field.DefaultValue == nil {
			object[field.Name] = s.value(field.Type, field.Name)
		}
	}
	return object
}

// value returns a value that fits a type, by the name of its field.
func (s *server) value(t *ast.Type, name string) any {
	if t.Elem != nil {
		return []any{s.value(t.Elem, name)}
	}
	def := schema.Types[t.Name()]
	switch {
	case def.Kind == ast.InputObject:
		return s.object(def)
	case def.Kind == ast.Enum:
		return def.EnumValues[0].Name
	case def.Name == "Int":
		return 1
	case def.Name == "Boolean":
		return false
	case strings.Contains(strings.ToLower(name), "contact"):
		return s.contact
	case def.Name == "ID":
		return s.conversation
	}
	return "text"
}

// selection returns the smallest selection of a type.
func selection(t *ast.Type) string {
	def := schema.Types[t.Name()]
	if !def.IsCompositeType() {
		return ""
	}
	if def.Fields.ForName("userErrors") != nil {
		return "{ userErrors { code } }"
	}
	return "{ __typename }"
}
