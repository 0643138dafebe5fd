package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
)

// A protocol is what a client sends to receive events. The server answers every message of the
// handshake, except the last one of graphql-transport-ws, which the events follow.
type protocol struct {
	upgrades    bool                     // to a WebSocket; otherwise the server sends at once
	subprotocol string                   // may be empty
	handshake   func() []string          // messages to send, one after the other
	silentLast  bool                     // the last message of the handshake gets no answer
	respond     func(text []byte) string // returns the answer to a small message, or ""
}

var (
	tcpOnly            = protocol{}
	webSocket          = protocol{upgrades: true}
	graphqlTransportWS = protocol{
		upgrades: true, subprotocol: "graphql-transport-ws", silentLast: true,
		handshake: func() []string {
			subscribe, _ := json.Marshal(map[string]any{ // cannot fail for these types
				"id": uuid.NewString(), "type": "subscribe",
				"payload": map[string]any{"query": document, "operationName": "Inbox", "variables": map[string]any{"view": "ALL"}},
			})
			return []string{`{"type":"connection_init"}`, string(subscribe)}
		},
		respond: func(text []byte) string {
			if bytes.Contains(text, []byte(`"type":"ping"`)) {
				return `{"type":"pong"}`
			}
			return ""
		},
	}
	centrifugeJSON = protocol{
		upgrades: true,
		handshake: func() []string {
			return []string{`{"id":1,"connect":{}}`, `{"id":2,"subscribe":{"channel":"inbox"}}`}
		},
		respond: func(text []byte) string {
			if string(text) == "{}" { // centrifuge's ping
				return "{}"
			}
			return ""
		},
	}
)

// Opcodes of RFC 6455 section 5.2.
const (
	textFrame  = 0x1
	closeFrame = 0x8
	pingFrame  = 0x9
	pongFrame  = 0xa
)

// masked returns a client's frame with the mask 0, which leaves the payload unchanged.
func masked(opcode byte, payload []byte) []byte {
	head := []byte{0x80 | opcode, 0x80 | byte(min(len(payload), 126))}
	if len(payload) > smallSize {
		head = binary.BigEndian.AppendUint16(head, uint16(len(payload)))
	}
	return append(append(head, 0, 0, 0, 0), payload...)
}

// upgradeRequest returns the request for a WebSocket: RFC 6455 section 4.1.
func (p protocol) upgradeRequest(host string) []byte {
	request := fmt.Sprintf("GET /graphql HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n", host)
	if p.subprotocol != "" {
		request += "Sec-WebSocket-Protocol: " + p.subprotocol + "\r\n"
	}
	return []byte(request + "\r\n")
}
