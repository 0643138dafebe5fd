package graph

import (
	"context"
	"errors"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"

	"switchboard/graph/compiled"
	"switchboard/graph/limit"
	"switchboard/service"
)

// documents is a gqlgen extension that decides whether an operation is executed: by the limits of
// its document, before that is validated, by the values of its variables, and by its cost. It is
// also the cache of gqlgen's executor, since it keeps what it has decided.
type documents struct {
	schema   *ast.Schema
	kept     *limit.Cache[*document]
	trusted  *trusted
	spending *spending
}

// A document is one that was validated, with what is computed once for each of its operations.
type document struct {
	*ast.QueryDocument
	isTrusted  bool
	operations map[*ast.OperationDefinition]*operation
}

type operation struct {
	plans compiled.Plans
	cost  *limit.Plan
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
	graphql.OperationContextMutator
	graphql.Cache[*ast.QueryDocument]
} = (*documents)(nil)

const (
	keptDocuments = 32 << 20 // bytes of the documents that are kept
	tokenBytes    = 230      // of memory that a token of a parsed document takes
)

// ExtensionName implements graphql.HandlerExtension.
func (*documents) ExtensionName() string { return "Documents" }

// Validate implements graphql.HandlerExtension; it keeps the schema.
func (d *documents) Validate(s graphql.ExecutableSchema) error {
	if d.schema = s.Schema(); d.schema == nil {
		return errors.New("there is no schema")
	}
	return nil
}

// MutateOperationParameters checks the document of a request against the limits and replaces the
// variables by their coerced values. It ignores other errors in the document itself, which the
// executor reports.
func (d *documents) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	if len(params.Query) > limit.Bytes {
		return tooLong()
	}
	document, err := d.document(ctx, params.Query)
	if document == nil || err != nil {
		return err
	}
	op := document.Operations.ForName(params.OperationName)
	if op == nil && params.OperationName == "" && len(document.Operations) > 1 {
		return invalid("the document has several operations; name the one to execute in operationName")
	}
	if op == nil {
		return nil
	}
	params.Variables, err = coercion{d.schema}.variables(op.VariableDefinitions, params.Variables)
	return err
}

func tooLong() *gqlerror.Error {
	return coded(operationLimit, "the document is too long: it may have %d KiB; send what varies as variables", limit.Bytes>>10)
}

// document returns the parsed document of a text; nil if it cannot be parsed. It returns an error
// if the document exceeds a limit. One that was kept is handed to the executor.
func (d *documents) document(ctx context.Context, text string) (*ast.QueryDocument, *gqlerror.Error) {
	if known := d.trusted.get(text); known != nil {
		handOver(graphql.GetOperationContext(ctx), known)
		return known.QueryDocument, nil
	}
	if err := d.trusted.judge(); err != nil {
		return nil, err
	}
	if known, isKnown := d.kept.Get(text); isKnown {
		handOver(graphql.GetOperationContext(ctx), known)
		return known.QueryDocument, nil
	}
	parsed, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, limit.Tokens)
	if err != nil {
		if strings.HasPrefix(err.Error(), tokenError) {
			return nil, coded(operationLimit, "the document is too long: it may have %d tokens, such as names and braces; send what varies as variables", limit.Tokens)
		}
		return nil, nil
	}
	return parsed, limit.Check(parsed)
}

// tokenError is how the parser's error for too many tokens begins, as it is shown.
const tokenError = "input: exceeded token limit"

// handOver makes a document that was validated that of an operation.
func handOver(op *graphql.OperationContext, known *document) {
	op.Doc = known.QueryDocument
	op.Stats.SetExtension("document", known)
}

// operationOf returns what was computed for an operation; nil for one whose document was not
// validated here.
func operationOf(op *graphql.OperationContext) *operation {
	if known, ok := op.Stats.GetExtension("document").(*document); ok {
		return known.operations[op.Operation]
	}
	return nil
}

// measuredName returns the name by which an operation is measured. Only trusted documents have names
// of their own, since every name adds measures.
func measuredName(op *graphql.OperationContext) string {
	if known, ok := op.Stats.GetExtension("document").(*document); ok && known.isTrusted && op.Operation.Name != "" {
		return op.Operation.Name
	}
	return "other"
}

// plansOf returns where the plans of an operation are kept.
func plansOf(op *graphql.OperationContext) *compiled.Plans {
	if known := operationOf(op); known != nil {
		return &known.plans
	}
	return nil
}

// Get implements graphql.Cache: it returns the document that was handed over.
func (d *documents) Get(ctx context.Context, _ string) (*ast.QueryDocument, bool) {
	known := graphql.GetOperationContext(ctx).Doc
	return known, known != nil
}

// Add implements graphql.Cache: it keeps a document that the executor has validated.
func (d *documents) Add(ctx context.Context, text string, validated *ast.QueryDocument) {
	known := d.prepared(validated, func(bytes int) { d.kept.Grow(text, bytes) })
	d.trusted.note(validated)
	d.kept.Add(text, known, len(text)+tokenBytes*limit.CountTokens(text))
	handOver(graphql.GetOperationContext(ctx), known)
}

// prepared returns a validated document with what is computed once for its operations. grown is
// told when their plans take more memory.
func (d *documents) prepared(validated *ast.QueryDocument, grown func(bytes int)) *document {
	known := &document{QueryDocument: validated, operations: map[*ast.OperationDefinition]*operation{}}
	for _, op := range validated.Operations {
		known.operations[op] = &operation{cost: listSizes.Plan(validated, op, d.schema), plans: compiled.Plans{Grown: grown}}
	}
	return known
}

// MutateOperationContext refuses a null variable that the validated document uses where the schema
// allows no null, and an operation that costs too much.
func (d *documents) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if err := refuseNulls(op); err != nil {
		return err
	}
	return d.spending.charge(ctx, op, operationOf(op).cost)
}

// operationLimit is the code for a document that exceeds a limit.
const operationLimit service.ErrorCode = limit.Code

// documentNotFound is the code for a document that is not trusted.
const documentNotFound service.ErrorCode = "DOCUMENT_NOT_FOUND"

// invalid returns an error with the code of a failed validation.
func invalid(format string, args ...any) *gqlerror.Error {
	err := gqlerror.Errorf(format, args...)
	errcode.Set(err, errcode.ValidationFailed)
	return err
}
