package live

import (
	"context"
	"errors"
	"time"

	"github.com/gorilla/websocket"
)

// receive obeys one message. The error it returns closes the socket.
func (s *socket) receive(frame int, data []byte) *CloseError {
	start := time.Now()
	if err := s.count(start); err != nil {
		return err
	}
	m, err := parseMessage(frame, data)
	if err != nil {
		return err
	}
	switch m.Type {
	case typeInit:
		return s.initialise(m)
	case typePing:
		s.reply(websocket.TextMessage, encode(typePong, "", m.Payload))
	case typeSubscribe:
		return s.subscribe(m, start)
	case typeComplete:
		s.complete(m.ID)
	}
	return nil
}

// count counts a frame of any kind.
func (s *socket) count(now time.Time) *CloseError {
	s.line.heard()
	if !s.rate.take(now) {
		return closef(CloseTooManyRequests, "Too many messages")
	}
	return nil
}

// heard counts a control frame, which gorilla reads without telling anybody.
func (s *socket) heard() error {
	if err := s.count(time.Now()); err != nil {
		return err
	}
	return nil
}

// pinged answers a ping frame, which is not the protocol's ping message: RFC 6455 section 5.5.2.
func (s *socket) pinged(data string) error {
	if err := s.heard(); err != nil {
		return err
	}
	s.reply(websocket.PongMessage, []byte(data))
	return nil
}

func (s *socket) initialise(m message) *CloseError {
	if s.started {
		return closef(CloseTooManyRequests, "Too many initialisation requests")
	}
	s.started = true
	payload, err := m.object()
	if err != nil {
		return err
	}
	s.after(s.transport.ping(), s.pingPeer)
	session, err := s.admit(payload)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.session = session
	s.mu.Unlock()
	context.AfterFunc(session, func() { s.closeFor(session) })
	s.reply(websocket.TextMessage, encode(typeAck, "", nil))
	return nil
}

func (s *socket) admit(payload map[string]any) (context.Context, *CloseError) {
	if s.transport.Init == nil {
		return s.ctx, nil
	}
	session, err := s.transport.Init(s.ctx, s.request, payload)
	if err == nil {
		return session, nil
	}
	var refused *CloseError
	if errors.As(err, &refused) {
		return nil, refused
	}
	s.log.Info("connection_init refused", "error", err)
	return nil, closef(CloseForbidden, "Forbidden")
}

// complete ends an operation at the client's wish. It may long be over: the two completes can cross.
func (s *socket) complete(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if op := s.operations[id]; op != nil {
		op.cancel()
		delete(s.operations, id)
		s.outbox.drop(op)
		s.changed.Broadcast()
	}
}

// pingPeer runs on the timer.
func (s *socket) pingPeer() {
	defer s.recovered()
	s.mu.Lock()
	acknowledged, cursor := s.session != nil, s.delivered()
	s.mu.Unlock()
	if acknowledged {
		var payload []byte
		if cursor != "" {
			payload = marshal(map[string]string{"cursor": cursor})
		}
		s.reply(websocket.TextMessage, encode(typePing, "", payload))
	}
	s.after(s.transport.ping(), s.pingPeer)
}
