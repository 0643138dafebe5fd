package live_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"switchboard/graph/live"
)

// BenchmarkFanOut measures one event written to 100 sockets that share an execution.
func BenchmarkFanOut(b *testing.B) {
	const clients = 100
	s := newServer(&live.WebSocket{Hub: &live.Hub{Share: share}}, &live.EventStream{})
	defer s.Close()
	defer func() { _ = s.transport.Drain(context.Background()) }()
	var reading sync.WaitGroup
	received := make(chan struct{}, clients)
	for range clients {
		conn, _, err := (&websocket.Dialer{Subprotocols: []string{live.Subprotocol}}).Dial("ws"+strings.TrimPrefix(s.URL, "http"), nil)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		for _, text := range []string{
			`{"type":"connection_init"}`,
			`{"id":"s","type":"subscribe","payload":{"query":"subscription($topic: String, $after: String) {names(topic: $topic, after: $after)}","variables":{"topic":"log","after":"0"}}}`,
		} {
			if err := conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
				b.Fatal(err)
			}
		}
		reading.Go(func() {
			for {
				_, data, err := conn.ReadMessage()
				if err != nil {
					return
				}
				if strings.Contains(string(data), `"next"`) {
					received <- struct{}{}
				}
			}
		})
	}
	write := func(n int) {
		s.world.log.write(fmt.Sprint("text ", n))
		for range clients {
			<-received
		}
	}
	write(0)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		write(n)
	}
}
