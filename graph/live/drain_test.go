package live_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/graph/live"
)

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
	clients = append(clients, s.dial(t, live.Subprotocol)) // without connection_init
	readErrors := make(chan error)
	for _, c := range clients {
		go func() {
			text, err := c.read()
			c.Close()
			readErrors <- fmt.Errorf("%s%w", text, err)
		}()
	}
	if err := s.transport.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range clients {
		if err := receive(t, readErrors); !websocket.IsCloseError(errors.Unwrap(err), 1012) {
			t.Errorf("a client got %v", err)
		}
	}
	if got := status(t, s, nil); got != http.StatusServiceUnavailable {
		t.Errorf("while draining a new socket is answered %d", got)
	}
	if err := s.transport.Drain(t.Context()); err != nil {
		t.Errorf("a second drain: %v", err)
	}
}

// TestDrainIsBounded: Drain waits for operations whose socket is closed already, but not longer
// than its context.
func TestDrainIsBounded(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	running, release := make(chan struct{}), make(chan struct{})
	s.world.resolve = map[string]func(context.Context, map[string]any) (any, error){
		"waits": func(context.Context, map[string]any) (any, error) {
			running <- struct{}{}
			<-release
			return "deaf", nil
		},
	}
	c := s.connect(t)
	c.subscribe("q", "{waits}")
	receive(t, running)
	c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := s.transport.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain did not wait for a running operation: %v", err)
	}
	close(release)
}
