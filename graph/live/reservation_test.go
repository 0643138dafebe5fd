package live_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/graph/live"
)

// operation returns the body of a request in single connection mode.
func operation(id, query string) string {
	body, _ := json.Marshal(map[string]any{"query": query, "extensions": map[string]any{"operationId": id}})
	return string(body)
}

func resultOf(id, data string) string {
	return result(fmt.Sprintf(`{"id":"%s","payload":%s}`, id, data))
}
func endOf(id string) string { return fmt.Sprintf("event: complete\ndata: {\"id\":\"%s\"}\n\n", id) }

func byCaller(t *testing.T, streams *live.EventStream) *server {
	streams.Caller = func(r *http.Request) any { return r.Header.Get("X-Caller") }
	return serveBoth(t, &live.WebSocket{}, streams)
}

// TestSingleConnection checks graphql-sse's PROTOCOL.md, "Single connection mode", case by case on
// one open stream.
func TestSingleConnection(t *testing.T) {
	failed := `{"errors":[{"message":"it is nickname","path":["nickname"],"locations":[{"line":1,"column":2}]}],"data":{"nickname":null}}`
	for _, c := range []struct {
		name   string
		ask    ask
		status int
		want   string // on the stream if accepted; otherwise a part of the answer
	}{
		{"a query", ask{body: operation("a", "{name}")}, 202, resultOf("a", `{"data":{"name":"Ada"}}`) + endOf("a")},
		{"a mutation", ask{body: operation("a", `mutation{rename(to:"Eve")}`)}, 202, resultOf("a", `{"data":{"rename":"Eve"}}`) + endOf("a")},
		{"a query in the URL", ask{method: "GET", query: `query={name}&extensions={"operationId":"a"}`}, 202, resultOf("a", `{"data":{"name":"Ada"}}`) + endOf("a")},
		{"a mutation in the URL", ask{method: "GET", query: `query=mutation{rename(to:"Eve")}&extensions={"operationId":"a"}`}, 405, "POST"},
		{"a subscription", ask{body: operation("a", "subscription{names}")}, 202, resultOf("a", `{"data":{"names":"item"}}`)},
		{"a refused subscription", ask{body: operation("a", `subscription{names(topic:"refused")}`)}, 202,
			resultOf("a", `{"errors":[{"message":"it is CURSOR_EXPIRED","path":["names"],"locations":[{"line":1,"column":14}],"extensions":{"code":"CURSOR_EXPIRED"}}]}`) + endOf("a")},
		{"a field that fails", ask{body: operation("a", "{nickname}")}, 202, resultOf("a", failed) + endOf("a")},
		{"a strange id", ask{body: operation("\"\n", "{name}")}, 202, resultOf(`\"\n`, `{"data":{"name":"Ada"}}`) + endOf(`\"\n`)},
		{"an unknown field", ask{body: operation("a", "{nope}")}, 400, "Cannot query field"},
		{"a document that does not parse", ask{body: operation("a", "{")}, 400, "Expected Name"},
		{"no id", ask{body: `{"query":"{name}"}`}, 400, "operationId"},
		{"an empty id", ask{body: operation("", "{name}")}, 400, "operationId"},
		{"an id that is a number", ask{body: `{"query":"{name}","extensions":{"operationId":1}}`}, 400, "operationId"},
		{"an id that is too long", ask{body: operation(strings.Repeat("a", 257), "{name}")}, 400, "operationId"},
		{"an id in use", ask{body: operation("busy", "{name}")}, 409, "already exists"},
		{"no JSON", ask{body: "{"}, 400, "not valid JSON"},
		{"plain text", ask{contentType: "text/plain", body: operation("a", "{name}")}, 415, "application/json"},
		{"too large", ask{body: operation("a", "{name}"+strings.Repeat(" ", 256<<10))}, 413, "too large"},
		{"nothing acceptable", ask{accept: "text/html", body: operation("a", "{name}")}, 406, "accept"},
		{"the stream again", ask{method: "GET", accept: eventStream}, 409, "open already"},
		{"a second reservation", ask{method: "PUT"}, 409, "reserved already"},
		{"another method", ask{method: "PATCH", body: operation("a", "{name}")}, 405, "GET or POST"},
		{"a stop without an id", ask{method: "DELETE"}, 400, "operationId"},
		{"another's operation", ask{caller: "eve", body: operation("a", "{name}")}, 404, "no such stream"},
		{"another's stream", ask{caller: "eve", method: "GET", accept: eventStream}, 404, "no such stream"},
		{"another's stop", ask{caller: "eve", method: "DELETE", query: "operationId=busy"}, 404, "no such stream"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := byCaller(t, &live.EventStream{})
			c.ask.token = s.asks(t, ask{method: "PUT", caller: "ada"}, 201)
			l := s.listen(t, ask{method: "GET", token: c.ask.token, caller: "ada"})
			s.asks(t, ask{token: c.ask.token, caller: "ada", body: operation("busy", "{waits}")}, 202)
			c.ask.caller = or(c.ask.caller, "ada")
			c.ask.query = strings.NewReplacer(`"`, "%22", "{", "%7B", "}", "%7D").Replace(c.ask.query)
			body := s.asks(t, c.ask, c.status)
			if c.status != 202 {
				if !strings.Contains(body, c.want) {
					t.Errorf("got %s, want %s", body, c.want)
				}
				// The stream still works.
				s.asks(t, ask{token: c.ask.token, caller: "ada", body: operation("after", "{name}")}, 202)
				l.want(resultOf("after", `{"data":{"name":"Ada"}}`) + endOf("after"))
				return
			}
			if body != "" {
				t.Errorf("it is accepted with %q", body)
			}
			if strings.Contains(c.want, "item") {
				s.topic.items <- "item"
			}
			l.want(c.want)
		})
	}
}

