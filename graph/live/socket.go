package live

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
)

// A socket is one WebSocket connection. Its goroutine reads.
type socket struct {
	peer
	transport    *WebSocket
	request      *http.Request // nil after connection_init
	ws           *websocket.Conn
	rate         bucket
	initReceived bool   // connection_init was received
	releaseSlot  func() // stops counting the socket as unauthenticated; may be called again
}

func newSocket(t *WebSocket, r *http.Request, exec graphql.GraphExecutor) *socket {
	s := &socket{transport: t, request: r, rate: t.frames(), peer: peer{
		hub: t.hub(), exec: exec, log: t.log(), encoder: webSocketEncoder{}, operationLimit: t.operationLimit(), closeTimeout: t.closeTimeout(), expiry: t.Expiry,
	}}
	s.init(context.WithoutCancel(r.Context()))
	return s
}

// noBuffers saves a write buffer per connection: the upgrader never writes after the handshake.
var noBuffers = &sync.Pool{}

// readBuffer is the size of one read in bytes; larger messages take several reads.
const readBuffer = 512

func (s *socket) upgrade(w http.ResponseWriter, r *http.Request) (*conn, error) {
	t := s.transport
	h := &handshake{conn: &conn{
		readTimeout: t.deadAfter(), writeTimeout: t.writeTimeout(), batchTimeout: t.batchTimeout(), messageLimit: 2 * int64(t.messageLimit()),
	}}
	upgrader := websocket.Upgrader{
		Subprotocols: []string{Subprotocol}, CheckOrigin: func(*http.Request) bool { return true },
		// Do not reuse the request's buffers: they are large and would stay allocated.
		ReadBufferSize: readBuffer, WriteBufferPool: noBuffers,
	}
	ws, err := upgrader.Upgrade(hijacker{w, h}, r, nil)
	if err != nil {
		return nil, err
	}
	s.ws, h.done = ws, true
	ws.SetPingHandler(s.pingFrame)
	ws.SetPongHandler(func(string) error { return s.controlFrame() })
	// The peer sends the close frame itself.
	ws.SetCloseHandler(func(int, string) error { return nil })
	return h.conn, nil
}

// serve runs the socket until it is closed and its operations have ended.
func (s *socket) serve(c *conn) {
	defer s.cleanUp()
	s.attach(c)
	if s.ws.Subprotocol() != Subprotocol {
		// Refused after the upgrade, so that the client gets a close code it can read.
		s.close(closef(CloseNoSubprotocol, "Subprotocol not acceptable"))
	}
	s.schedule(s.transport.initTimeout(), func() { s.close(closef(CloseInitTimeout, "Connection initialisation timeout")) })
	s.readMessages()
	s.finish()
}

// cleanUp removes the socket from everything that refers to it.
func (s *socket) cleanUp() {
	s.cancel(nil)
	s.releaseSlot()
	s.transport.connections.remove(&s.peer)
}

// readMessages reads until the connection ends. While the socket is closing it discards what
// arrives, so that the client gets to read the close frame.
func (s *socket) readMessages() {
	defer s.recoverPanic()
	for {
		frame, data, err := s.readMessage()
		if err != nil {
			s.close(closeErrorOf(err))
			return
		}
		if s.isClosing() {
			continue
		}
		s.handleApart(frame, data)
	}
}

// handleApart handles one message on a goroutine of its own. On the reader's goroutine, the stack
// that handling needs would stay allocated as long as the socket lives.
func (s *socket) handleApart(opcode int, data []byte) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer s.recoverPanic()
		if err := s.handle(opcode, data); err != nil {
			s.close(err)
		}
	}()
	<-done
}

var errTooBig = errors.New("message too big")

func (s *socket) readMessage() (frame int, data []byte, err error) {
	frame, r, err := s.ws.NextReader()
	if err != nil {
		return 0, nil, err
	}
	data, err = io.ReadAll(io.LimitReader(r, int64(s.transport.messageLimit())+1))
	if err == nil && len(data) > s.transport.messageLimit() {
		err = errTooBig
	}
	return frame, data, err
}

// closeErrorOf returns the close code and reason for an error of the connection.
func closeErrorOf(err error) *CloseError {
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed):
		return closef(closed.Code, "")
	case errors.Is(err, errNothingRead):
		return closef(CloseGoingAway, "Nothing was received for too long")
	case errors.Is(err, errTooBig), errors.Is(err, errEndlessMessage), errors.Is(err, websocket.ErrReadLimit):
		return closef(CloseTooBig, "Message too big")
	}
	var refused *CloseError
	if errors.As(err, &refused) {
		return refused
	}
	var broken net.Error
	if errors.As(err, &broken) {
		return closef(closeGone, "%v", err)
	}
	return closef(CloseProtocolError, "Protocol error: %s", strings.TrimPrefix(err.Error(), "websocket: "))
}
