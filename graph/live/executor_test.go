package live_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"switchboard/graph/live"
)

// TestInterceptors: an interceptor's time limit ends a subscription with an error, not with a
// complete, which would look like its normal end.
func TestInterceptors(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	var instead graphql.ResponseHandler
	s.exec.AroundOperations(func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		if instead != nil {
			return instead
		}
		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		context.AfterFunc(ctx, cancel)
		return next(ctx)
	})
	c := s.connect(t)
	c.subscribe("s", "subscription {names}")
	c.want(`{"id":"s","type":"error","payload":[{"message":"context deadline exceeded"}]}`)

	instead = graphql.OneShot(&graphql.Response{Errors: gqlerror.List{{Message: "rate limited"}}})
	c.subscribe("q", "{name}")
	c.want(`{"id":"q","type":"error","payload":[{"message":"rate limited"}]}`)
	c.wantQuiet()

	// An interceptor that ignores that a query has a single response.
	instead = func(context.Context) *graphql.Response { return &graphql.Response{Data: []byte(`{}`)} }
	c.subscribe("q", "{name}")
	c.want(`{"id":"q","type":"next","payload":{"data":{}}}`)
	c.want(`{"id":"q","type":"complete"}`)
	c.wantQuiet()
}

func TestVariablesKeepTheirNumbers(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	got := make(chan any, 1)
	s.world.resolve = map[string]func(context.Context, map[string]any) (any, error){
		"add": func(_ context.Context, args map[string]any) (any, error) { got <- args["numbers"]; return "", nil },
	}
	c := s.connect(t)
	c.send(`{"id":"q","type":"subscribe","payload":{"query":"query($n:[Float!]!){add(numbers:$n)}","variables":{"n":[9007199254740993,0.10]}}}`)
	if numbers := fmt.Sprintf("%T %v", receive(t, got).([]any)[0], []any{"9007199254740993", "0.10"}); numbers != "json.Number [9007199254740993 0.10]" {
		t.Errorf("numbers arrive as %s", numbers)
	}
}

type panicking struct{ extension }

func (panicking) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if op.OperationName == "Bad" {
		panic("in an extension")
	}
	return nil
}

type extension struct{}

func (extension) ExtensionName() string                   { return "Test" }
func (extension) Validate(graphql.ExecutableSchema) error { return nil }

// TestPanicEndsOneSocket: a panic outside a resolver ends one socket, not the process and not other
// sockets.
func TestPanicEndsOneSocket(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	s.exec.Use(panicking{})
	c, other := s.connect(t), s.connect(t)
	c.send(`{"id":"q","type":"subscribe","payload":{"query":"query Bad {name}","operationName":"Bad"}}`)
	c.wantClose(1011, "Internal server error")
	other.subscribe("q", "{name}")
	other.want(`{"id":"q","type":"next","payload":{"data":{"name":"Ada"}}}`)
	other.want(`{"id":"q","type":"complete"}`)
}

// panickingAtStart panics when a subscription is started, and relies on the operation as the
// server's own interceptors do.
type panickingAtStart struct{ extension }

func (panickingAtStart) InterceptOperation(context.Context, graphql.OperationHandler) graphql.ResponseHandler {
	panic("in an extension")
}

func (panickingAtStart) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	_ = graphql.GetOperationContext(ctx).Operation.Name
	return next(ctx)
}

// TestPanicEndsOneGroup: a panic that starts a shared subscription ends that subscription with an
// error, not the process.
func TestPanicEndsOneGroup(t *testing.T) {
	s := sharing(t, &live.WebSocket{})
	s.exec.Use(panickingAtStart{})
	c := s.connect(t)
	c.follow("s", "log", "0")
	if text, err := c.read(); err != nil || !strings.Contains(text, `"type":"error"`) {
		t.Fatalf("the subscription is answered %s, %v", text, err)
	}
	c.send(`{"type":"ping"}`)
	c.want(`{"type":"pong"}`)
}
