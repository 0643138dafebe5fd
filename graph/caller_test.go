package graph_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"switchboard/graph/live"
)

// TestOneCredential: a request, or a connection_init, names one caller, in one exact way.
func TestOneCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good, other := "Bearer "+w.agent.token, "Bearer "+w.manager.token
	for name, c := range map[string]struct {
		payload any
		fine    bool
		says    string
	}{
		"authorization":         {vars{"authorization": good}, true, ""},
		"another scheme case":   {vars{"authorization": "bearer " + w.agent.token}, true, ""},
		"token":                 {vars{"token": w.agent.token}, true, ""},
		"something else":        {vars{"token": w.agent.token, "tab": "1"}, true, ""},
		"both":                  {vars{"authorization": good, "token": w.manager.token}, false, "not both"},
		"both, of one caller":   {vars{"authorization": good, "token": w.agent.token}, false, "not both"},
		"one of them empty":     {vars{"authorization": "", "token": w.agent.token}, false, "not both"},
		"one of them null":      {vars{"authorization": nil, "token": w.agent.token}, false, "not both"},
		"another case":          {vars{"Authorization": good}, false, "has the key Authorization: write it as authorization"},
		"another case, token":   {vars{"Token": w.agent.token}, false, "has the key Token: write it as token"},
		"a list":                {vars{"authorization": []string{good, other}}, false, "string"},
		"a number":              {vars{"token": 1}, false, "string"},
		"no scheme":             {vars{"authorization": w.agent.token}, false, "Bearer"},
		"a scheme in the token": {vars{"token": good}, false, "token"},
		"nothing":               {nil, false, "authorization"},
		"too long":              {vars{"token": strings.Repeat("x", 8<<10+1)}, false, "too long"},
	} {
		s := w.dialWith(t, c.payload)
		f, err := s.read()
		closed, _ := err.(*websocket.CloseError)
		switch {
		case c.fine && (err != nil || f.Type != "connection_ack"):
			t.Errorf("%s: %v %v", name, f, err)
		case !c.fine && (closed == nil || closed.Code != live.CloseForbidden || !strings.Contains(closed.Text, c.says)):
			t.Errorf("%s: %v %v", name, f, err)
		}
	}
	for name, c := range map[string]struct {
		headers []string
		status  int
		says    string
	}{
		"one":       {[]string{good}, 200, ""},
		"two":       {[]string{good, other}, 401, "one Authorization header"},
		"one twice": {[]string{good, good}, 401, "one Authorization header"},
		"in one":    {[]string{good + ", " + other}, 401, "token"},
		"too long":  {[]string{"Bearer " + strings.Repeat("x", 8<<10+1)}, 401, "too long"},
	} {
		for _, accept := range []string{"application/json", "text/event-stream"} {
			r, err := http.NewRequestWithContext(t.Context(), "POST", w.http.URL, strings.NewReader(`{"query":"{asOf}"}`))
			must(t, err)
			r.Header = http.Header{"Authorization": c.headers, "Content-Type": {"application/json"}, "Accept": {accept}}
			answered := w.do(t, r)
			if answered.status != c.status || !strings.Contains(string(answered.body), c.says) {
				t.Errorf("%s, %s: %d %s", name, accept, answered.status, answered.body)
			}
		}
	}
}

// TestLimitsOfRequests: a request that is too long is refused, and the message names the limit.
func TestLimitsOfRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	pad := func(document string, size int) string { return document + strings.Repeat(" ", size-len(document)) }
	long, most := pad("{asOf}", 64<<10+1), pad("{asOf}", 64<<10)
	if a := w.post(t, w.agent.token, most, nil); a.status != 200 || a.errors() != nil {
		t.Errorf("a document of 64 KiB: %d %s", a.status, a.body)
	}
	w.post(t, w.agent.token, long, nil).wantCode("OPERATION_LIMIT")
	socket := w.connect(t, w.agent.token)
	socket.subscribe("1", long, nil)
	if f := socket.receive(); f.Type != "error" || !strings.Contains(string(f.Payload), "OPERATION_LIMIT") {
		t.Errorf("%s %s", f.Type, f.Payload)
	}
	for _, c := range []struct {
		name, token, method, query string
		size                       int
		accept                     string
		status                     int
		says                       string
	}{
		{"a stream", w.agent.token, "POST", "", 64<<10 + 1, "text/event-stream", 200, "OPERATION_LIMIT"},
		{"a body", w.agent.token, "POST", "", 256 << 10, "*/*", 413, "256 KiB"},
		{"a body of a reader", w.reader, "POST", "", 256 << 10, "*/*", 413, "256 KiB"},
		{"a body of a connector", w.integration, "POST", "", 256 << 10, "*/*", 200, "OPERATION_LIMIT"},
		{"a larger body of a connector", w.integration, "POST", "", 2 << 20, "*/*", 413, "2048 KiB"},
		{"a URL", w.agent.token, "GET", "?query={asOf}" + strings.Repeat("%20", 5<<10), 0, "*/*", 200, "asOf"},
		{"a longer URL", w.agent.token, "GET", "?query={asOf}" + strings.Repeat("%20", 6<<10), 0, "*/*", 414, "16 KiB"},
	} {
		body := `{"query":"` + pad("{asOf}", max(c.size, 10)) + `"}`
		r, err := http.NewRequestWithContext(t.Context(), c.method, w.http.URL+c.query, strings.NewReader(body))
		must(t, err)
		r.Header = http.Header{"Authorization": {"Bearer " + c.token}, "Content-Type": {"application/json"}, "Accept": {c.accept}}
		if a := w.do(t, r); a.status != c.status || !strings.Contains(string(a.body), c.says) {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
	}
}
