package live_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"

	"switchboard/graph/live"
)

func TestSubprotocol(t *testing.T) {
	for _, offered := range [][]string{nil, {"graphql-ws"}, {"soap", "graphql-ws"}, {"GRAPHQL-TRANSPORT-WS"}} {
		t.Run(strings.Join(offered, ","), func(t *testing.T) {
			c := serve(t, &live.WebSocket{}).dial(t, offered...)
			c.wantClose(4406, "Subprotocol not acceptable")
		})
	}
	c := serve(t, &live.WebSocket{}).dial(t, "graphql-ws", live.Subprotocol)
	c.send(`{"type":"connection_init"}`)
	c.want(`{"type":"connection_ack"}`)
}

func TestOrigin(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	host := strings.TrimPrefix(s.URL, "http://")
	for origin, want := range map[string]int{
		"":                          http.StatusSwitchingProtocols,
		"http://" + host:            http.StatusSwitchingProtocols,
		"https://" + host:           http.StatusSwitchingProtocols,
		"null":                      http.StatusForbidden,
		"http://" + host + ".evil":  http.StatusForbidden,
		"http://evil/" + host:       http.StatusForbidden,
		"http://" + host + "@evil":  http.StatusForbidden,
		"http://evil@" + host:       http.StatusForbidden,
		"http://127.0.0.1":          http.StatusForbidden,
		"http://127.0.0.1:1":        http.StatusForbidden,
		"file://" + host:            http.StatusForbidden,
		host:                        http.StatusForbidden,
		"http://" + host + " http:": http.StatusForbidden,
		"://":                       http.StatusForbidden,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		if got := status(t, s, header); got != want {
			t.Errorf("Origin %q is answered %d, want %d", origin, got, want)
		}
	}
	if got := status(t, s, http.Header{"Origin": {"http://" + host, "http://evil"}}); got != http.StatusForbidden {
		t.Errorf("two origins are answered %d", got)
	}
	s = serve(t, &live.WebSocket{CheckOrigin: func(r *http.Request) bool { return r.Header.Get("Origin") == "https://desk.example" }})
	if got := status(t, s, http.Header{"Origin": {"https://desk.example"}}); got != http.StatusSwitchingProtocols {
		t.Errorf("an allowed origin is answered %d", got)
	}
}

func TestOnlySocketsAreSupported(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	response, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNotFound {
		t.Errorf("a plain GET is taken for a socket: %s", response.Status)
	}
}

func TestInitTimeout(t *testing.T) {
	s := serve(t, &live.WebSocket{InitTimeout: 20 * time.Millisecond})
	c := s.dial(t, live.Subprotocol)
	c.wantClose(4408, "Connection initialisation timeout")
}

func TestInitStopsItsTimeout(t *testing.T) {
	// Pings outlive the timeout many times over.
	s := serve(t, &live.WebSocket{InitTimeout: 300 * time.Millisecond, Ping: 50 * time.Millisecond})
	c := s.connect(t)
	for range 12 {
		c.want(`{"type":"ping"}`)
	}
}

func TestPingPayload(t *testing.T) {
	type key struct{}
	s := serve(t, &live.WebSocket{
		Ping: 10 * time.Millisecond,
		Init: func(ctx context.Context, _ *http.Request, _ map[string]any) (context.Context, error) {
			return context.WithValue(ctx, key{}, "c1"), nil
		},
		PingPayload: func(ctx context.Context) map[string]any { return map[string]any{"cursor": ctx.Value(key{})} },
	})
	c := s.connect(t)
	c.want(`{"type":"ping","payload":{"cursor":"c1"}}`)
	c.want(`{"type":"ping","payload":{"cursor":"c1"}}`)
}

func TestPingPayloadThatPanics(t *testing.T) {
	s := serve(t, &live.WebSocket{
		Ping:        10 * time.Millisecond,
		PingPayload: func(context.Context) map[string]any { panic("in PingPayload") },
	})
	s.connect(t).wantClose(1011, "Internal server error")
}

