package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"switchboard/service"
)

// documentLimit is the largest size of a document in bytes, for every transport.
const documentLimit = 64 << 10

// documents is a gqlgen extension that checks a request before it is executed: the size of the
// document, the name of the operation, and the values of its variables.
type documents struct {
	schema *ast.Schema
	cache  graphql.Cache[*ast.QueryDocument] // shared with gqlgen's executor
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
	graphql.OperationContextMutator
} = (*documents)(nil)

// ExtensionName implements graphql.HandlerExtension.
func (*documents) ExtensionName() string { return "Documents" }

// Validate implements graphql.HandlerExtension; it keeps the schema.
func (d *documents) Validate(s graphql.ExecutableSchema) error {
	if d.schema = s.Schema(); d.schema == nil {
		return errors.New("there is no schema")
	}
	return nil
}

// MutateOperationParameters checks the parameters of a request and replaces the variables by their
// coerced values. It ignores errors in the document itself, which the executor reports.
func (d *documents) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	if len(params.Query) > documentLimit {
		return coded(operationLimit, "the document is too long: it may have %d KiB; send what varies as variables", documentLimit>>10)
	}
	document, known := d.cache.Get(ctx, params.Query)
	if !known {
		var err error
		if document, err = parser.ParseQuery(&ast.Source{Input: params.Query}); err != nil {
			return nil
		}
	}
	op := document.Operations.ForName(params.OperationName)
	if op == nil && params.OperationName == "" && len(document.Operations) > 1 {
		return invalid("the document has several operations; name the one to execute in operationName")
	}
	if op == nil {
		return nil
	}
	values, err := coercion{d.schema}.variables(op.VariableDefinitions, params.Variables)
	params.Variables = values
	return err
}

// MutateOperationContext refuses a null variable that the validated document uses where the schema
// allows no null.
func (*documents) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	return refuseNulls(op)
}

// operationLimit is the code for a document that exceeds a limit.
const operationLimit service.ErrorCode = "OPERATION_LIMIT"

// invalid returns an error with the code of a failed validation.
func invalid(format string, args ...any) *gqlerror.Error {
	err := gqlerror.Errorf(format, args...)
	errcode.Set(err, errcode.ValidationFailed)
	return err
}

// rulesWithoutSuggestions returns the rules of validation without suggestions in their messages,
// which would reveal names of the schema where introspection is switched off.
func rulesWithoutSuggestions() *rules.Rules {
	r := rules.NewDefaultRules()
	for _, rule := range []struct {
		suggesting, silent core.Rule
	}{
		{rules.FieldsOnCorrectTypeRule, rules.FieldsOnCorrectTypeRuleWithoutSuggestions},
		{rules.KnownArgumentNamesRule, rules.KnownArgumentNamesRuleWithoutSuggestions},
		{rules.KnownTypeNamesRule, rules.KnownTypeNamesRuleWithoutSuggestions},
		{rules.ScalarLeafsRule, rules.ScalarLeafsRuleWithoutSuggestions},
		{rules.ValuesOfCorrectTypeRule, rules.ValuesOfCorrectTypeRuleWithoutSuggestions},
	} {
		r.RemoveRule(rule.suggesting.Name)
		r.AddRule(rule.silent.Name, rule.silent.RuleFunc)
	}
	return r
}
