package graph

import (
	"net/http"
	"net/http/httptest"

	"github.com/99designs/gqlgen/graphql"
)

// What tests need of the inside.
var (
	Share     = share
	ActorOf   = actorOf
	WithActor = withActor

	WithObjectsOnly = withObjectsOnly
)

// NewExecutor is what a handler's transports execute with; around sees each field.
func NewExecutor(o Options, around graphql.FieldMiddleware) graphql.GraphExecutor {
	server := o.server()
	server.AroundFields(around)
	var taken taker
	server.AddTransport(&taken)
	server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/graphql", nil))
	return taken.GraphExecutor
}

// taker is a transport that keeps what it is given to execute with.
type taker struct{ graphql.GraphExecutor }

func (t *taker) Supports(*http.Request) bool { return true }

func (t *taker) Do(_ http.ResponseWriter, _ *http.Request, exec graphql.GraphExecutor) {
	t.GraphExecutor = exec
}
