// Package live carries GraphQL operations, above all subscriptions, over WebSockets and event
// streams.
//
// A WebSocket (websocket.go) creates one socket per connection (socket.go). It parses each message
// (message.go) and handles it (receive.go). An EventStream (eventstream.go) creates streams
// (stream.go), to which later requests add operations (reservation.go). Both are peers (peer.go)
// with operations (operation.go). Each operation is executed (execution.go) on its own goroutine
// and queues its results in the outbox (outbox.go). Equal subscriptions are executed once, by a
// group of a Hub (group.go), and every member takes the group's items at its own pace. Writing
// never blocks: what the connection (conn.go) does not accept at once is flushed by a temporary
// goroutine. An encoder turns frames into bytes (frame.go, event_encoder.go). Close codes are in
// close.go. All connections of a transport are listed (connections.go), so that Drain can close
// them.
package live

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"

	"switchboard/graph/address"
)

// Subprotocol is the only WebSocket subprotocol supported: PROTOCOL.md, "Communication".
const Subprotocol = "graphql-transport-ws"

// WebSocket is a graphql.Transport that speaks graphql-transport-ws
// (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md). Origins are not checked here.
// The zero value is ready for use, with the defaults named at each field; it must not be copied or
// changed after first use.
type WebSocket struct {
	// Init authenticates the caller from the payload of connection_init, which is empty if there
	// was none; numbers are json.Number. It returns the context that all operations of the
	// connection run in, derived from ctx. When that context is cancelled the socket is closed,
	// with the code of its cause if that is a *CloseError. An error refuses the connection: a
	// *CloseError with its code and reason, any other with 4403 "Forbidden", and is logged, since
	// its text is not meant for clients. Messages that arrive meanwhile wait. If Init is nil,
	// everyone is accepted.
	Init func(ctx context.Context, r *http.Request, payload map[string]any) (context.Context, error)

	// Renew replaces the caller's credential by that in the payload of a ping and returns the context
	// for later operations, which must end when session does. Such a ping is answered by a pong with
	// Expiry of that context, as expiresAt, or with the text that says why the credential is refused.
	// If both results are empty the payload has no credential, and is sent back as that of any ping.
	// If Renew is nil, all are.
	Renew func(session context.Context, payload map[string]any) (renewed context.Context, refused string)
	// Expiry returns when the credential expires, as text, which connection_ack and pings carry as
	// expiresAt; empty if it does not expire. If Expiry is nil, they carry nothing.
	Expiry func(session context.Context) string

	// Documents returns documents that clients name by ids. If nil, there are none.
	Documents Documents

	// Hub shares executions among all transports that have the same Hub. If nil, nothing is shared.
	Hub *Hub

	Ping         time.Duration // between two pings of the server; zero: 15 s
	InitTimeout  time.Duration // until connection_init, else 4408; zero: 5 s
	DeadAfter    time.Duration // without any byte received, then 1001; zero: 35 s
	WriteTimeout time.Duration // without any byte accepted by the client, then 1013; zero: 10 s
	BatchTimeout time.Duration // for the client to accept 64 KiB, or less if less waits, then 1013; zero: 30 s
	CloseTimeout time.Duration // for the closing handshake, then it is cut off; zero: 2 s

	DrainOver time.Duration // Drain spreads the closing over this; zero: 1 ms for each, at most 5 s

	MessageLimit    int // bytes of a message, then 1009; zero: 256 KiB
	OperationLimit  int // concurrent operations per socket, then OPERATION_LIMIT; zero: 50
	FramesPerSecond int // messages and control frames, then 4429; zero: 50, negative: no limit
	FrameBurst      int // frames in one burst; zero: 100

	// Sockets that have not sent connection_init. One more takes the place of the oldest, or is
	// refused with 429 if that one is younger than InitGrace.
	UnauthenticatedLimit int           // per address, or per /64 of IPv6; zero: 50
	UnauthenticatedTotal int           // in all; zero: 2,000
	InitGrace            time.Duration // zero: 1 s

	// Log receives refusals, closings (debug) and panics (error). If nil, slog.Default() is used.
	Log *slog.Logger

	connections     connections
	unauthenticated unauthenticated
}

