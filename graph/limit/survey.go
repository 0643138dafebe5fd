package limit

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// A survey measures a document as it is written, entering each fragment once.
type survey struct {
	fragments           map[string]*fragment
	aliases, directives int
	steps               int
}

// A fragment is a definition with what it contains.
type fragment struct {
	*ast.FragmentDefinition
	progress progress
	isUsed   bool // another part of the document spreads it
	size
}

type progress byte

const (
	notEntered progress = iota
	entered
	left
)

// A size is how much a selection set contains, counting each use of a fragment.
type size struct{ depth, fields, spreads int }

// most is the largest count; further ones are the same. It keeps sums of doubling fragments from
// overflowing.
const most = 1 << 30

func (s *size) add(below size) {
	s.depth = max(s.depth, below.depth)
	s.fields = min(most, s.fields+below.fields)
	s.spreads = min(most, s.spreads+below.spreads)
}

func (s *survey) document(document *ast.QueryDocument) *gqlerror.Error {
	for _, f := range document.Fragments {
		if s.fragments[f.Name] != nil {
			return invalid("there are several fragments with the name %.100s", f.Name)
		}
		s.fragments[f.Name] = &fragment{FragmentDefinition: f}
	}
	var all size
	for _, op := range document.Operations {
		if n := len(op.VariableDefinitions); n > Variables {
			return exceeded("has an operation with %d variables; it may have %d", n, Variables)
		}
		s.directives += len(op.Directives)
		for _, v := range op.VariableDefinitions {
			s.directives += len(v.Directives)
		}
		of, err := s.set(op.SelectionSet, "")
		if err != nil {
			return err
		}
		all.add(of)
	}
	for _, f := range document.Fragments {
		if known := s.fragments[f.Name]; !known.isUsed {
			if err := s.enter(known); err != nil {
				return err
			}
			all.add(known.size)
		}
	}
	return s.judge(all)
}

func (s *survey) judge(all size) *gqlerror.Error {
	switch {
	case all.depth > Depth:
		return exceeded("nests fields more than %d levels deep; ask for what is deeper by its id in another operation", Depth)
	case all.fields > Fields:
		return exceeded("selects more than %d fields, counting each use of a fragment; split it", Fields)
	case all.spreads > Spreads:
		return exceeded("spreads fragments more than %d times, counting each use of a fragment; split it", Spreads)
	case s.aliases > Aliases:
		return exceeded("has %d aliases; it may have %d", s.aliases, Aliases)
	case s.directives > Directives:
		return exceeded("has %d directives; it may have %d", s.directives, Directives)
	}
	return nil
}

// set measures a selection set; of is the name of its field.
func (s *survey) set(set ast.SelectionSet, of string) (all size, err *gqlerror.Error) {
	for _, selected := range set {
		s.steps++
		var one size
		switch selected := selected.(type) {
		case *ast.Field:
			one, err = s.field(selected, of)
		case *ast.InlineFragment:
			s.directives += len(selected.Directives)
			one, err = s.set(selected.SelectionSet, of)
			one.add(size{spreads: 1})
		case *ast.FragmentSpread:
			s.directives += len(selected.Directives)
			if f := s.fragments[selected.Name]; f != nil { // validation refuses an unknown one
				f.isUsed, err = true, s.enter(f)
				one = f.size
			}
			one.add(size{spreads: 1})
		}
		if err != nil {
			return all, err
		}
		all.add(one)
	}
	return all, nil
}

func (s *survey) field(f *ast.Field, of string) (size, *gqlerror.Error) {
	s.directives += len(f.Directives)
	if f.Alias != f.Name {
		s.aliases++
	}
	one, err := s.set(f.SelectionSet, f.Name)
	if f.Name != "ofType" || of != "ofType" {
		one.depth++
	}
	one.add(size{fields: 1})
	return one, err
}

// enter measures a fragment unless that was done before.
func (s *survey) enter(f *fragment) (err *gqlerror.Error) {
	switch f.progress {
	case entered:
		return invalid("the fragment %.100s spreads itself, directly or through others", f.Name)
	case left:
		return nil
	}
	f.progress = entered
	s.directives += len(f.Directives)
	f.size, err = s.set(f.SelectionSet, "")
	f.progress = left
	return err
}
