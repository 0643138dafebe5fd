package compiled

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// A Schema executes operations by plans. It stands in for gqlgen's executable schema, whose schema
// and limits it keeps.
type Schema struct {
	graphql.ExecutableSchema
	Options
}

// Options are what a schema is made of.
type Options struct {
	Tables map[string]*Object
	// TypeOf returns the name of the type of an object that is returned as an interface or union.
	TypeOf func(object any) string
	// Fresh returns a context in which nothing has been read yet, for each field of a mutation.
	Fresh func(ctx context.Context) context.Context
	// Anonymous returns the error of fields that depend on the caller, if there is none.
	Anonymous func(ctx context.Context) error
	// Permit returns why the caller may not use a root field. It is called before the field's
	// arguments are read.
	Permit func(ctx context.Context, field string) error
	// Limit is about how many bytes the data of one answer may have; 0: no limit. Beyond it the data
	// is null, with the error TooLarge.
	Limit    int
	TooLarge error
	// Kept returns where the plans of an operation are kept; nil: nowhere.
	Kept func(op *graphql.OperationContext) *Plans
	// Count is called with the number of objects that were read for a query or mutation, perhaps
	// by several goroutines.
	Count func(op *graphql.OperationContext, objects int)
	// Around is called before each field is written and can return its error or ErrAsNull; for tests.
	Around func(ctx context.Context, object string, f *ast.Field, path ast.Path) error
}

// New returns a schema that executes operations by plans instead of by an executable schema.
func New(executable graphql.ExecutableSchema, o Options) *Schema {
	return &Schema{ExecutableSchema: executable, Options: o}
}

// An execution is the execution of one operation.
type execution struct {
	*Schema
	op        *graphql.OperationContext
	plan      *selection
	anonymous error
}

// Exec implements graphql.ExecutableSchema.
func (s *Schema) Exec(ctx context.Context) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	plan, err := s.plan(op)
	if err != nil {
		graphql.AddError(ctx, err)
		return nil
	}
	x := &execution{s, op, plan, s.Anonymous(ctx)}
	if op.Operation.Operation == ast.Subscription {
		return x.subscribe(ctx)
	}
	done := false
	return func(ctx context.Context) *graphql.Response {
		if done {
			return nil
		}
		done = true
		root := &level{selection: plan, objects: []any{struct{}{}}}
		x.readRoot(ctx, root, op.Operation.Operation == ast.Mutation)
		return &graphql.Response{Data: x.writeAnswer(ctx, root)}
	}
}

// maxExpected is the most memory in bytes that is taken for an answer before it is written.
const maxExpected = 64 << 10

// writeAnswer returns the JSON of the root object. It expects about as much as the last time.
func (x *execution) writeAnswer(ctx context.Context, root *level) []byte {
	expected := min(x.plan.size.Load(), maxExpected)
	json := x.write(ctx, root, 0, make([]byte, 0, expected+expected/8))
	x.plan.size.Store(int64(len(json)))
	return json
}

// subscribe starts a subscription. Its handler returns a response for each item.
func (x *execution) subscribe(ctx context.Context) graphql.ResponseHandler {
	f := &x.plan.only.fields[0]
	e := x.plan.edges[0]
	items, err := x.start(graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: x.plan.only.table.Name, Field: e.source}), f, e)
	if err != nil { // report adds the field's context
		w := &writer{execution: x, ctx: ctx, path: ast.Path{f.name}}
		w.fail(f, err)
		w.report()
		return nil
	}
	var json []byte
	return func(ctx context.Context) *graphql.Response {
		item, ok := items(ctx)
		if !ok {
			return nil
		}
		root := x.itemRoot(ctx, []any{item})
		json = x.write(ctx, root, 0, json[:0])
		return &graphql.Response{Data: json}
	}
}

// start calls the resolver of a subscription.
func (x *execution) start(ctx context.Context, f *field, e *edge) (items Items, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = x.op.RecoverFunc(ctx, reason)
		}
	}()
	if err := x.Permit(ctx, e.source.Name); err != nil {
		return nil, err
	}
	args, err := x.arguments(ctx, e.source, f.Stream.Args)
	if err != nil {
		return nil, err
	}
	return f.Stream.Start(withAhead(ctx, func(ctx context.Context, items []any) { x.itemRoot(ctx, items) }), args)
}

// itemRoot reads what the document selects of items. It returns a root level that holds the first
// one.
func (x *execution) itemRoot(ctx context.Context, items []any) *level {
	below := &level{selection: x.plan.edges[0].below, objects: items}
	x.read(ctx, below)
	single := run{values: Values{Object: func(int) any { return items[0] }}, spans: []span{{0, 1, false}}, below: below}
	return &level{selection: x.plan, objects: []any{struct{}{}}, runs: []run{single}}
}

type aheadKey struct{}

func withAhead(ctx context.Context, read func(context.Context, []any)) context.Context {
	return context.WithValue(ctx, aheadKey{}, read)
}

// Ahead returns a function that reads what the document of a subscription selects of several items
// together. It is meant for a source that keeps what relations have read for these items. ctx is
// that of the field's resolver. Executors other than this package's do not read ahead.
func Ahead(ctx context.Context) func(ctx context.Context, items []any) {
	if read, ok := ctx.Value(aheadKey{}).(func(context.Context, []any)); ok {
		return read
	}
	return func(context.Context, []any) {}
}

// refuse returns the error for a document that no plan can be made of.
func refuse(code, message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": code}}
}
