package live

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// TokenHeader is the header with the token of the stream that a request belongs to, in single
// connection mode.
const TokenHeader = "X-GraphQL-Event-Stream-Token"

const mediaStream = "text/event-stream"

// EventStream is a graphql.Transport that speaks GraphQL over Server-Sent Events
// (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md) in both modes: a stream for
// each operation, or one stream for operations that other requests start and stop. Streams need
// HTTP/1.1. A stream that ends without complete was cut off or drained; its client reconnects.
// Origins are not checked here. The zero value is ready for use, with the defaults named at each
// field; it must not be copied or changed after first use.
type EventStream struct {
	// Session returns the context that all operations of a stream run in. It must be derived from
	// ctx, which holds the values of the request's context. The stream ends when that context is
	// cancelled. In single connection mode r is the reservation. A *CloseError with CloseTryAgain
	// is answered with 429 if its After is set and with 503 otherwise; any other error with 403. If
	// Session is nil, ctx is used.
	Session func(ctx context.Context, r *http.Request) (context.Context, error)
	// Renew is called with each later request of a stream in single connection mode. It may replace
	// the credential of the stream by that of the request, and returns the context for operations from
	// now on, which must end when session does. If Renew is nil, session is used.
	Renew func(session context.Context, r *http.Request) context.Context
	// Expiry returns when the credential expires, as text, which pings carry as expiresAt; empty if
	// it does not expire. If Expiry is nil, they carry nothing.
	Expiry func(session context.Context) string
	// Caller returns who sends a request, as a comparable value. A stream is not found by requests
	// of another caller. If Caller is nil, all requests have the same caller.
	Caller func(r *http.Request) any

	// Documents returns documents that clients name by ids. If nil, there are none.
	Documents Documents

	// Hub shares executions among all transports that have the same Hub. If nil, nothing is shared.
	Hub *Hub

	Ping         time.Duration // between two comments; zero: 15 s
	OpenTimeout  time.Duration // until a reserved stream must be opened; zero: 10 s
	WriteTimeout time.Duration // a client that accepts no byte for this long is cut off; zero: 10 s
	BatchTimeout time.Duration // for the client to accept 64 KiB, or less if less waits; zero: 30 s
	CloseTimeout time.Duration // for the client to close an ended stream; zero: 2 s

	DrainOver time.Duration // Drain spreads the ends of streams over this; zero: 1 ms for each, at most 5 s

	ReservationLimit int // unopened streams per caller, then 429; zero: 10
	OperationLimit   int // concurrent operations per stream, then OPERATION_LIMIT; zero: 50

	// Log receives refusals (info), ends (debug) and panics (error). If nil, slog.Default() is
	// used.
	Log *slog.Logger

	connections  connections
	reservations reservations
}

var _ graphql.Transport = (*EventStream)(nil)

// Supports reports whether r asks for an event stream or belongs to one.
func (t *EventStream) Supports(r *http.Request) bool {
	return r.Header.Get(TokenHeader) != "" || r.Method == http.MethodPut || r.Method == http.MethodDelete || wantsStream(r)
}

// wantsStream reports whether the client accepts an event stream and no JSON.
func wantsStream(r *http.Request) (wants bool) {
	for item := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		media, values, _ := mime.ParseMediaType(item)
		switch {
		case values["q"] == "0":
		case media == mediaStream:
			wants = true
		case media == mediaJSON, media == mediaResponse:
			return false
		}
	}
	return wants
}

// Do answers one request. A stream outlives its request, so it keeps no reference to it.
func (t *EventStream) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	a := newAnswer(w, r, mediaResponse, exec)
	token := r.Header.Get(TokenHeader)
	s := t.reservations.find(token, t.caller(r))
	if s != nil && t.Renew != nil {
		s.renew(func(session context.Context) context.Context { return t.Renew(session, r) })
	}
	switch {
	case r.Method == http.MethodPut && s != nil:
		a.refuse(http.StatusConflict, "this stream is reserved already")
	case r.Method == http.MethodPut:
		t.reserve(a, r, exec)
	case token == "" && r.Method != http.MethodDelete:
		t.execute(a, r, exec)
	case s == nil:
		a.deny(http.StatusNotFound, "NOT_FOUND", "there is no such stream")
	case r.Method == http.MethodDelete:
		s.stopOperation(a, r)
	case r.Method == http.MethodGet && wantsStream(r):
		s.openReserved(a)
	default:
		s.startOperation(a, r)
	}
}

