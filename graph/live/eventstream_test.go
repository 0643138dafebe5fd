package live_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"switchboard/graph/live"
)

const (
	eventStream = "text/event-stream"
	begin       = ":\n\n" // the start of every stream
	end         = "event: complete\ndata:\n\n"
)

func result(data string) string { return "event: next\ndata: " + data + "\n\n" }

// An ask is an HTTP request; empty fields have defaults.
type ask struct {
	method, query             string // POST, and no query
	accept, contentType, body string // contentType: JSON
	token, caller             string
}

func (s *server) ask(t *testing.T, a ask) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), or(a.method, "POST"), s.URL+"/?"+a.query, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Accept": a.accept, "Content-Type": or(a.contentType, plain),
		live.TokenHeader: a.token, "X-Caller": a.caller} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	response, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// asks sends a request, checks the status and returns the body.
func (s *server) asks(t *testing.T, a ask, status int) string {
	t.Helper()
	response := s.ask(t, a)
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		t.Fatalf("%+v is answered %s %s %v, not %d", a, response.Status, body, err, status)
	}
	if status >= 400 && (strings.Contains(string(body), `"data"`) || !strings.Contains(string(body), `"errors"`)) {
		t.Errorf("%+v is refused with %s", a, body)
	}
	return string(body)
}

// TestDistinctConnections checks graphql-sse's PROTOCOL.md, "Distinct connections mode", case by
// case.
func TestDistinctConnections(t *testing.T) {
	in := func(query string) string { return "query=" + url.QueryEscape(query) }
	for _, c := range []struct {
		name   string
		ask    ask
		status int
		want   string // the whole stream, or a part of a refusal
	}{
		{"a query", ask{body: `{"query":"{name}"}`}, 200, begin + result(`{"data":{"name":"Ada"}}`) + end},
		{"a mutation", ask{body: `{"query":"mutation{rename(to:\"Eve\")}"}`}, 200, begin + result(`{"data":{"rename":"Eve"}}`) + end},
		{"variables", ask{body: `{"query":"mutation($a:String!){rename(to:$a)}","variables":{"a":"Eve"}}`}, 200,
			begin + result(`{"data":{"rename":"Eve"}}`) + end},
		{"lines stay one", ask{body: `{"query":"mutation{rename(to:\"a\\nb\\r\\nevent: complete\")}"}`}, 200,
			begin + result(`{"data":{"rename":"a\nb\r\nevent: complete"}}`) + end},
		{"a query in the URL", ask{method: "GET", query: in("{name}")}, 200, begin + result(`{"data":{"name":"Ada"}}`) + end},
		{"a mutation in the URL", ask{method: "GET", query: in(`mutation{rename(to:"Eve")}`)}, 405, "POST"},
		{"a subscription", ask{body: `{"query":"subscription{names}"}`}, 200,
			begin + result(`{"data":{"names":"a"}}`) + result(`{"data":{"names":"b"}}`) + end},
		{"a subscription in the URL", ask{method: "GET", query: in("subscription{names}")}, 200,
			begin + result(`{"data":{"names":"a"}}`) + result(`{"data":{"names":"b"}}`) + end},
		{"a refused subscription", ask{body: `{"query":"subscription{names(topic:\"refused\")}"}`}, 200,
			begin + result(`{"errors":[{"message":"it is CURSOR_EXPIRED","path":["names"],"locations":[{"line":1,"column":14}],"extensions":{"code":"CURSOR_EXPIRED"}}]}`) + end},
		{"an unknown field", ask{body: `{"query":"{nope}"}`}, 200, begin + result(`{"errors":[{"message":"Cannot query field \"nope\" on type \"Query\". Did you mean \"name\"?",`+
			`"locations":[{"line":1,"column":2}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`) + end},
		{"a document that does not parse", ask{body: `{"query":"{"}`}, 200, begin + result(`{"errors":[{"message":"Expected Name, found \u003cEOF\u003e",`+
			`"locations":[{"line":1,"column":2}],"extensions":{"code":"GRAPHQL_PARSE_FAILED"}}]}`) + end},
		{"a field that fails", ask{body: `{"query":"{nickname}"}`}, 200,
			begin + result(`{"errors":[{"message":"it is nickname","path":["nickname"],"locations":[{"line":1,"column":2}]}],"data":{"nickname":null}}`) + end},
		{"a resolver that panics", ask{body: `{"query":"{panics}"}`}, 200,
			begin + result(`{"errors":[{"message":"it is INTERNAL","path":["panics"],"extensions":{"code":"INTERNAL"}}],"data":{"panics":null}}`) + end},
		{"no JSON", ask{body: `{"query":`}, 400, "not valid JSON"},
		{"trailing garbage", ask{body: `{"query":"{name}"} x`}, 400, "not valid JSON"},
		{"a batch", ask{body: `[{"query":"{name}"}]`}, 400, "is a batch"},
		{"no query", ask{body: `{}`}, 400, "'query'"},
		{"no query in the URL", ask{method: "GET"}, 400, "'query'"},
		{"a persisted query", ask{body: `{"extensions":{"persistedQuery":{}}}`}, 400, "PERSISTED_QUERY_NOT_SUPPORTED"},
		{"variables of a wrong type", ask{body: `{"query":"{name}","variables":[]}`}, 400, "'variables'"},
		{"half a surrogate pair", ask{body: `{"query":"{name}","operationName":"\ud800"}`}, 400, "Unicode"},
		{"a form", ask{contentType: "application/x-www-form-urlencoded", body: "query={name}"}, 415, "application/json"},
		{"a multipart form", ask{contentType: "multipart/form-data; boundary=x"}, 415, "application/json"},
		{"plain text", ask{contentType: "text/plain", body: `{"query":"{name}"}`}, 415, "application/json"},
		{"too large", ask{body: `{"query":"{name}` + strings.Repeat(" ", 256<<10) + `"}`}, 413, "too large"},
		{"another method", ask{method: "PATCH", body: `{"query":"{name}"}`}, 405, "GET or POST"},
		{"a stop without a stream", ask{method: "DELETE", query: "operationId=a"}, 404, "no such stream"},
		{"an unknown stream", ask{method: "GET", token: "unknown"}, 404, "no such stream"},
		{"an operation for an unknown stream", ask{token: "unknown", accept: plain, body: `{"query":"{name}"}`}, 404, "no such stream"},
		{"a stop for an unknown stream", ask{method: "DELETE", token: "unknown", query: "operationId=a"}, 404, "no such stream"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, &live.WebSocket{})
			go func() {
				for _, item := range []string{"a", "b"} {
					select {
					case s.topic.items <- item:
					case <-t.Context().Done():
						return
					}
				}
				close(s.topic.items)
			}()
			c.ask.accept = or(c.ask.accept, eventStream)
			body := s.asks(t, c.ask, c.status)
			if c.status == 200 && body != c.want || !strings.Contains(body, c.want) {
				t.Errorf("got  %q\nwant %q", body, c.want)
			}
		})
	}
}

