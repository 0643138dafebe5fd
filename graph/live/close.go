package live

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// Close codes of this transport. Those from 4400 on are named by the GraphQL over WebSocket protocol
// (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md), the others by RFC 6455 section 7.4.1
// and the registry it opened.
const (
	CloseGoingAway       = 1001 // nothing was received for DeadAfter, or the request's context ended
	CloseProtocolError   = 1002 // a frame RFC 6455 does not allow
	CloseNotUTF8         = 1007 // a text message that is not UTF-8
	CloseTooBig          = 1009 // a message over MessageLimit
	CloseInternal        = 1011 // a fault of this server
	CloseRestart         = 1012 // the server is draining: come back
	CloseTryAgain        = 1013 // the peer took no byte for WriteTimeout, or it cannot be served just now: come back
	CloseBadRequest      = 4400 // a message the protocol does not know
	CloseUnauthorized    = 4401 // subscribe before connection_ack
	CloseForbidden       = 4403 // Init refused, the credentials expired or rights were withdrawn
	CloseNoSubprotocol   = 4406 // graphql-transport-ws was not offered
	CloseInitTimeout     = 4408 // no connection_init within InitTimeout
	CloseDuplicateID     = 4409 // a subscribe whose id is in use
	CloseTooManyRequests = 4429 // a second connection_init, or too many frames
)

// closeNormal ends what has come to its end: RFC 6455 section 7.4.1.
const closeNormal = 1000

// closeGone stands for a connection that broke off. RFC 6455 forbids it inside a close frame.
const closeGone = 1006

// maxReason is what a close frame (125 bytes at most) leaves beside its code, in bytes: RFC 6455 section 5.5.
const maxReason = 123

// CloseError says with which code a socket ends, and why. Init returns it to refuse a connection; as the
// cause of a cancelled connection context (see context.WithCancelCause) it closes that connection.
type CloseError struct {
	Code   int    // one of the Close constants, or one of the application's own from 4000 to 4999
	Reason string // shown to the peer; cut after 123 bytes

	// After is when it is worth coming back. Only an EventStream that refuses says so; zero: after a second.
	After time.Duration
}

// Error tells the code and the reason.
func (e *CloseError) Error() string {
	return fmt.Sprintf("socket closed with %d: %s", e.Code, e.Reason)
}

func closef(code int, format string, args ...any) *CloseError {
	return &CloseError{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// payload is what the close frame holds.
func (e *CloseError) payload() []byte { return websocket.FormatCloseMessage(e.Code, e.reason()) }

// reason is e.Reason as a close frame can carry it: short enough, and no rune cut in two.
func (e *CloseError) reason() string {
	reason := strings.ToValidUTF8(e.Reason, "\ufffd")
	if len(reason) <= maxReason {
		return reason
	}
	end := maxReason
	for end > 0 && !utf8.RuneStart(reason[end]) {
		end--
	}
	return reason[:end]
}
