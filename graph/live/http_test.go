package live_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/executor"

	"switchboard/graph/live"
)

const (
	plain    = "application/json"
	response = "application/graphql-response+json"
)

// TestHTTP checks the GraphQL over HTTP draft case by case; bodies are compared as text.
func TestHTTP(t *testing.T) {
	get := func(query string) string { return "GET /?query=" + url.QueryEscape(query) }
	for _, c := range []struct {
		name, request, contentType, accept, body string
		status                                   int
		want                                     string
	}{
		{"a query", "POST /", plain, response, `{"query":"{name}"}`, 200, `{"data":{"name":"ada"}}`},
		{"a query of an old client", "POST /", plain, plain, `{"query":"{name}"}`, 200, `{"data":{"name":"ada"}}`},
		{"a charset", "POST /", plain + "; charset=UTF-8", "*/*", `{"query":"{name}"}`, 200, `{"data":{"name":"ada"}}`},
		{"another charset", "POST /", plain + "; charset=latin1", "*/*", `{"query":"{name}"}`, 415, "UTF-8"},
		{"a form", "POST /", "application/x-www-form-urlencoded", "*/*", `query={name}`, 415, "application/json"},
		{"a multipart form", "POST /", "multipart/form-data; boundary=x", "*/*", "", 415, "application/json"},
		{"plain text", "POST /", "text/plain", "*/*", `{"query":"{name}"}`, 415, "application/json"},
		{"no content type", "POST /", "", "*/*", `{"query":"{name}"}`, 415, "application/json"},
		{"neither media type accepted", "POST /", plain, "text/html", `{"query":"{name}"}`, 406, "accept"},
		{"the preferred one refused", "POST /", plain, response + ";q=0, " + plain, `{"query":"{nope}"}`, 200, "Cannot query field"},
		{"no JSON", "POST /", plain, response, `{"query":`, 400, "the body is not valid JSON (at byte 9)"},
		{"trailing garbage", "POST /", plain, response, `{"query":"{name}"} x`, 400, "the body is not valid JSON (at byte 19)"},
		{"an empty body", "POST /", plain, response, ` `, 400, "the body is empty"},
		{"a batch", "POST /", plain, response, `[{"query":"{name}"}]`, 400, "the body is a batch: send one operation at a time"},
		{"a string", "POST /", plain, response, `"{name}"`, 400, "the body must be a JSON object"},
		{"a null", "POST /", plain, response, `null`, 400, "the body must be a JSON object"},
		{"no query", "POST /", plain, plain, `{}`, 400, "the body needs a 'query' that is a string"},
		{"no query in the URL", "GET /", plain, plain, ``, 400, "the URL needs a 'query' that is a string"},
		{"a compressed body", "POST / gzip", plain, plain, "\x1f\x8b", 415, "Content-Encoding"},
		{"a persisted query", "POST /", plain, plain, `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}`, 200,
			`{"errors":[{"message":"PersistedQueryNotSupported","extensions":{"code":"PERSISTED_QUERY_NOT_SUPPORTED"}}]}`},
		{"a persisted query of a new client", "POST /", plain, response, `{"extensions":{"persistedQuery":{}}}`, 400, "PERSISTED_QUERY_NOT_SUPPORTED"},
		{"a persisted query in the URL", `GET /?extensions={"persistedQuery":{}}`, plain, plain, "", 200, "PERSISTED_QUERY_NOT_SUPPORTED"},
		{"a persisted query with its document", "POST /", plain, plain, `{"query":"{name}","extensions":{"persistedQuery":{}}}`, 200, `{"data":{"name":"ada"}}`},
		{"a document's id", "POST /", plain, plain, `{"documentId":"x"}`, 200, "DOCUMENT_NOT_FOUND"},
		{"a document's id in the URL", "GET /?documentId=x", plain, plain, "", 200, "DOCUMENT_NOT_FOUND"},
		{"a document and an id", "POST /", plain, plain, `{"query":"{name}","documentId":"x"}`, 400, "not both"},
		{"variables of a wrong type", "POST /", plain, plain, `{"query":"{name}","variables":[]}`, 400, "the body needs 'variables' to be an object"},
		{"half a surrogate pair", "POST /", plain, response, `{"query":"{name}","operationName":"\ud800"}`, 400, "Unicode"},
		{"repeated names", "POST /", plain, response, `{"query":"{name}","variables":{"a":1,"a":2}}`, 400, "the same name twice"},
		{"an unknown field", "POST /", plain, response, `{"query":"{nope}"}`, 400, "Cannot query field"},
		{"an unknown field of an old client", "POST /", plain, plain, `{"query":"{nope}"}`, 200, "Cannot query field"},
		{"a document that does not parse", "POST /", plain, response, `{"query":"{"}`, 400, "errors"},
		{"a field that fails", "POST /", plain, response, `{"query":"{nickname broken}"}`, 200, `"data":null`},
		{"a mutation", "POST /", plain, response, `{"query":"mutation{rename(to:\"eve\")}"}`, 200, `{"data":{"rename":"eve"}}`},
		{"a subscription", "POST /", plain, response, `{"query":"subscription{names}"}`, 400, "WebSocket"},
		{"a query in the URL", get("{name}"), "", response, "", 200, `{"data":{"name":"ada"}}`},
		{"a mutation in the URL", get(`mutation{rename(to:"eve")}`), "", response, "", 405, "POST"},
		{"a mutation in the URL, of an old client", get(`mutation{rename(to:"eve")}`), "", plain, "", 405, "POST"},
		{"variables in the URL that are not JSON", get("{name}") + "&variables=x", "", response, "", 400, "'variables'"},
		{"a query twice in the URL", get("{name}") + "&query={nickname}", "", response, "", 400, "twice"},
		{"a URL that cannot be read", "GET /?query=%zz", "", response, "", 400, "cannot be read"},
		{"a URL that is not Unicode", "GET /?query=%ff", "", response, "", 400, "UTF-8"},
		{"another method", "PUT /", plain, response, `{"query":"{name}"}`, 405, "GET or POST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			renamed := false
			w := &world{name: "ada", resolve: map[string]func(context.Context, map[string]any) (any, error){
				"rename": func(_ context.Context, args map[string]any) (any, error) {
					renamed = true
					return args["to"], nil
				},
			}}
			request := strings.Fields(c.request)
			r := httptest.NewRequest(request[0], "/", strings.NewReader(c.body))
			_, r.URL.RawQuery, _ = strings.Cut(request[1], "?")
			if len(request) > 2 {
				r.Header.Set("Content-Encoding", request[2])
			}
			r.Header.Set("Content-Type", c.contentType)
			r.Header.Set("Accept", c.accept)
			answer := httptest.NewRecorder()
			live.HTTP{}.Do(answer, r, executor.New(w))
			if answer.Code != c.status || !strings.Contains(answer.Body.String(), c.want) {
				t.Errorf("got %d %s, want %d with %s", answer.Code, answer.Body, c.status, c.want)
			}
			if c.status != http.StatusOK && strings.Contains(answer.Body.String(), `"data"`) {
				t.Errorf("a request that was not executed has data: %s", answer.Body)
			}
			if renamed && answer.Code != http.StatusOK {
				t.Error("a refused mutation was executed")
			}
		})
	}
}

// TestClientGoneBeforeExecution: if the client disconnects before its operation starts, nothing is
// executed and nothing panics.
func TestClientGoneBeforeExecution(t *testing.T) {
	for _, body := range []string{`{"query":"{name}"}`, `{"query":"mutation{rename(to:\"eve\")}"}`} {
		w := &world{name: "ada", resolve: map[string]func(context.Context, map[string]any) (any, error){
			"rename": func(context.Context, map[string]any) (any, error) { return nil, errors.New("was executed") },
		}}
		exec := executor.New(w)
		exec.SetRecoverFunc(func(_ context.Context, reason any) error {
			t.Errorf("a panic: %v", reason)
			return errors.New("panic")
		})
		gone, leave := context.WithCancel(t.Context())
		leave()
		r := httptest.NewRequestWithContext(gone, "POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", plain)
		answer := httptest.NewRecorder()
		live.HTTP{}.Do(answer, r, exec)
		if answer.Body.Len() > 0 {
			t.Errorf("a client that has left is answered %s", answer.Body)
		}
	}
}
