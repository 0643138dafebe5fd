package limit

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// A merger merges selection sets by response key, over fragments, as execution does; but it ignores
// the types to which fragments apply. The survey has bounded how much there is to merge.
type merger struct {
	fragments map[string]*fragment
	steps     int
}

// A merged field is all fields with one response key in a merged selection set.
type merged struct {
	fields []*ast.Field
	sets   []ast.SelectionSet // of the fields
}

func (m *merger) operation(op *ast.OperationDefinition) *gqlerror.Error {
	roots, err := m.merge([]ast.SelectionSet{op.SelectionSet})
	allowed := RootFields
	if op.Operation == ast.Mutation {
		allowed = MutationRoots
	}
	if err == nil && roots > allowed {
		return exceeded("has %d root fields in a %s; it may have %d", roots, op.Operation, allowed)
	}
	return err
}

// merge merges selection sets and everything below. It returns the number of response keys.
func (m *merger) merge(sets []ast.SelectionSet) (keys int, err *gqlerror.Error) {
	all := m.collect(sets)
	for _, f := range all {
		if len(f.fields) > Repeats {
			return 0, exceeded("selects %.100s %d times in one selection set; it may do so %d times", f.fields[0].Alias, len(f.fields), Repeats)
		}
		if len(f.sets) > 0 {
			if _, err := m.merge(f.sets); err != nil {
				return 0, err
			}
		}
	}
	return len(all), nil
}

// collect returns the fields of selection sets by response key, in the order of the document.
func (m *merger) collect(sets []ast.SelectionSet) (all []*merged) {
	known, spread := map[string]*merged{}, map[string]bool{}
	var add func(set ast.SelectionSet)
	add = func(set ast.SelectionSet) {
		for _, selected := range set {
			m.steps++
			switch selected := selected.(type) {
			case *ast.Field:
				f := known[selected.Alias]
				if f == nil {
					f = &merged{}
					known[selected.Alias] = f
					all = append(all, f)
				}
				f.fields = append(f.fields, selected)
				if len(selected.SelectionSet) > 0 {
					f.sets = append(f.sets, selected.SelectionSet)
				}
			case *ast.InlineFragment:
				add(selected.SelectionSet)
			case *ast.FragmentSpread:
				if f := m.fragments[selected.Name]; f != nil && !spread[selected.Name] {
					spread[selected.Name] = true
					add(f.SelectionSet)
				}
			}
		}
	}
	for _, set := range sets {
		add(set)
	}
	return all
}
