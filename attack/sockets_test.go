package attack

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"switchboard/graph/live"
)

// TestSockets: messages and frames that the protocols do not allow. All close codes and orders of
// messages are in TestProtocol, all frames in TestFrames and TestFragments, and peers that read or
// send nothing in TestStalledReader, TestHalfOpen and TestSilentSocketsGiveWay of graph/live.
func TestSockets(t *testing.T) {
	start(t).attack([]row{
		{name: "subscribe before connection_init", send: frames(text(`{"id":"1","type":"subscribe","payload":{"query":"{asOf}"}}`)), close: 4401},
		{name: "connection_init with an array", send: frames(text(`{"type":"connection_init","payload":[]}`)), close: 4400},
		{name: "connection_init with a string", send: frames(text(`{"type":"connection_init","payload":"Bearer a"}`)), close: 4400},
		{name: "connection_init with two credentials", send: frames(text(`{"type":"connection_init","payload":{"token":"a","authorization":"Bearer a"}}`)), close: 4403},
		{name: "a flood of connection_init", send: messages(strings.Split(strings.Repeat(`{"type":"connection_init"}|`, 200), "|")...), close: 4429},
		{name: "a flood of pings", send: messages(strings.Split(strings.Repeat(`{"type":"ping"}|`, 200), "|")...), close: 4429},
		{name: "a flood of ping frames", send: frames(strings.Repeat(frame(0x89, ""), 200)), close: 4429},
		{name: "a batch", send: messages(`[{"type":"ping"}]`), close: 4400},
		{name: "no JSON", send: messages(`{"type":`), close: 4400},
		{name: "an unknown type", send: messages(`{"type":"start"}`), close: 4400},
		{name: "a message of 257 KiB", send: messages(`{"type":"ping","payload":{"a":"` + strings.Repeat("a", 257<<10) + `"}}`), close: 1009},
		{name: "a message in endless fragments", send: frames(frame(0x01, "{") + strings.Repeat(frame(0x00, strings.Repeat(" ", 60<<10)), 10)), close: 1009},
		{name: "a binary message", send: frames(frame(0x82, "{}")), close: 4400},
		{name: "invalid UTF-8", send: frames(text("{\"type\":\"ping\",\"a\":\"\xff\"}")), close: 1007},
		{name: "a frame that is not masked", send: frames("\x81\x02{}"), close: 1002},
		{name: "a reserved bit", send: frames(frame(0xc1, "{}")), close: 1002},
		{name: "an opcode that does not exist", send: frames(frame(0x83, "{}")), close: 1002},
		{name: "a frame of 2^63 bytes", send: frames("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff"), close: 1009},
		{name: "the 51st subscription", send: manySubscriptions, code: "OPERATION_LIMIT", once: true},
	})
}

// text returns a masked frame with a text message.
func text(message string) string { return frame(0x81, message) }

// frame returns a masked frame. The mask is zero, so the payload is readable.
func frame(first byte, payload string) string {
	head := string([]byte{first})
	switch size := len(payload); {
	case size < 126:
		head += string([]byte{0x80 | byte(size)})
	default:
		head += string([]byte{0x80 | 126, byte(size >> 8), byte(size)})
	}
	return head + "\x00\x00\x00\x00" + payload
}

// frames opens a socket and sends bytes as they are.
func frames(bytes string) sender {
	return func(s *server) (r reply) {
		conn := s.dial()
		defer func() { _ = conn.Close() }()
		_, _ = conn.NetConn().Write([]byte(bytes))
		for {
			_, text, err := conn.ReadMessage()
			r.body += string(text)
			var closed *websocket.CloseError
			if errors.As(err, &closed) {
				r.close = closed.Code
			}
			if err != nil {
				return r
			}
		}
	}
}

func (s *server) dial() *websocket.Conn {
	dialer := websocket.Dialer{Subprotocols: []string{live.Subprotocol}, HandshakeTimeout: patience}
	conn, _, err := dialer.Dial("ws://"+s.address+"/graphql", nil)
	check(s.t, err)
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	return conn
}

// manySubscriptions starts one subscription more than a socket may have.
func manySubscriptions(s *server) reply {
	var list []string
	for i := range 51 {
		list = append(list, marshal(map[string]any{"id": fmt.Sprint(i), "type": "subscribe", "payload": map[string]any{"query": "subscription { inboxChanged(view: ALL) { kind } }"}}))
	}
	return messages(list...)(s)
}
