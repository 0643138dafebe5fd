package live_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"switchboard/graph/live"
)

const deadline = 10 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func timeout(t *testing.T) <-chan time.Time {
	timer := time.NewTimer(deadline)
	t.Cleanup(func() { timer.Stop() })
	return timer.C
}

// A server serves the transports with a real executor over real HTTP.
type server struct {
	*httptest.Server
	transport *live.WebSocket
	streams   *live.EventStream
	exec      *executor.Executor
	world     *world
	topic     *topic
}

func serve(t *testing.T, transport *live.WebSocket) *server {
	t.Helper()
	return serveBoth(t, transport, &live.EventStream{Hub: transport.Hub})
}

func serveBoth(t *testing.T, transport *live.WebSocket, streams *live.EventStream) *server {
	t.Helper()
	s := newServer(transport, streams)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		if err := errors.Join(transport.Drain(ctx), streams.Drain(ctx)); err != nil {
			t.Errorf("connections or operations have not ended: %v", err)
		}
		s.Close()
	})
	return s
}

func newServer(transport *live.WebSocket, streams *live.EventStream) *server {
	s := &server{transport: transport, streams: streams, topic: newTopic(), world: &world{name: "Ada", log: newJournal()}}
	s.world.names = func(ctx context.Context, topic string) (<-chan string, error) {
		if topic == "refused" {
			return nil, coded("CURSOR_EXPIRED")
		}
		return s.topic.subscribe(ctx)
	}
	silent := slog.New(slog.DiscardHandler)
	transport.Log, streams.Log = cmp.Or(transport.Log, silent), silent
	s.exec = executor.New(s.world)
	s.exec.SetErrorPresenter(present)
	s.exec.SetRecoverFunc(func(context.Context, any) error { return coded("INTERNAL") })
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 256<<10)
		switch {
		case transport.Supports(r):
			transport.Do(w, r, s.exec)
		case streams.Supports(r):
			w.Header().Set("X-Request-Id", "request")
			streams.Do(w, r, s.exec)
		default:
			http.Error(w, "no socket", http.StatusNotFound)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	// Small buffers, so that a peer that does not read is noticed after kilobytes, not megabytes.
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		_ = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
		return ctx
	}
	s.Start()
	return s
}

// A client is the client's end of one socket.
type client struct {
	*websocket.Conn
	t *testing.T
}

func (s *server) dial(t *testing.T, protocols ...string) *client {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: protocols, HandshakeTimeout: deadline}
	conn, _, err := dialer.Dial("ws"+strings.TrimPrefix(s.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{conn, t}
}

// connect dials, sends connection_init and waits for the acknowledgement.
func (s *server) connect(t *testing.T) *client {
	t.Helper()
	c := s.dial(t, live.Subprotocol)
	c.send(`{"type":"connection_init"}`)
	c.want(`{"type":"connection_ack"}`)
	return c
}

func (c *client) send(text string) {
	c.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) subscribe(id, query string) {
	c.t.Helper()
	quoted, _ := json.Marshal(query)
	c.send(`{"id":"` + id + `","type":"subscribe","payload":{"query":` + string(quoted) + `}}`)
}

func (c *client) read() (string, error) {
	_ = c.SetReadDeadline(time.Now().Add(deadline))
	_, data, err := c.ReadMessage()
	return string(data), err
}

// want reads one message and compares it as JSON. Of errors it compares only message and code.
func (c *client) want(text string) {
	c.t.Helper()
	got, err := c.read()
	if err != nil {
		c.t.Fatalf("want %s, got %v", text, err)
	}
	if !reflect.DeepEqual(parse(c.t, got), parse(c.t, text)) {
		c.t.Fatalf("\n got %s\nwant %s", got, text)
	}
}

// wantPing reads messages until a ping with this cursor comes; it skips all others.
func (c *client) wantPing(cursor string) {
	c.t.Helper()
	want, last := `{"type":"ping","payload":{"cursor":"`+cursor+`"}}`, ""
	for range 200 {
		text, err := c.read()
		if err != nil {
			c.t.Fatal(err)
		}
		if last = text; text == want {
			return
		}
	}
	c.t.Fatalf("no ping with %s, the last message is %s", cursor, last)
}

// wantQuiet checks that no message is on its way: the answer to a ping must come next.
func (c *client) wantQuiet() {
	c.t.Helper()
	c.send(`{"type":"ping","payload":{"quiet":true}}`)
	c.want(`{"type":"pong","payload":{"quiet":true}}`)
}

func (c *client) wantClose(code int, reason string) {
	c.t.Helper()
	text, err := c.read()
	if err == nil {
		c.t.Fatalf("want close %d, got %s", code, text)
	}
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != code || reason != "" && closed.Text != reason {
		c.t.Fatalf("want close %d %q, got %v", code, reason, err)
	}
}

func parse(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("not JSON: %s", text)
	}
	return simplify(value)
}

// simplify removes locations and paths from errors.
func simplify(value any) any {
	switch value := value.(type) {
	case map[string]any:
		if _, is := value["message"]; is {
			delete(value, "locations")
			delete(value, "path")
		}
		for key := range value {
			value[key] = simplify(value[key])
		}
	case []any:
		for i := range value {
			value[i] = simplify(value[i])
		}
	}
	return value
}

func status(t *testing.T, s *server, header http.Header) int {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{live.Subprotocol}, HandshakeTimeout: deadline}
	conn, response, err := dialer.Dial("ws"+strings.TrimPrefix(s.URL, "http"), header)
	if err == nil {
		conn.Close()
	}
	if response == nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}
