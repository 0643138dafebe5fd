package live

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// A stream is one connection that only the server writes to. Its goroutine waits for the end.
type stream struct {
	peer
	transport *EventStream
	// In single connection mode:
	token  string
	caller any
}

func newStream(t *EventStream, r *http.Request, exec graphql.GraphExecutor) *stream {
	s := &stream{transport: t, peer: peer{
		hub: t.hub(), exec: exec, log: t.log(), dialect: events{}, limit: t.operationLimit(), closeTimeout: t.closeTimeout(),
		behind: true, // what comes before it is open waits
	}}
	s.begin(context.WithoutCancel(r.Context()))
	return s
}

// dismiss ends a stream that was never opened.
func (s *stream) dismiss() {
	s.close(closef(closeNormal, "Never opened"))
	s.running.Wait()
	s.transport.house.leave(&s.peer)
}

// take takes the connection of a request over, and lets the stream live on it. Otherwise the request is answered.
func (s *stream) take(a reply) bool {
	head := heading(a.w.Header())
	line := &line{patience: s.transport.writeTimeout()}
	buffers, err := line.take(a.w)
	if err != nil {
		s.log.Info("event stream refused", "error", err)
		a.refuse(http.StatusHTTPVersionNotSupported, "event streams need HTTP/1.1")
		return false
	}
	limitUnread(line.Conn, line.patience)
	if buffers.Reader.Buffered() > 0 {
		s.close(errTalks)
	}
	go s.serve(line, head)
	return true
}

// heading is what comes before the events, with what others have to say in it. Nothing else tells where the body
// ends but the end of the connection. Some browsers wait for the first bytes of the body.
func heading(others http.Header) []byte {
	header := others.Clone()
	for name, value := range map[string]string{
		"Content-Type": mediaStream + "; charset=utf-8", "Cache-Control": "no-cache", "Connection": "close",
		"X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff", "Date": time.Now().UTC().Format(http.TimeFormat),
	} {
		header.Set(name, value)
	}
	head := bytes.NewBufferString("HTTP/1.1 200 OK\r\n")
	_ = header.Write(head)
	head.WriteString("\r\n:\n\n")
	return head.Bytes()
}

// serve runs the stream until it has ended and its operations with it; afterwards nothing of it is left.
func (s *stream) serve(line *line, head []byte) {
	defer s.transport.house.leave(&s.peer)
	defer s.cancel(nil)
	if _, err := line.Write(head); err != nil {
		s.close(closef(closeGone, "%v", err))
	}
	s.greetEvery(s.transport.ping())
	s.open(line)
	s.close(listen(line))
	s.leave()
}

var errTalks = closef(CloseBadRequest, "A client has nothing to say on a stream")

// listen notices the end.
func listen(line *line) *CloseError {
	n, err := line.Read(make([]byte, 1))
	if n > 0 {
		return errTalks
	}
	return closef(closeGone, "%v", err)
}
