package live_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/graph/live"
)

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
		select { // a fraction of DeadAfter
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
