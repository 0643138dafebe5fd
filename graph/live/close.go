package live

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// Close codes of this transport. Those from 4400 on are defined by the GraphQL over WebSocket
// protocol (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md), the others by RFC
// 6455 section 7.4.1 and the IANA registry of close codes.
const (
	CloseGoingAway       = 1001 // nothing was received for DeadAfter, or the context ended
	CloseProtocolError   = 1002 // a frame that RFC 6455 does not allow
	CloseNotUTF8         = 1007 // a text message that is not UTF-8
	CloseTooBig          = 1009 // a message longer than MessageLimit
	CloseInternal        = 1011 // an error in this server
	CloseRestart         = 1012 // the server is draining; the client should reconnect
	CloseTryAgain        = 1013 // no byte accepted for WriteTimeout, or not available now
	CloseBadRequest      = 4400 // a message that the protocol does not define
	CloseUnauthorized    = 4401 // subscribe before connection_ack
	CloseForbidden       = 4403 // Init refused, or the credentials are no longer valid
	CloseNoSubprotocol   = 4406 // graphql-transport-ws was not offered
	CloseInitTimeout     = 4408 // no connection_init within InitTimeout
	CloseDuplicateID     = 4409 // subscribe with an id that is in use
	CloseTooManyRequests = 4429 // a second connection_init, or too many frames
)

// closeNormal is the code for a connection that has served its purpose: RFC 6455 section 7.4.1.
const closeNormal = 1000

// closeGone stands for a connection that broke. RFC 6455 forbids this code in a close frame.
const closeGone = 1006

// maxReason is the longest reason in bytes: a close frame holds 125 bytes, two of them the code
// (RFC 6455 section 5.5).
const maxReason = 123

// CloseError is the code and reason with which a connection is closed. Init returns one to refuse a
// connection. As the cause of a cancelled connection context (see context.WithCancelCause) it
// closes that connection.
type CloseError struct {
	Code   int    // one of the Close constants, or an application's own code (4000 to 4999)
	Reason string // sent to the client, cut to 123 bytes

	// After is how long the client should wait before it tries again; zero means one second. It is
	// used only where an EventStream refuses a request.
	After time.Duration
}

// Error returns the code and the reason.
func (e *CloseError) Error() string {
	return fmt.Sprintf("socket closed with %d: %s", e.Code, e.Reason)
}

func closef(code int, format string, args ...any) *CloseError {
	return &CloseError{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// payload returns the payload of the close frame.
func (e *CloseError) payload() []byte { return websocket.FormatCloseMessage(e.Code, e.reason()) }

// reason returns e.Reason cut to what fits into a close frame, without splitting a rune.
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
