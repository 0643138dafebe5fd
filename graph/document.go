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

// documentLimit is how many bytes a document may have, whichever way it comes in.
const documentLimit = 64 << 10

// documents checks what is sent before the executor sees it: the size of the document, which
// of its operations is meant, and the values of that one's variables.
type documents struct {
	schema *ast.Schema
	cache  graphql.Cache[*ast.QueryDocument] // the executor's
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
} = (*documents)(nil)

// ExtensionName names it to the executor.
func (*documents) ExtensionName() string { return "Documents" }

// Validate takes the schema.
func (d *documents) Validate(s graphql.ExecutableSchema) error {
	if d.schema = s.Schema(); d.schema == nil {
		return errors.New("there is no schema")
	}
	return nil
}

// MutateOperationParameters checks the parameters of a request, and replaces its variables by
// their values. What is wrong with the document itself is for the executor to find.
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

// operationLimit is the code of a document that asks for too much.
const operationLimit service.ErrorCode = "OPERATION_LIMIT"

// invalid returns an error as validation does.
func invalid(format string, args ...any) *gqlerror.Error {
	err := gqlerror.Errorf(format, args...)
	errcode.Set(err, errcode.ValidationFailed)
	return err
}

// rulesWithoutSuggestions are the rules of validation whose messages name nothing of the schema
// that the document does not name itself.
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
