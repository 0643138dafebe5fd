package attack

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const asOf = `{"query":"{ asOf }"}`

// TestTransport: requests that are not what they should be. Other inputs of this kind have tests of
// their own: origins and host names of every way in (TestOneOriginPolicy and TestPreflight in
// graph), readers that read nothing or next to nothing (TestUnreadAnswers in command, TestTrickle
// and TestWaitingBytes in graph/live), and the form of JSON bodies (TestHTTP in graph/live).
func TestTransport(t *testing.T) {
	s := start(t, "--public-url", "http://127.0.0.1", "--allow-origin", "https://desk.example", "--allow-origin", "https://inbox.example")
	fine := []string{"Content-Type", "application/json", "Host", "desk.example"}
	with := func(more ...string) []string { return append(append([]string{}, fine...), more...) }
	s.attack([]row{
		{name: "text/plain, as a form of another site can send", send: request("POST", "", asOf, with("Content-Type", "text/plain")...), status: 415},
		{name: "a form", send: request("POST", "", "query=%7BasOf%7D", with("Content-Type", "application/x-www-form-urlencoded")...), status: 415},
		{name: "a multipart form", send: request("POST", "", "--a\r\n\r\n--a--", with("Content-Type", "multipart/form-data; boundary=a")...), status: 415},
		{name: "no media type", send: request("POST", "", asOf, with("Content-Type", "")...), status: 415},
		{name: "another encoding of text", send: request("POST", "", asOf, with("Content-Type", "application/json; charset=utf-16")...), status: 415},
		{name: "a gzip bomb", send: request("POST", "", "\x1f\x8b"+strings.Repeat("\x00", 1000), with("Content-Encoding", "gzip")...), status: 415},
		{name: "a mutation by GET", send: request("GET", "?query=mutation%7BmarkRead(input%3A%7BconversationId%3A%22a%22%7D)%7BuserErrors%7Bcode%7D%7D%7D", "", fine...), status: 405},
		{name: "TRACE", send: request("TRACE", "", "", fine...), status: 405},
		{name: "9 another Host", send: request("POST", "", asOf, with("Host", "evil.example")...), status: 403, code: "FORBIDDEN", message: "--public-url"},
		{name: "9 another Origin", send: request("POST", "", asOf, with("Origin", "https://evil.example")...), status: 403, code: "FORBIDDEN", message: "--allow-origin"},
		{name: "9 the Origin null", send: request("POST", "", asOf, with("Origin", "null")...), status: 403, code: "FORBIDDEN"},
		{name: "9 an Origin that looks alike", send: request("POST", "", asOf, with("Origin", "https://inbox.example.evil.example")...), status: 403, code: "FORBIDDEN"},
		{name: "invalid UTF-8", send: request("POST", "", "{\"query\":\"{ asOf } # \xff\"}", fine...), status: 400},
		{name: "duplicate keys", send: request("POST", "", `{"query":"{ asOf }","query":"{ asOf }"}`, fine...), status: 400},
		{name: "trailing garbage", send: request("POST", "", asOf+"}", fine...), status: 400},
		{name: "1e400", send: request("POST", "", `{"query":"query($n: Int) { inbox(first: $n) { nodes { id } } }","variables":{"n":1e400}}`, fine...), status: 400},
		{name: "JSON nested 100,000 times", send: request("POST", "", `{"query":"{ asOf }","variables":`+strings.Repeat("[", 100_000), fine...), status: 400},
		{name: "a body of 257 KiB", send: request("POST", "", strings.Repeat(" ", 257<<10), fine...), status: 413},
		{name: "6 a URL of 17 KiB", send: request("GET", "?query="+strings.Repeat("a", 17<<10), "", fine...), status: 414},
		{name: "6 a URL of 530 KB", send: raw("GET /graphql?query=" + strings.Repeat("a", 530_000) + " HTTP/1.1\r\nHost: desk.example\r\n\r\n"), status: 431},
		{name: "6 headers of 64 KiB", send: raw("GET /graphql HTTP/1.1\r\nHost: desk.example\r\nA: " + strings.Repeat("a", 64<<10) + "\r\n\r\n"), status: 431},
		{name: "6 a bearer of 9 KiB", send: request("POST", "", asOf, with("Authorization", "Bearer "+strings.Repeat("a", 9<<10))...), status: 401, code: "UNAUTHENTICATED"},
		{name: "6 a bearer of 1 MiB", send: raw("POST /graphql HTTP/1.1\r\nHost: desk.example\r\nAuthorization: Bearer " + strings.Repeat("a", 1<<20) + "\r\n\r\n"), status: 431},
		{name: "two hosts", send: raw("GET /healthz HTTP/1.1\r\nHost: desk.example\r\nHost: evil.example\r\n\r\n"), status: 400},
		{name: "a control character in a header", send: raw("GET /graphql HTTP/1.1\r\nHost: desk.example\r\nOrigin: https://a\x1b[31m\r\n\r\n"), status: 400},
		{name: "5 a client that leaves at once", send: leaves(asOf)},
		{name: "slow headers", send: raw("POST /graphql HTTP/1.1\r\nHost: desk.example\r\nA: "), once: true},
		{name: "a slow body", send: slowBody, once: true},
	})
	if text := s.log(); strings.Contains(text, "level=ERROR") {
		t.Errorf("an input is logged as a fault of the server:\n%s", text)
	}
}

// request sends an HTTP request as an agent, with these headers; later ones replace earlier ones.
func request(method, query, body string, headers ...string) sender {
	return func(s *server) reply {
		r, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.address+"/graphql"+query, strings.NewReader(body))
		check(s.t, err)
		r.Header.Set("Authorization", "Bearer "+s.agent)
		r.Header.Set("Accept", "application/graphql-response+json")
		for i := 0; i < len(headers); i += 2 {
			if headers[i] == "Host" {
				r.Host = headers[i+1]
			}
			r.Header.Set(headers[i], headers[i+1])
		}
		response, err := http.DefaultClient.Do(r)
		check(s.t, err)
		return read(s.t, response)
	}
}

// leaves sends a request and closes the connection without waiting for the answer.
func leaves(body string) sender {
	return func(s *server) (r reply) {
		conn, err := net.Dial("tcp", s.address)
		check(s.t, err)
		_, err = fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: desk.example\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			s.agent, len(body), body)
		check(s.t, err)
		check(s.t, conn.Close())
		return r
	}
}

// slowBody announces a body, sends a part of it, and waits until the server closes the connection.
func slowBody(s *server) (r reply) {
	conn, err := net.Dial("tcp", s.address)
	check(s.t, err)
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: desk.example\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", s.agent)
	check(s.t, err)
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, conn); err != nil {
		s.t.Errorf("the server waits for a body: %v", err)
	}
	return r
}
