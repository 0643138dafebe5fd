package compiled

import (
	"slices"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// A cache keeps the plans of operations.
type cache struct {
	operations *lru.Cache[*ast.OperationDefinition, *plans]
}

// plans are the plans of one operation.
type plans struct {
	refused    *gqlerror.Error
	conditions []string // variables that @include and @skip use

	mu sync.Mutex
	of map[string]*selection // by the values of the conditions
}

// maxPlans is how many plans of one operation are kept at a time. A document whose conditions take
// more values than that is compiled again.
const maxPlans = 16

func newCache(size int) *cache {
	operations, err := lru.New[*ast.OperationDefinition, *plans](size)
	if err != nil {
		panic(err)
	}
	return &cache{operations}
}

// plan returns the plan of an operation with these variables.
func (s *Schema) plan(op *graphql.OperationContext) (*selection, error) {
	kept, ok := s.plans.operations.Get(op.Operation)
	if !ok {
		kept = survey(op)
		s.plans.operations.Add(op.Operation, kept)
	}
	if kept.refused != nil {
		return nil, kept.refused
	}
	values := make([]byte, len(kept.conditions))
	for i, name := range kept.conditions {
		if value, _ := op.Variables[name].(bool); value {
			values[i] = 1
		}
	}
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if plan, ok := kept.of[string(values)]; ok {
		return plan, nil
	}
	c := &compiler{Schema: s, op: op}
	plan, err := c.operation()
	if err != nil || c.fields > maxKeptFields {
		return plan, err
	}
	if len(kept.of) >= maxPlans {
		clear(kept.of)
	}
	kept.of[string(values)] = plan
	return plan, nil
}

// survey reads which directives an operation uses.
func survey(op *graphql.OperationContext) *plans {
	p := &plans{of: map[string]*selection{}}
	for selected := range Selections(op.Operation.SelectionSet) {
		for _, d := range Directives(selected) {
			switch d.Name {
			case "defer":
				p.refused = refuse("GRAPHQL_VALIDATION_FAILED", "@defer is not supported; leave it out, the answer is sent as a whole")
			case "include", "skip":
				condition := d.Arguments.ForName("if")
				if condition != nil && condition.Value.Kind == ast.Variable && !slices.Contains(p.conditions, condition.Value.Raw) {
					p.conditions = append(p.conditions, condition.Value.Raw)
				}
			}
		}
	}
	return p
}
