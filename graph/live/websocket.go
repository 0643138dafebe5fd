// Package live carries GraphQL operations over sockets and event streams: queries, mutations and, above all,
// subscriptions.
//
// A WebSocket (websocket.go) makes one socket per connection (socket.go). What comes in is read as a message
// (message.go) and obeyed (receive.go). An EventStream (eventstream.go) makes streams (stream.go), which later
// requests may tell what to do (reservation.go). The client behind either is a peer (peer.go) with operations
// (operation.go), each of which is executed (execution.go) on its own goroutine and puts what it has to say into the
// outbox (outbox.go); equal subscriptions are executed once, by a group of a Hub (group.go), whose items every member
// takes at its own pace. Writing never blocks: what the line below (line.go) does not take at once is waited with by
// a goroutine that is there only meanwhile. How a frame looks on the line is said by a dialect (frame.go, event.go).
// Close codes are in close.go. A house (house.go) knows all connections of a transport, for Drain.
package live

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
)

// Subprotocol is the one WebSocket subprotocol spoken here: PROTOCOL.md, "Communication".
const Subprotocol = "graphql-transport-ws"

// WebSocket is a graphql.Transport that speaks graphql-transport-ws exactly as
// https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md says. It upgrades the requests of any page: which
// origins may call is checked before, for all transports alike. Its zero value is ready for use, with the defaults
// named at each field; it must not be copied or changed once it serves.
type WebSocket struct {
	// Init decides who is calling, from the payload of connection_init (empty if there was none; numbers are
	// json.Number). The context it returns is the one all operations of this connection run in; it must be
	// derived from ctx. When that context is cancelled the socket is closed, with the code of its cause if
	// this is a *CloseError. An error refuses the connection: a *CloseError with its code and reason, any
	// other is logged and answered with 4403 "Forbidden", since its text is not meant for strangers.
	// What the peer sends meanwhile waits. Nil: everybody is let in.
	Init func(ctx context.Context, r *http.Request, payload map[string]any) (context.Context, error)

	// Hub shares executions among all sockets, and with whatever else has the same one. Nil: nothing is shared.
	Hub *Hub

	Ping         time.Duration // between two pings of the server; zero: 15 s
	InitTimeout  time.Duration // until connection_init, else 4408; zero: 5 s
	DeadAfter    time.Duration // a peer not heard of for this long is closed with 1001; zero: 35 s
	WriteTimeout time.Duration // a peer that takes no byte for this long is cut off (1013), in the handshake too; zero: 10 s
	CloseTimeout time.Duration // for the closing handshake, then the connection is just cut; zero: 2 s

	DrainOver time.Duration // Drain closes the sockets spread over this time at most; zero: 5 s

	MessageLimit    int // bytes of a message, beyond it 1009; zero: 256 KiB
	OperationLimit  int // operations at a time per socket, beyond it an error OPERATION_LIMIT; zero: 50
	FramesPerSecond int // messages and control frames, sustained, beyond it 4429; zero: 50, negative: no limit
	FrameBurst      int // frames that may come at once; zero: 100
	StrangerLimit   int // sockets of one address before connection_ack, beyond it 429; zero: 1,000

	// Log receives refusals, closings (debug) and panics (error). Nil: slog.Default().
	Log *slog.Logger

	house     house
	strangers strangers
}

var _ graphql.Transport = (*WebSocket)(nil)

// Supports reports whether r asks for a WebSocket (RFC 6455 section 4.1).
func (t *WebSocket) Supports(r *http.Request) bool {
	return websocket.IsWebSocketUpgrade(r)
}

// Do upgrades the request. The socket lives on when the request is over, so that nothing of it is kept.
func (t *WebSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	s := newSocket(t, r, exec)
	if s.known = t.strangers.arrive(r, t.strangerLimit()); s.known == nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "Too many connections of this address have not said who they are; try again.", http.StatusTooManyRequests)
		return
	}
	if !t.house.join(&s.peer) {
		s.known()
		w.Header().Set("Retry-After", "1")
		http.Error(w, restarting, http.StatusServiceUnavailable)
		return
	}
	line, err := s.upgrade(w, r)
	if err != nil {
		s.log.DebugContext(r.Context(), "socket refused", "error", err)
		s.gone()
		return
	}
	go s.serve(line)
}

// restarting is what a drained server answers.
const restarting = "The server is restarting; try again."

// Drain closes every socket with 1012 "Service restart", which clients answer by connecting anew, and waits
// until they and their operations are gone or ctx ends, whose error it returns. From its call on new sockets
// are refused with 503.
func (t *WebSocket) Drain(ctx context.Context) error { return t.house.drain(ctx, t.drainOver()) }

// Evict closes every socket with 1013 "Try again later" and a reason, so that its client comes back, perhaps to
// another server. New sockets are for Init to refuse.
func (t *WebSocket) Evict(reason string) { t.house.evict(closef(CloseTryAgain, "%s", reason)) }

func (t *WebSocket) hub() *Hub { return cmp.Or(t.Hub, &Hub{}) }

func (t *WebSocket) log() *slog.Logger { return cmp.Or(t.Log, slog.Default()) }

func (t *WebSocket) ping() time.Duration         { return cmp.Or(t.Ping, 15*time.Second) }
func (t *WebSocket) initTimeout() time.Duration  { return cmp.Or(t.InitTimeout, 5*time.Second) }
func (t *WebSocket) deadAfter() time.Duration    { return cmp.Or(t.DeadAfter, 35*time.Second) }
func (t *WebSocket) writeTimeout() time.Duration { return cmp.Or(t.WriteTimeout, 10*time.Second) }
func (t *WebSocket) closeTimeout() time.Duration { return cmp.Or(t.CloseTimeout, 2*time.Second) }
func (t *WebSocket) drainOver() time.Duration    { return cmp.Or(t.DrainOver, 5*time.Second) }
func (t *WebSocket) messageLimit() int           { return cmp.Or(t.MessageLimit, 256<<10) }
func (t *WebSocket) operationLimit() int         { return cmp.Or(t.OperationLimit, 50) }

func (t *WebSocket) strangerLimit() int { return cmp.Or(t.StrangerLimit, 1000) }

func (t *WebSocket) frames() bucket {
	return bucket{perSecond: cmp.Or(t.FramesPerSecond, 50), burst: cmp.Or(t.FrameBurst, 100)}
}
