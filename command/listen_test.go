package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/web"
)

// serveOn serves a handler on a listener of the server and returns its address.
func serveOn(t *testing.T, handler http.Handler, change func(*listener)) (address string) {
	t.Helper()
	l, err := listen("127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	change(l)
	server := &http.Server{Handler: handler, ConnState: released}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return l.Addr().String()
}

func ask(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestUnreadAnswers (finding 2): an answer is given up if its client accepts nothing, or next to
// nothing, and goes on while the client accepts 64 KiB in time.
func TestUnreadAnswers(t *testing.T) {
	t.Parallel()
	const size = 24 << 20 // more than the system buffers
	for name, c := range map[string]struct {
		read func(net.Conn)
		copy func(http.ResponseWriter) error
		time time.Duration
		fine bool
	}{
		"nothing is read":            {func(net.Conn) {}, write, 300 * time.Millisecond, false},
		"nothing is read of a file":  {func(net.Conn) {}, copyFile, 300 * time.Millisecond, false},
		"a byte at a time is read":   {trickle, write, 300 * time.Millisecond, false},
		"it is read steadily":        {steadily, write, time.Second, true},
		"a file is read steadily":    {steadily, copyFile, time.Second, true},
		"everything is read at once": {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, write, 10 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			written := make(chan error, 1)
			address := serveOn(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", fmt.Sprint(size))
				written <- c.copy(w)
			}), func(l *listener) { l.writeTime = c.time })
			conn := ask(t, address)
			if !c.fine {
				_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
			}
			go c.read(conn)
			select {
			case err := <-written:
				if c.fine != (err == nil) || !c.fine && !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("writing the answer ends with %v", err)
				}
			case <-time.After(time.Minute):
				t.Error("the answer is kept for ever")
			}
		})
	}
}

func write(w http.ResponseWriter) error {
	_, err := w.Write(make([]byte, 24<<20))
	return err
}

// copyFile lets net/http use the fastest way it finds.
func copyFile(w http.ResponseWriter) error {
	_, err := io.Copy(w, io.LimitReader(zeros{}, 24<<20))
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// steadily reads for longer than a part of an answer may take.
func steadily(c net.Conn) {
	for {
		if _, err := io.CopyN(io.Discard, c, 64<<10); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func trickle(c net.Conn) {
	for {
		if _, err := c.Read(make([]byte, 1)); err != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestHijackedConnection: whoever takes a connection over sets its deadlines.
func TestHijackedConnection(t *testing.T) {
	t.Parallel()
	address := serveOn(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			if _, text, err := conn.ReadMessage(); err == nil {
				_ = conn.WriteMessage(websocket.TextMessage, text)
			}
		}()
	}), func(l *listener) { l.writeTime = time.Nanosecond })
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+address, nil)
	if err == nil {
		defer func() { _ = conn.Close() }()
		if err = conn.WriteMessage(websocket.TextMessage, []byte("a")); err == nil {
			_, _, err = conn.ReadMessage()
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// TestConnectionLimit (finding 10): beyond the limit connections are closed at once, and accepted
// again once others are closed.
func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	address := serveOn(t, http.HandlerFunc(healthy), func(l *listener) { l.most = 2 })
	first, second := ask(t, address), ask(t, address)
	for _, conn := range []net.Conn{first, second} {
		if status := statusOf(t, conn); status != http.StatusOK {
			t.Fatalf("a connection within the limit is answered %d", status)
		}
	}
	if status := statusOf(t, ask(t, address)); status != 0 {
		t.Errorf("a connection beyond the limit is answered %d", status)
	}
	_ = first.Close()
	for until := time.Now().Add(time.Minute); statusOf(t, ask(t, address)) != http.StatusOK; {
		if time.Now().After(until) {
			t.Fatal("a closed connection still counts")
		}
	}
	if limit := connectionLimit(); limit < 0 || fileLimit() > 0 && limit >= fileLimit() {
		t.Errorf("of %d files %d may be connections", fileLimit(), limit)
	}
}

// statusOf returns the status of the answer; 0 if the connection was closed instead.
func statusOf(t *testing.T, conn net.Conn) int {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	var waited net.Error
	switch {
	case errors.As(err, &waited) && waited.Timeout():
		t.Fatal(err)
	case err != nil:
		return 0
	}
	return response.StatusCode
}

// TestReadinessIsShared (finding 11): however often /readyz is asked, the database is asked once a
// second.
func TestReadinessIsShared(t *testing.T) {
	t.Parallel()
	var checks atomic.Int64
	down := errors.New("down")
	ctx, stop := context.WithCancel(t.Context())
	ready := &readiness{stopping: ctx, check: func(context.Context) error {
		if checks.Add(1) > 1 {
			return down
		}
		return nil
	}}
	ask := func() int { return answerTo(ready, "/readyz").status }
	for range 100 {
		if status := ask(); status != http.StatusOK {
			t.Fatalf("/readyz is answered %d", status)
		}
	}
	if checks.Load() != 1 {
		t.Errorf("the database was asked %d times", checks.Load())
	}
	ready.checked = time.Now().Add(-readyFor)
	if status := ask(); status != http.StatusServiceUnavailable || checks.Load() != 2 {
		t.Errorf("a second later it is answered %d after %d checks", status, checks.Load())
	}
	ready.checked, ready.err = time.Now(), nil
	stop()
	if status := ask(); status != http.StatusServiceUnavailable {
		t.Errorf("while the server drains it is answered %d", status)
	}
}

// answered is a response that a test looks at.
type answered struct {
	header http.Header
	status int
	strings.Builder
}

func (a *answered) Header() http.Header    { return a.header }
func (a *answered) WriteHeader(status int) { a.status = status }

func answerTo(handler http.Handler, path string) *answered {
	a := &answered{header: http.Header{}, status: http.StatusOK}
	r, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		panic(err)
	}
	handler.ServeHTTP(a, r)
	return a
}

// TestPublicPaths: every answer has the headers that protect browsers, none sets a cookie, and
// nothing about the process is on the public address.
func TestPublicPaths(t *testing.T) {
	t.Parallel()
	ready := &readiness{stopping: t.Context(), check: func(context.Context) error { return nil }}
	public, err := routes(http.NotFoundHandler(), ready, http.NotFound, pages{console: &web.Console{}, playground: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/graphql", "/healthz", "/readyz", "/playground", "/playground/", "/playground/nothing", "/", "/inbox/mine", "/console/sign-in.json", "/console/nothing", "/nothing", "/metrics", "/debug/pprof/", "/debug/vars"} {
		a := answerTo(public, path)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Content-Security-Policy": "frame-ancestors 'none'",
		} {
			if !strings.Contains(a.header.Get(name), want) {
				t.Errorf("%s has %s: %q", path, name, a.header.Get(name))
			}
		}
		if cache := a.header.Get("Cache-Control"); cache != "no-store" && (cache != "no-cache" || !strings.HasPrefix(path, "/playground")) {
			t.Errorf("%s may be stored: %q", path, cache)
		}
		if a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s sets a cookie", path)
		}
		if inner := strings.HasPrefix(path, "/debug") || path == "/metrics"; inner && a.status != http.StatusNotFound {
			t.Errorf("%s is answered %d on the public address", path, a.status)
		}
	}
	if a := answerTo(adminRoutes(http.NotFoundHandler(), ready), "/debug/pprof/cmdline"); a.status != http.StatusOK || a.Len() == 0 {
		t.Errorf("the profiles are answered %d on the admin address", a.status)
	}
}
