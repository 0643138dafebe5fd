package graph

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/google/uuid"
	"github.com/rs/cors"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"switchboard/graph/compiled"
	"switchboard/graph/live"
	"switchboard/service"
	"switchboard/service/workflow"
)

// Options configure a handler.
type Options struct {
	Service       *workflow.Service
	Auth          Authenticator
	Origins       Origins
	Introspection bool             // allow introspection, and suggestions in validation errors
	PingEvery     time.Duration    // interval of pings on a socket or stream; 0: 15 s
	ShedAfter     time.Duration    // time without the database before clients are disconnected; 0: 15 s
	Now           func() time.Time // nil: time.Now
	Log           *slog.Logger

	connections *connections
	around      func(ctx context.Context, object string, f *ast.Field, path ast.Path) error // for tests: called before each field is written
}

// Handler serves /graphql: POST, GET, WebSocket and server-sent events.
type Handler struct {
	options Options
	http    http.Handler
	sockets *live.WebSocket
	streams *live.EventStream
}

const (
	urlLimit         = 16 << 10  // bytes of a URL
	bodyLimit        = 256 << 10 // bytes of a request's body
	programBodyLimit = 2 << 20   // bytes of the body of an integration's request
	queryCache       = 1000      // number of parsed documents kept
)

// NewHandler returns the handler of the API.
func NewHandler(o Options) *Handler {
	o.connections = newConnections(o.Now)
	hub := &live.Hub{Share: share}
	h := &Handler{
		options: o,
		sockets: &live.WebSocket{Init: o.connect, Hub: hub, OperationLimit: operationsPerConnection, Ping: o.PingEvery, Log: o.Log},
		streams: &live.EventStream{Session: o.session, Caller: sender, Hub: hub, OperationLimit: operationsPerConnection, Ping: o.PingEvery, Log: o.Log},
	}
	server := o.server()
	server.AddTransport(h.sockets)
	server.AddTransport(h.streams)
	server.AddTransport(live.HTTP{Mutation: o.confirm})
	h.http = withRequestID(measured(o.Origins.guard(o.Log, o.cors(o.authenticate(server)))))
	return h
}

// reference returns the schema that gqlgen's own executor executes. It parses arguments and answers
// introspection; in tests it executes whole operations, to which those by plans are compared.
func (o Options) reference() graphql.ExecutableSchema {
	return NewExecutableSchema(Config{Schema: schema, Resolvers: o.resolver(), Directives: DirectiveRoot{PerCaller: perCaller}})
}

func (o Options) resolver() *Resolver { return &Resolver{service: o.Service} }

// plans returns the options of the schema that executes operations by plans.
func (o Options) plans() compiled.Options {
	return compiled.Options{
		Tables: newTables(o.resolver()), TypeOf: typeOf, Plans: queryCache, Anonymous: anonymous, Around: o.around,
		Fresh: func(ctx context.Context) context.Context { return withReads(ctx, newReads(o.Service, audienceOf(ctx))) },
	}
}

// server returns the server of all transports, which executes operations by plans.
func (o Options) server() *handler.Server {
	return o.serverOf(compiled.New(o.reference(), o.plans()))
}

// serverOf returns the gqlgen server that executes operations against a schema.
func (o Options) serverOf(executable graphql.ExecutableSchema) *handler.Server {
	server := handler.New(executable)
	cache := lru.New[*ast.QueryDocument](queryCache)
	server.SetQueryCache(cache)
	server.SetErrorPresenter(present(o.Log))
	server.SetRecoverFunc(recovered(o.Log))
	if !o.Introspection {
		server.SetDisableSuggestion(true)
		server.SetValidationRulesFn(rulesWithoutSuggestions)
	}
	server.Use(&documents{cache: cache})
	server.AroundOperations(o.begin)
	server.AroundResponses(o.prepare)
	if o.Introspection {
		server.Use(extension.Introspection{})
	}
	return server
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.http.ServeHTTP(w, r) }