// TestReservation: operations may start before their stream is opened.
func TestReservation(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	response := s.ask(t, ask{method: "PUT"})
	if kind := response.Header.Get("Content-Type"); response.StatusCode != 201 || kind != "text/plain; charset=utf-8" {
		t.Errorf("a reservation is answered %s, %s", response.Status, kind)
	}
	seen := map[string]bool{}
	for range 5 {
		token := s.asks(t, ask{method: "PUT"}, 201)
		if len(token) < 26 || seen[token] {
			t.Errorf("a token is %q", token)
		}
		seen[token] = true
	}
	token := s.asks(t, ask{method: "PUT"}, 201)
	s.asks(t, ask{token: token, body: operation("q", "{name}")}, 202)
	s.asks(t, ask{token: token, body: operation("s", "subscription{names}")}, 202)
	receive(t, s.topic.begun)
	l := s.listen(t, ask{method: "GET", token: token})
	l.want(resultOf("q", `{"data":{"name":"Ada"}}`) + endOf("q"))
	s.topic.items <- "a"
	l.want(resultOf("s", `{"data":{"names":"a"}}`))
	s.asks(t, ask{method: "DELETE", token: token, query: "operationId=nothing"}, 200)
	if body := s.asks(t, ask{method: "DELETE", token: token, query: "operationId=s"}, 200); body != "" {
		t.Errorf("a stop is answered %q", body)
	}
	receive(t, s.topic.ended)
	s.asks(t, ask{token: token, body: operation("s", "{name}")}, 202) // the id is free again
	l.want(resultOf("s", `{"data":{"name":"Ada"}}`) + endOf("s"))
	s.asks(t, ask{token: token, body: operation("t", "subscription{names}")}, 202)
	receive(t, s.topic.begun)
	l.Close()
	receive(t, s.topic.ended)
	for s.ask(t, ask{token: token, body: "{}"}).StatusCode != 404 {
		time.Sleep(time.Millisecond)
	}
}

// TestReservationLags: an unopened stream does not make its group keep items, and loses none.
func TestReservationLags(t *testing.T) {
	s := sharing(t, &live.WebSocket{})
	token := s.asks(t, ask{method: "PUT"}, 201)
	s.asks(t, ask{token: token, body: `{"query":"subscription($topic:String,$after:String){names(topic:$topic,after:$after)}",` +
		`"variables":{"topic":"log","after":"0"},"extensions":{"operationId":"s"}}`}, 202)
	s.settled(t, 1)
	for n := 1; n <= 400; n++ {
		s.world.log.write(fmt.Sprint("text ", n))
		time.Sleep(100 * time.Microsecond) // so that the group delivers one by one
	}
	s.settled(t, 2) // the operation reads on its own
	l := s.listen(t, ask{method: "GET", token: token})
	for n := 1; n <= 400; n++ {
		l.want(resultOf("s", fmt.Sprintf(`{"data":{"names":"text %d"}}`, n)))
	}
	s.settled(t, 1)
}

func TestReservationExpires(t *testing.T) {
	s := byCaller(t, &live.EventStream{OpenTimeout: 100 * time.Millisecond, ReservationLimit: 3})
	token := s.asks(t, ask{method: "PUT", caller: "ada"}, 201)
	s.asks(t, ask{token: token, caller: "ada", body: operation("s", "subscription{names}")}, 202)
	receive(t, s.topic.ended)
	s.asks(t, ask{method: "GET", accept: eventStream, token: token, caller: "ada"}, 404)

	s = byCaller(t, &live.EventStream{ReservationLimit: 3})
	var tokens []string
	for range 3 {
		tokens = append(tokens, s.asks(t, ask{method: "PUT", caller: "ada"}, 201))
	}
	s.asks(t, ask{method: "PUT", caller: "ada"}, 429)
	s.asks(t, ask{method: "PUT", caller: "eve"}, 201)
	s.listen(t, ask{method: "GET", token: tokens[0], caller: "ada"})
	s.asks(t, ask{method: "PUT", caller: "ada"}, 201)
}

func TestStreamOperationLimit(t *testing.T) {
	s := serve(t, &live.WebSocket{})
	token := s.asks(t, ask{method: "PUT"}, 201)
	l := s.listen(t, ask{method: "GET", token: token})
	for i := range 50 {
		s.asks(t, ask{token: token, body: operation(fmt.Sprint(i), "subscription{names}")}, 202)
		receive(t, s.topic.begun)
	}
	if body := s.asks(t, ask{token: token, body: operation("50", "{name}")}, 400); !strings.Contains(body, "OPERATION_LIMIT") {
		t.Error(body)
	}
	s.asks(t, ask{method: "DELETE", token: token, query: "operationId=7"}, 200)
	s.asks(t, ask{token: token, body: operation("50", "{name}")}, 202)
	l.want(resultOf("50", `{"data":{"name":"Ada"}}`) + endOf("50"))
}
