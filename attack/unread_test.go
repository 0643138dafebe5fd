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

// TestUnreadMemory (finding 2): twelve large answers that nobody reads, and one that is read a byte
// at a time, take little memory, which is free again once their clients have gone.
func TestUnreadMemory(t *testing.T) {
	s := start(t)
	const messages, most = 20, 64 << 20
	for i := range messages {
		input := fmt.Sprintf(`{"sender":{"known":{"contactId":%q,"channel":"chat"}},"body":%q,"externalMessageId":"large-%d"}`, s.contact, strings.Repeat("a", 100_000), i)
		r := s.request("POST", "", s.integration, `{"query":"mutation($input: ReceiveMessageInput!) { receiveMessage(input: $input) { userErrors { code } } }","variables":{"input":`+input+`}}`,
			"application/json")
		if r.status != http.StatusOK || strings.Contains(r.body, "error\"") || strings.Contains(r.body, `"code"`) {
			t.Fatalf("a large message is answered %d %s", r.status, r.body)
		}
	}
	document := "{"
	for i := range 3 {
		document += fmt.Sprintf(` m%d: conversation(id: %q) { messages(last: 20) { nodes { body } } }`, i, s.conversation)
	}
	text := marshal(map[string]any{"query": document + "}"})
	if a := body(text)(s); a.status != http.StatusOK || len(a.body) < 5<<20 {
		t.Fatalf("a large answer: %d, %d bytes", a.status, len(a.body))
	}
	before, resident := s.usage(true), s.resident(t)
	var conns []net.Conn
	for i := range 13 {
		conn, err := net.Dial("tcp", s.address)
		check(t, err)
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		_, err = fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", s.agent, len(text), text)
		check(t, err)
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		_, err = io.ReadFull(conn, make([]byte, 12)) // so that the answer is being written
		check(t, err)
		if i == 12 {
			go func() {
				for one := make([]byte, 1); ; time.Sleep(time.Second) {
					if _, err := conn.Read(one); err != nil {
						return
					}
				}
			}()
		}
		conns = append(conns, conn)
	}
	held := s.usage(true)
	t.Logf("%d MiB are held for thirteen clients, the process has grown by %d MiB", (held.Heap-before.Heap)>>20, (s.resident(t)-resident)>>20)
	if held.Heap-before.Heap > most {
		t.Errorf("%d MiB are held for clients that do not read", (held.Heap-before.Heap)>>20)
	}
	s.checkHealth(t, held)
	for _, conn := range conns {
		_ = conn.Close()
	}
	for until := time.Now().Add(patience); ; {
		if now := s.usage(true); now.Heap-before.Heap < 8<<20 {
			t.Logf("the process has %d MiB more than before", (s.resident(t)-resident)>>20)
			return
		}
		if time.Now().After(until) {
			t.Fatal("the memory is not free again")
		}
	}
}
