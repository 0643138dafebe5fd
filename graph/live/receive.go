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
		s.reply(outgoing{frame: frame{kindPong, s.pong(m)}})
	case typeSubscribe:
		params, refused, err := m.params(s.transport.Documents)
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

// pong returns the payload that answers a ping: whether the credential in it is accepted, or else
// the payload of the ping or, if that has none, the payload of the server's own pings.
func (s *socket) pong(m message) []byte {
	if len(m.Payload) == 0 {
		return s.standing()
	}
	payload := map[string]any{}
	if s.transport.Renew == nil || !s.isAuthenticated() || !decode(m.Payload, &payload) {
		return m.Payload
	}
	answer := []byte(m.Payload)
	s.renew(func(session context.Context) context.Context {
		renewed, refused := s.transport.Renew(session, payload)
		switch {
		case refused != "":
			answer = marshal(map[string]string{"refused": refused})
		case renewed != nil:
			answer = marshal(map[string]any{"expiresAt": nullable(s.expiryOf(renewed))})
			return renewed
		}
		return session
	})
	return answer
}

// nullable returns nil for an empty text.
func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// countFrame applies the rate limit to a frame of any kind.
func (s *socket) countFrame(now time.Time) *CloseError {
	s.conn.messageComplete()
	if !s.rate.allow(now) {
		s.hub.Limited("frames")
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
	s.releaseSlot()
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
	s.setSession(session)
	s.reply(outgoing{frame: frame{kindAck, fields(map[string]string{"expiresAt": s.expiresAt()})}})
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
