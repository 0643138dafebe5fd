package live_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"switchboard/graph/live"
)

var schema = gqlparser.MustLoadSchema(&ast.Source{Name: "test.graphqls", Input: `
	type Query {
		name: String!
		nickname: String
		add(numbers: [Float!]!): String
		waits: String
		broken: String!
		panics: String
	}
	type Mutation { rename(to: String!): String! }
	type Subscription { names(topic: String, after: String): String! }
`})

// A world is an executable schema like a generated one, for three root types of scalars, with
// resolvers that a test can set. The executor, its validation and its field functions are gqlgen's.
type world struct {
	name    string
	resolve map[string]func(ctx context.Context, args map[string]any) (any, error)
	names   func(ctx context.Context, topic string) (<-chan string, error)
	log     *journal // serves topics that start with "log"
}

func (w *world) Schema() *ast.Schema { return schema }

func (w *world) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

func (w *world) Exec(ctx context.Context) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	if op.Operation.Operation == ast.Subscription {
		next := w.stream(ctx, op)
		if next == nil {
			return graphql.OneShot(graphql.ErrorResponse(ctx, "no stream"))
		}
		return graphql.SubscriptionResponseHandler(graphql.StreamWithoutEventContext(next))
	}
	done := false
	return func(ctx context.Context) *graphql.Response {
		if done {
			return nil
		}
		done = true
		return &graphql.Response{Data: w.object(ctx, op)}
	}
}

func (w *world) object(ctx context.Context, op *graphql.OperationContext) []byte {
	data := []byte("{")
	for i, field := range graphql.CollectFields(op, op.Operation.SelectionSet, nil) {
		var value buffer
		resolved := graphql.ResolveField(ctx, op, field, fieldContext(op), func(ctx context.Context) (any, error) {
			return w.field(ctx, field.Name, field.ArgumentMap(op.Variables))
		}, nil, marshalString, true, field.Definition.Type.NonNull)
		if resolved == graphql.Null && field.Definition.Type.NonNull {
			return []byte("null")
		}
		resolved.MarshalGQL(&value)
		if i > 0 {
			data = append(data, ',')
		}
		data = append(append(data, `"`+field.Alias+`":`...), value...)
	}
	return append(data, '}')
}

func (w *world) field(ctx context.Context, name string, args map[string]any) (any, error) {
	if resolve := w.resolve[name]; resolve != nil {
		return resolve(ctx, args)
	}
	switch name {
	case "name":
		return w.name, nil
	case "rename":
		return args["to"], nil
	case "waits":
		<-ctx.Done()
		return nil, ctx.Err()
	case "panics":
		panic("a resolver's panic")
	}
	return nil, errors.New("it is " + name)
}

func (w *world) stream(ctx context.Context, op *graphql.OperationContext) func(context.Context) graphql.Marshaler {
	field := graphql.CollectFields(op, op.Operation.SelectionSet, nil)[0]
	return graphql.ResolveFieldStream(ctx, op, field, fieldContext(op), func(ctx context.Context) (any, error) {
		args := field.ArgumentMap(op.Variables)
		topic, _ := args["topic"].(string)
		if strings.HasPrefix(topic, "log") {
			return w.log.subscribe(ctx, topic, args["after"])
		}
		return w.names(ctx, topic)
	}, nil, marshalString, true, true)
}

func fieldContext(op *graphql.OperationContext) func(context.Context, graphql.CollectedField) (*graphql.FieldContext, error) {
	return func(_ context.Context, field graphql.CollectedField) (*graphql.FieldContext, error) {
		return &graphql.FieldContext{Object: field.ObjectDefinition.Name, Field: field, Args: field.ArgumentMap(op.Variables)}, nil
	}
}

// marshalString panics for the value "panic".
func marshalString(_ context.Context, _ ast.SelectionSet, value string) graphql.Marshaler {
	if value == "panic" {
		panic("a scalar's panic")
	}
	return graphql.MarshalString(value)
}

type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// A coded is an error whose code present shows; other errors get no code.
type coded string

func (c coded) Error() string { return "it is " + string(c) }

func present(ctx context.Context, err error) *gqlerror.Error {
	var code coded
	shown := graphql.DefaultErrorPresenter(ctx, err)
	if errors.As(err, &code) {
		shown.Extensions = map[string]any{"code": string(code)}
	}
	return shown
}

// A topic is a subscription that a test controls: what the test sends on items is delivered in
// order.
type topic struct {
	items chan string
	begun chan context.Context // the context of each started subscription
	ended chan error           // the cause of each ended context
	fail  chan error           // ends the subscription with an error
}

func newTopic() *topic {
	return &topic{make(chan string), make(chan context.Context, 64), make(chan error, 64), make(chan error)}
}

func (p *topic) subscribe(ctx context.Context) (<-chan string, error) {
	p.begun <- ctx
	t := &tap{topic: p, ctx: ctx, out: make(chan string, 1)}
	live.Pull(ctx, t)
	return t.out, nil
}

// A tap is the source of one subscription to a topic.
type tap struct {
	*topic
	ctx context.Context
	out chan string

	item *string // received by Wait, not yet taken by Next
	over bool
	err  error
}

func (t *tap) Next(context.Context) (bool, error) {
	switch {
	case t.item != nil:
		t.out <- *t.item
		t.item = nil
		return true, nil
	case t.over:
		close(t.out)
		return true, nil
	}
	return false, t.err
}

func (t *tap) Wait(ctx context.Context) error {
	select {
	case item, ok := <-t.items:
		if t.over = !ok; ok {
			t.item = &item
		}
	case t.err = <-t.fail:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (t *tap) Position() (live.Position, bool) { return live.Position{}, false }

func (t *tap) Close() { t.ended <- context.Cause(t.ctx) }

func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-timeout(t):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
