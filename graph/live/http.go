package live

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// HTTP is a graphql.Transport for queries and mutations according to the GraphQL over HTTP draft
// (https://graphql.github.io/graphql-over-http/draft/): POST with a JSON body, GET for queries.
// Only clients that accept application/graphql-response+json get a status other than 200 for a
// well-formed request.
type HTTP struct {
	// Mutation returns the context in which a request's mutation is executed. It may refuse the
	// mutation: then it answers the request itself and ok is false. nil: the request's context.
	Mutation func(w http.ResponseWriter, r *http.Request) (ctx context.Context, ok bool)
	// Reserve lets an answer of this many bytes be written until written is called. It returns
	// false if the caller has too many answers that are being written: then the request is answered
	// with RATE_LIMITED. nil: no limit.
	Reserve func(ctx context.Context, bytes int) (written func(), ok bool)
	// Documents returns documents that clients name by ids. nil: there are none.
	Documents Documents
}

const (
	mediaJSON     = "application/json"
	mediaResponse = "application/graphql-response+json"
)

// Supports reports whether r is anything but a WebSocket upgrade.
func (HTTP) Supports(r *http.Request) bool { return !websocket.IsWebSocketUpgrade(r) }

// Do answers one request.
func (t HTTP) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	media := negotiate(r.Header.Values("Accept"))
	reply := newAnswer(w, r, media, exec)
	if media == "" {
		reply.media = mediaJSON
		reply.refuse(http.StatusNotAcceptable, "accept "+mediaResponse+" or "+mediaJSON)
		return
	}
	if params, ok := reply.params(r, t.Documents); ok {
		params.Headers = r.Header
		t.execute(reply, r, exec, params)
	}
}

// execute runs the operation and writes its answer.
func (t HTTP) execute(reply answer, r *http.Request, exec graphql.GraphExecutor, params *graphql.RawParams) {
	ctx := graphql.StartOperationTrace(r.Context())
	operation, errs := exec.CreateOperationContext(ctx, params)
	if errs != nil {
		response := exec.DispatchError(graphql.WithOperationContext(ctx, operation), errs)
		reply.errors(http.StatusBadRequest, response.Errors)
		return
	}
	if operation.Operation.Operation == ast.Subscription {
		reply.reject(http.StatusBadRequest, refusal("BAD_USER_INPUT",
			"Subscriptions need a WebSocket (graphql-transport-ws) or Accept: text/event-stream."))
		return
	}
	if !reply.allows(r, operation) {
		return
	}
	if t.Mutation != nil && operation.Operation.Operation == ast.Mutation {
		confirmed, ok := t.Mutation(reply.w, r.WithContext(ctx))
		if !ok {
			return
		}
		ctx = confirmed
	}
	responses, ctx := exec.DispatchOperation(ctx, operation)
	response := responses(ctx)
	if response == nil {
		return // the client closed the connection before the operation started
	}
	if len(response.Data) == 0 {
		reply.errors(http.StatusBadRequest, response.Errors)
		return
	}
	t.send(ctx, reply, encode(response))
}

// send writes an answer if the caller reads its answers.
func (t HTTP) send(ctx context.Context, reply answer, body []byte) {
	if t.Reserve != nil {
		written, ok := t.Reserve(ctx, len(body))
		if !ok {
			reply.w.Header().Set("Retry-After", "1")
			reply.deny(http.StatusTooManyRequests, "RATE_LIMITED", "too many of your answers are still being written; read them first, or ask for less")
			return
		}
		defer written()
	}
	reply.write(http.StatusOK, body)
}

// request returns the parameters of a request as JSON, or the status and the complaint to answer
// with.
func request(w http.ResponseWriter, r *http.Request) (body jsontext.Value, status int, complaint string) {
	switch r.Method {
	case http.MethodGet:
		return query(r)
	case http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, POST")
		return nil, http.StatusMethodNotAllowed, "use GET or POST"
	}
	media, values, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := values["charset"]; err != nil || media != mediaJSON || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return nil, http.StatusUnsupportedMediaType, "send application/json in UTF-8"
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, http.StatusUnsupportedMediaType, "send the body without Content-Encoding: compressed ones are not read"
	}
	body, err = io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is too large: it may have %d KiB", tooLarge.Limit>>10)
	case err != nil:
		return nil, http.StatusBadRequest, "the request could not be read"
	}
	return body, http.StatusOK, ""
}

// query returns the parameters in the URL as JSON, or the status and the complaint to answer with.
func query(r *http.Request) (body jsontext.Value, status int, complaint string) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, http.StatusBadRequest, "the URL cannot be read: " + err.Error()
	}
	fields := map[string]any{}
	for _, name := range []string{"query", "documentId", "operationName", "variables", "extensions"} {
		text, isJSON := values.Get(name), name == "variables" || name == "extensions"
		switch {
		case len(values[name]) > 1:
			return nil, http.StatusBadRequest, "the URL has '" + name + "' twice"
		case !utf8.ValidString(text):
			return nil, http.StatusBadRequest, "'" + name + "' in the URL is not valid UTF-8"
		case isJSON && text != "" && !jsontext.Value(text).IsValid(jsontext.AllowInvalidUTF8(true)):
			return nil, http.StatusBadRequest, "'" + name + "' in the URL is not valid JSON"
		case isJSON && text != "":
			fields[name] = stdjson.RawMessage(text)
		case !isJSON && values.Has(name):
			fields[name] = text
		}
	}
	return marshal(fields), http.StatusOK, ""
}