// execute streams the results of one operation: PROTOCOL.md, "Distinct connections mode".
func (t *EventStream) execute(a answer, r *http.Request, exec graphql.GraphExecutor) {
	params, ok := a.params(r, t.Documents)
	if !ok {
		return
	}
	s := t.createStream(a, r, exec)
	if s == nil {
		return
	}
	s.singleOperation = true
	op, err := s.peer.addOperation("")
	if err != nil {
		a.deny(http.StatusForbidden, "FORBIDDEN", "the session has ended")
		s.discard()
		return
	}
	opened := false
	defer func() {
		if !opened {
			op.abandon()
			s.discard()
		}
	}()
	valid, refused := op.prepare(params)
	if refused.kind == 0 && !a.allows(r, valid.op) {
		return
	}
	if opened = s.open(a); opened {
		op.launch(func() frame {
			if refused.kind != 0 {
				return refused
			}
			return op.execute(valid, nil)
		})
	}
}

// createStream returns a stream for the caller of r, or nil if the request was answered already.
func (t *EventStream) createStream(a answer, r *http.Request, exec graphql.GraphExecutor) *stream {
	s := newStream(t, r, exec)
	session := s.ctx
	if t.Session != nil {
		var err error
		if session, err = t.Session(s.ctx, r); err != nil {
			s.log.InfoContext(r.Context(), "event stream refused", "error", err)
			s.cancel(nil)
			a.refuseSession(err)
			return nil
		}
	}
	if !t.connections.add(&s.peer) {
		s.cancel(nil)
		a.w.Header().Set("Retry-After", "1")
		a.deny(http.StatusServiceUnavailable, "UNAVAILABLE", restarting)
		return nil
	}
	s.setSession(session)
	return s
}

// refuseSession answers a request whose Session returned err.
func (a answer) refuseSession(err error) {
	var refused *CloseError
	switch {
	case !errors.As(err, &refused) || refused.Code != CloseTryAgain:
	case refused.After > 0:
		a.w.Header().Set("Retry-After", strconv.Itoa(int(refused.After.Seconds())))
		a.deny(http.StatusTooManyRequests, "RATE_LIMITED", refused.Reason)
		return
	default:
		a.w.Header().Set("Retry-After", "1")
		a.deny(http.StatusServiceUnavailable, "UNAVAILABLE", refused.Reason)
		return
	}
	a.deny(http.StatusForbidden, "FORBIDDEN", "Forbidden")
}

// Drain ends every stream, so that clients reconnect, and waits until the streams and their
// operations have ended. If ctx ends first, Drain returns its error. New streams are refused with
// 503 from then on.
func (t *EventStream) Drain(ctx context.Context) error {
	return t.connections.drain(ctx, t.DrainOver)
}

// Evict ends every open stream, so that its client reconnects, perhaps to another server. It is up
// to Session to refuse new streams.
func (t *EventStream) Evict(reason string) { t.connections.evict(closef(CloseTryAgain, "%s", reason)) }

func (t *EventStream) caller(r *http.Request) any {
	if t.Caller == nil {
		return nil
	}
	return t.Caller(r)
}

func (t *EventStream) hub() *Hub { return cmp.Or(t.Hub, &Hub{}) }

func (t *EventStream) log() *slog.Logger { return cmp.Or(t.Log, slog.Default()) }

func (t *EventStream) pingInterval() time.Duration { return cmp.Or(t.Ping, 15*time.Second) }
func (t *EventStream) openTimeout() time.Duration  { return cmp.Or(t.OpenTimeout, 10*time.Second) }
func (t *EventStream) writeTimeout() time.Duration { return cmp.Or(t.WriteTimeout, 10*time.Second) }
func (t *EventStream) batchTimeout() time.Duration { return cmp.Or(t.BatchTimeout, 30*time.Second) }
func (t *EventStream) closeTimeout() time.Duration { return cmp.Or(t.CloseTimeout, 2*time.Second) }
func (t *EventStream) reservationLimit() int       { return cmp.Or(t.ReservationLimit, 10) }
func (t *EventStream) operationLimit() int         { return cmp.Or(t.OperationLimit, 50) }
