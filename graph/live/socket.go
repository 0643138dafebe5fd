package live

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
)

// A socket is one connection. Three kinds of goroutines meet here: the reader (the handler's own), the writer,
// and one per running operation. They share what is under mu, and wake each other through changed.
type socket struct {
	transport *WebSocket
	request   *http.Request
	exec      graphql.GraphExecutor
	log       *slog.Logger

	ctx    context.Context // ends when the socket is closed, for whatever reason
	cancel context.CancelCauseFunc

	line    *line
	conn    *websocket.Conn
	rate    bucket         // the reader's own
	started bool           // connection_init has come; the reader's own
	running sync.WaitGroup // operations

	mu         sync.Mutex
	changed    sync.Cond
	session    context.Context // from connection_ack on: what Init returned
	operations map[string]*operation
	goroutines int // operations that run, those the client has completed included
	outbox     outbox
	closing    *CloseError
	timer      *time.Timer // until connection_init, then until the next ping
}

func newSocket(t *WebSocket, r *http.Request, exec graphql.GraphExecutor) *socket {
	s := &socket{transport: t, request: r, exec: exec, log: t.log(), rate: t.frames()}
	s.operations = map[string]*operation{}
	s.ctx, s.cancel = context.WithCancelCause(r.Context())
	s.changed.L = &s.mu
	s.line = &line{silence: t.deadAfter(), patience: t.writeTimeout(), most: 2 * int64(t.messageLimit())}
	return s
}

func (s *socket) upgrade(w http.ResponseWriter, r *http.Request) error {
	upgrader := websocket.Upgrader{Subprotocols: []string{Subprotocol}, CheckOrigin: s.transport.checkOrigin}
	conn, err := upgrader.Upgrade(hijack{w, s.line}, r, nil)
	if err != nil {
		return err
	}
	s.conn = conn
	conn.SetPingHandler(s.pinged)
	conn.SetPongHandler(func(string) error { return s.heard() })
	// The closing handshake is the writer's.
	conn.SetCloseHandler(func(int, string) error { return nil })
	return nil
}

// serve runs the socket from upgrade to end; afterwards nothing of it is left.
func (s *socket) serve() {
	defer context.AfterFunc(s.ctx, func() { s.closeFor(s.ctx) })()
	if s.conn.Subprotocol() != Subprotocol {
		// A client that cannot speak this protocol is told so in a way that it understands.
		s.close(closef(CloseNoSubprotocol, "Subprotocol not acceptable"))
	}
	s.after(s.transport.initTimeout(), func() { s.close(closef(CloseInitTimeout, "Connection initialisation timeout")) })
	var writer sync.WaitGroup
	writer.Go(s.write)
	s.read()
	writer.Wait()
	s.line.hangUp()
	s.running.Wait()
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
		if err := s.receive(frame, data); err != nil {
			s.close(err)
		}
	}
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
	// Gorilla has already sent this code, with what it dislikes.
	return closef(CloseProtocolError, "Protocol error")
}

// close ends the socket; the first reason counts. What waits in the outbox is never sent: after rights were
// withdrawn nothing more may go out.
func (s *socket) close(why *CloseError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing != nil {
		return
	}
	s.log.Debug("socket closing", "code", why.Code, "reason", why.Reason)
	s.closing = why
	if s.timer != nil {
		s.timer.Stop()
	}
	s.line.hurry(s.transport.closeTimeout())
	s.cancel(why) // before the operations notice by themselves, so that all of them learn why
	s.changed.Broadcast()
}

// closeFor ends the socket because its context has ended.
func (s *socket) closeFor(ctx context.Context) {
	var why *CloseError
	if !errors.As(context.Cause(ctx), &why) {
		why = closef(CloseGoingAway, "Going away")
	}
	s.close(why)
}

func (s *socket) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing != nil
}

// after does f later unless the socket is closing by then. There is one timer: the next call replaces it.
func (s *socket) after(d time.Duration, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.closing == nil {
		s.timer = time.AfterFunc(d, f)
	}
}

// recovered keeps a panic of this package, or of a hook it calls, from ending more than this socket.
func (s *socket) recovered() {
	if r := recover(); r != nil {
		s.log.Error("socket panicked", "panic", r, "stack", string(debug.Stack()))
		s.close(closef(CloseInternal, "Internal server error"))
	}
}
