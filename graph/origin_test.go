package graph_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"switchboard/graph"
	"switchboard/graph/live"
)

// TestOriginText: an origin is converted to the form that browsers send; a text that is not an
// origin is refused with a message.
func TestOriginText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]graph.Origin{
		"https://inbox.example":          "https://inbox.example",
		"https://inbox.example/":         "https://inbox.example",
		"HTTPS://Inbox.Example":          "https://inbox.example",
		"https://inbox.example:443":      "https://inbox.example",
		"https://inbox.example:443/":     "https://inbox.example",
		"http://inbox.example:80":        "http://inbox.example",
		"http://inbox.example:443":       "http://inbox.example:443",
		"https://inbox.example:8443":     "https://inbox.example:8443",
		"http://localhost:5173":          "http://localhost:5173",
		"http://[0:0:0:0:0:0:0:1]:5173/": "http://[::1]:5173",
		"capacitor://localhost":          "capacitor://localhost",
		"https://xn--bcher-kva.example":  "https://xn--bcher-kva.example",
		"":                               "",
	} {
		var got graph.Origin
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is read as %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"inbox.example", "inbox.example:8080", "/app", "//inbox.example", "null", "*", "https://", "https://inbox.example/app", "https://inbox.example?a",
		"https://inbox.example?", "https://inbox.example#a", "https://inbox.example#", "https://user@inbox.example", "https://*.inbox.example",
		"https://bücher.example", "https://inbox.example:port", "https://inbox.example:0", "https://inbox.example:99999", "https://a.example,https://b.example",
		"file:///app", "https://in box.example", "https://inbox%2eexample",
	} {
		var got graph.Origin
		err := got.UnmarshalText([]byte(text))
		if err == nil || got != "" || !strings.Contains(err.Error(), "https://inbox.example") {
			t.Errorf("%q is read as %q, %v", text, got, err)
		}
	}
}

// TestOneOriginPolicy: a page may call by POST, GET, socket and event stream, or by none of them.
func TestOneOriginPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) {
		o.origins = graph.Origins{Allowed: []graph.Origin{"https://inbox.example", "capacitor://localhost"}, Hosts: []string{"desk.example", "127.0.0.1", "::1"}}
	})
	const ask = `{"query":"{ asOf }"}`
	socket := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol", live.Subprotocol}
	ways := map[string]struct {
		method, query, body string
		headers             []string
		fine                int
	}{
		"POST":      {method: "POST", body: ask, fine: 200},
		"GET":       {method: "GET", query: "?query={asOf}", fine: 200},
		"stream":    {method: "POST", body: ask, headers: []string{"Accept", "text/event-stream"}, fine: 200},
		"reserve":   {method: "PUT", fine: 201},
		"socket":    {method: "GET", headers: socket, fine: 101},
		"preflight": {method: "OPTIONS", headers: []string{"Access-Control-Request-Method", "POST"}, fine: 204},
	}
	for _, c := range []struct {
		host, origin string
		fine         bool
	}{
		{"desk.example", "https://desk.example", true},
		{"desk.example:443", "https://desk.example", true},
		{"desk.example", "https://desk.example:443", true},
		{"desk.example:80", "http://desk.example", true},
		{"DESK.example", "https://desk.example", true},
		{"desk.example:8080", "http://desk.example:8080", true},
		{"[::1]:8080", "http://[::1]:8080", true},
		{"desk.example", "https://inbox.example", true},
		{"desk.example", "capacitor://localhost", true},
		{"desk.example:8080", "http://desk.example", false},
		{"desk.example", "http://inbox.example", false},
		{"desk.example", "https://inbox.example:8443", false},
		{"desk.example", "https://inbox.example.evil.example", false},
		{"desk.example", "https://evil.example", false},
		{"desk.example", "https://evil.example/desk.example", false},
		{"desk.example", "https://desk.example@evil.example", false},
		{"desk.example", "https://evil@desk.example", false},
		{"desk.example", "file://desk.example", false},
		{"desk.example", "desk.example", false},
		{"desk.example", "null", false},
		{"desk.example", "://", false},
		{"evil.example", "http://evil.example", false}, // rebound to this address
		{"evil.example", "", false},
	} {
		for name, way := range ways {
			if name == "preflight" && c.origin == "" {
				continue
			}
			headers := way.headers
			if c.origin != "" {
				headers = append([]string{"Origin", c.origin}, headers...)
			}
			got := w.by(t, c.host, way.method, way.query, way.body, headers...)
			want := http.StatusForbidden
			if c.fine {
				want = way.fine
			}
			if got.StatusCode != want {
				t.Errorf("%s to %s from %q is answered %d, not %d", name, c.host, c.origin, got.StatusCode, want)
			}
			if want == http.StatusForbidden && got.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s to %s from %q may be read", name, c.host, c.origin)
			}
		}
	}
	r := w.by(t, "desk.example", "POST", "", ask, "Origin", "https://evil.example")
	if body, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(body), "--allow-origin") {
		t.Errorf("the refusal says %s, %v", body, err)
	}
	twice, err := http.NewRequestWithContext(t.Context(), "POST", w.http.URL, strings.NewReader(ask))
	must(t, err)
	twice.Header = http.Header{"Authorization": {"Bearer " + w.agent.token}, "Content-Type": {"application/json"}, "Origin": {"https://inbox.example", "https://evil.example"}}
	if a := w.do(t, twice); a.status != http.StatusForbidden {
		t.Errorf("two origins are answered %d", a.status)
	}
	r = w.by(t, "evil.example", "POST", "", ask)
	if body, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(body), "--public-url") {
		t.Errorf("the refusal says %s, %v", body, err)
	}
}

// by sends a request as an agent, with this Host header.
func (w *world) by(t *testing.T, host, method, query, body string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.http.URL+query, strings.NewReader(body))
	must(t, err)
	r.Host = host
	r.Header.Set("Authorization", "Bearer "+w.agent.token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	t.Cleanup(func() { response.Body.Close() })
	return response
}

// TestPreflight: pages may send any header, and may read the headers that clients need.
func TestPreflight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.origins.Allowed = []graph.Origin{"https://inbox.example"} })
	for _, header := range []string{
		"authorization", "content-type", "traceparent", "apollographql-client-name", "x-requested-with", "x-switchboard-workspace", "x-anything",
		strings.ToLower(live.TokenHeader), "authorization,content-type,traceparent",
	} {
		for _, method := range []string{"POST", "GET", "PUT", "DELETE"} {
			r := w.by(t, "desk.example", "OPTIONS", "", "", "Origin", "https://inbox.example",
				"Access-Control-Request-Method", method, "Access-Control-Request-Headers", header)
			if allowed := r.Header.Get("Access-Control-Allow-Headers"); r.StatusCode != 204 || allowed != header || r.Header.Get("Access-Control-Allow-Origin") != "https://inbox.example" {
				t.Errorf("%s with %s: %s, allowed %q", method, header, r.Status, allowed)
			}
			if r.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Error("cookies are let pass")
			}
		}
	}
	r := w.by(t, "desk.example", "POST", "", `{"query":"{asOf}"}`, "Origin", "https://inbox.example")
	for _, name := range []string{"X-Request-Id", "Retry-After", "Www-Authenticate"} {
		if exposed := r.Header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, name) {
			t.Errorf("%s is not among the headers that pages may read: %s", name, exposed)
		}
	}
}
