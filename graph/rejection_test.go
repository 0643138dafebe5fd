package graph_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/auth"
	"switchboard/db/dbtest"
	"switchboard/graph"
)

// TestFailedAuthentications: an address may fail a hundred times at once; then its unknown tokens
// are refused unread, but those that were valid a moment ago pass.
func TestFailedAuthentications(t *testing.T) {
	t.Parallel()
	var clock atomic.Int64
	w := newWorld(t, func(o *options) { o.clock = func() time.Time { return time.Unix(1_000, clock.Load()) } })
	w.query(w.agent.token, `{ asOf }`, nil)
	for i := range 100 {
		if a := w.post(t, fmt.Sprint("wrong", i), `{ asOf }`, nil); a.status != http.StatusUnauthorized {
			t.Fatalf("failure %d is answered %d %s", i, a.status, a.body)
		}
	}
	a := w.post(t, "wrong", `{ asOf }`, nil)
	if a.wantCode("RATE_LIMITED"); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "1" {
		t.Errorf("after a hundred failures: %d %s", a.status, a.body)
	}
	w.dial(t, "wrong").wantClose(1013)
	if a := w.post(t, w.colleague.token, `{ asOf }`, nil); a.status != http.StatusTooManyRequests {
		t.Errorf("a token that was never seen is looked up: %d", a.status)
	}
	w.query(w.agent.token, `{ asOf }`, nil)
	w.connect(t, w.agent.token)
	clock.Add(int64(time.Second)) // twenty more may fail
	w.query(w.colleague.token, `{ asOf }`, nil)
	for i := range 20 {
		if a := w.post(t, fmt.Sprint("again", i), `{ asOf }`, nil); a.status != http.StatusUnauthorized {
			t.Fatalf("a second later failure %d is answered %d %s", i, a.status, a.body)
		}
	}
	if a := w.post(t, "wrong", `{ asOf }`, nil); a.status != http.StatusTooManyRequests {
		t.Errorf("the twenty-first is answered %d", a.status)
	}
}

// TestRefusedTokenIsRemembered: a token that was refused is not looked up again within a second.
func TestRefusedTokenIsRemembered(t *testing.T) {
	t.Parallel()
	var clock atomic.Int64
	w := newWorld(t, func(o *options) { o.clock = func() time.Time { return time.Unix(1_000, clock.Load()) } })
	valid := w.issue(w.company, "READ", nil)
	_, err := w.known.ExecContext(t.Context(), "UPDATE tokens SET revoked_at = now() WHERE name = 'a token' AND scope = 'READ'")
	must(t, err)
	refused := func() bool { return w.post(t, valid, `{ asOf }`, nil).status == http.StatusUnauthorized }
	if !refused() {
		t.Fatal("a revoked token is accepted")
	}
	_, err = w.known.ExecContext(t.Context(), "UPDATE tokens SET revoked_at = NULL")
	must(t, err)
	if !refused() {
		t.Error("a refused token is looked up again at once")
	}
	clock.Add(int64(time.Second))
	if refused() {
		t.Error("a token is refused for longer than a second")
	}
}

// TestFailuresAreReported: the log gets one line for each address and minute.
func TestFailuresAreReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged dbtest.Journal
		handler := graph.NewHandler(graph.Options{Auth: auth.New(nil, nil), Log: slog.New(slog.NewTextHandler(&logged, nil))})
		fail := func(times int, from string) {
			for range times {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(`{}`))
				must(t, err)
				r.RemoteAddr = from
				r.Header.Set("Authorization", "Bearer sb_secret")
				handler.ServeHTTP(&discarding{}, r)
			}
		}
		fail(150, "198.51.100.1:1")
		fail(1, "[2001:db8::1]:1")
		fail(1, "[2001:db8::2]:1")
		if logged.String() != "" {
			t.Errorf("each failure is logged:\n%s", logged.String())
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		fail(3, "198.51.100.1:1")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		text := logged.String()
		for _, line := range []string{"address=198.51.100.1 times=150", "address=2001:db8::/64 times=2", "address=198.51.100.1 times=3"} {
			if strings.Count(text, line) != 1 {
				t.Errorf("%q is not in the log once:\n%s", line, text)
			}
		}
		if strings.Count(text, "\n") != 3 || strings.Contains(text, "sb_secret") || !strings.Contains(text, "malformed") {
			t.Errorf("the log is:\n%s", text)
		}
	})
}

// discarding is a response that nobody reads.
type discarding struct{ header http.Header }

func (d *discarding) Header() http.Header {
	if d.header == nil {
		d.header = http.Header{}
	}
	return d.header
}
func (*discarding) Write(p []byte) (int, error) { return len(p), nil }
func (*discarding) WriteHeader(int)             {}
