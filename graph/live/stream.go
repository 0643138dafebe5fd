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
	// Only in single connection mode:
	token  string
	caller any
}

func newStream(t *EventStream, r *http.Request, exec graphql.GraphExecutor) *stream {
	s := &stream{transport: t, peer: peer{
		hub: t.hub(), exec: exec, log: t.log(), encoder: eventEncoder{}, operationLimit: t.operationLimit(), closeTimeout: t.closeTimeout(), expiry: t.Expiry,
		behind: true, // frames are queued until the stream is opened
	}}
	s.init(context.WithoutCancel(r.Context()))
	return s
}

// discard ends a stream that was never opened.
func (s *stream) discard() {
	s.close(closef(closeNormal, "Never opened"))
	s.running.Wait()
	s.transport.connections.remove(&s.peer)
}

// open takes over the connection of a request and serves the stream on it. It returns false if it
// has answered the request with an error instead.
func (s *stream) open(a answer) bool {
	head := responseHead(a.w.Header())
	c := &conn{writeTimeout: s.transport.writeTimeout(), batchTimeout: s.transport.batchTimeout()}
	buffers, err := c.hijack(a.w)
	if err != nil {
		s.log.Info("event stream refused", "error", err)
		a.refuse(http.StatusHTTPVersionNotSupported, "event streams need HTTP/1.1")
		return false
	}
	limitUnacknowledged(c.Conn, c.writeTimeout)
	if buffers.Reader.Buffered() > 0 {
		s.close(errClientSent)
	}
	go s.serve(c, head)
	return true
}

// responseHead returns what precedes the events, including headers set by other handlers. There is
// no length: the body ends with the connection. It ends with an empty comment, because some
// browsers wait for the first bytes of the body.
func responseHead(handlerHeader http.Header) []byte {
	header := handlerHeader.Clone()
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

// serve runs the stream until it and its operations have ended.
func (s *stream) serve(c *conn, head []byte) {
	defer s.transport.connections.remove(&s.peer)
	defer s.cancel(nil)
	if _, err := c.Write(head); err != nil {
		s.close(closef(closeGone, "%v", err))
	}
	s.pingEvery(s.transport.pingInterval())
	s.attach(c)
	s.close(waitForEnd(c))
	s.finish()
}

var errClientSent = closef(CloseBadRequest, "A client must not send anything on a stream")

// waitForEnd returns when the client closes the connection or sends something.
func waitForEnd(c *conn) *CloseError {
	n, err := c.Read(make([]byte, 1))
	if n > 0 {
		return errClientSent
	}
	return closef(closeGone, "%v", err)
}
