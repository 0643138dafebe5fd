package graph

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"switchboard/graph/live"
	"switchboard/service"
)

// connect authenticates a socket by the payload of connection_init. The socket is closed when the
// credential ends.
func (o Options) connect(ctx context.Context, r *http.Request, payload map[string]any) (context.Context, error) {
	c, err := credentialIn(r, payload)
	var actor service.Actor
	if err == nil {
		actor, err = o.Auth.Authenticate(ctx, c)
	} else {
		o.rejections.failed(ctx, err)
	}
	if err != nil {
		e := present(o.Log)(ctx, err)
		code, _ := e.Extensions["code"].(service.ErrorCode)
		return nil, closing(code, e.Message)
	}
	return o.attend(withActor(ctx, actor), c, o.connections.addSocket)
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
// the credential ends.
func (o Options) session(ctx context.Context, r *http.Request) (context.Context, error) {
	c, err := credentialOf(r)
	if err != nil {
		return nil, err
	}
	return o.attend(ctx, c, o.connections.addStream)
}

// An attendance is the credential of a live connection, which may be replaced by a newer one.
type attendance struct {
	auth Authenticator
	now  func() time.Time
	end  context.CancelCauseFunc // closes the connection
	base context.Context         // of the connection, with the first caller

	mu         sync.Mutex
	credential service.Credential
	actor      service.Actor
	stop       func() // stops the watch of the credential; nil once the connection has ended
	since      time.Time
}

// attend counts a new connection with add and returns its context, which ends when the caller's
// credential ends.
func (o Options) attend(ctx context.Context, c service.Credential, add adding) (context.Context, error) {
	if err := o.refuseWhileSilent(); err != nil {
		return nil, err
	}
	actor := actorOf(ctx)
	ctx, end := context.WithCancelCause(ctx)
	leave, err := add(actor, end)
	if err != nil {
		o.hub.Limited("connections")
		end(err)
		return nil, err
	}
	a := &attendance{auth: o.Auth, now: o.connections.now, end: end, credential: c, actor: actor}
	a.stop = a.watch(c, actor)
	context.AfterFunc(ctx, func() {
		a.leave()
		leave()
	})
	a.base = context.WithValue(ctx, attendanceKey, a)
	return a.base, nil
}

func (a *attendance) watch(c service.Credential, actor service.Actor) (stop func()) {
	return a.auth.Watch(c, actor, func(why *service.Error) { a.end(closing(why.Code, why.Message)) })
}

func (a *attendance) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stop()
	a.stop = nil
}

// replace watches a newer credential of the same caller instead of the present one. It returns the
// context for later operations.
func (a *attendance) replace(session context.Context, c service.Credential, actor service.Actor) context.Context {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stop == nil {
		return session
	}
	stop := a.watch(c, actor) // first, so that the connection is watched at every moment
	a.stop()
	a.stop, a.credential, a.actor, a.since = stop, c, actor, a.now()
	return withActor(a.base, actor)
}

// renewalPause is how long a credential must have been used before another one may replace it,
// unless half of the time for which it is valid is over earlier.
const renewalPause = 10 * time.Second

// mayRenew reports whether the caller may renew the credential at this moment, and counts the
// attempt if so.
func (a *attendance) mayRenew() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, pause := a.now(), renewalPause
	if expires := a.actor.Expires; expires != nil {
		pause = min(pause, expires.Sub(a.since)/2)
	}
	if now.Sub(a.since) < pause {
		return false
	}
	a.since = now
	return true
}

// renew replaces the credential of a socket by that in the payload of a ping. If the payload has
// none, both results are empty. The text says why the new credential is refused; the present one
// then stays in use.
func (o Options) renew(session context.Context, payload map[string]any) (renewed context.Context, refused string) {
	if !presents(payload) {
		return nil, ""
	}
	a, _ := session.Value(attendanceKey).(*attendance)
	if !a.mayRenew() {
		return nil, "the credential was renewed a moment ago; wait until half of its time or 10 s are over"
	}
	token, err := tokenIn(payload)
	if err != nil {
		return nil, err.Error()
	}
	c := a.credential // only this socket's messages change it, which come one after the other
	c.Token = token
	actor, err := o.Auth.Authenticate(session, c)
	switch {
	case err != nil:
		return nil, present(o.Log)(session, err).Message
	case identityOf(actor) != identityOf(a.actor) || actor.Role != a.actor.Role:
		return nil, "the token is that of another caller or role; open another socket with it"
	}
	return a.replace(session, c, actor), ""
}

// renewStream replaces the credential of an event stream by that of a request that belongs to it,
// if that one expires later. It returns the context for later operations.
func (o Options) renewStream(session context.Context, r *http.Request) context.Context {
	a, _ := session.Value(attendanceKey).(*attendance)
	c, err := credentialOf(r)
	actor := actorOf(r.Context())
	if err != nil || !a.isOlder(actor) {
		return session
	}
	return a.replace(session, c, actor)
}

// isOlder reports whether the credential ends before that of another request of the same caller.
func (a *attendance) isOlder(actor service.Actor) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	mine := a.actor.Expires
	return actor.Role == a.actor.Role && mine != nil && (actor.Expires == nil || actor.Expires.After(*mine))
}

// expiry returns when the credential of a connection expires, as the API writes times; empty if
// never.
func expiry(session context.Context) string {
	if expires := actorOf(session).Expires; expires != nil {
		return strings.Trim(string(AppendDateTime(nil, *expires)), `"`)
	}
	return ""
}
