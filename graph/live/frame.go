package live

import (
	"encoding/binary"

	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// A frame is one message to a client. How it looks on the line is for its dialect to say.
type frame struct {
	kind    kind // zero: no message at all
	payload []byte
}

// kind is what a frame says.
type kind byte

const (
	ack kind = iota + 1
	ping
	pong
	next
	problem
	complete
	echo // of a ping frame, which is not the protocol's ping message: RFC 6455 section 5.5.2
	goodbye
)

// ends is true for what nothing of the same operation may follow.
func (k kind) ends() bool { return k == problem || k == complete }

// failure makes the error message that ends an operation. Clients insist on at least one error in it.
func failure(errs gqlerror.List) frame {
	if len(errs) == 0 {
		errs = refusal("INTERNAL", "The operation failed.")
	}
	return frame{problem, marshal(errs)}
}

// A dialect is how frames look on a line.
type dialect interface {
	// add appends a frame of an operation, whose id is JSON text; empty for the connection's own.
	add(dst []byte, id string, f frame) []byte
}

// transportWS is graphql-transport-ws in WebSocket frames.
type transportWS struct{}

// typeOf are the message types of the protocol, as far as servers send them.
var typeOf = [...]string{ack: typeAck, ping: typePing, pong: typePong, next: typeNext, problem: typeError, complete: typeComplete}

func (transportWS) add(dst []byte, id string, f frame) []byte {
	switch f.kind {
	case echo:
		return append(addHeader(dst, websocket.PongMessage, len(f.payload)), f.payload...)
	case goodbye:
		return append(addHeader(dst, websocket.CloseMessage, len(f.payload)), f.payload...)
	}
	const typed, identified, loaded, end = `{"type":"`, `","id":`, `,"payload":`, `}`
	name := typeOf[f.kind]
	size := len(typed) + len(name) + len(`"`) + len(end)
	if id != "" {
		size += len(identified) - len(`"`) + len(id)
	}
	if len(f.payload) > 0 {
		size += len(loaded) + len(f.payload)
	}
	dst = append(append(addHeader(dst, websocket.TextMessage, size), typed...), name...)
	if id != "" {
		dst = append(append(dst, identified...), id...)
	} else {
		dst = append(dst, '"')
	}
	if len(f.payload) > 0 {
		dst = append(append(dst, loaded...), f.payload...)
	}
	return append(dst, end...)
}

// addHeader begins an unfragmented frame of a server, which has no mask: RFC 6455 section 5.2.
func addHeader(dst []byte, opcode byte, size int) []byte {
	const final = 0x80
	dst = append(dst, final|opcode)
	switch {
	case size < 126:
		return append(dst, byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(dst, 127), uint64(size))
}
