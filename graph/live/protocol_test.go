package live_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"switchboard/graph/live"
)

// A step is one action of the client or the server, or one check.
type step func(c *client, s *server)

func send(text string) step { return func(c *client, _ *server) { c.t.Helper(); c.send(text) } }
func want(text string) step { return func(c *client, _ *server) { c.t.Helper(); c.want(text) } }
func quiet() step           { return func(c *client, _ *server) { c.t.Helper(); c.wantQuiet() } }
func publish(item string) step {
	return func(_ *client, s *server) { s.topic.items <- item }
}
func closes(code int, reason string) step {
	return func(c *client, _ *server) { c.t.Helper(); c.wantClose(code, reason) }
}
func subscribe(id, query string) step {
	return func(c *client, _ *server) { c.t.Helper(); c.subscribe(id, query) }
}
func begun() step { return func(c *client, s *server) { receive(c.t, s.topic.begun) } }
func ended() step { return func(c *client, s *server) { receive(c.t, s.topic.ended) } }

func initialise() step {
	return func(c *client, _ *server) {
		c.t.Helper()
		c.send(`{"type":"connection_init"}`)
		c.want(`{"type":"connection_ack"}`)
	}
}

type rule struct {
	name  string
	steps []step
}

func rules(groups ...[]rule) (all []rule) {
	for _, group := range groups {
		all = append(all, group...)
	}
	return all
}

// TestProtocol checks PROTOCOL.md rule by rule.
func TestProtocol(t *testing.T) {
	for _, r := range rules(connecting, malformed, executing, streaming) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, &live.WebSocket{Init: admit})
			c := s.dial(t, live.Subprotocol)
			for _, step := range r.steps {
				step(c, s)
			}
		})
	}
}

func admit(ctx context.Context, _ *http.Request, payload map[string]any) (context.Context, error) {
	switch payload["token"] {
	case "unknown":
		return nil, coded("a secret of the database")
	case "expired":
		return nil, &live.CloseError{Code: live.CloseForbidden, Reason: "Token expired"}
	case "busy":
		return nil, &live.CloseError{Code: live.CloseTryAgain, Reason: "Too many sockets"}
	case "panic":
		panic("in Init")
	}
	return ctx, nil
}

var connecting = []rule{
	{"init is acknowledged", []step{initialise(), quiet()}},
	{"init may carry an object", []step{send(`{"type":"connection_init","payload":{"token":"x"}}`), want(`{"type":"connection_ack"}`)}},
	{"init may carry null", []step{send(`{"type":"connection_init","payload":null}`), want(`{"type":"connection_ack"}`)}},
	{"unknown properties are ignored", []step{send(`{"type":"connection_init","more":1}`), want(`{"type":"connection_ack"}`)}},
	{"a second init", []step{initialise(), send(`{"type":"connection_init"}`), closes(4429, "Too many initialisation requests")}},
	{"a refused init keeps its reason to itself", []step{send(`{"type":"connection_init","payload":{"token":"unknown"}}`), closes(4403, "Forbidden")}},
	{"a refused init with a reason", []step{send(`{"type":"connection_init","payload":{"token":"expired"}}`), closes(4403, "Token expired")}},
	{"a refused init with a code", []step{send(`{"type":"connection_init","payload":{"token":"busy"}}`), closes(1013, "Too many sockets")}},
	{"a panic in Init", []step{send(`{"type":"connection_init","payload":{"token":"panic"}}`), closes(1011, "Internal server error")}},
	{"subscribe before init", []step{subscribe("1", "{name}"), closes(4401, "Unauthorized")}},
	{"complete before init is harmless", []step{send(`{"id":"1","type":"complete"}`), initialise()}},
	{"ping before init", []step{send(`{"type":"ping"}`), want(`{"type":"pong"}`)}},
	{"ping is answered with its payload", []step{initialise(), send(`{"type":"ping","payload":{"a":[1,1e400]}}`), wantText(`{"type":"pong","payload":{"a":[1,1e400]}}`)}},
	{"pong needs no answer", []step{initialise(), send(`{"type":"pong"}`), send(`{"type":"pong","payload":{}}`), quiet()}},
	{"the client closes", []step{initialise(), func(c *client, _ *server) {
		_ = c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, "bye"))
	}, closes(1000, "")}},
	{"the client closes without a code", []step{initialise(), func(c *client, _ *server) {
		_ = c.WriteMessage(websocket.CloseMessage, nil)
	}, closes(1005, "")}},
}

func wantText(text string) step {
	return func(c *client, _ *server) {
		if got, err := c.read(); got != text {
			c.t.Fatalf("\n got %s %v\nwant %s", got, err, text)
		}
	}
}

func bad(name, text, reason string) rule {
	return rule{name, []step{initialise(), send(text), closes(4400, reason)}}
}

