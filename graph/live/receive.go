package live

import (
	"context"
	"errors"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// handle handles one message. The returned error closes the socket.
func (s *socket) handle(opcode int, data []byte) *CloseError {
	start := time.Now()
	if err := s.countFrame(start); err != nil {
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
		s.reply(outgoing{frame: frame{kindPong, m.Payload}})
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

// countFrame applies the rate limit to a frame of any kind.
func (s *socket) countFrame(now time.Time) *CloseError {
	s.conn.messageComplete()
	if !s.rate.allow(now) {
		return closef(CloseTooManyRequests, "Too many messages")
	}
	return nil
}

// controlFrame counts a control frame, which gorilla handles inside its own reads.
func (s *socket) controlFrame() error {
	if err := s.countFrame(time.Now()); err != nil {
		return err
	}
	return nil
}

// pingFrame answers a WebSocket ping frame, which is not the protocol's ping message: RFC 6455
// section 5.5.2.
func (s *socket) pingFrame(data string) error {
	if err := s.controlFrame(); err != nil {
		return err
	}
	s.reply(outgoing{frame: frame{kindPongFrame, []byte(data)}})
	return nil
}

func (s *socket) initialise(m message) *CloseError {
	if s.initReceived {
		return closef(CloseTooManyRequests, "Too many initialisation requests")
	}
	s.initReceived = true
	payload, err := m.object()
	if err != nil {
		return err
	}
	s.pingEvery(s.transport.pingInterval())
	return s.authenticate(payload)
}

// authenticate calls Init and acknowledges the connection.
func (s *socket) authenticate(payload map[string]any) *CloseError {
	if !s.hub.admission.acquire(s.ctx) {
		return nil // the socket is closed
	}
	defer s.hub.admission.release()
	session, err := s.callInit(payload)
	if err != nil {
		return err
	}
	s.releaseSlot()
	s.setSession(session)
	s.reply(outgoing{frame: frame{kind: kindAck}})
	s.request = nil
	return nil
}

func (s *socket) callInit(payload map[string]any) (context.Context, *CloseError) {
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