func TestDeadPeer(t *testing.T) {
	s := serve(t, &live.WebSocket{DeadAfter: 50 * time.Millisecond, Ping: time.Hour})
	c := s.connect(t)
	c.subscribe("s", "subscription {names}")
	c.wantClose(1001, "Nothing was received for too long")
	receive(t, s.topic.ended)
}

func TestPingFramesKeepAlive(t *testing.T) {
	s := serve(t, &live.WebSocket{DeadAfter: 300 * time.Millisecond, Ping: time.Hour})
	c := s.connect(t)
	pongs := make(chan string, 1)
	c.SetPongHandler(func(data string) error { pongs <- data; return nil })
	done := make(chan struct{})
	go func() { defer close(done); _, _ = c.read() }()
	for i := range 12 {
		_ = c.WriteControl(websocket.PingMessage, fmt.Append(nil, i), time.Now().Add(deadline))
		if got := receive(t, pongs); got != fmt.Sprint(i) {
			t.Fatalf("ping %d is answered %q", i, got)
		}
		select { // pacing: a third of the time to live
		case <-time.After(50 * time.Millisecond):
		case <-done:
			t.Fatal("closed although ping frames came")
		}
	}
	c.Close()
	<-done
}

func TestMessageLimit(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	pad := func(size int) string {
		text := `{"type":"ping","payload":{"a":""}}`
		return strings.Replace(text, `""`, `"`+strings.Repeat("a", size-len(text))+`"`, 1)
	}
	c := s.connect(t)
	c.send(pad(256 << 10))
	if got, err := c.read(); err != nil || len(got) != 256<<10 {
		t.Fatalf("256 KiB are refused: %v", err)
	}
	c.send(pad(256<<10 + 1))
	c.wantClose(1009, "Message too big")
	c = s.connect(t)
	go func() { _ = c.WriteMessage(websocket.TextMessage, []byte(pad(8<<20))) }()
	c.wantClose(1009, "Message too big")
}

func TestFrameRate(t *testing.T) {
	s := serve(t, &live.WebSocket{FramesPerSecond: 1, FrameBurst: 10})
	c := s.connect(t)
	for range 9 {
		c.send(`{"type":"pong"}`)
	}
	c.wantQuietOrClosed(4429, "Too many messages")

	c = s.connect(t)
	for range 20 {
		_ = c.WriteControl(websocket.PingMessage, nil, time.Now().Add(deadline))
	}
	c.wantClose(4429, "Too many messages")

	free := serve(t, &live.WebSocket{FramesPerSecond: -1, FrameBurst: 1})
	c = free.connect(t)
	for range 500 {
		c.send(`{"type":"pong"}`)
	}
	c.wantQuiet()
}

// wantQuietOrClosed sends one message more than the burst allows.
func (c *client) wantQuietOrClosed(code int, reason string) {
	c.t.Helper()
	c.send(`{"type":"pong"}`)
	c.wantClose(code, reason)
}

func TestOperationLimit(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	c := s.connect(t)
	for i := range 20 {
		c.subscribe(fmt.Sprint(i), "subscription {names}")
		receive(t, s.topic.begun)
	}
	c.subscribe("20", "{name}")
	refused := `{"id":"20","type":"error","payload":[{"message":"Too many operations on this socket; complete one first.","extensions":{"code":"OPERATION_LIMIT"}}]}`
	c.want(refused)
	c.send(`{"id":"7","type":"complete"}`)
	c.subscribe("20", "{name}")
	c.want(`{"id":"20","type":"next","payload":{"data":{"name":"Ada"}}}`)
	c.want(`{"id":"20","type":"complete"}`)
	c.wantQuiet()
}