var malformed = []rule{
	bad("not JSON", `hello`, "The message is not valid JSON (at byte 0)"),
	bad("empty", ``, "The message is empty: it must be a JSON object"),
	bad("a null", `null`, "The message must be a JSON object"),
	bad("an array", `[{"type":"ping"}]`, "The message is a batch: send one operation at a time, as a JSON object"),
	bad("a string", `"ping"`, "The message must be a JSON object"),
	bad("cut short", `{"type":"ping"`, "The message is not valid JSON (at byte 14)"),
	bad("trailing garbage", `{"type":"ping"} {}`, "The message is not valid JSON (at byte 16)"),
	bad("a repeated name", `{"type":"ping","type":"pong"}`, "The message has the same name twice in one JSON object"),
	bad("nested beyond reason", `{"type":"ping","payload":`+strings.Repeat(`{"a":`, 20000)+`1`+strings.Repeat(`}`, 20001), "The message is nested too deeply"),
	bad("no type", `{"id":"1"}`, "Message needs a 'type' that is a string"),
	bad("a type that is a number", `{"type":1}`, "Message needs a 'type' that is a string"),
	bad("names are case-sensitive", `{"Type":"ping"}`, "Message needs a 'type' that is a string"),
	bad("an unknown type", `{"type":"start"}`, "Unknown message type 'start'"),
	bad("an unknown type, very long", `{"type":"`+strings.Repeat("ä", 500)+`"}`, "Unknown message type '"+strings.Repeat("ä", 50)),
	bad("a server's type", `{"id":"1","type":"next","payload":{}}`, "'next' is for servers to send"),
	bad("ping with an array", `{"type":"ping","payload":[]}`, "'ping' needs a 'payload' that is an object"),
	bad("pong with a string", `{"type":"pong","payload":"x"}`, "'pong' needs a 'payload' that is an object"),
	{"init with an array", []step{send(`{"type":"connection_init","payload":[]}`), closes(4400, "'connection_init' needs a 'payload' that is an object")}},
	{"init with a string", []step{send(`{"type":"connection_init","payload":"token"}`), closes(4400, "'connection_init' needs a 'payload' that is an object")}},
	bad("subscribe without an id", `{"type":"subscribe","payload":{"query":"{name}"}}`, "'subscribe' needs an 'id' that is a non-empty string"),
	bad("subscribe with an empty id", `{"id":"","type":"subscribe","payload":{"query":"{name}"}}`, "'subscribe' needs an 'id' that is a non-empty string"),
	bad("subscribe with a number as id", `{"id":1,"type":"subscribe","payload":{"query":"{name}"}}`, "'subscribe' needs an 'id' that is a non-empty string"),
	bad("subscribe with an endless id", `{"id":"`+strings.Repeat("i", 300)+`","type":"subscribe","payload":{"query":"{name}"}}`, "'subscribe' has an 'id' of more than 256 bytes"),
	bad("subscribe without a payload", `{"id":"1","type":"subscribe"}`, "'subscribe' needs a 'payload' that is an object"),
	bad("subscribe with null", `{"id":"1","type":"subscribe","payload":null}`, "'subscribe' needs a 'payload' that is an object"),
	bad("subscribe with a string", `{"id":"1","type":"subscribe","payload":"{name}"}`, "'subscribe' needs a 'payload' that is an object"),
	bad("subscribe without a query", `{"id":"1","type":"subscribe","payload":{}}`, "The payload of 'subscribe' needs a 'query' that is a string"),
	bad("a query that is an object", `{"id":"1","type":"subscribe","payload":{"query":{}}}`, "The payload of 'subscribe' needs 'query' to be a string"),
	bad("variables as an array", `{"id":"1","type":"subscribe","payload":{"query":"{name}","variables":[]}}`, "The payload of 'subscribe' needs 'variables' to be an object"),
	bad("an operation name that is a number", `{"id":"1","type":"subscribe","payload":{"query":"{name}","operationName":1}}`, "The payload of 'subscribe' needs 'operationName' to be a string"),
	bad("extensions as a string", `{"id":"1","type":"subscribe","payload":{"query":"{name}","extensions":"x"}}`, "The payload of 'subscribe' needs 'extensions' to be an object"),
	bad("complete without an id", `{"type":"complete"}`, "'complete' needs an 'id' that is a non-empty string"),
	{"a binary message", []step{initialise(), func(c *client, _ *server) {
		_ = c.WriteMessage(websocket.BinaryMessage, []byte(`{"type":"ping"}`))
	}, closes(4400, "Only text messages are accepted")}},
	{"invalid UTF-8", []step{initialise(), send("{\"type\":\"ping\",\"payload\":{\"a\":\"\xff\"}}"), closes(1007, "Message is not valid UTF-8")}},
	{"malformed comes before unauthorized", []step{send(`{"id":"1","type":"subscribe","payload":{}}`), closes(4400, "")}},
}

