package live_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/graph/live"
)

// TestPingCursor: a ping carries how far all subscriptions of the socket have delivered.
func TestPingCursor(t *testing.T) {
	s := serve(t, &live.WebSocket{Ping: 5 * time.Millisecond})
	at := map[string]*atomic.Int64{"a": {}, "b": {}}
	items, progress := make(chan string), make(chan *live.Progress, 2)
	s.world.names = func(ctx context.Context, topic string) (<-chan string, error) {
		if topic == "state" {
			live.Follow(ctx, nil)
			return items, nil
		}
		progress <- live.Follow(ctx, func() live.Position {
			n := at[topic].Load()
			return live.Position{Seq: n, Cursor: fmt.Sprint("c", n)}
		})
		return items, nil
	}
	c := s.connect(t)
	c.want(`{"type":"ping"}`) // there is nothing to resume

	at["a"].Store(7)
	c.subscribe("a", `subscription {names(topic: "a")}`)
	a := receive(t, progress)
	c.wantPing("c7")
	at["b"].Store(5)
	c.subscribe("b", `subscription {names(topic: "b")}`)
	receive(t, progress)
	c.wantPing("c5") // the slower one counts
	c.subscribe("state", `subscription {names(topic: "state")}`)
	at["b"].Store(9)
	c.wantPing("c7") // states are not events

	// An item on its way holds the cursor back until it is sent.
	a.Hand()
	at["a"].Store(8)
	for range 3 {
		c.wantPing("c7")
	}
	c.send(`{"type":"complete","id":"b"}`)
	c.send(`{"type":"complete","id":"state"}`)
	items <- "Ada"
	for {
		text, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		if text == `{"type":"ping","payload":{"cursor":"c8"}}` {
			t.Fatal("the cursor comes before the item")
		}
		if strings.Contains(text, "Ada") {
			break
		}
	}
	c.wantPing("c8")
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
