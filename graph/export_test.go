package graph

import (
	"context"
	"net/http"
	"net/http/httptest"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/ast"

	"switchboard/graph/compiled"
)

// Internals that the tests of package graph_test use.
var (
	Share     = share
	ActorOf   = actorOf
	WithActor = withActor

	WithObjectsOnly = withObjectsOnly
	Rules           = Options.rules
)

// NewExecutor returns the executor of a handler's transports; around is called for each field.
func NewExecutor(o Options, around graphql.FieldMiddleware) graphql.GraphExecutor {
	o.around = func(ctx context.Context, object string, f *ast.Field, path ast.Path) error {
		ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: object, Field: graphql.CollectedField{Field: f}})
		value, err := around(ctx, func(context.Context) (any, error) { return path, nil })
		if value == nil && err == nil {
			return compiled.ErrAsNull
		}
		return err
	}
	o.allErrors = true
	return executorOf(o.serverOf(compiled.New(o.reference(), o.plans()), o.newDocuments()))
}

// NewReference returns gqlgen's own executor for the same operations.
func NewReference(o Options, around graphql.FieldMiddleware) graphql.GraphExecutor {
	o.allErrors = true
	server := o.serverOf(o.reference(), o.newDocuments())
	server.AroundFields(around)
	server.AroundFields(func(ctx context.Context, next graphql.Resolver) (any, error) {
		field := graphql.GetFieldContext(ctx)
		if field.Object == "Query" || field.Object == "Mutation" {
			if err := permit(ctx, field.Field.Name); err != nil {
				return nil, err
			}
		}
		return next(ctx)
	})
	return executorOf(server)
}

func executorOf(server *handler.Server) graphql.GraphExecutor {
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