var executing = []rule{
	{"a query: next, then complete", []step{
		initialise(), subscribe("q", "{name}"),
		want(`{"id":"q","type":"next","payload":{"data":{"name":"Ada"}}}`), want(`{"id":"q","type":"complete"}`), quiet()}},
	{"a mutation, its variables and its name", []step{
		initialise(), send(`{"id":"m","type":"subscribe","payload":{"query":"query A {name} mutation B($to:String!) {rename(to:$to)}","operationName":"B","variables":{"to":"Bob"}}}`),
		want(`{"id":"m","type":"next","payload":{"data":{"rename":"Bob"}}}`), want(`{"id":"m","type":"complete"}`)}},
	{"nulls for what is optional", []step{
		initialise(), send(`{"id":"q","type":"subscribe","payload":{"query":"{name}","operationName":null,"variables":null,"extensions":null}}`),
		want(`{"id":"q","type":"next","payload":{"data":{"name":"Ada"}}}`), want(`{"id":"q","type":"complete"}`)}},
	{"the id may be used again", []step{
		initialise(), subscribe("q", "{name}"),
		want(`{"id":"q","type":"next","payload":{"data":{"name":"Ada"}}}`), want(`{"id":"q","type":"complete"}`),
		subscribe("q", "{name}"),
		want(`{"id":"q","type":"next","payload":{"data":{"name":"Ada"}}}`), want(`{"id":"q","type":"complete"}`)}},
	{"parse error: one error and nothing else", []step{
		initialise(), subscribe("q", "{"),
		want(`{"id":"q","type":"error","payload":[{"message":"Expected Name, found <EOF>","extensions":{"code":"GRAPHQL_PARSE_FAILED"}}]}`), quiet()}},
	{"an empty document", []step{
		initialise(), subscribe("q", ""),
		want(`{"id":"q","type":"error","payload":[{"message":"no operation provided","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`), quiet()}},
	{"validation error: one error, and the id is free", []step{
		initialise(), subscribe("q", "{nobody}"),
		want(`{"id":"q","type":"error","payload":[{"message":"Cannot query field \"nobody\" on type \"Query\".","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`), quiet(),
		subscribe("q", "{name}"),
		want(`{"id":"q","type":"next","payload":{"data":{"name":"Ada"}}}`), want(`{"id":"q","type":"complete"}`)}},
	{"a variable of the wrong type", []step{
		initialise(), send(`{"id":"q","type":"subscribe","payload":{"query":"query($n:[Float!]!){add(numbers:$n)}","variables":{"n":"x"}}}`),
		want(`{"id":"q","type":"error","payload":[{"message":"cannot use string as Float","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`), quiet()}},
	{"a persisted query: one error, and the document may follow", []step{
		initialise(), send(`{"id":"q","type":"subscribe","payload":{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}}`),
		want(`{"id":"q","type":"error","payload":[{"message":"PersistedQueryNotSupported","extensions":{"code":"PERSISTED_QUERY_NOT_SUPPORTED"}}]}`), quiet(),
		subscribe("q", "{name}"),
		want(`{"id":"q","type":"next","payload":{"data":{"name":"Ada"}}}`), want(`{"id":"q","type":"complete"}`)}},
	{"half a surrogate pair in a document's name costs its operation only", []step{
		initialise(), send(`{"id":"q","type":"subscribe","payload":{"query":"{name}","operationName":"\ud83d"}}`),
		want(`{"id":"q","type":"error","payload":[{"message":"'operationName' holds text that is not valid Unicode.","extensions":{"code":"BAD_USER_INPUT"}}]}`), quiet()}},
	{"half a surrogate pair in a variable is for the field to refuse or repair", []step{
		initialise(), send(`{"id":"q","type":"subscribe","payload":{"query":"mutation($to:String!){rename(to:$to)}","variables":{"to":"half \ud83d"}}}`),
		want(`{"id":"q","type":"next","payload":{"data":{"rename":"half �"}}}`), want(`{"id":"q","type":"complete"}`)}},
	{"data with errors is a next", []step{
		initialise(), subscribe("q", "{name nickname}"),
		want(`{"id":"q","type":"next","payload":{"errors":[{"message":"it is nickname"}],"data":{"name":"Ada","nickname":null}}}`), want(`{"id":"q","type":"complete"}`)}},
	{"data that is null is a next", []step{
		initialise(), subscribe("q", "{broken}"),
		want(`{"id":"q","type":"next","payload":{"errors":[{"message":"it is broken"}],"data":null}}`), want(`{"id":"q","type":"complete"}`)}},
	{"a resolver's panic is a next", []step{
		initialise(), subscribe("q", "{name panics}"),
		want(`{"id":"q","type":"next","payload":{"errors":[{"message":"it is INTERNAL","extensions":{"code":"INTERNAL"}}],"data":{"name":"Ada","panics":null}}}`), want(`{"id":"q","type":"complete"}`)}},
	{"a query can be cancelled", []step{
		initialise(), subscribe("q", "{waits}"), send(`{"id":"q","type":"complete"}`), quiet(),
		subscribe("q", "{name}"),
		want(`{"id":"q","type":"next","payload":{"data":{"name":"Ada"}}}`), want(`{"id":"q","type":"complete"}`)}},
}

