package graph_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/db"
)

// large returns a document whose answer has about n times 2 MiB.
func (w *world) large(n int) string {
	w.t.Helper()
	contact, c := w.opened(w.agent, fmt.Sprint("Ada ", n))
	for range 22 {
		w.say(c, db.Inbound, contact.ID.Ref(), strings.Repeat("a", 100_000))
	}
	doc := "{"
	for i := range n {
		doc += fmt.Sprintf(" m%d: conversation(id: %q) { messages { nodes { body } } }", i, c.ID)
	}
	return doc + " }"
}

// TestLargeAnswer (finding 2): an answer of more than 8 MiB becomes an error.
func TestLargeAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if a := w.query(w.agent.token, w.large(3), nil); len(a.body) < 6<<20 {
		t.Fatalf("the answer has %d bytes", len(a.body))
	}
	a := w.post(t, w.agent.token, w.large(5), nil)
	if a.wantCode("OPERATION_LIMIT"); len(a.body) > 4<<10 || a.get("data") != nil {
		t.Errorf("a larger answer has %d bytes", len(a.body))
	}
}

// TestUnreadAnswersOfOneCaller (finding 2): a caller who does not read gets no further large
// answers; small ones and other callers are served, and so is the caller once it has gone or read.
func TestUnreadAnswersOfOneCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	doc := w.large(3)
	var conns []net.Conn
	for i := range 5 { // one after the other, since a busy database refuses many of them at once
		conn, err := net.Dial("tcp", w.http.Listener.Addr().String())
		must(t, err)
		defer conn.Close()
		conns = append(conns, conn)
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		body := `{"query":` + fmt.Sprintf("%q", doc) + `}`
		_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			w.agent.token, len(body), body)
		must(t, err)
		response, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil)
		must(t, err) // and its body is not read
		want := http.StatusOK
		if i >= 2 {
			want = http.StatusTooManyRequests
		}
		if response.StatusCode != want {
			t.Errorf("unread answer %d has the status %d", i+1, response.StatusCode)
		}
	}
	w.query(w.agent.token, `{ asOf }`, nil)
	w.query(w.colleague.token, doc, nil)
	if a := w.post(t, w.agent.token, doc, nil); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "1" {
		t.Errorf("one more is answered %d", a.status)
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
	for until := time.Now().Add(patience); w.post(t, w.agent.token, doc, nil).status != http.StatusOK; {
		if time.Now().After(until) {
			t.Fatal("answers to a client that has gone still count")
		}
	}
}