// Drain asks the clients of all sockets and streams to reconnect, to this server's successor or to
// another server, and waits until they are disconnected.
func (h *Handler) Drain(ctx context.Context) error {
	streams := make(chan error, 1)
	go func() { streams <- h.streams.Drain(ctx) }()
	return errors.Join(h.sockets.Drain(ctx), <-streams)
}

// begin refuses introspection where it is switched off, and a subscription whose fields are all
// skipped by directives.
func (o Options) begin(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	switch kind := op.Operation.Operation; {
	case kind == ast.Query && !o.Introspection && (selects(op, "__schema") || selects(op, "__type")):
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{errNoIntrospection()}})
	case kind == ast.Subscription && len(rootFields(op, "Subscription")) == 0:
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{coded(service.BadInput, "the subscription selects nothing")}})
	}
	if op.Operation.Operation == ast.Subscription {
		ctx = withBatch(ctx, o.Service)
	}
	return next(ctx)
}

// operationTime limits the duration of an operation, which is then answered with UNAVAILABLE. The
// slowest mutation is the deactivation of an agent with many conversations. Subscriptions have no
// limit; each of their statements has a time-out.
var operationTime = map[ast.Operation]time.Duration{ast.Query: 10 * time.Second, ast.Mutation: 30 * time.Second}

// prepare adds reads to each response. It reads asOf before anything else is read, so that a
// subscription from there misses nothing.
func (o Options) prepare(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	op := graphql.GetOperationContext(ctx)
	if op.Operation == nil || len(graphql.GetErrors(ctx)) > 0 {
		return next(ctx) // the request was refused before its execution
	}
	if limit := operationTime[op.Operation.Operation]; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	audience := audienceOf(ctx)
	if b := batchOf(ctx); b != nil && b.reads != nil {
		ctx = withReads(ctx, b.reads)
	} else {
		ctx = withReads(ctx, newReads(o.Service, audience))
	}
	if op.Operation.Operation == ast.Query && selects(op, "asOf") {
		cursor, err := o.Service.AsOf(ctx, audience)
		if err != nil {
			return failed(ctx, err)
		}
		ctx = context.WithValue(ctx, asOfKey, &cursor)
	}
	return next(ctx)
}

// failed returns the response for an operation that failed before its execution.
func failed(ctx context.Context, err error) *graphql.Response {
	graphql.AddError(ctx, err)
	return &graphql.Response{Errors: graphql.GetErrors(ctx)}
}

// rootFields returns the fields that an operation selects of its root type.
func rootFields(op *graphql.OperationContext, root string) []graphql.CollectedField {
	return graphql.CollectFields(op, op.Operation.SelectionSet, []string{root})
}

// selects reports whether a query selects a root field.
func selects(op *graphql.OperationContext, name string) bool {
	for _, field := range rootFields(op, "Query") {
		if field.Name == name {
			return true
		}
	}
	return false
}

// cors lets pages of the allowed origins call the API with any headers. This is safe because
// credentials are never in cookies, which a page of another origin could use.
func (o Options) cors(next http.Handler) http.Handler {
	return cors.New(cors.Options{
		AllowOriginFunc: func(string) bool { return true }, // guard has already refused others
		AllowedMethods:  []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedHeaders:  []string{"*"},
		ExposedHeaders:  []string{"X-Request-Id", "Retry-After", "WWW-Authenticate"},
		MaxAge:          int((10 * time.Minute).Seconds()),
	}).Handler(next)
}

// measured refuses URLs that are too long. The HTTP server itself limits the headers.
func measured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.RequestURI) > urlLimit {
			live.Refuse(w, http.StatusRequestURITooLong,
				coded(service.BadInput, "the URL is too long: it may have %d KiB; send the query by POST", urlLimit>>10))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := uuid.NewString()
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey, id)))
	})
}
