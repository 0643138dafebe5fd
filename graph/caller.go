package graph

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"switchboard/graph/live"
	"switchboard/service"
)

// An Authenticator determines the caller of a token.
type Authenticator interface {
	// Authenticate returns the caller that a token belongs to. The error is UNAUTHENTICATED.
	Authenticate(ctx context.Context, token string) (service.Actor, error)
	// Recall is Authenticate for calls that change nothing. Unless fresh, the caller may have lost
	// its rights up to half a second ago.
	Recall(ctx context.Context, token string) (actor service.Actor, fresh bool, err error)
	// Watch calls ended at most once, unless stop is called before: with UNAUTHENTICATED when the
	// token becomes invalid or its agent's role changes, or with UNAVAILABLE when that cannot be
	// determined.
	Watch(token string, actor service.Actor, ended func(why *service.Error)) (stop func())
}

// authenticate refuses requests without a valid token. Sockets authenticate later, in
// connection_init.
func (o Options) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !(live.HTTP{}).Supports(r) {
			next.ServeHTTP(w, r)
			return
		}
		token, err := bearerOf(r)
		if err != nil {
			o.refuse(w, r, err)
			return
		}
		ctx, actor, err := o.recall(r, token)
		if err != nil {
			o.refuse(w, r, err)
			return
		}
		limit := int64(bodyLimit)
		if actor.Role == service.RoleIntegration {
			limit = programBodyLimit
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// recall returns the caller of a request and a context with it. Only a request that may be a query
// gets by with the caller of a moment ago.
func (o Options) recall(r *http.Request, token string) (ctx context.Context, actor service.Actor, err error) {
	ctx, fresh := r.Context(), true
	if (&live.EventStream{}).Supports(r) {
		actor, err = o.Auth.Authenticate(ctx, token)
	} else {
		actor, fresh, err = o.Auth.Recall(ctx, token)
	}
	ctx = withActor(ctx, actor)
	if !fresh {
		ctx = context.WithValue(ctx, recalledKey, token)
	}
	return ctx, actor, err
}

// confirm returns the context for a mutation, with the caller as the database has it now. It
// answers the request if the token is no longer valid.
func (o Options) confirm(w http.ResponseWriter, r *http.Request) (ctx context.Context, ok bool) {
	token, isRecalled := r.Context().Value(recalledKey).(string)
	if !isRecalled {
		return r.Context(), true
	}
	actor, err := o.Auth.Authenticate(r.Context(), token)
	if err != nil {
		o.refuse(w, r, err)
		return nil, false
	}
	return withActor(r.Context(), actor), true
}

// connect authenticates a socket by the payload of connection_init. The socket is closed when the
// token ends.
func (o Options) connect(ctx context.Context, _ *http.Request, payload map[string]any) (context.Context, error) {
	token, err := credentialIn(payload)
	var actor service.Actor
	if err == nil {
		actor, err = o.Auth.Authenticate(ctx, token)
	}
	if err != nil {
		e := present(o.Log)(ctx, err)
		code, _ := e.Extensions["code"].(service.ErrorCode)
		return nil, closing(code, e.Message)
	}
	return o.attend(withActor(ctx, actor), token, o.connections.addSocket)
}

// closing returns how to close a connection after an error: with a code after which clients do not
// reconnect if the caller is not authenticated, otherwise with one after which they do.
func closing(code service.ErrorCode, reason string) *live.CloseError {
	if code == service.Unauthenticated {
		return &live.CloseError{Code: live.CloseForbidden, Reason: reason}
	}
	return &live.CloseError{Code: live.CloseTryAgain, Reason: reason}
}

// session returns the context for the operations of an event stream. The stream is closed when
// the token ends.
func (o Options) session(ctx context.Context, r *http.Request) (context.Context, error) {
	token, err := bearerOf(r)
	if err != nil {
		return nil, err
	}
	return o.attend(ctx, token, o.connections.addStream)
}

// attend counts a new connection with add and returns its context, which ends when the caller's
// token ends.
func (o Options) attend(ctx context.Context, token string, add adding) (context.Context, error) {
	if err := o.refuseWhileSilent(); err != nil {
		return nil, err
	}
	actor := actorOf(ctx)
	ctx, end := context.WithCancelCause(ctx)
	leave, err := add(actor, end)
	if err != nil {
		end(err)
		return nil, err
	}
	stop := o.Auth.Watch(token, actor, func(why *service.Error) { end(closing(why.Code, why.Message)) })
	context.AfterFunc(ctx, func() {
		stop()
		leave()
	})
	return ctx, nil
}

// tokenLimit is the largest size of a token in bytes; a longer one is refused without a look-up.
const tokenLimit = 8 << 10

// bearerOf returns the token of a request's Authorization header (RFC 6750), or "" without one.
// The error is UNAUTHENTICATED.
func bearerOf(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return "", unauthenticated("send one Authorization header, not several")
	}
	return bearer(strings.Join(headers, ""))
}

// credentialIn returns the token in the payload of a connection_init, which must be
// {"authorization": "Bearer …"} or {"token": …} with keys in exactly this spelling. The error is
// UNAUTHENTICATED.
func credentialIn(payload map[string]any) (string, error) {
	header, hasHeader := payload["authorization"]
	token, hasToken := payload["token"]
	switch header, isText := header.(string); {
	case hasHeader && hasToken:
		return "", unauthenticated("send one credential in connection_init, not both authorization and token")
	case hasHeader && isText:
		return bearer(header)
	}
	switch token, isText := token.(string); {
	case hasToken && isText:
		return bounded(token)
	case hasToken, hasHeader:
		return "", unauthenticated("the credential in connection_init must be a string")
	}
	for key := range payload {
		if lower := strings.ToLower(key); lower == "authorization" || lower == "token" {
			return "", unauthenticated(fmt.Sprintf("connection_init has the key %s: write it as %s", key, lower))
		}
	}
	return "", unauthenticated(`connection_init needs {"authorization": "Bearer <token>"} or {"token": "<token>"}`)
}

// bearer returns the token in the value of an Authorization header.
func bearer(header string) (string, error) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", nil
	}
	return bounded(strings.TrimSpace(token))
}

func bounded(token string) (string, error) {
	if len(token) > tokenLimit {
		return "", unauthenticated("the token is too long to be one")
	}
	return token, nil
}

func unauthenticated(message string) error {
	return &service.Error{Code: service.Unauthenticated, Message: message}
}

// refuse answers a request that was not authenticated: 401 for a bad token, 503 if the database
// could not be asked.
func (o Options) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := present(o.Log)(r.Context(), err)
	status := http.StatusServiceUnavailable
	if e.Extensions["code"] == service.Unauthenticated {
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Bearer realm="switchboard"`)
	}
	live.Refuse(w, status, e)
}
