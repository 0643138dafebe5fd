package live_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/graph/live"
)

func length(text string) string { return strconv.Itoa(len(text)) }

// raw opens a connection and sends nothing on it.
func (s *server) raw(t *testing.T) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(deadline))
	return &wire{conn, t, bufio.NewReader(conn)}
}

// newHTTP2 serves the streams of s over HTTP/2.
func newHTTP2(t *testing.T, s *server) *server {
	two := &server{streams: s.streams, exec: s.exec, Server: httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.streams.Do(w, r, s.exec)
	}))}
	two.EnableHTTP2 = true
	two.Config.ErrorLog = log.New(io.Discard, "", 0)
	two.StartTLS()
	t.Cleanup(two.Close)
	return two
}

// A listener is the client's end of a stream.
type listener struct {
	*wire
	body io.Reader
}

// listen opens a stream on a new connection.
func (s *server) listen(t *testing.T, a ask) *listener {
	t.Helper()
	w := s.raw(t)
	w.put(fmt.Sprintf("%s / HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\nX-Caller: %s\r\n%s: %s\r\nContent-Length: %d\r\n\r\n%s",
		or(a.method, "POST"), a.caller, live.TokenHeader, a.token, len(a.body), a.body))
	response, err := http.ReadResponse(w.r, nil)
	if err != nil || response.StatusCode != 200 {
		t.Fatal(response, err)
	}
	l := &listener{w, bufio.NewReader(response.Body)}
	l.want(begin)
	return l
}

// follow opens a stream of a topic of the journal.
func (s *server) follow(t *testing.T, topic, after string) *listener {
	t.Helper()
	return s.listen(t, ask{body: fmt.Sprintf(
		`{"query":"subscription($topic: String, $after: String) {names(topic: $topic, after: $after)}","variables":{"topic":"%s","after":"%s"}}`, topic, after)})
}

// names opens a stream of the topic that the test controls.
func (s *server) names(t *testing.T) *listener {
	t.Helper()
	l := s.listen(t, ask{body: `{"query":"subscription{names}"}`})
	receive(t, s.topic.begun)
	return l
}

func (l *listener) want(text string) {
	l.t.Helper()
	got := make([]byte, len(text))
	if n, err := io.ReadFull(l.body, got); err != nil || string(got) != text {
		l.t.Fatalf("got %q %v, want %q", got[:n], err, text)
	}
}

// wantSoon checks the next event that is not a ping without a cursor: before the subscription is
// answered, there may be any number of those.
func (l *listener) wantSoon(text string) {
	l.t.Helper()
	const ping = ": ping\n\n"
	for got := make([]byte, len(ping)); ; {
		n, err := io.ReadFull(l.body, got)
		if err == nil && string(got) == ping {
			continue
		}
		l.body = io.MultiReader(bytes.NewReader(got[:n]), l.body)
		l.want(text)
		return
	}
}

// wantEnd checks that the stream ends without another event and without a reset.
func (l *listener) wantEnd() {
	l.t.Helper()
	if rest, err := io.ReadAll(l.body); err != nil || len(rest) > 0 {
		l.t.Fatalf("got %q %v, want the end", rest, err)
	}
}

func data(n int) string { return result(fmt.Sprintf(`{"data":{"names":"text %d"}}`, n)) }

// TestSharedWithSockets: equal subscriptions of a socket and of streams share one execution.
func TestSharedWithSockets(t *testing.T) {
	s := sharing(t, &live.WebSocket{})
	c := s.connect(t)
	c.follow("s", "log", "0")
	s.settled(t, 1)
	var streams []*listener
	for range 5 {
		streams = append(streams, s.follow(t, "log", "0"))
	}
	before := 0
	for round := range 3 {
		s.world.log.write(texts(1, 3)...)
		for n := 1; n <= 3; n++ {
			c.want(item("s", n))
			for _, l := range streams {
				l.want(data(n))
			}
		}
		if round == 0 { // late subscribers ran alone first
			s.settled(t, 1)
			_, before = s.world.log.readers()
		}
	}
	if now, ever := s.world.log.readers(); now != 1 || ever != before {
		t.Errorf("%d executions, and %d new ones, instead of one", now, ever-before)
	}
	c.Close()
	for _, l := range streams {
		s.settled(t, 1)
		l.Close()
	}
	s.settled(t, 0)
}

