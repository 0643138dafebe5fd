package graph_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/db"
	"switchboard/graph/live"
	"switchboard/service"
)

// socket is a client that speaks graphql-transport-ws.
type socket struct {
	*websocket.Conn
	t *testing.T
}

// frame is one message of the server.
type frame struct {
	Type, ID string
	Payload  json.RawMessage
}

// dial opens a socket and sends connection_init with a token, without waiting for the answer.
func (s *server) dial(t *testing.T, token string) *socket {
	t.Helper()
	return s.dialWith(t, map[string]any{"authorization": "Bearer " + token})
}

// dialWith is like dial with another payload of connection_init.
func (s *server) dialWith(t *testing.T, payload any) *socket {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{live.Subprotocol}, HandshakeTimeout: patience}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(s.http.URL, "http"), nil)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	c := &socket{conn, t}
	c.send(map[string]any{"type": "connection_init", "payload": payload})
	return c
}

// connect is like dial, but waits for the acknowledgement.
func (s *server) connect(t *testing.T, token string) *socket {
	t.Helper()
	c := s.dial(t, token)
	if f := c.receive(); f.Type != "connection_ack" {
		t.Fatalf("%s instead of connection_ack", f.Type)
	}
	return c
}

func (c *socket) send(message any) {
	c.t.Helper()
	must(c.t, c.WriteJSON(message))
}

func (c *socket) read() (f frame, err error) {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for {
		f = frame{}
		if err = c.ReadJSON(&f); err != nil || f.Type != "ping" {
			return f, err
		}
	}
}

func (c *socket) receive() frame {
	c.t.Helper()
	f, err := c.read()
	must(c.t, err)
	return f
}

// wantClose reads until the server closes the socket.
func (c *socket) wantClose(code int) {
	c.t.Helper()
	for {
		f, err := c.read()
		var closed *websocket.CloseError
		if errors.As(err, &closed) && closed.Code == code {
			return
		}
		if err != nil {
			c.t.Fatalf("want close %d, got %v", code, err)
		}
		if f.Type == "connection_ack" && code != live.CloseForbidden {
			c.t.Fatalf("want close %d, got %s", code, f.Type)
		}
	}
}

// wantNoMore is like wantClose, and fails if any message comes before the close.
func (c *socket) wantNoMore(code int) {
	c.t.Helper()
	f, err := c.read()
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != code {
		c.t.Fatalf("want close %d, got %s %s, %v", code, f.Type, f.Payload, err)
	}
}

func (c *socket) subscribe(id, doc string, v vars) {
	c.t.Helper()
	c.send(map[string]any{"id": id, "type": "subscribe", "payload": map[string]any{"query": doc, "variables": plain(v)}})
}

// stream is a subscription on its own socket.
type stream struct {
	*socket
	field string
}

// subscribe starts a subscription with its whole document.
func (s *server) subscribe(t *testing.T, token, field string, v vars) *stream {
	t.Helper()
	c := s.connect(t, token)
	c.subscribe("1", subscriptions[field], v)
	return &stream{c, field}
}

// next returns the next item.
func (s *stream) next() any {
	s.t.Helper()
	f := s.receive()
	if f.Type != "next" {
		s.t.Fatalf("%s instead of an item: %s", f.Type, f.Payload)
	}
	value := parse(s.t, f.Payload)
	if get(value, "errors") != nil {
		s.t.Fatalf("an item with errors: %s", f.Payload)
	}
	return get(value, "data", s.field)
}

// wantError checks that the subscription ends with an error message of this code.
func (s *stream) wantError(code string) (message string) {
	s.t.Helper()
	f := s.receive()
	var errs []wireError
	if f.Type != "error" || json.Unmarshal(f.Payload, &errs) != nil || len(errs) != 1 || errs[0].Extensions.Code != code {
		s.t.Fatalf("want an error message %s, got %s %s", code, f.Type, f.Payload)
	}
	return errs[0].Message
}

// at returns the cursor of an item: its event's, or its own.
func at(item any) string { return get(item, "cursor").(string) }

// end returns the cursor of the current end of the log.
func (w *world) end() db.EventCursor {
	w.t.Helper()
	c, err := w.service.AsOf(w.t.Context(), w.manager.Actor)
	must(w.t, err)
	return c
}

// churn creates contacts with conversations, which a goroutine changes at random until stop is
// called.
func (w *world) churn(t *testing.T, contacts int) (stop func()) {
	t.Helper()
	all := make([]*db.Contact, contacts)
	for i := range all {
		all[i], _ = w.opened(w.agent, string(rune('A'+i)))
	}
	done := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		random := rand.New(rand.NewPCG(1, 2))
		for {
			select {
			case <-done:
				return
			default:
				w.shake(t, random, all[random.IntN(len(all))])
			}
		}
	})
	stop = sync.OnceFunc(func() { close(done); writing.Wait() })
	t.Cleanup(stop)
	return stop
}

// shake makes a random change to a contact; it ignores refusals.
func (w *world) shake(t *testing.T, random *rand.Rand, c *db.Contact) {
	ctx, s, by := t.Context(), w.service, w.agent.Actor
	latest, err := s.LatestConversations(ctx, by, []db.ContactID{c.ID})
	if err == nil && len(latest) == 1 {
		id := latest[0].ID
		switch random.IntN(9) {
		case 0, 1:
			_, err = s.AssignConversation(ctx, by, service.AssignConversationInput{ConversationID: id, AssigneeID: w.agent.id})
		case 2:
			_, err = s.AssignContact(ctx, by, service.AssignContactInput{ContactID: c.ID, AssigneeID: w.colleague.id})
		case 3:
			_, err = s.UnassignConversation(ctx, by, service.UnassignConversationInput{ConversationID: id})
		case 4:
			_, err = s.CloseConversation(ctx, by, service.CloseConversationInput{ConversationID: id})
		case 5:
			_, err = s.ReopenConversation(ctx, by, service.ReopenConversationInput{ConversationID: id})
		case 6:
			_, err = s.OpenConversation(ctx, by, service.OpenConversationInput{ContactID: c.ID, Channel: "twitter"})
		case 7:
			_, err = s.BlockContact(ctx, by, service.BlockContactInput{ContactID: c.ID})
		case 8:
			_, err = s.UnblockContact(ctx, by, service.UnblockContactInput{ContactID: c.ID})
		}
	}
	var refusal *service.Refusal
	if err != nil && !errors.As(err, &refusal) && ctx.Err() == nil {
		t.Error(err)
	}
}
