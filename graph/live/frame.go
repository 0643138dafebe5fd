package live

import (
	"encoding/binary"

	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// A frame is one message to a client. An encoder turns it into bytes.
type frame struct {
	kind    kind // zero: no message
	payload []byte
}

// A kind is the type of a frame.
type kind byte

const (
	kindAck kind = iota + 1
	kindPing
	kindPong
	kindNext
	kindError
	kindComplete
	kindPongFrame // RFC 6455 section 5.5.2; not the protocol's message of that name
	kindCloseFrame
)

// ends reports whether a frame of this kind is the last one of its operation.
func (k kind) ends() bool { return k == kindError || k == kindComplete }

const failedText = "The operation failed."

// failure returns the error message that ends an operation. Clients require at least one error in
// it.
func failure(errs gqlerror.List) frame {
	if len(errs) == 0 {
		errs = refusal("INTERNAL", failedText)
	}
	return frame{kindError, marshal(errs)}
}

// An encoder turns frames into the bytes that are sent.
type encoder interface {
	// appendFrame appends f to dst. The id is that of the frame's operation as JSON text, or empty
	// for a frame of the connection itself.
	appendFrame(dst []byte, id string, f frame) []byte
}

// webSocketEncoder encodes frames as messages of graphql-transport-ws in WebSocket frames.
type webSocketEncoder struct{}

// messageTypes are the message types that servers send.
var messageTypes = [...]string{kindAck: typeAck, kindPing: typePing, kindPong: typePong, kindNext: typeNext, kindError: typeError, kindComplete: typeComplete}

func (webSocketEncoder) appendFrame(dst []byte, id string, f frame) []byte {
	switch f.kind {
	case kindPongFrame:
		return append(appendHeader(dst, websocket.PongMessage, len(f.payload)), f.payload...)
	case kindCloseFrame:
		return append(appendHeader(dst, websocket.CloseMessage, len(f.payload)), f.payload...)
	}
	const typePart, idPart, payloadPart, end = `{"type":"`, `","id":`, `,"payload":`, `}`
	name := messageTypes[f.kind]
	size := len(typePart) + len(name) + len(`"`) + len(end)
	if id != "" {
		size += len(idPart) - len(`"`) + len(id)
	}
	if len(f.payload) > 0 {
		size += len(payloadPart) + len(f.payload)
	}
	dst = append(append(appendHeader(dst, websocket.TextMessage, size), typePart...), name...)
	if id != "" {
		dst = append(append(dst, idPart...), id...)
	} else {
		dst = append(dst, '"')
	}
	if len(f.payload) > 0 {
		dst = append(append(dst, payloadPart...), f.payload...)
	}
	return append(dst, end...)
}

// appendHeader appends the header of an unfragmented frame. Servers do not mask: RFC 6455 section
// 5.2.
func appendHeader(dst []byte, opcode byte, size int) []byte {
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