func TestEventStreamSupports(t *testing.T) {
	for accept, want := range map[string]bool{
		eventStream: true, "text/event-stream; charset=utf-8": true, "text/html, text/event-stream": true, "text/event-stream, */*": true,
		"": false, "*/*": false, plain: false, "text/event-stream;q=0": false,
		"application/graphql-response+json, application/json, text/event-stream, multipart/mixed": false,
	} {
		r, _ := http.NewRequest("POST", "/", nil)
		r.Header.Set("Accept", accept)
		if got := new(live.EventStream).Supports(r); got != want {
			t.Errorf("Accept %q: %v", accept, got)
		}
	}
}

// TestStreamBytes checks the whole response: it has neither a Content-Length nor chunks.
func TestStreamBytes(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	w := s.raw(t)
	w.put("POST / HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n" + `{"query":"{name}"}`)
	all, err := io.ReadAll(w.r)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(all), "\r\n\r\n")
	if want := begin + result(`{"data":{"name":"Ada"}}`) + end; body != want {
		t.Errorf("got %q, want %q", body, want)
	}
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head+"\r\n\r\n")), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache", "X-Accel-Buffering": "no", "Connection": "close",
		"X-Content-Type-Options": "nosniff", "X-Request-Id": "request", "Content-Length": "", "Transfer-Encoding": "",
	} {
		if got := response.Header.Get(name); got != want && (name != "Connection" || !response.Close) {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	if date, err := http.ParseTime(response.Header.Get("Date")); err != nil || time.Since(date) > time.Minute {
		t.Errorf("Date is %q", response.Header.Get("Date"))
	}
}

func TestStreamNeedsHTTP1(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	s.topic = newTopic()
	two := newHTTP2(t, s)
	body := two.asks(t, ask{accept: eventStream, body: `{"query":"{name}"}`}, 505)
	if !strings.Contains(body, "HTTP/1.1") {
		t.Error(body)
	}
	token := two.asks(t, ask{method: "PUT"}, 201)
	two.asks(t, ask{method: "GET", accept: eventStream, token: token}, 505)
	two.asks(t, ask{method: "GET", accept: eventStream, token: token}, 404)
}

func TestStreamSession(t *testing.T) {
	s := serveBoth(t, &live.WebSocket{}, &live.EventStream{Session: func(ctx context.Context, r *http.Request) (context.Context, error) {
		switch r.Header.Get("X-Caller") {
		case "nobody":
			return nil, coded("SECRET")
		case "gone":
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, nil
		}
		return ctx, nil
	}})
	for _, caller := range []string{"nobody", "gone"} {
		for range 3 {
			response := s.ask(t, ask{accept: eventStream, caller: caller, body: `{"query":"{name}"}`})
			if body, _ := io.ReadAll(response.Body); strings.Contains(string(body), "SECRET") || strings.Contains(string(body), "Ada") {
				t.Errorf("%s gets %s", caller, body)
			}
		}
	}
	s.asks(t, ask{method: "PUT", caller: "nobody"}, 403)
	s.asks(t, ask{accept: eventStream, body: `{"query":"{name}"}`}, 200)
}

// TestPanicEndsOneStream: a panic outside a resolver ends its request and leaves nothing behind.
func TestPanicEndsOneStream(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	s.exec.Use(panicking{})
	token := s.asks(t, ask{method: "PUT"}, 201)
	for _, a := range []ask{{accept: eventStream}, {token: token}} {
		w := s.raw(t)
		body := `{"query":"query Bad {name}","operationName":"Bad","extensions":{"operationId":"a"}}`
		w.put("POST / HTTP/1.1\r\nHost: x\r\nAccept: " + or(a.accept, "*/*") + "\r\n" + live.TokenHeader + ": " + a.token +
			"\r\nContent-Type: application/json\r\nContent-Length: " + length(body) + "\r\n\r\n" + body)
		if all, _ := io.ReadAll(w.r); len(all) > 0 {
			t.Errorf("got %s", all)
		}
	}
	s.asks(t, ask{accept: eventStream, body: `{"query":"{name}"}`}, 200)
	s.asks(t, ask{token: token, body: `{"query":"{name}","extensions":{"operationId":"a"}}`}, 202)
}
