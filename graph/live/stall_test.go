package live_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/graph/live"
)

// TestStalledReader: a client that does not read is cut off, and other clients do not notice.
func TestStalledReader(t *testing.T) {
	s := serve(t, &live.WebSocket{WriteTimeout: 200 * time.Millisecond, FramesPerSecond: -1})
	item := strings.Repeat("a", 64<<10)
	s.world.names = func(ctx context.Context, topic string) (<-chan string, error) {
		if topic != "flood" {
			return s.topic.subscribe(ctx)
		}
		f := &flood{tap{topic: s.topic, ctx: ctx, out: make(chan string, 1), item: &item}}
		live.Pull(ctx, f)
		return f.out, nil
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
		case <-timeout(t):
			t.Fatal("the stalled client is not cut off")
		}
		break
	}
	s.topic.items <- "b"
	other.want(`{"id":"s","type":"next","payload":{"data":{"names":"b"}}}`)
}

// A flood is a source that always has the same item ready.
type flood struct{ tap }

func (f *flood) Next(context.Context) (bool, error) {
	f.out <- *f.item
	return true, nil
}

func wantCause(t *testing.T, cause error, code int) {
	t.Helper()
	var closed *live.CloseError
	if !errors.As(cause, &closed) || closed.Code != code {
		t.Fatalf("the operation ended with %v, want %d", cause, code)
	}
}

// TestCompleteEndsWaitingWrite: while an operation waits for a client that does not read,
// complete is handled at once, long before WriteTimeout, and the socket stays open.
func TestCompleteEndsWaitingWrite(t *testing.T) {
	s := serve(t, &live.WebSocket{FramesPerSecond: -1})
	c := s.connect(t)
	_ = c.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	c.subscribe("s", "subscription {names}")
	receive(t, s.topic.begun)
	published := s.fill()
	for range 50 {
		c.send(`{"type":"ping"}`)
	}
	c.send(`{"id":"s","type":"complete"}`)
	receive(t, s.topic.ended)
	pongs, items := 0, 0
	for pongs < 50 {
		text, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, "pong") {
			pongs++
		} else {
			items++
		}
	}
	if items > published-4 {
		t.Errorf("%d of %d items came: what waited was sent after complete", items, published)
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

// TestDrainCutsStalledPeers: a client that does not read delays Drain by CloseTimeout, not by
// WriteTimeout.
func TestDrainCutsStalledPeers(t *testing.T) {
	s := serve(t, &live.WebSocket{WriteTimeout: time.Hour, CloseTimeout: 50 * time.Millisecond})
	c := s.connect(t)
	_ = c.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	c.subscribe("s", "subscription {names}")
	receive(t, s.topic.begun)
	s.fill()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	if err := s.transport.Drain(ctx); err != nil {
		t.Errorf("a stalled peer holds the drain up: %v", err)
	}
	wantCause(t, receive(t, s.topic.ended), live.CloseRestart)
}

// TestCloseFrameReachesSlowReader: a client that is behind when it is closed gets the close frame
// if it reads on in time.
func TestCloseFrameReachesSlowReader(t *testing.T) {
	revoke := make(chan context.CancelCauseFunc, 1)
	s := serve(t, &live.WebSocket{CloseTimeout: time.Minute, Init: func(ctx context.Context, _ *http.Request, _ map[string]any) (context.Context, error) {
		ctx, cancel := context.WithCancelCause(ctx)
		revoke <- cancel
		return ctx, nil
	}})
	c := s.connect(t)
	_ = c.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	c.subscribe("s", "subscription {names}")
	receive(t, s.topic.begun)
	s.fill()
	receive(t, revoke)(&live.CloseError{Code: live.CloseForbidden, Reason: "Token revoked"})
	receive(t, s.topic.ended)
	for {
		if _, err := c.read(); err != nil {
			if !websocket.IsCloseError(err, live.CloseForbidden) {
				t.Errorf("the client got %v", err)
			}
			return
		}
	}
}

// fill publishes until no item is accepted any more, and returns how many were.
func (s *server) fill() (published int) {
	item := strings.Repeat("a", 64<<10)
	for {
		select {
		case s.topic.items <- item:
			published++
		case <-time.After(100 * time.Millisecond):
			if published > 4 { // more than the outbox holds
				return published
			}
		}
	}
}

// TestTrickle (finding 2): a client that always reads a little, but too little, is cut off.
func TestTrickle(t *testing.T) {
	s := serve(t, &live.WebSocket{BatchTimeout: 200 * time.Millisecond, WriteTimeout: 8 * time.Second, FramesPerSecond: -1})
	item := strings.Repeat("a", 64<<10)
	s.world.names = func(ctx context.Context, _ string) (<-chan string, error) {
		f := &flood{tap{topic: s.topic, ctx: ctx, out: make(chan string, 1), item: &item}}
		live.Pull(ctx, f)
		return f.out, nil
	}
	c := s.connect(t)
	_ = c.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	c.subscribe("s", "subscription {names}")
	for late := timeout(t); ; {
		select {
		case cause := <-s.topic.ended:
			wantCause(t, cause, live.CloseTryAgain)
			return
		case <-late:
			t.Fatal("the client is not cut off")
		case <-time.After(10 * time.Millisecond): // the pace of the client
			_ = c.NetConn().SetReadDeadline(time.Now().Add(time.Millisecond))
			_, _ = c.NetConn().Read(make([]byte, 512))
		}
	}
}

// TestWaitingBytes (finding 2): a client that asks for more than it reads is cut off before all of
// it is kept, and one answer of the greatest size is none too many.
func TestWaitingBytes(t *testing.T) {
	s := serve(t, &live.WebSocket{FramesPerSecond: -1, WriteTimeout: time.Hour, BatchTimeout: time.Hour})
	var size atomic.Int64
	s.world.resolve = map[string]func(context.Context, map[string]any) (any, error){
		"waits": func(context.Context, map[string]any) (any, error) { return strings.Repeat("a", int(size.Load())), nil },
	}
	c := s.connect(t)
	size.Store(8 << 20)
	c.subscribe("large", "{waits}")
	c.subscribe("small", "{name}")
	for range 4 { // next and complete of each
		if text, err := c.read(); err != nil || strings.HasPrefix(text, `{"type":"error"`) {
			t.Fatalf("want the results: %.100s, %v", text, err)
		}
	}
	_ = c.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	c.subscribe("s", "subscription {names}") // which ends with the socket only
	receive(t, s.topic.begun)
	size.Store(1 << 20)
	go func() { // until the socket is closed
		for i := range 40 {
			_ = c.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"id":"%d","type":"subscribe","payload":{"query":"{waits}"}}`, i))
		}
	}()
	wantCause(t, receive(t, s.topic.ended), live.CloseTryAgain)
}
