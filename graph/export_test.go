package graph

import (
	"context"
	"net/http"
	"net/http/httptest"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Internals that the tests of package graph_test use.
var (
	Share     = share
	ActorOf   = actorOf
	WithActor = withActor

	WithObjectsOnly = withObjectsOnly
)

// NewExecutor returns the executor of a handler's transports; around is called for each field.
func NewExecutor(o Options, around graphql.FieldMiddleware) graphql.GraphExecutor {
	o.around = func(ctx context.Context, object string, f *ast.Field, _ ast.Path) error {
		ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: object, Field: graphql.CollectedField{Field: f}})
		_, err := around(ctx, func(context.Context) (any, error) { return nil, nil })
		return err
	}
	server := o.server()
	var taken taker
	server.AddTransport(&taken)
	server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/graphql", nil))
	return taken.GraphExecutor
}

// taker is a transport that keeps the executor it is given.
type taker struct{ graphql.GraphExecutor }

func (t *taker) Supports(*http.Request) bool { return true }

func (t *taker) Do(_ http.ResponseWriter, _ *http.Request, exec graphql.GraphExecutor) {
	t.GraphExecutor = exec
}
