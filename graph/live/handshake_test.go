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
