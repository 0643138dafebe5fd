package live_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/graph/live"
)

// TestSilentPeerOfAStream: a stream whose client acknowledges nothing ends, although its few pings
// never fill a buffer.
func TestSilentPeerOfAStream(t *testing.T) {
	sessions := make(chan context.Context, 1)
	s := serveBoth(t, &live.WebSocket{}, &live.EventStream{
		Ping: 50 * time.Millisecond, WriteTimeout: 200 * time.Millisecond, CloseTimeout: 50 * time.Millisecond,
		Session: func(ctx context.Context, _ *http.Request) (context.Context, error) {
			sessions <- ctx
			return ctx, nil
		},
	})
	w := s.raw(t)
	_ = w.Conn.(*net.TCPConn).SetReadBuffer(1)
	w.put("POST / HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: 31\r\n\r\n" + `{"query":"subscription{names}"}`)
	receive(t, s.topic.begun)
	s.topic.items <- strings.Repeat("a", 3000) // more than the client buffers, less than we do
	select {
	case <-receive(t, sessions).Done():
	case <-timeout(t):
		t.Error("the stream of a client that acknowledges nothing does not end")
	}
}
