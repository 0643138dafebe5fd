package compiled

import (
	"iter"

	"github.com/vektah/gqlparser/v2/ast"
)

// Selections returns everything that is selected at any depth, in the order of the document. It
// includes what directives skip, and enters each fragment once.
func Selections(set ast.SelectionSet) iter.Seq[ast.Selection] {
	return func(yield func(ast.Selection) bool) {
		entered := map[*ast.FragmentDefinition]bool{}
		var walk func(set ast.SelectionSet) bool
		walk = func(set ast.SelectionSet) bool {
			for _, selected := range set {
				if !yield(selected) {
					return false
				}
				var below ast.SelectionSet
				switch s := selected.(type) {
				case *ast.Field:
					below = s.SelectionSet
				case *ast.InlineFragment:
					below = s.SelectionSet
				case *ast.FragmentSpread:
					if s.Definition != nil && !entered[s.Definition] {
						entered[s.Definition] = true
						below = s.Definition.SelectionSet
					}
				}
				if !walk(below) {
					return false
				}
			}
			return true
		}
		walk(set)
	}
}

// Directives returns the directives of one selection.
func Directives(selected ast.Selection) ast.DirectiveList {
	switch s := selected.(type) {
	case *ast.Field:
		return s.Directives
	case *ast.InlineFragment:
		return s.Directives
	case *ast.FragmentSpread:
		return s.Directives
	}
	return nil
}
