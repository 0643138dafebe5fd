package command_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestConfiguration: flags win over variables, those over the file, and the file over defaults.
func TestConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "switchboard.toml")
	check(t, os.WriteFile(file, []byte(`database-url = "postgres://app:hunter2@db.example/switchboard?sslpassword=hunter2"
addr = "127.0.0.1:9999"
slow-operation = "2s"
allow-origin = ["https://a.example", "https://b.example"]
drain-delay = "3s"
`), 0o600))
	t.Setenv("SWITCHBOARD_CONFIG", file)
	t.Setenv("SWITCHBOARD_SLOW_OPERATION", "3s")
	t.Setenv("NATS_URL", "nats://app:hunter2@a.example:4222,nats://app:hunter2@b.example:4222")
	r := run(t, "config", "--drain-delay", "4s")
	for _, line := range []string{
		`addr = "127.0.0.1:9999" # file`, `slow-operation = "3s" # environment`, `drain-delay = "4s" # flag`, `drain-over = "0s" # default`,
		`allow-origin = ["https://a.example","https://b.example"] # file`, "# public-url is not set",
		`database-url = "postgres://app:xxxxx@db.example/switchboard?sslpassword=xxxxx" # file`,
		`nats-url = "nats://app:xxxxx@a.example:4222,nats://app:xxxxx@b.example:4222" # environment`,
	} {
		if !strings.Contains(r.output, line+"\n") {
			t.Errorf("the line %q is missing", line)
		}
	}
	if r.status != 0 || strings.Contains(r.output+r.log, "hunter2") {
		t.Errorf("config ended with %d and printed\n%s%s", r.status, r.output, r.log)
	}
	check(t, os.WriteFile(file, []byte("databse-url = 'x'\n"), 0o600))
	refused(t, 2, []string{"config"}, `there is no setting "databse-url"`, file)
	check(t, os.WriteFile(file, []byte("addr = \n"), 0o600))
	refused(t, 2, []string{"config"}, "cannot read the configuration")
	refused(t, 2, []string{"config", "--config", "/nowhere.toml"}, "cannot read the configuration")
}

// TestDrainDelay: a server that was told to stop is not ready, but serves until the delay is over.
func TestDrainDelay(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo", "--drain-delay", "3s", "--drain-over", "1s")
	c := found(t, s, dir, 0)
	socket := s.as(c.Token).watch(assignments, s.as(c.Token).asOf())
	s.terminate()
	told := time.Now()
	base := strings.TrimSuffix(s.GraphQL, "/graphql")
	eventually(t, 2*time.Second, "the server is not ready", func() bool { return strings.HasPrefix(get(t, base+"/readyz"), "503") })
	if status := s.as(c.Token).status(); status != 200 {
		t.Errorf("during the delay a query is answered %d", status)
	}
	if code := socket.closed(); code != 1012 || time.Since(told) < 3*time.Second {
		t.Errorf("the socket was closed with %d after %v", code, time.Since(told))
	}
	if status := s.wait(); status != 0 {
		t.Errorf("the server ended with status %d", status)
	}
}

// TestCompression: long answers are compressed for clients that accept it; short ones are not.
func TestCompression(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo", "--playground")
	c := found(t, s, dir, 0)
	for query, want := range map[string]string{"{ asOf }": "", "{ __schema { types { name description } } }": "gzip"} {
		request := must(http.NewRequest(http.MethodPost, s.GraphQL, strings.NewReader(fmt.Sprintf(`{"query":%q}`, query))))
		request.Header.Set("Authorization", "Bearer "+c.Token)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Accept-Encoding", "gzip")
		response := must(http.DefaultTransport.RoundTrip(request))
		if got := response.Header.Get("Content-Encoding"); got != want {
			t.Errorf("the answer to %s has the encoding %q, not %q", query, got, want)
		}
		var body io.Reader = response.Body
		if want == "gzip" {
			body = must(gzip.NewReader(body))
		}
		if text := must(io.ReadAll(body)); !strings.HasPrefix(string(text), `{"data":`) {
			t.Errorf("%s was answered with %.100s", query, text)
		}
		check(t, response.Body.Close())
	}
}

// TestLogOfOperations: refused and slow operations have one line each, with the request and its
// trace, and no line has a token, a message or a search text. SIGUSR1 changes the level.
func TestLogOfOperations(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo", "--slow-operation", "1ns")
	c := found(t, s, dir, 0)
	check(t, s.cmd.Process.Signal(syscall.SIGUSR1))
	eventually(t, patience, "the level is debug", func() bool { return strings.Contains(s.log.String(), "to=DEBUG") })
	manager := s.as(c.Token)
	conversation := manager.open("Ada Secretname")
	var ignored any
	manager.ask(&ignored, `mutation Say($id: ID!) { sendMessage(input: {conversationId: $id, body: "secretbody"}) { userErrors { code } } }`, vars{"id": conversation})
	manager.ask(&ignored, `query Look { contacts(search: "secretsearch") { nodes { id } } }`, nil)
	manager.ask(&ignored, `mutation Twice($id: ID!) { closeConversation(input: {conversationId: $id, note: {category: "secretcategory"}}) { userErrors { code } } }`, vars{"id": conversation})
	for _, document := range []string{`query Bad { contact(id: "secretid") { id } }`, `query Worse { secretfield }`, `{ contacts(first: "secretnumber") { nodes { id } } }`} {
		request := must(http.NewRequest(http.MethodPost, s.GraphQL, strings.NewReader(fmt.Sprintf(`{"query":%q}`, document))))
		request.Header.Set("Authorization", "Bearer "+c.Token)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		response := must(http.DefaultClient.Do(request))
		check(t, response.Body.Close())
	}
	log := s.log.String()
	for _, wanted := range []string{
		`msg="an operation was slow" requestId=`, `operation=Say`, `operation=Look`, `operation=Twice`, `code=UNKNOWN_CATEGORY`,
		`traceId=4bf92f3577b34da6a3ce929d0e0e4736`, `operation=Bad`, `code=BAD_USER_INPUT`, `code=GRAPHQL_VALIDATION_FAILED`, "caller=agent_",
	} {
		if !strings.Contains(log, wanted) {
			t.Errorf("%s is not in the log", wanted)
		}
	}
	if n := strings.Count(log, "operation=Twice"); n != 1 {
		t.Errorf("a refused operation has %d lines", n)
	}
	if strings.Contains(strings.ToLower(log), "secret") || strings.Contains(log, c.Token) {
		t.Error("the log repeats what somebody sent")
	}
	check(t, s.cmd.Process.Signal(syscall.SIGUSR1))
	eventually(t, patience, "the level is info again", func() bool { return strings.Contains(s.log.String(), "to=INFO") })
}