var _ graphql.Transport = (*WebSocket)(nil)

// Supports reports whether r asks for a WebSocket (RFC 6455 section 4.1).
func (t *WebSocket) Supports(r *http.Request) bool {
	return websocket.IsWebSocketUpgrade(r)
}

// Do upgrades the request. The socket outlives its request, so it keeps no reference to it.
func (t *WebSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	s := newSocket(t, r, exec)
	silent := &silentSocket{network: address.Network(r), since: time.Now(), giveWay: func() {
		s.close(closef(CloseTryAgain, "Too many connections without connection_init; try again"))
	}}
	s.releaseSlot = t.unauthenticated.add(silent, t.unauthenticatedLimit(), t.unauthenticatedTotal(), t.initGrace())
	if s.releaseSlot == nil {
		w.Header().Set("Retry-After", "1")
		newAnswer(w, r, mediaJSON, exec).deny(http.StatusTooManyRequests, "RATE_LIMITED",
			"Too many connections from this address are not authenticated; send connection_init on them, then try again.")
		return
	}
	if !t.connections.add(&s.peer) {
		s.releaseSlot()
		w.Header().Set("Retry-After", "1")
		newAnswer(w, r, mediaJSON, exec).deny(http.StatusServiceUnavailable, "UNAVAILABLE", restarting)
		return
	}
	c, err := s.upgrade(w, r)
	if err != nil {
		s.log.DebugContext(r.Context(), "socket refused", "error", err)
		s.cleanUp()
		return
	}
	go s.serve(c)
}

// restarting is the error message while the server drains.
const restarting = "The server is restarting; try again."

// Drain closes every socket with 1012 "Service restart", on which clients reconnect, and waits
// until the sockets and their operations have ended. If ctx ends first, Drain returns its error.
// New sockets are refused with 503 from then on.
func (t *WebSocket) Drain(ctx context.Context) error { return t.connections.drain(ctx, t.DrainOver) }

// Evict closes every open socket with 1013 "Try again later" and a reason, so that its client
// reconnects, perhaps to another server. It is up to Init to refuse new sockets.
func (t *WebSocket) Evict(reason string) { t.connections.evict(closef(CloseTryAgain, "%s", reason)) }

func (t *WebSocket) hub() *Hub { return cmp.Or(t.Hub, &Hub{}) }

func (t *WebSocket) log() *slog.Logger { return cmp.Or(t.Log, slog.Default()) }

func (t *WebSocket) pingInterval() time.Duration { return cmp.Or(t.Ping, 15*time.Second) }
func (t *WebSocket) initTimeout() time.Duration  { return cmp.Or(t.InitTimeout, 5*time.Second) }
func (t *WebSocket) deadAfter() time.Duration    { return cmp.Or(t.DeadAfter, 35*time.Second) }
func (t *WebSocket) writeTimeout() time.Duration { return cmp.Or(t.WriteTimeout, 10*time.Second) }
func (t *WebSocket) batchTimeout() time.Duration { return cmp.Or(t.BatchTimeout, 30*time.Second) }
func (t *WebSocket) closeTimeout() time.Duration { return cmp.Or(t.CloseTimeout, 2*time.Second) }
func (t *WebSocket) messageLimit() int           { return cmp.Or(t.MessageLimit, 256<<10) }
func (t *WebSocket) operationLimit() int         { return cmp.Or(t.OperationLimit, 50) }

func (t *WebSocket) unauthenticatedLimit() int { return cmp.Or(t.UnauthenticatedLimit, 50) }
func (t *WebSocket) unauthenticatedTotal() int { return cmp.Or(t.UnauthenticatedTotal, 2000) }
func (t *WebSocket) initGrace() time.Duration  { return cmp.Or(t.InitGrace, time.Second) }

func (t *WebSocket) frames() bucket {
	return bucket{perSecond: cmp.Or(t.FramesPerSecond, 50), burst: cmp.Or(t.FrameBurst, 100)}
}
