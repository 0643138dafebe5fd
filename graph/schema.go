package graph

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// schema is the schema for validation and introspection. gqlparser counts an interface among the
// possible types of another one that it implements; this removes it, since only objects are.
// (https://spec.graphql.org/October2021/#sec-The-__Type-Type)
var schema = withoutDefer(withObjectsOnly(parsedSchema))

// withoutDefer removes the directive @defer, which gqlparser knows and no operation may use: each
// answer is sent as a whole.
func withoutDefer(s *ast.Schema) *ast.Schema {
	delete(s.Directives, "defer")
	return s
}

func withObjectsOnly(s *ast.Schema) *ast.Schema {
	for name, possible := range s.PossibleTypes {
		if kind := s.Types[name].Kind; kind == ast.Interface || kind == ast.Union {
			s.PossibleTypes[name] = slices.DeleteFunc(possible, func(def *ast.Definition) bool { return def.Kind != ast.Object })
		}
	}
	return s
}

// SDL returns the schema in GraphQL's schema definition language, as schema.graphqls has it.
func SDL() string { return sources[0].Input }
