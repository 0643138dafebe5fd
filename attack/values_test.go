package attack

import (
	"testing"
)

// TestValues: values that other programs have stumbled over. NUL, lone surrogates and invisible
// characters in every text are in service/input_test.go and graph/repair_test.go, cursors of other
// lists and workspaces in graph/isolation_test.go and service/page_test.go.
func TestValues(t *testing.T) {
	const inbox = `{"query":"query($first: Int, $after: String, $search: String) { inbox(view: ALL, first: $first, after: $after, search: $search) { nodes { id } } }","variables":`
	s := start(t)
	avatar := func(url string) sender {
		return func(s *server) reply {
			input := map[string]any{"contactId": s.contact, "avatarUrl": url}
			return body(marshal(map[string]any{
				"query": "mutation($input: UpdateContactInput!) { updateContact(input: $input) { userErrors { code } } }", "variables": map[string]any{"input": input},
			}))(s)
		}
	}
	s.attack([]row{
		{name: "first is negative", send: body(inbox + `{"first":-1}}`), code: "BAD_USER_INPUT"},
		{name: "first is huge", send: body(inbox + `{"first":2147483647}}`), code: "BAD_USER_INPUT"},
		{name: "first exceeds Int", send: body(inbox + `{"first":99999999999999999999}}`), status: 400},
		{name: "first is a fraction", send: body(inbox + `{"first":1.5}}`), status: 400},
		{name: "a cursor is cut", send: body(inbox + `{"after":"1"}}`), code: "CURSOR_INVALID"},
		{name: "a cursor is invented", send: body(inbox + `{"after":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}`), code: "CURSOR_INVALID"},
		{name: "1 SQL in a search", send: body(inbox + `{"search":"x\\' OR 1=1 --"}}`), message: `"nodes":[]`},
		{name: "1 a backslash in a search", send: body(inbox + `{"search":"\\"}}`), status: 200},
		{name: "metacharacters of LIKE in a search", send: body(inbox + `{"search":"%_%"}}`), message: `"nodes":[]`},
		{name: "NUL in a search", send: body(inbox + `{"search":"a\u0000"}}`), code: "BAD_USER_INPUT"},
		{name: "a search of 101 characters", send: body(inbox + `{"search":"` + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" + `"}}`), code: "BAD_USER_INPUT"},
		{name: "a picture that is JavaScript", send: avatar("javascript:alert(1)"), code: "BAD_USER_INPUT"},
		{name: "a picture in its address", send: avatar("data:text/html,<script>alert(1)</script>"), code: "BAD_USER_INPUT"},
		{name: "a picture over http", send: avatar("http://pictures.example/a.png"), code: "BAD_USER_INPUT"},
	})
}
