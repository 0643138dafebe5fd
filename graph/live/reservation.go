package live

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"sync"

	"github.com/99designs/gqlgen/graphql"
)

// reservations are the streams of single connection mode, by their tokens: those that wait to be opened, and those
// that are.
type reservations struct {
	mu              sync.Mutex
	waiting, opened map[string]*stream
}

// add is false if too many streams of the same caller wait.
func (v *reservations) add(s *stream, most int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, other := range v.waiting {
		if other.caller == s.caller {
			most--
		}
	}
	if most <= 0 {
		return false
	}
	if v.waiting == nil {
		v.waiting, v.opened = map[string]*stream{}, map[string]*stream{}
	}
	v.waiting[s.token] = s
	return true
}

// find gives the stream of a token; none if it is somebody else's.
func (v *reservations) find(token string, caller any) *stream {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.waiting[token]
	if s == nil {
		s = v.opened[token]
	}
	if s == nil || s.caller != caller {
		return nil
	}
	return s
}

// open is true once for a stream that waits.
func (v *reservations) open(s *stream) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.waiting[s.token] == nil {
		return false
	}
	delete(v.waiting, s.token)
	v.opened[s.token] = s
	return true
}

// withdraw removes a stream that still waits.
func (v *reservations) withdraw(s *stream) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.waiting[s.token] == nil {
		return false
	}
	delete(v.waiting, s.token)
	return true
}

// forget removes a stream that has ended.
func (v *reservations) forget(s *stream) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.opened, s.token)
}

// reserve makes a stream that is opened by a later request: PROTOCOL.md, "Making reservations". Its operations may
// begin before that.
func (t *EventStream) reserve(a reply, r *http.Request, exec graphql.GraphExecutor) {
	s := t.admit(a, r, exec)
	if s == nil {
		return
	}
	s.token, s.caller = rand.Text(), t.caller(r)
	if !t.reservations.add(s, t.reservationLimit()) {
		s.dismiss()
		a.w.Header().Set("Retry-After", "1")
		a.deny(http.StatusTooManyRequests, "RATE_LIMITED", "too many streams are reserved but not opened")
		return
	}
	s.after(t.openTimeout(), s.expire)
	context.AfterFunc(s.ctx, func() {
		s.expire()
		t.reservations.forget(s)
	})
	a.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	a.w.Header().Set("Cache-Control", "no-store")
	a.w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(a.w, s.token)
}

// expire ends a stream that was not opened in time.
func (s *stream) expire() {
	if s.transport.reservations.withdraw(s) {
		s.dismiss()
	}
}

// connect opens a reserved stream.
func (s *stream) connect(a reply) {
	if !s.transport.reservations.open(s) {
		a.refuse(http.StatusConflict, "this stream is open already")
		return
	}
	if !s.take(a) {
		s.dismiss()
	}
}

// start executes an operation whose results come on the stream: PROTOCOL.md, "Executing operations".
func (s *stream) start(a reply, r *http.Request) {
	if negotiate(r.Header.Values("Accept")) == "" {
		a.refuse(http.StatusNotAcceptable, "accept "+mediaResponse+" or "+mediaJSON)
		return
	}
	params, ok := a.params(r)
	if !ok {
		return
	}
	op := s.reserve(a, params)
	if op == nil {
		return
	}
	launched := false
	defer func() {
		if !launched {
			op.abandon()
		}
	}()
	valid, refused := op.prepare(params)
	switch {
	case refused.kind != 0:
		a.write(http.StatusBadRequest, append(append([]byte(`{"errors":`), refused.payload...), '}'))
	case a.allows(r, valid.op):
		launched = true
		op.launch(func() frame { return op.perform(valid, nil) })
		a.w.WriteHeader(http.StatusAccepted)
	}
}

// reserve makes an operation of the id that the client has chosen; nil if the request is answered already.
func (s *stream) reserve(a reply, params *graphql.RawParams) *operation {
	id, _ := params.Extensions["operationId"].(string)
	if id == "" || len(id) > maxID {
		a.refuse(http.StatusBadRequest, "send extensions.operationId, a string of at most 256 bytes")
		return nil
	}
	op, err := s.admit(quote(id))
	switch {
	case err != nil && err.Code == CloseDuplicateID:
		a.refuse(http.StatusConflict, err.Reason)
	case err != nil:
		a.deny(http.StatusNotFound, "NOT_FOUND", "the stream has ended")
	case op == nil:
		a.errors(http.StatusBadRequest, tooMany())
	}
	return op
}

// stop ends an operation: PROTOCOL.md, "Stopping streaming operations".
func (s *stream) stop(a reply, r *http.Request) {
	id := r.URL.Query().Get("operationId")
	if id == "" {
		a.refuse(http.StatusBadRequest, "send operationId in the URL")
		return
	}
	s.complete(id)
	a.w.WriteHeader(http.StatusOK)
}