// TestStreamResume: a subscription that starts in the past gets each event once, then is served by
// the group.
func TestStreamResume(t *testing.T) {
	s := sharing(t, &live.WebSocket{})
	s.world.log.write(texts(1, 1000)...)
	first := s.follow(t, "log", "1000")
	s.settled(t, 1)
	later := s.follow(t, "log", "300")
	for n := 301; n <= 1000; n++ {
		later.want(data(n))
	}
	s.settled(t, 1)
	s.world.log.write("text 1001")
	first.want(data(1001))
	later.want(data(1001))
	bad := s.follow(t, "log", "x")
	bad.want(result(`{"errors":[{"message":"it is CURSOR_INVALID","path":["names"],"locations":[{"line":1,"column":47}],"extensions":{"code":"CURSOR_INVALID"}}]}`) + end)
	bad.wantEnd()
}

// TestStreamLag: a client that does not read falls behind, delays no other, and gets everything
// once it reads.
func TestStreamLag(t *testing.T) {
	s := sharing(t, &live.WebSocket{})
	slow, fast := s.follow(t, "log", "0"), s.follow(t, "log", "0")
	_ = slow.Conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	s.settled(t, 1)
	pad := strings.Repeat("a", 4<<10)
	const total = 800
	each := func(n int) string { return result(fmt.Sprintf(`{"data":{"names":"%d%s"}}`, n, pad)) }
	for n := range total {
		s.world.log.write(fmt.Sprint(n, pad))
		fast.want(each(n))
	}
	if now, _ := s.world.log.readers(); now != 2 {
		t.Errorf("%d executions, but the group's and that of the one that lags are wanted", now)
	}
	for n := range total {
		slow.want(each(n))
	}
	s.settled(t, 1)
	s.world.log.write("text 1")
	slow.want(data(1))
	fast.want(data(1))
}

func TestStreamStalls(t *testing.T) {
	s := serveBoth(t, &live.WebSocket{}, &live.EventStream{WriteTimeout: 200 * time.Millisecond})
	l := s.names(t)
	_ = l.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	s.fill()
	wantCause(t, receive(t, s.topic.ended), live.CloseTryAgain)
}

// TestSilentReaderKeepsStream: a client that reads but sends nothing keeps its stream.
func TestSilentReaderKeepsStream(t *testing.T) {
	s := serveBoth(t, &live.WebSocket{}, &live.EventStream{WriteTimeout: 50 * time.Millisecond, CloseTimeout: 50 * time.Millisecond, OpenTimeout: 50 * time.Millisecond})
	l := s.names(t)
	time.Sleep(300 * time.Millisecond) // several times each timeout
	s.topic.items <- "a"
	l.want(result(`{"data":{"names":"a"}}`))
}

// TestStreamEnds: an operation ends when its client disconnects or sends something.
func TestStreamEnds(t *testing.T) {
	for name, leave := range map[string]func(l *listener){
		"closed":       func(l *listener) { l.Close() },
		"reset":        func(l *listener) { _ = l.Conn.(*net.TCPConn).SetLinger(0); l.Close() },
		"half closed":  func(l *listener) { _ = l.Conn.(*net.TCPConn).CloseWrite(); l.wantEnd() },
		"talks":        func(l *listener) { l.put("x"); l.wantEnd() },
		"sends no end": func(l *listener) { l.put(strings.Repeat("GET / HTTP/1.1\r\n\r\n", 20000)); l.wantEnd() },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, &live.WebSocket{})
			l := s.names(t)
			leave(l)
			receive(t, s.topic.ended)
		})
	}
	// Bytes that arrive together with the request.
	s := serve(t, &live.WebSocket{})
	w := s.raw(t)
	body := `{"query":"subscription{names}"}`
	w.put("POST / HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: " + length(body) + "\r\n\r\n" + body + "GET / HTTP/1.1\r\n")
	if all, err := io.ReadAll(w.r); err != nil || !strings.HasSuffix(string(all), begin) {
		t.Errorf("got %q %v", all, err)
	}
}

func TestStreamPing(t *testing.T) {
	s := serveBoth(t, &live.WebSocket{}, &live.EventStream{Ping: 20 * time.Millisecond})
	l := s.names(t)
	l.want(": ping\n\n: ping\n\n")
	s.world.log.write(texts(1, 7)...)
	l = s.follow(t, "log", "7")
	l.wantSoon(`: {"cursor":"7"}` + "\n\n")
}