// negotiate returns the media type of the answer, or "" if the client accepts neither. Clients
// without a preference get application/json, which old ones expect.
func negotiate(accept []string) string {
	chosen := ""
	for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, values, _ := mime.ParseMediaType(item)
		if charset := values["charset"]; values["q"] == "0" || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
			continue
		}
		switch media {
		case mediaResponse:
			return mediaResponse
		case mediaJSON, "application/*", "*/*":
			chosen = mediaJSON
		}
	}
	if len(accept) == 0 {
		return mediaJSON
	}
	return chosen
}

// An answer writes the response to a request in the negotiated media type.
type answer struct {
	w       http.ResponseWriter
	media   string
	present func(gqlerror.List) gqlerror.List
}

func newAnswer(w http.ResponseWriter, r *http.Request, media string, exec graphql.GraphExecutor) answer {
	return answer{w, media, func(errs gqlerror.List) gqlerror.List { return presented(r.Context(), exec, errs) }}
}

// presented passes refusals of this package through the executor's presenter, so that they have the
// form of all other errors.
func presented(ctx context.Context, exec graphql.GraphExecutor, refused gqlerror.List) gqlerror.List {
	return exec.DispatchError(graphql.WithOperationContext(ctx, &graphql.OperationContext{}), refused).Errors
}

// params returns the parameters of a request. If they are wrong it answers the request and returns
// false.
func (a answer) params(r *http.Request, documents Documents) (params *graphql.RawParams, ok bool) {
	start := graphql.Now()
	body, status, complaint := request(a.w, r)
	if complaint != "" {
		a.refuse(status, complaint)
		return nil, false
	}
	params, refused, malformed := parseParams(body, documents)
	switch {
	case malformed != "":
		a.refuse(http.StatusBadRequest, sourceOf(r)+" "+malformed)
		return nil, false
	case refused != nil:
		a.reject(http.StatusBadRequest, refused)
		return nil, false
	}
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	return params, true
}

// sourceOf returns what error messages call the part of a request that holds its parameters.
func sourceOf(r *http.Request) string {
	if r.Method == http.MethodGet {
		return "the URL"
	}
	return "the body"
}

// allows reports whether the operation may be executed with this method. It answers a mutation by
// GET with 405.
func (a answer) allows(r *http.Request, op *graphql.OperationContext) bool {
	if op.Operation.Operation != ast.Mutation || r.Method != http.MethodGet {
		return true
	}
	a.w.Header().Set("Allow", http.MethodPost)
	a.refuse(http.StatusMethodNotAllowed, "mutations need POST")
	return false
}

// reject answers a well-formed request that this package refused.
func (a answer) reject(status int, refused gqlerror.List) { a.errors(status, a.present(refused)) }

// errors answers a well-formed request that was not executed. A caller who has to wait is answered
// with 429 in both media types.
func (a answer) errors(status int, errs gqlerror.List) {
	if a.media == mediaJSON {
		status = http.StatusOK
	}
	if wait, ok := retryAfter(errs); ok {
		status = http.StatusTooManyRequests
		a.w.Header().Set("Retry-After", strconv.Itoa(wait))
	}
	a.write(status, marshal(map[string]any{"errors": errs}))
}

// retryAfter returns after how many seconds a caller may try again; ok is false if the errors do
// not say so. They do in the extension retryAfterMs, which is a number of milliseconds.
func retryAfter(errs gqlerror.List) (seconds int, ok bool) {
	for _, err := range errs {
		if ms, isSet := err.Extensions["retryAfterMs"].(int64); isSet {
			return int((ms + 999) / 1000), true
		}
	}
	return 0, false
}

// Refuse answers a request with err, which the executor's presenter made, instead of executing it.
func Refuse(w http.ResponseWriter, status int, err *gqlerror.Error) {
	answer{w: w, media: mediaJSON}.write(status, marshal(map[string]any{"errors": gqlerror.List{err}}))
}

// refuse answers a request that is malformed.
func (a answer) refuse(status int, complaint string) {
	a.deny(status, "BAD_USER_INPUT", complaint)
}

// deny answers a request with an error code and a message.
func (a answer) deny(status int, code, complaint string) {
	a.write(status, marshal(map[string]any{"errors": a.present(refusal(code, complaint))}))
}

func (a answer) write(status int, body []byte) {
	a.w.Header().Set("Content-Type", a.media+"; charset=utf-8")
	a.w.Header().Set("X-Content-Type-Options", "nosniff")
	a.w.Header().Set("Content-Length", strconv.Itoa(len(body))) // else it is sent in chunks
	a.w.WriteHeader(status)
	_, _ = a.w.Write(body)
}
