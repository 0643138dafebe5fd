package graph

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/google/uuid"
	"github.com/rs/cors"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"go.opentelemetry.io/otel/trace"

	"switchboard/graph/address"
	"switchboard/graph/compiled"
	"switchboard/graph/limit"
	"switchboard/graph/live"
	"switchboard/service"
	"switchboard/service/workflow"
)

// Options configure a handler.
type Options struct {
	Service       *workflow.Service
	Auth          Authenticator
	Origins       Origins
	FreeFailures  bool             // do not limit how often authentication may fail from one address
	Introspection bool             // allow introspection, and suggestions in validation errors
	Documents     DocumentsMode    // what becomes of documents that are not trusted; empty: there are no trusted ones
	RateLimit     int              // cost that an agent may cause each second; 0: no limit
	PingEvery     time.Duration    // interval of pings on a socket or stream; 0: 15 s
	ShedAfter     time.Duration    // time without the database before clients are disconnected; 0: 15 s
	Now           func() time.Time // nil: time.Now
	DrainOver     time.Duration    // time over which Drain spreads the disconnecting; 0: that of package live
	SlowAfter     time.Duration    // duration from which on an operation is logged as slow; 0: none is
	Tracer        trace.Tracer     // makes a span of each query and mutation; nil: there are none
	Log           *slog.Logger

	connections *connections
	hub         *live.Hub
	observed    *observed
	rejections  *rejections
	around      func(ctx context.Context, object string, f *ast.Field, path ast.Path) error // for tests: called before each field is written
	allErrors   bool                                                                        // for tests: cut no list of errors
}

// Handler serves /graphql: POST, GET, WebSocket and server-sent events.
type Handler struct {
	options Options
	http    http.Handler
	sockets *live.WebSocket
	streams *live.EventStream
	decided *documents
}

const (
	urlLimit         = 16 << 10  // bytes of a URL
	bodyLimit        = 256 << 10 // bytes of a request's body
	programBodyLimit = 2 << 20   // bytes of the body of an integration's request
)

// NewHandler returns the handler of the API.
func NewHandler(o Options) *Handler {
	o.connections, o.rejections = newConnections(o.Now), newRejections(o.log(), o.Now, o.FreeFailures)
	o.Auth = guarded{o.Auth, o.rejections}
	hub := &live.Hub{Share: share}
	o.hub, o.observed = hub, newObserved(o.log(), o.SlowAfter, hub, o.Auth, o.Tracer)
	decided := o.newDocuments()
	var known live.Documents
	if o.Documents != "" {
		known = decided.trusted.text
	}
	h := &Handler{
		options: o,
		decided: decided,
		sockets: &live.WebSocket{Init: o.connect, Renew: o.renew, Expiry: expiry, Documents: known, Hub: hub, OperationLimit: operationsPerConnection, Ping: o.PingEvery, DrainOver: o.DrainOver, Log: o.Log},
		streams: &live.EventStream{Session: o.session, Renew: o.renewStream, Expiry: expiry, Caller: sender, Documents: known, Hub: hub, OperationLimit: operationsPerConnection, Ping: o.PingEvery, DrainOver: o.DrainOver, Log: o.Log},
	}
	server := o.serverOf(compiled.New(o.reference(), o.plans()), decided)
	server.AddTransport(h.sockets)
	server.AddTransport(h.streams)
	server.AddTransport(live.HTTP{Mutation: o.confirm, Documents: known, Reserve: (&unread{bytes: map[identity]int{}}).reserve})
	h.http = identified(o.contained(measured(o.Origins.guard(o.Log, o.cors(o.authenticate(compressed(server)))))))
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
		Tables: newTables(o.resolver()), TypeOf: typeOf, Kept: plansOf, Count: countObjects, Anonymous: anonymous, Around: o.around,
		Permit: permit, Limit: answerLimit, TooLarge: errTooLarge,
		Fresh: func(ctx context.Context) context.Context { return withReads(ctx, newReads(o.Service, audienceOf(ctx))) },
	}
}

// Trust replaces the trusted documents. It returns an error, and changes nothing, if one of them
// would be refused.
func (h *Handler) Trust(all Documents) error { return h.decided.trust(all, h.options.rules()) }

// newDocuments returns what decides about documents.
func (o Options) newDocuments() *documents {
	return &documents{
		kept: limit.NewCache[*document](keptDocuments), spending: o.newSpending(), trusted: &trusted{mode: o.Documents, log: o.Log},
	}
}

