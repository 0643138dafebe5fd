package graph

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/google/uuid"
	"github.com/rs/cors"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"switchboard/graph/live"
	"switchboard/service"
)

// Authenticator tells who is calling.
type Authenticator interface {
	// Authenticate gives the caller to whom a token belongs. The error is UNAUTHENTICATED.
	Authenticate(ctx context.Context, token string) (service.Actor, error)
	// Attend calls ended once when the token stops being valid, or to belong to somebody
	// of this role, until stop is called.
	Attend(token string, actor service.Actor, ended func(reason string)) (stop func())
}

// Options are what a handler needs.
type Options struct {
	Service        *service.Service
	Auth           Authenticator
	AllowedOrigins []string      // of browsers besides the server's own, such as https://inbox.example
	Introspection  bool          // also: suggestions in the messages of invalid documents
	PingEvery      time.Duration // between two pings on a socket or stream; 0: 15 s
	Log            *slog.Logger

	connections *connections
}

// Handler serves /graphql: POST, GET, WebSocket and server-sent events.
type Handler struct {
	http    http.Handler
	sockets *live.WebSocket
	streams *live.EventStream
}

const (
	bodyLimit  = 256 << 10 // bytes of a request
	queryCache = 1000      // parsed documents kept
)

// NewHandler makes the handler of the whole API.
func NewHandler(o Options) *Handler {
	o.connections = &connections{open: map[identity]int{}}
	hub := &live.Hub{Share: share}
	h := &Handler{
		sockets: &live.WebSocket{Init: o.connect, CheckOrigin: o.checkOrigin, Hub: hub, Ping: o.PingEvery, Log: o.Log},
		streams: &live.EventStream{Session: o.session, Caller: sender, CheckOrigin: o.checkOrigin, Hub: hub, Ping: o.PingEvery, Log: o.Log},
	}
	server := o.server()
	server.AddTransport(h.sockets)
	server.AddTransport(h.streams)
	server.AddTransport(live.HTTP{})
	h.http = withRequestID(o.cors(o.authenticate(server)))
	return h
}

// SDL returns the schema in GraphQL's schema definition language, as schema.graphqls has it.
func SDL() string { return sources[0].Input }

// server executes operations, however they come in.
func (o Options) server() *handler.Server {
	server := handler.New(NewExecutableSchema(Config{
		Resolvers: &Resolver{service: o.Service}, Directives: DirectiveRoot{PerCaller: perCaller},
	}))
	server.SetQueryCache(lru.New[*ast.QueryDocument](queryCache))
	server.SetErrorPresenter(present(o.Log))
	server.SetRecoverFunc(recovered(o.Log))
	server.SetDisableSuggestion(!o.Introspection)
	server.Use(&exactEnums{})
	server.AroundOperations(o.begin)
	server.AroundResponses(o.prepare)
	server.AroundFields(readAhead)
	if o.Introspection {
		server.Use(extension.Introspection{})
	}
	return server
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.http.ServeHTTP(w, r) }

// Drain asks the clients of all sockets and streams to come back, here or to another
// server, and waits until they are gone.
func (h *Handler) Drain(ctx context.Context) error {
	streams := make(chan error, 1)
	go func() { streams <- h.streams.Drain(ctx) }()
	return errors.Join(h.sockets.Drain(ctx), <-streams)
}

// begin refuses introspection where it is switched off, and a subscription that directives
// have left without a field.
func (o Options) begin(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	switch kind := op.Operation.Operation; {
	case kind == ast.Query && !o.Introspection && (selects(op, "__schema") || selects(op, "__type")):
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{errNoIntrospection()}})
	case kind == ast.Subscription && len(rootFields(op, "Subscription")) == 0:
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{{
			Message: "the subscription selects nothing", Extensions: map[string]any{"code": service.BadInput},
		}}})
	}
	if op.Operation.Operation == ast.Subscription {
		ctx = withBatch(ctx, o.Service)
	}
	return next(ctx)
}

