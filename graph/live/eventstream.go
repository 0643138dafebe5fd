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

// TokenHeader names the stream that a request is about, in single connection mode.
const TokenHeader = "X-GraphQL-Event-Stream-Token"

const mediaStream = "text/event-stream"

// EventStream is a graphql.Transport that speaks GraphQL over Server-Sent Events as
// https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md says, in both modes: a stream for each operation,
// or one for all that other requests start and stop. Streams need HTTP/1.1. A stream that ends without complete was
// cut off or drained: clients come back. Which pages may ask is for others to check. Its zero value is ready for use, with the defaults named at each field; it
// must not be copied or changed once it serves.
type EventStream struct {
	// Session gives the context that all operations of a stream run in; it must be derived from ctx, which has the
	// values of the request's. When it is cancelled the stream ends. In single connection mode r is the
	// reservation. An error is answered with 403, a *CloseError with CloseTryAgain with 429, or 503
	// if it does not say after which time to come back. Nil: ctx is used.
	Session func(ctx context.Context, r *http.Request) (context.Context, error)
	// Caller says who sends a request, as something comparable: streams of others are not found. Nil: all are one.
	Caller func(r *http.Request) any

	// Hub shares executions among all streams, and with whatever else has the same one. Nil: nothing is shared.
	Hub *Hub

	Ping         time.Duration // between two comments; zero: 15 s
	OpenTimeout  time.Duration // until a reserved stream is opened, else it vanishes; zero: 10 s
	WriteTimeout time.Duration // a client that takes no byte for this long is cut off; zero: 10 s
	CloseTimeout time.Duration // for the client to close a stream that has ended, then it is just cut; zero: 2 s

	DrainOver time.Duration // Drain ends the streams spread over this time at most; zero: 5 s

	ReservationLimit int // reserved streams per caller that are not opened yet, beyond it 429; zero: 10
	OperationLimit   int // operations at a time per stream, beyond it OPERATION_LIMIT; zero: 50

	// Log receives refusals (info), ends (debug) and panics (error). Nil: slog.Default().
	Log *slog.Logger

	house        house
	reservations reservations
}

var _ graphql.Transport = (*EventStream)(nil)

// Supports reports whether r asks for an event stream, or is about one.
func (t *EventStream) Supports(r *http.Request) bool {
	return r.Header.Get(TokenHeader) != "" || r.Method == http.MethodPut || r.Method == http.MethodDelete || wantsStream(r)
}

// wantsStream is true for a client that accepts an event stream rather than JSON.
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

// Do answers one request. The stream lives on when the request is over, so that nothing of it is kept.
func (t *EventStream) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	a := reply{w, mediaResponse}
	token := r.Header.Get(TokenHeader)
	s := t.reservations.find(token, t.caller(r))
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
		s.stop(a, r)
	case r.Method == http.MethodGet && wantsStream(r):
		s.connect(a)
	default:
		s.start(a, r)
	}
}

// execute streams the results of one operation: PROTOCOL.md, "Distinct connections mode".
func (t *EventStream) execute(a reply, r *http.Request, exec graphql.GraphExecutor) {
	params, ok := a.params(r)
	if !ok {
		return
	}
	s := t.admit(a, r, exec)
	if s == nil {
		return
	}
	s.once = true
	op, err := s.peer.admit("")
	if err != nil {
		a.deny(http.StatusForbidden, "FORBIDDEN", "the session has ended")
		s.dismiss()
		return
	}
	opened := false
	defer func() {
		if !opened {
			op.abandon()
			s.dismiss()
		}
	}()
	valid, refused := op.prepare(params)
	if refused.kind == 0 && !a.allows(r, valid.op) {
		return
	}
	if opened = s.take(a); opened {
		op.launch(func() frame {
			if refused.kind != 0 {
				return refused
			}
			return op.perform(valid, nil)
		})
	}
}

// admit makes a stream for a caller; nil if the request is answered already.
func (t *EventStream) admit(a reply, r *http.Request, exec graphql.GraphExecutor) *stream {
	s := newStream(t, r, exec)
	session := s.ctx
	if t.Session != nil {
		var err error
		if session, err = t.Session(s.ctx, r); err != nil {
			s.log.InfoContext(r.Context(), "event stream refused", "error", err)
			s.cancel(nil)
			a.turnAway(err)
			return nil
		}
	}
	if !t.house.join(&s.peer) {
		s.cancel(nil)
		a.w.Header().Set("Retry-After", "1")
		a.deny(http.StatusServiceUnavailable, "UNAVAILABLE", restarting)
		return nil
	}
	s.enter(session)
	return s
}

// turnAway answers with what keeps Session from giving a context.
func (a reply) turnAway(err error) {
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

// Drain ends every stream, so that clients come back, and waits until they and their operations are gone or ctx
// ends, whose error it returns. From its call on new streams are refused with 503.
func (t *EventStream) Drain(ctx context.Context) error { return t.house.drain(ctx, t.drainOver()) }

// Evict ends every stream, so that its client comes back, perhaps to another server. New streams are for Session to
// refuse.
func (t *EventStream) Evict(reason string) { t.house.evict(closef(CloseTryAgain, "%s", reason)) }

func (t *EventStream) caller(r *http.Request) any {
	if t.Caller == nil {
		return nil
	}
	return t.Caller(r)
}

func (t *EventStream) hub() *Hub { return cmp.Or(t.Hub, &Hub{}) }

func (t *EventStream) log() *slog.Logger { return cmp.Or(t.Log, slog.Default()) }

func (t *EventStream) ping() time.Duration         { return cmp.Or(t.Ping, 15*time.Second) }
func (t *EventStream) openTimeout() time.Duration  { return cmp.Or(t.OpenTimeout, 10*time.Second) }
func (t *EventStream) writeTimeout() time.Duration { return cmp.Or(t.WriteTimeout, 10*time.Second) }
func (t *EventStream) closeTimeout() time.Duration { return cmp.Or(t.CloseTimeout, 2*time.Second) }
func (t *EventStream) drainOver() time.Duration    { return cmp.Or(t.DrainOver, 5*time.Second) }
func (t *EventStream) reservationLimit() int       { return cmp.Or(t.ReservationLimit, 10) }
func (t *EventStream) operationLimit() int         { return cmp.Or(t.OperationLimit, 50) }
