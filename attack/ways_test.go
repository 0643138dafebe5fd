package attack

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/graph/live"
)

// ways are all ways in which a client can send a document.
var ways = map[string]func(document string) sender{
	"POST": post, "GET": byURL, "stream": stream, "socket": subscribe,
}

// post sends a document as an agent.
func post(document string) sender {
	return body(marshal(map[string]any{"query": document}))
}

// body sends an agent's POST with this body.
func body(text string) sender {
	return func(s *server) reply {
		return s.request("POST", "", s.agent, text, "application/graphql-response+json")
	}
}

// byURL sends a document in the URL.
func byURL(document string) sender {
	return func(s *server) reply {
		return s.request("GET", "?query="+url.QueryEscape(document), s.agent, "", "application/graphql-response+json")
	}
}

// stream sends a document and asks for server-sent events. The answer is what arrives until the
// operation ends.
func stream(document string) sender {
	return func(s *server) reply {
		return s.request("POST", "", s.agent, marshal(map[string]any{"query": document}), "text/event-stream")
	}
}

// request sends an HTTP request to the API.
func (s *server) request(method, query, token, body, accept string) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.address+"/graphql"+query, strings.NewReader(body))
	check(s.t, err)
	r.Header = http.Header{"Accept": {accept}, "Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}}
	response, err := http.DefaultClient.Do(r)
	check(s.t, err)
	return read(s.t, response)
}

// raw sends bytes as they are and returns what is answered until the server closes the connection,
// or has sent a whole answer and nothing more for a moment.
func raw(text string) sender {
	return func(s *server) reply {
		conn, err := net.Dial("tcp", s.address)
		check(s.t, err)
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, text)
		var answer []byte
		for until := time.Now().Add(patience); time.Now().Before(until); {
			_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			part := make([]byte, 64<<10)
			n, err := conn.Read(part)
			answer = append(answer, part[:n]...)
			var quiet net.Error
			if errors.As(err, &quiet) && quiet.Timeout() && len(answer) == 0 {
				continue
			}
			if err != nil {
				break
			}
		}
		head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
		r := reply{body: body}
		if fields := strings.Fields(head); len(fields) > 1 {
			_ = json.Unmarshal([]byte(fields[1]), &r.status)
		}
		return r
	}
}

// subscribe sends a document on a socket. The answer is what arrives until the operation ends or
// the socket is closed.
func subscribe(document string) sender {
	return messages(marshal(map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{"query": document}}))
}

// messages sends messages on an agent's socket that is acknowledged already.
func messages(list ...string) sender {
	return func(s *server) (r reply) {
		dialer := websocket.Dialer{Subprotocols: []string{live.Subprotocol}, HandshakeTimeout: patience}
		conn, _, err := dialer.Dial("ws://"+s.address+"/graphql", nil)
		check(s.t, err)
		defer func() { _ = conn.Close() }()
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		init := marshal(map[string]any{"type": "connection_init", "payload": map[string]any{"authorization": "Bearer " + s.agent}})
		for _, text := range append([]string{init}, list...) {
			if err := conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
				break // the server has closed the socket; why is read below
			}
		}
		for {
			_, text, err := conn.ReadMessage()
			var closed *websocket.CloseError
			if errors.As(err, &closed) {
				r.close = closed.Code
			}
			var frame struct{ Type string }
			if err != nil || json.Unmarshal(text, &frame) != nil {
				return r
			}
			switch frame.Type {
			case "connection_ack", "ping":
			case "error", "complete":
				r.body += string(text)
				return r
			default:
				r.body += string(text)
			}
		}
	}
}

func marshal(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}