func TestOperationLimitCountsWhatStillRuns(t *testing.T) {
	s := serve(t, &live.WebSocket{OperationLimit: 2})
	running, release := make(chan struct{}), make(chan struct{})
	s.world.resolve = map[string]func(context.Context, map[string]any) (any, error){
		"waits": func(context.Context, map[string]any) (any, error) {
			running <- struct{}{}
			<-release
			return "deaf", nil
		},
	}
	c := s.connect(t)
	for i := range 4 {
		c.subscribe(fmt.Sprint(i), "{waits}")
		receive(t, running)
		c.send(fmt.Sprintf(`{"id":"%d","type":"complete"}`, i))
	}
	c.subscribe("4", "{name}")
	c.want(`{"id":"4","type":"error","payload":[{"message":"Too many operations on this socket; complete one first.","extensions":{"code":"OPERATION_LIMIT"}}]}`)
	close(release)
	c.wantQuiet()
}

// A stalled peer is cut off; nobody else notices; what its own operations wait for does not stop its complete.
func TestStalledReader(t *testing.T) {
	s := serve(t, &live.WebSocket{WriteTimeout: 200 * time.Millisecond, FramesPerSecond: -1})
	item := strings.Repeat("a", 64<<10)
	s.world.names = func(ctx context.Context, topic string) (<-chan string, error) {
		if topic != "flood" {
			return s.topic.subscribe(ctx, live.Fail)
		}
		out := make(chan string)
		go func() {
			defer close(out)
			defer func() { s.topic.ended <- context.Cause(ctx) }()
			for ctx.Err() == nil {
				select {
				case out <- item:
				case <-ctx.Done():
				}
			}
		}()
		return out, nil
	}
	stalled, other := s.connect(t), s.connect(t)
	_ = stalled.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	other.subscribe("s", "subscription {names}")
	receive(t, s.topic.begun)
	stalled.subscribe("s", `subscription {names(topic:"flood")}`)
	for {
		select {
		case s.topic.items <- "a":
			other.want(`{"id":"s","type":"next","payload":{"data":{"names":"a"}}}`)
			continue
		case cause := <-s.topic.ended:
			wantCause(t, cause, live.CloseTryAgain)
		case <-patience(t):
			t.Fatal("the stalled peer is still there")
		}
		break
	}
	s.topic.items <- "b"
	other.want(`{"id":"s","type":"next","payload":{"data":{"names":"b"}}}`)
}

func wantCause(t *testing.T, cause error, code int) {
	t.Helper()
	var closed *live.CloseError
	if !errors.As(cause, &closed) || closed.Code != code {
		t.Fatalf("the operation ended with %v, want %d", cause, code)
	}
}

// While an operation waits for a peer that does not read, complete is heard: its context ends long before
// WriteTimeout, and a peer that reads again finds no end to the socket.
func TestCompleteIsHeardWhileWriting(t *testing.T) {
	s := serve(t, &live.WebSocket{FramesPerSecond: -1})
	item := strings.Repeat("a", 64<<10)
	c := s.connect(t)
	_ = c.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	c.subscribe("s", "subscription {names}")
	receive(t, s.topic.begun)
	for stuck := false; !stuck; {
		select {
		case s.topic.items <- item:
		case <-time.After(100 * time.Millisecond): // nothing moves any more
			stuck = true
		}
	}
	for range 50 {
		c.send(`{"type":"ping"}`)
	}
	c.send(`{"id":"s","type":"complete"}`)
	receive(t, s.topic.ended)
	pongs := 0
	for pongs < 50 {
		text, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, "pong") {
			pongs++
		}
	}
	c.wantQuiet()
}

func TestSlowReaderLosesNothing(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	c := s.connect(t)
	c.subscribe("s", "subscription {names}")
	pad := strings.Repeat("a", 4<<10)
	go func() {
		for i := range 500 {
			s.topic.items <- fmt.Sprint(i, pad)
		}
		close(s.topic.items)
	}()
	for i := range 500 {
		c.want(fmt.Sprintf(`{"id":"s","type":"next","payload":{"data":{"names":"%d%s"}}}`, i, pad))
	}
	c.want(`{"id":"s","type":"complete"}`)
}