var streaming = []rule{
	{"events in order", []step{
		initialise(), subscribe("s", "subscription {names}"), begun(),
		publish("a"), publish("b"), publish("c"),
		want(`{"id":"s","type":"next","payload":{"data":{"names":"a"}}}`),
		want(`{"id":"s","type":"next","payload":{"data":{"names":"b"}}}`),
		want(`{"id":"s","type":"next","payload":{"data":{"names":"c"}}}`), quiet()}},
	{"a stream that ends completes", []step{
		initialise(), subscribe("s", "subscription {names}"), begun(), publish("a"),
		func(_ *client, s *server) { close(s.topic.items) },
		want(`{"id":"s","type":"next","payload":{"data":{"names":"a"}}}`), want(`{"id":"s","type":"complete"}`), quiet()}},
	{"a client's complete is not echoed and cancels", []step{
		initialise(), subscribe("s", "subscription {names}"), begun(),
		send(`{"id":"s","type":"complete"}`), ended(), quiet()}},
	{"complete twice, or of nothing", []step{
		initialise(), send(`{"id":"s","type":"complete"}`), send(`{"id":"s","type":"complete"}`), quiet()}},
	{"after complete the id is free", []step{
		initialise(), subscribe("s", "subscription {names}"), begun(),
		send(`{"id":"s","type":"complete"}`), subscribe("s", "subscription {names}"), ended(), begun(), publish("a"),
		want(`{"id":"s","type":"next","payload":{"data":{"names":"a"}}}`)}},
	{"an id in use", []step{
		initialise(), subscribe("s", "subscription {names}"), subscribe("s", "{name}"), closes(4409, "Subscriber for s already exists")}},
	{"a long id in use", []step{
		initialise(), subscribe(strings.Repeat("s", 200), "subscription {names}"), subscribe(strings.Repeat("s", 200), "{name}"),
		closes(4409, "Subscriber for "+strings.Repeat("s", 123-len("Subscriber for ")))}},
	{"an odd id", []step{
		initialise(), send(`{"id":"\"<\u2028é","type":"subscribe","payload":{"query":"{name}"}}`),
		want(`{"id":"\"<\u2028é","type":"next","payload":{"data":{"name":"Ada"}}}`), want(`{"id":"\"<\u2028é","type":"complete"}`)}},
	{"a resolver that refuses: one error", []step{
		initialise(), subscribe("s", `subscription {names(topic:"refused")}`),
		want(`{"id":"s","type":"error","payload":[{"message":"it is CURSOR_EXPIRED","extensions":{"code":"CURSOR_EXPIRED"}}]}`), quiet()}},
	{"a source that fails: what was handed over, then one error", []step{
		initialise(), subscribe("s", "subscription {names}"), begun(), publish("a"), publish("b"),
		func(_ *client, s *server) { s.topic.fail <- coded("CURSOR_EXPIRED") },
		want(`{"id":"s","type":"next","payload":{"data":{"names":"a"}}}`),
		want(`{"id":"s","type":"next","payload":{"data":{"names":"b"}}}`),
		want(`{"id":"s","type":"error","payload":[{"message":"it is CURSOR_EXPIRED","extensions":{"code":"CURSOR_EXPIRED"}}]}`), quiet()}},
	{"a scalar that panics", []step{
		initialise(), subscribe("s", "subscription {names}"), begun(), publish("panic"),
		want(`{"id":"s","type":"error","payload":[{"message":"it is INTERNAL","extensions":{"code":"INTERNAL"}}]}`), ended(), quiet()}},
	{"a query beside a subscription", []step{
		initialise(), subscribe("s", "subscription {names}"), begun(), subscribe("q", "{name}"),
		want(`{"id":"q","type":"next","payload":{"data":{"name":"Ada"}}}`), want(`{"id":"q","type":"complete"}`),
		publish("a"), want(`{"id":"s","type":"next","payload":{"data":{"names":"a"}}}`)}},
	{"two operations at once", []step{
		initialise(), subscribe("s", "subscription A {names} subscription B {names}"),
		want(`{"id":"s","type":"error","payload":[{"message":"operation  not found","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`), quiet()}},
}
