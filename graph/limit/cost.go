package limit

import (
	"encoding/json"

	"github.com/vektah/gqlparser/v2/ast"
)

// Cost is the most that one operation may cost.
const Cost = 10_000

// What operations cost. An object costs 1, a list as much as it may have elements; leaves cost
// nothing.
const (
	mutationCost      = 10  // of a root field of a mutation
	introspectionCost = 100 // of __schema or __type
	listSize          = 10  // elements assumed of a list whose size nothing tells
)

// Sizes are the sizes of lists.
type Sizes struct {
	Default, Most int            // of a page; also the most elements of an abstract type in a list
	Of            map[string]int // by the type of the elements, of lists that have no pages
}

// A Plan computes the most that an operation can cost, from its variables.
type Plan struct {
	base  int // part of fixed that execution does not count as objects
	fixed int
	lists []list
}

// A list is a part of a plan whose cost depends on variables: the longest of the sizes times the
// cost of an element.
type list struct {
	sizes   []measure
	element Plan
}

// A measure returns the size of a list.
type measure func(variables map[string]any) int

// Plan returns the plan of an operation of a validated document.
func (s Sizes) Plan(document *ast.QueryDocument, op *ast.OperationDefinition, schema *ast.Schema) *Plan {
	m := merger{fragments: make(map[string]*fragment, len(document.Fragments))}
	for _, f := range document.Fragments {
		m.fragments[f.Name] = &fragment{FragmentDefinition: f}
	}
	planner := planner{Sizes: s, merger: m, schema: schema}
	var plan Plan
	for _, f := range planner.collect([]ast.SelectionSet{op.SelectionSet}) {
		planner.addRoot(&plan, f, op.Operation)
	}
	return &plan
}

// A planner makes the plan of one operation.
type planner struct {
	Sizes
	merger
	schema *ast.Schema
}

func (p *planner) addRoot(plan *Plan, f *merged, kind ast.Operation) {
	switch name := f.fields[0].Name; {
	case name == "__schema" || name == "__type":
		plan.addBase(introspectionCost)
	case kind == ast.Mutation:
		plan.addBase(mutationCost)
		p.addBelow(plan, f)
	default:
		p.add(plan, f, nil)
	}
}

// add adds the cost of a field's value; around is the field whose object holds it.
func (p *planner) add(plan *Plan, f, around *merged) {
	def := f.fields[0].Definition
	if def == nil || !p.schema.Types[def.Type.Name()].IsCompositeType() {
		return
	}
	element := Plan{fixed: 1}
	p.addBelow(&element, f)
	if def.Type.Elem == nil {
		plan.add(element)
		return
	}
	plan.lists = append(plan.lists, list{p.sizes(f, around), element})
}

func (p *planner) addBelow(plan *Plan, f *merged) {
	for _, below := range p.collect(f.sets) {
		p.add(plan, below, f)
	}
}

func (p *Plan) addBase(cost int) {
	p.base += cost
	p.fixed += cost
}

func (p *Plan) add(other Plan) {
	p.fixed = min(most, p.fixed+other.fixed)
	p.lists = append(p.lists, other.lists...)
}

// sizes returns the sizes that a list may have: that of the page, or of the longest list in the
// arguments, of its own field or of the one around it.
func (p *planner) sizes(f, around *merged) []measure {
	name := f.fields[0].Definition.Type.Name()
	if size, known := p.Of[name]; known {
		return []measure{fixed(size)}
	}
	var all []measure
	for _, holder := range []*merged{f, around} {
		if holder != nil {
			all = append(all, p.sizesBy(holder)...)
		}
	}
	if all == nil {
		return []measure{fixed(listSize)}
	}
	if p.schema.Types[name].IsAbstractType() {
		return []measure{func(variables map[string]any) int { return min(p.Most, maximum(all, variables)) }}
	}
	return all
}

func fixed(size int) measure { return func(map[string]any) int { return size } }

// sizesBy returns the sizes that the arguments of a field set.
func (p *planner) sizesBy(holder *merged) (all []measure) {
	for _, field := range holder.fields {
		if field.Definition != nil && field.Definition.Arguments.ForName("first") != nil {
			all = append(all, p.page(field))
		}
		for _, argument := range field.Arguments {
			if size := longest(argument.Value); size != nil {
				all = append(all, size)
			}
		}
	}
	return all
}

// page returns the size of a page. A size that is no number counts as the largest.
func (p *planner) page(f *ast.Field) measure {
	first, last := f.Arguments.ForName("first"), f.Arguments.ForName("last")
	return func(variables map[string]any) int {
		size := 0
		for _, argument := range []*ast.Argument{first, last} {
			if argument == nil {
				continue
			}
			value, err := argument.Value.Value(variables)
			if value == nil && err == nil {
				continue
			}
			n, isNumber := number(value)
			if !isNumber || n > int64(p.Most) {
				return p.Most
			}
			size = max(size, int(n))
		}
		if size == 0 {
			return p.Default
		}
		return size
	}
}

func number(value any) (n int64, ok bool) {
	switch value := value.(type) {
	case int64:
		return value, true
	case int:
		return int64(value), true
	case json.Number:
		n, err := value.Int64()
		return n, err == nil
	}
	return 0, false
}

// longest returns a measure of the longest list in an argument; nil if it contains none.
func longest(v *ast.Value) measure {
	switch {
	case v.Kind == ast.Variable:
		if v.VariableDefinition == nil || !mayHoldList(v.VariableDefinition.Type, v.VariableDefinition.Definition) {
			return nil
		}
		return func(variables map[string]any) int { return longestIn(variables[v.Raw], 0) }
	case v.Kind == ast.ListValue:
		return fixed(len(v.Children))
	case v.Kind == ast.ObjectValue:
		return longestOf(v.Children)
	}
	return nil
}

func longestOf(children ast.ChildValueList) measure {
	var all []measure
	for _, child := range children {
		if size := longest(child.Value); size != nil {
			all = append(all, size)
		}
	}
	if all == nil {
		return nil
	}
	return func(variables map[string]any) int { return maximum(all, variables) }
}

// mayHoldList reports whether a variable of a type is a list or an object, which may contain lists.
func mayHoldList(t *ast.Type, def *ast.Definition) bool {
	return t.Elem != nil || def != nil && def.Kind == ast.InputObject
}

// longestIn returns the length of the longest list in a value; 0 if it contains none.
func longestIn(value any, n int) int {
	switch value := value.(type) {
	case []any:
		n = max(n, len(value))
	case map[string]any:
		for _, field := range value {
			n = longestIn(field, n)
		}
	}
	return n
}

func maximum(sizes []measure, variables map[string]any) (n int) {
	for _, size := range sizes {
		n = max(n, size(variables))
	}
	return n
}

// Of returns the most that the operation can cost with these values of its variables.
func (p *Plan) Of(variables map[string]any) int {
	cost := p.fixed
	for i := range p.lists {
		l := &p.lists[i]
		cost = min(most, cost+maximum(l.sizes, variables)*l.element.Of(variables))
	}
	return cost
}

// Base returns what the operation costs beside the objects that it reads.
func (p *Plan) Base() int { return p.base }