func TestRevocation(t *testing.T) {
	revoke := make(chan context.CancelCauseFunc, 1)
	s := serve(t, &live.WebSocket{
		Init: func(ctx context.Context, _ *http.Request, _ map[string]any) (context.Context, error) {
			ctx, cancel := context.WithCancelCause(ctx)
			revoke <- cancel
			return ctx, nil
		},
	})
	c := s.connect(t)
	c.subscribe("s", "subscription {names}")
	receive(t, s.topic.begun)
	receive(t, revoke)(&live.CloseError{Code: live.CloseForbidden, Reason: "Token revoked"})
	c.wantClose(4403, "Token revoked")
	wantCause(t, receive(t, s.topic.ended), live.CloseForbidden)

	c = s.connect(t)
	receive(t, revoke)(nil)
	c.wantClose(1001, "Going away")
}

func TestDrain(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	var clients []*client
	for range 10 {
		c := s.connect(t)
		c.subscribe("s", "subscription {names}")
		receive(t, s.topic.begun)
		clients = append(clients, c)
	}
	clients = append(clients, s.dial(t, live.Subprotocol)) // not even initialised
	said := make(chan error)
	for _, c := range clients {
		go func() {
			text, err := c.read()
			c.Close()
			said <- fmt.Errorf("%s%w", text, err)
		}()
	}
	if err := s.transport.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range clients {
		if err := receive(t, said); !websocket.IsCloseError(errors.Unwrap(err), 1012) {
			t.Errorf("a client was told %v", err)
		}
	}
	if got := status(t, s, nil); got != http.StatusServiceUnavailable {
		t.Errorf("while draining a new socket is answered %d", got)
	}
	if err := s.transport.Drain(t.Context()); err != nil {
		t.Errorf("a second drain: %v", err)
	}
}

func TestDrainIsBounded(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	release := make(chan struct{})
	s.world.resolve = map[string]func(context.Context, map[string]any) (any, error){
		"waits": func(context.Context, map[string]any) (any, error) { release <- struct{}{}; <-release; return "", nil },
	}
	c := s.connect(t)
	c.subscribe("q", "{waits}")
	receive(t, release)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.transport.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain did not wait for a running operation: %v", err)
	}
	close(release)
}

// An interceptor's time limit ends a subscription with an error, not with a complete that looks like its end.
func TestInterceptors(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	refuse := false
	s.exec.AroundOperations(func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		if refuse {
			return graphql.OneShot(graphql.ErrorResponse(ctx, "rate limited"))
		}
		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		context.AfterFunc(ctx, cancel)
		return next(ctx)
	})
	c := s.connect(t)
	c.subscribe("s", "subscription {names}")
	c.want(`{"id":"s","type":"error","payload":[{"message":"context deadline exceeded"}]}`)
	refuse = true
	c.subscribe("q", "{name}")
	c.want(`{"id":"q","type":"error","payload":[{"message":"rate limited"}]}`)
	c.wantQuiet()
}

func TestVariablesKeepTheirNumbers(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	got := make(chan any, 1)
	s.world.resolve = map[string]func(context.Context, map[string]any) (any, error){
		"add": func(_ context.Context, args map[string]any) (any, error) { got <- args["numbers"]; return "", nil },
	}
	c := s.connect(t)
	c.send(`{"id":"q","type":"subscribe","payload":{"query":"query($n:[Float!]!){add(numbers:$n)}","variables":{"n":[9007199254740993,0.10]}}}`)
	if numbers := fmt.Sprintf("%T %v", receive(t, got).([]any)[0], []any{"9007199254740993", "0.10"}); numbers != "json.Number [9007199254740993 0.10]" {
		t.Errorf("numbers arrive as %s", numbers)
	}
}

func TestPeerThatVanishes(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	c := s.connect(t)
	c.subscribe("s", "subscription {names}")
	receive(t, s.topic.begun)
	_ = c.NetConn().(*net.TCPConn).SetLinger(0)
	c.NetConn().Close()
	if cause := receive(t, s.topic.ended); cause == nil {
		t.Error("the operation ended without a cause")
	}
}
