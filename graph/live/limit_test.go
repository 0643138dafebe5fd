package live_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/graph/live"
)

func TestMessageLimit(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	pad := func(size int) string {
		text := `{"type":"ping","payload":{"a":""}}`
		return strings.Replace(text, `""`, `"`+strings.Repeat("a", size-len(text))+`"`, 1)
	}
	c := s.connect(t)
	for range 5 {
		c.send(pad(256 << 10))
		if got, err := c.read(); err != nil || len(got) != 256<<10 {
			t.Fatalf("256 KiB are refused: %v", err)
		}
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
	for range 10 { // one frame too many, with connection_init
		c.send(`{"type":"pong"}`)
	}
	c.wantClose(4429, "Too many messages")

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

func TestOperationLimit(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	c := s.connect(t)
	for i := range 50 {
		c.subscribe(fmt.Sprint(i), "subscription {names}")
		receive(t, s.topic.begun)
	}
	c.subscribe("50", "{name}")
	refused := `{"id":"50","type":"error","payload":[{"message":"Too many operations on this connection; complete one first.","extensions":{"code":"OPERATION_LIMIT"}}]}`
	c.want(refused)
	c.send(`{"id":"7","type":"complete"}`)
	c.subscribe("50", "{name}")
	c.want(`{"id":"50","type":"next","payload":{"data":{"name":"Ada"}}}`)
	c.want(`{"id":"50","type":"complete"}`)
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
	c.want(`{"id":"4","type":"error","payload":[{"message":"Too many operations on this connection; complete one first.","extensions":{"code":"OPERATION_LIMIT"}}]}`)
	close(release)
	c.wantQuiet()
}

func TestUnauthenticatedLimit(t *testing.T) {
	s := serve(t, &live.WebSocket{UnauthenticatedLimit: 2, InitGrace: time.Hour})
	first, second := s.dial(t, live.Subprotocol), s.dial(t, live.Subprotocol)
	if got := status(t, s, nil); got != http.StatusTooManyRequests {
		t.Fatalf("a third unauthenticated socket gets status %d", got)
	}
	first.send(`{"type":"connection_init"}`)
	first.want(`{"type":"connection_ack"}`)
	third := s.dial(t, live.Subprotocol) // the first one no longer counts
	if got := status(t, s, nil); got != http.StatusTooManyRequests {
		t.Fatalf("one more unauthenticated socket gets status %d", got)
	}
	second.Close()
	third.Close()
	first.Close()
	for range 1000 {
		if status(t, s, nil) == http.StatusSwitchingProtocols {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("closed sockets still count")
}

// TestSilentSocketsGiveWay: a socket that has sent nothing for a while gives way to a new one, of
// its own address first, so that silent sockets lock nobody out.
func TestSilentSocketsGiveWay(t *testing.T) {
	for name, limits := range map[string]*live.WebSocket{
		"of one address": {UnauthenticatedLimit: 2, InitGrace: time.Nanosecond},
		"in all":         {UnauthenticatedTotal: 2, InitGrace: time.Nanosecond},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, limits)
			first, second := s.dial(t, live.Subprotocol), s.dial(t, live.Subprotocol)
			third := s.dial(t, live.Subprotocol)
			first.wantClose(1013, "Too many connections without connection_init; try again")
			for _, c := range []*client{second, third} {
				c.send(`{"type":"connection_init"}`)
				c.want(`{"type":"connection_ack"}`)
			}
			for range 3 {
				s.connect(t) // those that have authenticated do not count
			}
		})
	}
}