// prepare gives each response its loaders, and fixes asOf before anything else is read.
func (o Options) prepare(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	op := graphql.GetOperationContext(ctx)
	if op.Operation == nil {
		return next(ctx) // refused before it became an operation
	}
	audience := audienceOf(ctx)
	if b := batchOf(ctx); b != nil && b.loaders != nil {
		ctx = withLoaders(ctx, b.loaders)
	} else {
		ctx = withLoaders(ctx, newLoaders(o.Service, audience))
	}
	if op.Operation.Operation == ast.Subscription {
		// The executor leaves the root field out of the paths of errors below it.
		ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Subscription", Field: rootFields(op, "Subscription")[0]})
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

// failed answers an operation that cannot even begin.
func failed(ctx context.Context, err error) *graphql.Response {
	graphql.AddError(ctx, err)
	return &graphql.Response{Errors: graphql.GetErrors(ctx)}
}

// rootFields are what an operation asks of its root type.
func rootFields(op *graphql.OperationContext, root string) []graphql.CollectedField {
	return graphql.CollectFields(op, op.Operation.SelectionSet, []string{root})
}

// selects says whether an operation asks for a root field.
func selects(op *graphql.OperationContext, name string) bool {
	for _, field := range rootFields(op, "Query") {
		if field.Name == name {
			return true
		}
	}
	return false
}

// authenticate lets nobody through without a caller. Sockets say who they are later.
func (o Options) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !(live.HTTP{}).Supports(r) {
			next.ServeHTTP(w, r)
			return
		}
		actor, err := o.Auth.Authenticate(r.Context(), bearer(r.Header.Get("Authorization")))
		if err != nil {
			o.refuse(w, r, err)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
		next.ServeHTTP(w, r.WithContext(withActor(r.Context(), actor)))
	})
}

// connect says who is calling on a socket: {"authorization": "Bearer …"} or
// {"token": …} in the payload of connection_init. The socket ends with the token.
func (o Options) connect(ctx context.Context, _ *http.Request, payload map[string]any) (context.Context, error) {
	token, _ := payload["token"].(string)
	for name, value := range payload {
		if text, ok := value.(string); ok && strings.EqualFold(name, "authorization") {
			token = bearer(text)
		}
	}
	actor, err := o.Auth.Authenticate(ctx, token)
	if err != nil {
		e := present(o.Log)(ctx, err)
		if e.Extensions["code"] != service.Unauthenticated {
			return nil, &live.CloseError{Code: live.CloseTryAgain, Reason: e.Message}
		}
		return nil, &live.CloseError{Code: live.CloseForbidden, Reason: e.Message}
	}
	return o.attend(withActor(ctx, actor), token)
}

// session is what the operations of an event stream run in. The stream ends with the token.
func (o Options) session(ctx context.Context, r *http.Request) (context.Context, error) {
	return o.attend(ctx, bearer(r.Header.Get("Authorization")))
}

// attend gives a context that ends with the caller's token, for one connection more.
func (o Options) attend(ctx context.Context, token string) (context.Context, error) {
	actor := actorOf(ctx)
	leave, err := o.connections.enter(actor)
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancelCause(ctx)
	stop := o.Auth.Attend(token, actor, func(reason string) {
		end(&live.CloseError{Code: live.CloseForbidden, Reason: reason})
	})
	context.AfterFunc(ctx, func() {
		stop()
		leave()
	})
	return ctx, nil
}

// bearer takes the token out of an Authorization header (RFC 6750); empty if there is none.
func bearer(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// refuse answers a request whose caller is not known: 401, or 503 if that could not be
// found out.
func (o Options) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := present(o.Log)(r.Context(), err)
	status := http.StatusServiceUnavailable
	if e.Extensions["code"] == service.Unauthenticated {
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Bearer realm="switchboard"`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{e}})
}

// cors lets pages of the allowed origins call the API. Credentials are never in cookies,
// so a page of another origin has nothing to borrow.
func (o Options) cors(next http.Handler) http.Handler {
	if len(o.AllowedOrigins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: o.AllowedOrigins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", "Accept", live.TokenHeader},
		MaxAge:         int((10 * time.Minute).Seconds()),
	}).Handler(next)
}

// checkOrigin lets sockets and streams of the allowed origins in, besides those of the server's own.
func (o Options) checkOrigin(r *http.Request) bool {
	return slices.Contains(o.AllowedOrigins, r.Header.Get("Origin")) || live.SameHost(r)
}

func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := uuid.NewString()
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey, id)))
	})
}
