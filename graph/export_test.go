package graph

import (
	"net/http"
	"net/http/httptest"

	"github.com/99designs/gqlgen/graphql"
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
	server := o.server()
	server.AroundFields(around)
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
