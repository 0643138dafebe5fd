package live

import (
	"context"
	"errors"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// receive obeys one message. The error it returns closes the socket.
func (s *socket) receive(opcode int, data []byte) *CloseError {
	start := time.Now()
	if err := s.count(start); err != nil {
		return err
	}
	m, err := parseMessage(opcode, data)
	if err != nil {
		return err
	}
	switch m.Type {
	case typeInit:
		return s.initialise(m)
	case typePing:
		s.reply(letter{frame: frame{pong, m.Payload}})
	case typeSubscribe:
		params, refused, err := m.params()
		if err != nil {
			return err
		}
		params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
		return s.subscribe(m.ID, params, refused)
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
	s.reply(letter{frame: frame{echo, []byte(data)}})
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
	s.greetEvery(s.transport.ping())
	return s.identify(payload)
}

// identify finds out who the peer is.
func (s *socket) identify(payload map[string]any) *CloseError {
	if !s.hub.gate.enter(s.ctx) {
		return nil // it is closed
	}
	defer s.hub.gate.leave()
	session, err := s.init(payload)
	if err != nil {
		return err
	}
	s.known()
	s.enter(session)
	s.reply(letter{frame: frame{kind: ack}})
	s.request = nil
	return nil
}

func (s *socket) init(payload map[string]any) (context.Context, *CloseError) {
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
