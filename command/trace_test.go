package command_test

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver is a collector of traces (https://opentelemetry.io/docs/specs/otlp/#otlphttp).
type receiver struct {
	mu   sync.Mutex
	all  []*spans.Span
	text strings.Builder // everything that was sent
}

func (c *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		body = must(gzip.NewReader(r.Body))
	}
	text := must(io.ReadAll(body))
	var sent collector.ExportTraceServiceRequest
	if r.URL.Path != "/v1/traces" || proto.Unmarshal(text, &sent) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.Write(text)
	for _, resource := range sent.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			c.all = append(c.all, scope.Spans...)
		}
	}
}

// named returns a span with this name, or nil.
func (c *receiver) named(name string) *spans.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, span := range c.all {
		if span.Name == name {
			return span
		}
	}
	return nil
}

// below returns the names of the spans whose parent is a given one.
func (c *receiver) below(parent *spans.Span) (names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, span := range c.all {
		if string(span.ParentSpanId) == string(parent.SpanId) {
			names = append(names, span.Name)
		}
	}
	return names
}

const (
	tracedBefore = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanBefore   = "00f067aa0ba902b7"
)

// askTraced sends an operation as part of a trace.
func (c caller) askTraced(t *testing.T, document string) {
	t.Helper()
	request := must(http.NewRequest(http.MethodPost, c.server.GraphQL, strings.NewReader(document)))
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("traceparent", "00-"+tracedBefore+"-"+spanBefore+"-01")
	response := must(http.DefaultClient.Do(request))
	check(t, response.Body.Close())
}

// TestTraces: a request continues the caller's trace, with spans of its operation and of the
// statements of that. Its id is in the log. No span has what people wrote, or a token.
func TestTraces(t *testing.T) {
	collected := &receiver{}
	endpoint := httptest.NewServer(collected)
	defer endpoint.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo", "--slow-operation", "1ns")
	c := found(t, s, dir, 0)
	manager := s.as(c.Token)
	conversation := manager.open("Ada Secretname")
	manager.askTraced(t, `{"query":"mutation Say($id: ID!) { sendMessage(input: {conversationId: $id, body: \"secretbody\"}) { userErrors { code } } }","variables":{"id":"`+conversation+`"}}`)
	manager.askTraced(t, `{"query":"query Look { contacts(search: \"secretsearch\") { nodes { id } } }"}`)
	manager.askTraced(t, `{"query":"query Bad { contact(id: \"secretid\") { id } }"}`)
	manager.watch(assignments, manager.asOf())
	for _, name := range []string{"POST /graphql", "mutation Say", "query Look", "query Bad", "batch"} {
		eventually(t, patience, "a span "+name, func() bool { return collected.named(name) != nil })
	}
	say := collected.named("mutation Say")
	eventually(t, patience, "statements below the mutation", func() bool { return len(collected.below(say)) > 0 })
	t.Logf("below the mutation: %q; below the query: %q", collected.below(say), collected.below(collected.named("query Look")))
	if got := hex.EncodeToString(say.TraceId); got != tracedBefore {
		t.Errorf("the mutation belongs to the trace %s", got)
	}
	if bad := collected.named("query Bad"); bad.Status.GetCode() != spans.Status_STATUS_CODE_ERROR || bad.Status.Message != "BAD_USER_INPUT" {
		t.Errorf("a refused query has the status %v", bad.Status)
	}
	if !strings.Contains(s.log.String(), "traceId="+tracedBefore) || strings.Count(s.log.String(), "traceId=") < 5 {
		t.Error("the log lacks the ids of traces")
	}
	s.terminate()
	s.wait()
	collected.mu.Lock()
	defer collected.mu.Unlock()
	if text := strings.ToLower(collected.text.String()); strings.Contains(text, "secret") || strings.Contains(text, strings.ToLower(c.Token)) {
		t.Error("a span has what somebody wrote, or a token")
	}
}
