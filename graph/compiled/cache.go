package compiled

import (
	"slices"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Plans keeps the plans of one operation, which differ in what @include and @skip leave. Its zero
// value is empty.
type Plans struct {
	// Grown is called, if it is set, with the number of bytes by which the kept plans have grown.
	Grown func(bytes int)

	mu         sync.Mutex
	surveyed   bool
	conditions []string              // variables that @include and @skip use
	fields     int                   // of all kept plans
	of         map[string]*selection // by the values of the conditions
}

// maxKeptFields is the most fields of the kept plans of one operation. A larger plan is compiled
// again each time.
const maxKeptFields = 5_000

// fieldBytes is how much memory a field of a plan takes, with its part of edges and tables.
const fieldBytes = 320

// plan returns the plan of an operation with these variables.
func (s *Schema) plan(op *graphql.OperationContext) (*selection, error) {
	kept := s.Kept(op)
	if kept == nil {
		kept = &Plans{}
	}
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if !kept.surveyed {
		kept.survey(op)
	}
	values := kept.valuesIn(op)
	if plan, ok := kept.of[string(values)]; ok {
		return plan, nil
	}
	c := &compiler{Schema: s, op: op}
	plan, err := c.operation()
	if err != nil {
		return plan, err
	}
	kept.keep(string(values), plan, c.fields)
	return plan, nil
}

// valuesIn returns the values of the variables that decide what is left out.
func (p *Plans) valuesIn(op *graphql.OperationContext) []byte {
	values := make([]byte, len(p.conditions))
	for i, name := range p.conditions {
		if value, _ := op.Variables[name].(bool); value {
			values[i] = 1
		}
	}
	return values
}

func (p *Plans) keep(values string, plan *selection, fields int) {
	before := p.fields
	switch {
	case fields > maxKeptFields:
		return
	case before+fields > maxKeptFields:
		clear(p.of)
		p.fields = 0
	}
	p.fields += fields
	p.of[values] = plan
	if p.Grown != nil {
		p.Grown((p.fields - before) * fieldBytes)
	}
}

// survey finds the variables that decide what is left out.
func (p *Plans) survey(op *graphql.OperationContext) {
	p.surveyed, p.of = true, map[string]*selection{}
	for selected := range Selections(op.Operation.SelectionSet) {
		for _, d := range Directives(selected) {
			switch d.Name {
			case "include", "skip":
				condition := d.Arguments.ForName("if")
				if condition != nil && condition.Value.Kind == ast.Variable && !slices.Contains(p.conditions, condition.Value.Raw) {
					p.conditions = append(p.conditions, condition.Value.Raw)
				}
			}
		}
	}
}