func TestStreamRevocation(t *testing.T) {
	revoke := make(chan context.CancelCauseFunc, 1)
	s := serveBoth(t, &live.WebSocket{}, &live.EventStream{Hub: &live.Hub{Share: share}, Session: func(ctx context.Context, r *http.Request) (context.Context, error) {
		ctx, cancel := context.WithCancelCause(ctx)
		revoke <- cancel
		return ctx, nil
	}})
	withdraw := func() { receive(t, revoke)(&live.CloseError{Code: live.CloseForbidden, Reason: "Token revoked"}) }
	l := s.names(t)
	withdraw()
	l.wantEnd()
	wantCause(t, receive(t, s.topic.ended), live.CloseForbidden)

	for range 100 { // nothing is sent after revocation, not even an event of the same moment
		l := s.follow(t, "log", fmt.Sprint(len(s.world.log.texts)))
		s.settled(t, 1)
		withdraw()
		s.world.log.write("secret")
		l.wantEnd()
		s.settled(t, 0)
	}

	token := s.asks(t, ask{method: "PUT"}, 201)
	s.asks(t, ask{token: token, body: `{"query":"subscription{names}","extensions":{"operationId":"a"}}`}, 202)
	receive(t, s.topic.begun)
	withdraw()
	wantCause(t, receive(t, s.topic.ended), live.CloseForbidden)
	for s.ask(t, ask{token: token, body: `{}`}).StatusCode != 404 {
		time.Sleep(time.Millisecond)
	}
}

// A trap is a session in which something happens while a writer asks whether it has ended.
type trap struct {
	context.Context
	revoke context.CancelCauseFunc
	armed  atomic.Pointer[func()]
}

// Err returns the answer from before what happens.
func (c *trap) Err() error {
	err := c.Context.Err()
	if f := c.armed.Swap(nil); f != nil {
		(*f)()
	}
	return err
}

// TestRevocationDuringWrite: an event after the revocation is not sent, even if the server had begun
// to write before.
func TestRevocationDuringWrite(t *testing.T) {
	traps := make(chan *trap, 1)
	s := serveBoth(t, &live.WebSocket{}, &live.EventStream{Ping: 20 * time.Millisecond, Hub: &live.Hub{Share: share}, Session: func(ctx context.Context, r *http.Request) (context.Context, error) {
		ctx, revoke := context.WithCancelCause(ctx)
		c := &trap{Context: ctx, revoke: revoke}
		traps <- c
		return c, nil
	}})
	const ping = `: {"cursor":"0"}` + "\n\n"
	join := func() (*listener, *trap) {
		l := s.follow(t, "log", "0")
		l.wantSoon(ping)
		return l, receive(t, traps)
	}
	witness, _ := join() // the group writes to it first
	l, session := join()
	begun, finish := make(chan bool), make(chan bool)
	during := func() {
		close(begun)
		<-finish
	}
	session.armed.Store(&during)
	receive(t, begun)
	session.revoke(&live.CloseError{Code: live.CloseForbidden, Reason: "Token revoked"})
	s.world.log.write("secret")
	for r := bufio.NewReader(witness.body); ; {
		if line, err := r.ReadString('\n'); err != nil {
			t.Fatal(err)
		} else if strings.Contains(line, "secret") {
			break
		}
	}
	close(finish)
	rest, err := io.ReadAll(l.body)
	if text := strings.ReplaceAll(string(rest), ping, ""); err != nil || text != "" {
		t.Errorf("got %q %v after the revocation", text, err)
	}
}

func TestStreamDrain(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	var streams []*listener
	for range 10 {
		streams = append(streams, s.names(t))
	}
	token := s.asks(t, ask{method: "PUT"}, 201)
	streams = append(streams, s.listen(t, ask{method: "GET", token: token}))
	reserved := s.asks(t, ask{method: "PUT"}, 201)
	ended := make(chan error)
	for _, l := range streams {
		go func() {
			rest, err := io.ReadAll(l.body)
			l.Close()
			if len(rest) > 0 {
				err = fmt.Errorf("got %q", rest)
			}
			ended <- err
		}()
	}
	if err := s.streams.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range streams {
		if err := receive(t, ended); err != nil {
			t.Error(err)
		}
	}
	for range 10 {
		wantCause(t, receive(t, s.topic.ended), live.CloseRestart)
	}
	s.asks(t, ask{accept: eventStream, body: `{"query":"{name}"}`}, 503)
	s.asks(t, ask{method: "PUT"}, 503)
	s.asks(t, ask{method: "GET", accept: eventStream, token: reserved}, 404)
}

// TestStreamDrainIsBounded: Drain waits for operations whose client has disconnected, but not
// longer than its context.
func TestStreamDrainIsBounded(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	running, release := make(chan struct{}), make(chan struct{})
	s.world.resolve = map[string]func(context.Context, map[string]any) (any, error){
		"waits": func(context.Context, map[string]any) (any, error) {
			running <- struct{}{}
			<-release
			return "deaf", nil
		},
	}
	l := s.listen(t, ask{body: `{"query":"{waits}"}`})
	receive(t, running)
	l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := s.streams.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain did not wait for a running operation: %v", err)
	}
	close(release)
}
