package compiled

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// A selection is what a document selects of the objects of one level.
type selection struct {
	types map[string]*object // by name
	only  *object            // if there is one type
	edges []*edge
	size  atomic.Int64 // of the latest answer in bytes; of an operation's selection
}

// An object is what a document selects of one type of object.
type object struct {
	table  *Object
	fields []field
	leads  []*field // to the objects of each edge of the selection; nil where none does
}

// A field is a field of an answer.
type field struct {
	*Field
	name     ast.PathElement
	key      []byte // its response key as JSON, with what comes before and a colon
	literal  []byte // the JSON of __typename; nil for other fields
	source   *ast.Field
	edge     int // index of the edge that leads to its value; -1 for a leaf that the object holds
	nonNull  bool
	elements bool // the elements of its list are not null
}

// An edge leads from the objects of a level to what they hold or refer to. Objects of several types
// can share one, so that all are read together.
type edge struct {
	relation *Relation
	source   graphql.CollectedField
	below    *selection // nil for leaves
	asked    []ast.Selection
}

// A compiler compiles the document of an operation with the values of its variables that @include
// and @skip use.
type compiler struct {
	*Schema
	op     *graphql.OperationContext
	fields int // compiled so far
}

// maxFields is the most fields of one plan. Fragments within fragments can stand for many more
// fields than a document has characters, and a field of an interface counts once for each of its
// types.
const maxFields = 50_000

// tooLarge stops a compilation.
type tooLarge struct{}

// operation compiles the operation. It returns an error if the plan would be too large.
func (c *compiler) operation() (plan *selection, err error) {
	defer func() {
		switch reason := recover().(type) {
		case nil:
		case tooLarge:
			err = refuse("OPERATION_LIMIT", "the document selects too many fields, counting each use of a fragment; split it")
		default:
			panic(reason)
		}
	}()
	root := map[ast.Operation]string{ast.Query: "Query", ast.Mutation: "Mutation", ast.Subscription: "Subscription"}[c.op.Operation.Operation]
	return c.selection(root, c.op.Operation.SelectionSet), nil
}

// selection compiles what is selected of a type.
func (c *compiler) selection(of string, selected ast.SelectionSet) *selection {
	s, def := &selection{types: map[string]*object{}}, c.Schema.Schema().Types[of]
	for _, possible := range c.Schema.Schema().GetPossibleTypes(def) {
		s.types[possible.Name] = c.object(s, possible, selected)
	}
	for _, o := range s.types {
		o.leads = make([]*field, len(s.edges))
		for i := range o.fields {
			if f := &o.fields[i]; f.edge >= 0 {
				o.leads[f.edge] = f
			}
		}
	}
	if !def.IsAbstractType() {
		s.only = s.types[of]
	}
	return s
}

// object compiles what is selected of an object type, and adds its edges to the selection.
func (c *compiler) object(s *selection, def *ast.Definition, selected ast.SelectionSet) *object {
	o := &object{table: c.Tables[def.Name]}
	for _, collected := range merge(graphql.CollectFields(c.op, selected, c.satisfied(def))) {
		if c.fields++; c.fields > maxFields {
			panic(tooLarge{})
		}
		before := byte(',')
		if len(o.fields) == 0 {
			before = '{'
		}
		f := field{source: collected.Field, name: ast.PathName(collected.Alias), edge: -1, key: append(AppendString([]byte{before}, collected.Alias), ':')}
		if collected.Name == "__typename" {
			f.literal = AppendString(nil, def.Name)
			o.fields = append(o.fields, f)
			continue
		}
		if f.Field = o.table.Fields[collected.Name]; f.Field == nil {
			panic(fmt.Sprintf("the table of %s has no field %s", def.Name, collected.Name))
		}
		t := collected.Definition.Type
		f.nonNull, f.elements = t.NonNull, t.Elem != nil && t.Elem.NonNull
		if f.Append == nil && f.AppendFor == nil {
			f.edge = c.edge(s, f.Field, collected)
		}
		o.fields = append(o.fields, f)
	}
	return o
}

// satisfied returns the types that fragments for an object of this type can name.
func (c *compiler) satisfied(def *ast.Definition) []string {
	names := []string{def.Name}
	for _, abstract := range c.Schema.Schema().GetImplements(def) {
		names = append(names, abstract.Name)
	}
	return names
}

// edge returns the index of a field's edge. Fields of several types share one if they are selected
// by the same part of the document and have the same relation.
func (c *compiler) edge(s *selection, f *Field, collected graphql.CollectedField) int {
	asked := append([]ast.Selection{collected.Field}, collected.Selections...)
	for i, e := range s.edges {
		if e.relation != nil && e.relation == f.Relation && slices.Equal(e.asked, asked) {
			return i
		}
	}
	e := &edge{relation: f.Relation, source: collected, asked: asked}
	if name := collected.Definition.Type.Name(); c.Schema.Schema().Types[name].IsCompositeType() && c.isOurs(name) {
		e.below = c.selection(name, collected.Selections)
	}
	s.edges = append(s.edges, e)
	return len(s.edges) - 1
}

// isOurs reports whether a type has a table; the types of introspection have none.
func (c *compiler) isOurs(name string) bool {
	def := c.Schema.Schema().Types[name]
	return def.IsAbstractType() || c.Tables[name] != nil
}

// merge joins the selections of fields with the same response key
// (https://spec.graphql.org/October2021/#sec-Field-Selection-Merging). gqlgen leaves some apart
// that are selected on different interfaces, and answers the first of them.
func merge(fields []graphql.CollectedField) []graphql.CollectedField {
	merged := make([]graphql.CollectedField, 0, len(fields))
	for _, f := range fields {
		known := slices.IndexFunc(merged, func(other graphql.CollectedField) bool { return other.Alias == f.Alias })
		if known < 0 {
			merged = append(merged, f)
			continue
		}
		merged[known].Selections = slices.Concat(merged[known].Selections, f.Selections)
	}
	return merged
}
