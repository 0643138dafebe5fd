package live_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

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

func TestOnlySocketsAreSupported(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	response, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNotFound {
		t.Errorf("a plain GET is accepted as a socket: %s", response.Status)
	}
}

func TestInitTimeout(t *testing.T) {
	s := serve(t, &live.WebSocket{InitTimeout: 20 * time.Millisecond})
	c := s.dial(t, live.Subprotocol)
	c.wantClose(4408, "Connection initialisation timeout")
}

func TestInitStopsItsTimeout(t *testing.T) {
	// The pings continue for several times the timeout.
	s := serve(t, &live.WebSocket{InitTimeout: 300 * time.Millisecond, Ping: 50 * time.Millisecond})
	c := s.connect(t)
	for range 12 {
		c.want(`{"type":"ping"}`)
	}
}