// serverOf returns the gqlgen server that executes operations against a schema. Those of all
// transports are executed by plans.
func (o Options) serverOf(executable graphql.ExecutableSchema, decided *documents) *handler.Server {
	server := handler.New(executable)
	server.SetQueryCache(decided)
	server.SetParserTokenLimit(limit.Tokens)
	server.SetErrorPresenter(present(o.Log))
	server.SetRecoverFunc(recovered(o.Log))
	server.SetDisableSuggestion(!o.Introspection)
	server.SetValidationRulesFn(o.rules)
	server.Use(decided)
	server.AroundOperations(o.begin)
	if o.observed != nil {
		server.AroundResponses(o.observed.respond)
	}
	if !o.allErrors {
		server.AroundResponses(shorten)
	}
	server.AroundResponses(decided.spending.account)
	server.AroundResponses(o.prepare)
	if o.Introspection {
		server.Use(extension.Introspection{})
		server.AroundFields(nullLists)
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
	case kind == ast.Query && !o.Introspection && selects(op, "__schema", "__type"):
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{errNoIntrospection()}})
	case kind == ast.Subscription && len(rootFields(op, "Subscription")) == 0:
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{coded(service.BadInput, "the subscription selects nothing")}})
	}
	key, err := o.Service.CursorKey(ctx, audienceOf(ctx))
	if err != nil {
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{present(o.Log)(ctx, err)}})
	}
	ctx = WithCursorKey(ctx, key)
	if op.Operation.Operation == ast.Subscription {
		ctx = o.withBatch(ctx)
		// The error of a subscription that does not start is no response to gqlgen's interceptors.
		if o.observed != nil && permit(ctx, rootFields(op, "Subscription")[0].Name) != nil {
			o.observed.forbid(ctx)
		}
	}
	return next(ctx)
}

// Limits of the duration of a query or mutation, which is then answered with UNAVAILABLE. The
// deactivation of an agent with many conversations takes longer than others. Subscriptions have no
// limit; each of their statements has a time-out.
const (
	operationTime    = 10 * time.Second
	deactivationTime = 30 * time.Second
)

// timeFor returns how long an operation may take; 0: without limit.
func timeFor(op *graphql.OperationContext) time.Duration {
	switch {
	case op.Operation.Operation == ast.Subscription:
		return 0
	case op.Operation.Operation == ast.Mutation && selectsOf(op, "Mutation", "deactivateAgent"):
		return deactivationTime
	}
	return operationTime
}

// prepare adds reads to each response. It reads asOf before anything else is read, so that a
// subscription from there misses nothing.
func (o Options) prepare(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	op := graphql.GetOperationContext(ctx)
	if op.Operation == nil || len(graphql.GetErrors(ctx)) > 0 {
		return next(ctx) // the request was refused before its execution
	}
	if most := timeFor(op); most > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, most)
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
			graphql.AddError(ctx, err)
			return &graphql.Response{Errors: graphql.GetErrors(ctx)}
		}
		ctx = context.WithValue(ctx, asOfKey, &cursor)
	}
	return next(ctx)
}

// rootFields returns the fields that an operation selects of its root type.
func rootFields(op *graphql.OperationContext, root string) []graphql.CollectedField {
	return graphql.CollectFields(op, op.Operation.SelectionSet, []string{root})
}

// selects reports whether a query selects one of these root fields.
func selects(op *graphql.OperationContext, names ...string) bool {
	return selectsOf(op, "Query", names...)
}

// selectsOf reports whether an operation selects one of these fields of its root type.
func selectsOf(op *graphql.OperationContext, root string, names ...string) bool {
	return slices.ContainsFunc(rootFields(op, root), func(f graphql.CollectedField) bool { return slices.Contains(names, f.Name) })
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
			live.Refuse(w, http.StatusRequestURITooLong, stamp(r.Context(),
				coded(service.BadInput, "the URL is too long: it may have %d KiB; send the query by POST", urlLimit>>10)))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// contained answers with INTERNAL if a panic was not recovered by the executor.
func (o Options) contained(next http.Handler) http.Handler {
	asError := recovered(o.log())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch reason := recover(); reason {
			case nil:
			case http.ErrAbortHandler:
				panic(reason) // the server closes the connection
			default:
				live.Refuse(w, http.StatusInternalServerError, present(o.log())(r.Context(), asError(r.Context(), reason)))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// identified adds the id of the request and the network that it comes from to the context.
func identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := uuid.NewString()
		w.Header().Set("X-Request-Id", id)
		ctx := context.WithValue(r.Context(), requestKey, id)
		if trace := traceOf(r); trace != "" {
			ctx = context.WithValue(ctx, traceKey, trace)
		}
		ctx = context.WithValue(ctx, networkKey, address.Network(r))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
