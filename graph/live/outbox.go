package live

import (
	"errors"
	"slices"
	"time"

	"github.com/gorilla/websocket"
)

// An outbox holds what waits for the writer, in order. It is guarded by the socket's mu.
type outbox struct {
	frames []frame
	bytes  int
}

// A frame is one message to the peer.
type frame struct {
	kind int // websocket.TextMessage or PongMessage
	data []byte
	op   *operation // whose it is; nil: the connection's
}

// An operation waits while the outbox holds this much; answers of the reader may take it to twice as much, so
// that operations which wait for a slow peer do not keep complete and ping from being read.
const (
	maxFrames = 64
	maxBytes  = 256 << 10
)

func (o *outbox) full(times int) bool {
	return len(o.frames) >= times*maxFrames || o.bytes >= times*maxBytes
}

func (o *outbox) put(f frame) {
	o.frames = append(o.frames, f)
	o.bytes += len(f.data)
}

func (o *outbox) take() frame {
	f := o.frames[0]
	o.frames[0] = frame{}
	o.frames = o.frames[1:]
	o.bytes -= len(f.data)
	return f
}

// drop forgets what an operation has not yet sent.
func (o *outbox) drop(op *operation) {
	o.frames = slices.DeleteFunc(o.frames, func(f frame) bool {
		if f.op == op {
			o.bytes -= len(f.data)
		}
		return f.op == op
	})
}

// reply queues an answer of the connection itself.
func (s *socket) reply(kind int, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.closing == nil && s.outbox.full(2) {
		s.changed.Wait()
	}
	if s.closing == nil {
		s.outbox.put(frame{kind: kind, data: data})
		s.changed.Broadcast()
	}
}

// send queues a message of an operation, waiting while the peer is behind. With last the id is free again, in
// the same moment. It is false when nobody wants the message any more.
func (s *socket) send(op *operation, data []byte, last bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.wants(op) && s.outbox.full(1) {
		s.changed.Wait()
	}
	if !s.wants(op) {
		return false
	}
	s.outbox.put(frame{kind: websocket.TextMessage, data: data, op: op})
	if last {
		delete(s.operations, op.id)
	}
	s.changed.Broadcast()
	return true
}

// wants is false once the client has completed the operation or the socket is about to close. The context tells
// that earlier than closing does: a complete sent in between would look like the end of the stream, and the
// client would not subscribe again after it has come back.
func (s *socket) wants(op *operation) bool {
	return s.closing == nil && op.ctx.Err() == nil
}

// write sends what is in the outbox until the socket closes, then the close frame.
func (s *socket) write() {
	defer s.line.finish()
	defer s.recovered()
	for {
		f, closing := s.waiting()
		if closing != nil {
			s.writeClose(closing)
			return
		}
		var err error
		if f.kind == websocket.TextMessage {
			err = s.conn.WriteMessage(f.kind, f.data)
		} else {
			err = s.conn.WriteControl(f.kind, f.data, time.Now().Add(s.transport.writeTimeout()))
		}
		if errors.Is(err, errStuck) {
			// No close frame reaches a peer that takes nothing, but its operations learn the cause.
			s.close(closef(CloseTryAgain, "The client does not read; try again"))
			return
		}
		if err != nil {
			s.close(closef(closeGone, "%v", err))
			return
		}
	}
}

func (s *socket) waiting() (frame, *CloseError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.closing == nil && len(s.outbox.frames) == 0 {
		s.changed.Wait()
	}
	if s.closing != nil {
		return frame{}, s.closing
	}
	s.changed.Broadcast()
	return s.outbox.take(), nil
}

func (s *socket) writeClose(why *CloseError) {
	if why.Code == closeGone {
		return
	}
	text := websocket.FormatCloseMessage(why.Code, why.reason())
	if err := s.conn.WriteControl(websocket.CloseMessage, text, time.Now().Add(s.transport.closeTimeout())); err != nil {
		s.log.Debug("socket closed without a close frame", "code", why.Code, "error", err)
	}
}
