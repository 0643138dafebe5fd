package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
)

// A protocol is what a client says to get events. The server answers every message but
// the last of graphql-transport-ws, to which the events are the answer.
type protocol struct {
	upgrades    bool                     // to a WebSocket; else the server just sends
	subprotocol string                   // may be empty
	hello       func() []string          // said one after the other
	silent      bool                     // the last of hello is not answered
	answer      func(text []byte) string // to a small message; may be empty
}

var (
	bare               = protocol{}
	webSocket          = protocol{upgrades: true}
	graphqlTransportWS = protocol{
		upgrades: true, subprotocol: "graphql-transport-ws", silent: true,
		hello: func() []string {
			subscribe, _ := json.Marshal(map[string]any{ // of what cannot fail
				"id": uuid.NewString(), "type": "subscribe",
				"payload": map[string]any{"query": document, "operationName": "Inbox", "variables": map[string]any{"view": "ALL"}},
			})
			return []string{`{"type":"connection_init"}`, string(subscribe)}
		},
		answer: func(text []byte) string {
			if bytes.Contains(text, []byte(`"type":"ping"`)) {
				return `{"type":"pong"}`
			}
			return ""
		},
	}
	centrifugeJSON = protocol{
		upgrades: true,
		hello: func() []string {
			return []string{`{"id":1,"connect":{}}`, `{"id":2,"subscribe":{"channel":"inbox"}}`}
		},
		answer: func(text []byte) string {
			if string(text) == "{}" { // their ping
				return "{}"
			}
			return ""
		},
	}
)

// opcodes of RFC 6455 section 5.2.
const (
	textFrame  = 0x1
	closeFrame = 0x8
	pingFrame  = 0x9
	pongFrame  = 0xa
)

// masked makes a frame of a client, with the mask 0, which leaves the payload as it is.
func masked(opcode byte, payload []byte) []byte {
	head := []byte{0x80 | opcode, 0x80 | byte(min(len(payload), 126))}
	if len(payload) > smallSize {
		head = binary.BigEndian.AppendUint16(head, uint16(len(payload)))
	}
	return append(append(head, 0, 0, 0, 0), payload...)
}

// upgradeRequest asks for a WebSocket: RFC 6455 section 4.1.
func (p protocol) upgradeRequest(host string) []byte {
	request := fmt.Sprintf("GET /graphql HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n", host)
	if p.subprotocol != "" {
		request += "Sec-WebSocket-Protocol: " + p.subprotocol + "\r\n"
	}
	return []byte(request + "\r\n")
}
