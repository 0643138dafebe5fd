package graph

import (
	"context"
	"net/http"
	"strings"

	"switchboard/graph/live"
	"switchboard/service"
)

// An Authenticator determines who presents a credential.
type Authenticator interface {
	// Authenticate returns the caller who presents a credential. The error is UNAUTHENTICATED.
	Authenticate(ctx context.Context, c service.Credential) (service.Actor, error)
	// Recall is Authenticate for calls that change nothing. Unless fresh, the caller may have lost
	// its rights up to half a second ago.
	Recall(ctx context.Context, c service.Credential) (actor service.Actor, fresh bool, err error)
	// Watch calls ended at most once, unless stop is called before: with UNAUTHENTICATED when the
	// credential becomes invalid or its agent's role changes, or with UNAVAILABLE when that cannot
	// be determined.
	Watch(c service.Credential, actor service.Actor, ended func(why *service.Error)) (stop func())
	// Forbid records that a caller asked for what its role forbids.
	Forbid(actor service.Actor, address string)
}

// authenticate refuses requests without a valid credential. Sockets authenticate later, in
// connection_init.
func (o Options) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !(live.HTTP{}).Supports(r) {
			next.ServeHTTP(w, r)
			return
		}
		c, err := credentialOf(r)
		if err != nil {
			o.rejections.failed(r.Context(), err)
			o.refuse(w, r, err)
			return
		}
		ctx, actor, err := o.recall(r, c)
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
func (o Options) recall(r *http.Request, c service.Credential) (ctx context.Context, actor service.Actor, err error) {
	ctx, fresh := r.Context(), true
	if (&live.EventStream{}).Supports(r) {
		actor, err = o.Auth.Authenticate(ctx, c)
	} else {
		actor, fresh, err = o.Auth.Recall(ctx, c)
	}
	ctx = withActor(ctx, actor)
	if !fresh {
		ctx = context.WithValue(ctx, recalledKey, c)
	}
	return ctx, actor, err
}

// permit returns FORBIDDEN if the caller may not use a root field of the schema. Introspection is
// for all.
func permit(ctx context.Context, field string) error {
	if strings.HasPrefix(field, "__") {
		return nil
	}
	return service.Permit(audienceOf(ctx), field)
}

// confirm returns the context for a mutation, with the caller as the database has it now. It
// answers the request if the credential is no longer valid.
func (o Options) confirm(w http.ResponseWriter, r *http.Request) (ctx context.Context, ok bool) {
	c, isRecalled := r.Context().Value(recalledKey).(service.Credential)
	if !isRecalled {
		return r.Context(), true
	}
	actor, err := o.Auth.Authenticate(r.Context(), c)
	if err != nil {
		o.refuse(w, r, err)
		return nil, false
	}
	return withActor(r.Context(), actor), true
}

func (o Options) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := present(o.Log)(r.Context(), err)
	status := http.StatusServiceUnavailable
	switch e.Extensions["code"] {
	case service.Unauthenticated:
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Bearer realm="switchboard"`)
	case rateLimited:
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", "1")
	}
	live.Refuse(w, status, e)
}
