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

// A socket is one connection. Its goroutine reads.
type socket struct {
	peer
	transport *WebSocket
	request   *http.Request // until connection_init
	conn      *websocket.Conn
	rate      bucket
	started   bool   // connection_init has come
	known     func() // says that the socket is no stranger's any more
}

func newSocket(t *WebSocket, r *http.Request, exec graphql.GraphExecutor) *socket {
	s := &socket{transport: t, request: r, rate: t.frames(), peer: peer{
		hub: t.hub(), exec: exec, log: t.log(), dialect: transportWS{}, limit: t.operationLimit(), closeTimeout: t.closeTimeout(),
	}}
	s.begin(context.WithoutCancel(r.Context()))
	return s
}

// noBuffers keeps the upgrader from giving each connection a buffer: it never writes one.
var noBuffers = &sync.Pool{}

// readBuffer is how many bytes are read at once; larger messages take several reads.
const readBuffer = 512

func (s *socket) upgrade(w http.ResponseWriter, r *http.Request) (*line, error) {
	t := s.transport
	line := &handshake{line: &line{silence: t.deadAfter(), patience: t.writeTimeout(), most: 2 * int64(t.messageLimit())}}
	upgrader := websocket.Upgrader{
		Subprotocols: []string{Subprotocol}, CheckOrigin: func(*http.Request) bool { return true },
		// Not the request's buffers, which are large and would be kept.
		ReadBufferSize: readBuffer, WriteBufferPool: noBuffers,
	}
	conn, err := upgrader.Upgrade(hijack{w, line}, r, nil)
	if err != nil {
		return nil, err
	}
	s.conn, line.over = conn, true
	conn.SetPingHandler(s.pinged)
	conn.SetPongHandler(func(string) error { return s.heard() })
	// The closing handshake is the peer's.
	conn.SetCloseHandler(func(int, string) error { return nil })
	return line.line, nil
}

// serve runs the socket until it is closed and its operations have ended; afterwards nothing of it is left.
func (s *socket) serve(line *line) {
	defer s.gone()
	s.open(line)
	if s.conn.Subprotocol() != Subprotocol {
		// A client that cannot speak this protocol is told so in a way that it understands.
		s.close(closef(CloseNoSubprotocol, "Subprotocol not acceptable"))
	}
	s.after(s.transport.initTimeout(), func() { s.close(closef(CloseInitTimeout, "Connection initialisation timeout")) })
	s.read()
	s.leave()
}

// gone forgets the socket.
func (s *socket) gone() {
	s.cancel(nil)
	s.known()
	s.transport.house.leave(&s.peer)
}

// read receives until the connection gives nothing more. While the socket is closing, what still comes in is
// thrown away, so that the peer gets to read the close frame.
func (s *socket) read() {
	defer s.recovered()
	for {
		frame, data, err := s.next()
		if err != nil {
			s.close(readFailure(err))
			return
		}
		if s.isClosing() {
			continue
		}
		s.obey(frame, data)
	}
}

// obey does what one message says, on a goroutine of its own: the stack that this takes would else be kept by the
// reader for as long as the socket lives.
func (s *socket) obey(opcode int, data []byte) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer s.recovered()
		if err := s.receive(opcode, data); err != nil {
			s.close(err)
		}
	}()
	<-done
}

var errTooBig = errors.New("message too big")

func (s *socket) next() (frame int, data []byte, err error) {
	frame, r, err := s.conn.NextReader()
	if err != nil {
		return 0, nil, err
	}
	data, err = io.ReadAll(io.LimitReader(r, int64(s.transport.messageLimit())+1))
	if err == nil && len(data) > s.transport.messageLimit() {
		err = errTooBig
	}
	return frame, data, err
}

// readFailure finds the code for an error of the connection.
func readFailure(err error) *CloseError {
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed):
		return closef(closed.Code, "")
	case errors.Is(err, errSilent):
		return closef(CloseGoingAway, "Nothing was received for too long")
	case errors.Is(err, errTooBig), errors.Is(err, errFlood), errors.Is(err, websocket.ErrReadLimit):
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
