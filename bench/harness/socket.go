package harness

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"

	"github.com/gorilla/websocket"
)

// Subscribers are WebSocket clients with one subscription each.
type Subscribers struct {
	Received atomic.Int64 // events, by all of them
	conns    []*websocket.Conn
	failed   atomic.Pointer[error]
	closed   atomic.Bool
}

// Subscribe connects a client for each token, one after the other, and subscribes.
func (s *Server) Subscribe(ctx context.Context, tokens []string, query string) (*Subscribers, error) {
	all := &Subscribers{}
	for _, token := range tokens {
		conn, err := subscribe(ctx, s.Addr, token, query)
		if err != nil {
			all.Close()
			return nil, err
		}
		all.conns = append(all.conns, conn)
		go all.read(conn)
	}
	return all, nil
}

func subscribe(ctx context.Context, addr, token, query string) (*websocket.Conn, error) {
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}, ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10}
	conn, answer, err := dialer.DialContext(ctx, "ws://"+addr+"/graphql", nil)
	if err != nil {
		return nil, fmt.Errorf("connect a WebSocket: %w (%v)", err, answer)
	}
	hello := fmt.Sprintf(`{"type":"connection_init","payload":{"authorization":"Bearer %s"}}`, token)
	if err := conn.WriteMessage(websocket.TextMessage, []byte(hello)); err != nil {
		return nil, err
	}
	if _, got, err := conn.ReadMessage(); err != nil || !bytes.Contains(got, []byte("connection_ack")) {
		return nil, fmt.Errorf("the server answered connection_init with %q: %w", got, err)
	}
	return conn, conn.WriteJSON(map[string]any{"id": "1", "type": "subscribe", "payload": map[string]string{"query": query}})
}

func (a *Subscribers) read(conn *websocket.Conn) {
	for {
		_, text, err := conn.ReadMessage()
		switch {
		case err != nil:
			a.fail(err)
			return
		case bytes.Contains(text, []byte(`"type":"next"`)):
			a.Received.Add(1)
		case bytes.Contains(text, []byte(`"type":"error"`)):
			a.fail(fmt.Errorf("the subscription was answered with %.500s", text))
			return
		}
	}
}

func (a *Subscribers) fail(err error) {
	if !a.closed.Load() {
		a.failed.Store(&err)
	}
}

// Err returns why a subscriber ended early; nil if none did.
func (a *Subscribers) Err() error {
	if err := a.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Close disconnects all.
func (a *Subscribers) Close() {
	a.closed.Store(true)
	for _, conn := range a.conns {
		_ = conn.Close()
	}
}

// Tokens returns n tokens, those of the callers in turn.
func Tokens[T any](callers []T, token func(T) string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = token(callers[i%len(callers)])
	}
	return all
}
