package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/introspection"
)

// kindsWith lists, for each list of __Type, the kinds of types that have it.
var kindsWith = map[string][]string{
	"fields":        {"OBJECT", "INTERFACE"},
	"interfaces":    {"OBJECT", "INTERFACE"},
	"possibleTypes": {"INTERFACE", "UNION"},
	"enumValues":    {"ENUM"},
	"inputFields":   {"INPUT_OBJECT"},
}

// nullLists answers null for a list that types of the kind do not have
// (https://spec.graphql.org/October2021/#sec-The-__Type-Type). gqlgen answers an empty list.
func nullLists(ctx context.Context, next graphql.Resolver) (any, error) {
	f := graphql.GetFieldContext(ctx)
	if kinds, isList := kindsWith[f.Field.Name]; isList && f.Object == "__Type" && f.Parent != nil {
		if of, ok := f.Parent.Result.(*introspection.Type); ok && !slices.Contains(kinds, of.Kind()) {
			return nil, nil
		}
	}
	return next(ctx)
}
