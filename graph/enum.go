package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// exactEnums refuses enum values in variables that are spelled in another case than in
// the schema. The executor lets them pass, and what is then neither MINE nor ALL would be
// taken for something else.
type exactEnums struct{ schema *ast.Schema }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
} = (*exactEnums)(nil)

// ExtensionName names it to the executor.
func (*exactEnums) ExtensionName() string { return "ExactEnums" }

// Validate takes the schema.
func (e *exactEnums) Validate(s graphql.ExecutableSchema) error {
	if e.schema = s.Schema(); e.schema == nil {
		return errors.New("there is no schema")
	}
	return nil
}

// MutateOperationContext looks at the variables of an operation.
func (e *exactEnums) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	for _, v := range op.Operation.VariableDefinitions {
		if err := e.check(op.Variables[v.Variable], v.Type, ast.Path{ast.PathName("variable"), ast.PathName(v.Variable)}); err != nil {
			errcode.Set(err, errcode.ValidationFailed)
			return err
		}
	}
	return nil
}

func (e *exactEnums) check(value any, t *ast.Type, path ast.Path) *gqlerror.Error {
	switch value := value.(type) {
	case []any:
		if t.Elem == nil {
			return nil // a scalar for which it is up to that to refuse it
		}
		for i, one := range value {
			if err := e.check(one, t.Elem, append(path, ast.PathIndex(i))); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, field := range e.schema.Types[t.Name()].Fields {
			if err := e.check(value[field.Name], field.Type, append(path, ast.PathName(field.Name))); err != nil {
				return err
			}
		}
	case string:
		def := e.schema.Types[t.Name()]
		if def.Kind == ast.Enum && def.EnumValues.ForName(value) == nil {
			return gqlerror.ErrorPathf(path, "%s is not a value of %s", value, def.Name)
		}
	}
	return nil
}
