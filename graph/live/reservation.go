package live

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"sync"

	"github.com/99designs/gqlgen/graphql"
)

// reservations are the streams of single connection mode by token: those that wait to be opened,
// and those that are open.
type reservations struct {
	mu              sync.Mutex
	waiting, opened map[string]*stream
}

// add returns false if the caller already has limit streams that wait.
func (v *reservations) add(s *stream, limit int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, other := range v.waiting {
		if other.caller == s.caller {
			limit--
		}
	}
	if limit <= 0 {
		return false
	}
	if v.waiting == nil {
		v.waiting, v.opened = map[string]*stream{}, map[string]*stream{}
	}
	v.waiting[s.token] = s
	return true
}

// find returns the stream of a token; nil if there is none or it belongs to another caller.
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

// markOpened returns true the first time, for a stream that waits.
func (v *reservations) markOpened(s *stream) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.waiting[s.token] == nil {
		return false
	}
	delete(v.waiting, s.token)
	v.opened[s.token] = s
	return true
}

// removeWaiting removes a stream that still waits, and reports whether it did.
func (v *reservations) removeWaiting(s *stream) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.waiting[s.token] == nil {
		return false
	}
	delete(v.waiting, s.token)
	return true
}

// remove removes a stream that has ended.
func (v *reservations) remove(s *stream) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.opened, s.token)
}

// reserve creates a stream that a later request opens: PROTOCOL.md, "Making reservations". Its
// operations may start before that.
func (t *EventStream) reserve(a answer, r *http.Request, exec graphql.GraphExecutor) {
	s := t.createStream(a, r, exec)
	if s == nil {
		return
	}
	s.token, s.caller = rand.Text(), t.caller(r)
	if !t.reservations.add(s, t.reservationLimit()) {
		s.discard()
		a.w.Header().Set("Retry-After", "1")
		a.deny(http.StatusTooManyRequests, "RATE_LIMITED", "too many streams are reserved but not opened")
		return
	}
	s.schedule(t.openTimeout(), s.expire)
	context.AfterFunc(s.ctx, func() {
		s.expire()
		t.reservations.remove(s)
	})
	a.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	a.w.Header().Set("Cache-Control", "no-store")
	a.w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(a.w, s.token)
}

// expire discards a stream that was not opened in time.
func (s *stream) expire() {
	if s.transport.reservations.removeWaiting(s) {
		s.discard()
	}
}

// openReserved opens a reserved stream.
func (s *stream) openReserved(a answer) {
	if !s.transport.reservations.markOpened(s) {
		a.refuse(http.StatusConflict, "this stream is open already")
		return
	}
	if !s.open(a) {
		s.discard()
	}
}

// startOperation executes an operation whose results are sent on the stream: PROTOCOL.md,
// "Executing operations".
func (s *stream) startOperation(a answer, r *http.Request) {
	if negotiate(r.Header.Values("Accept")) == "" {
		a.refuse(http.StatusNotAcceptable, "accept "+mediaResponse+" or "+mediaJSON)
		return
	}
	params, ok := a.params(r, s.transport.Documents)
	if !ok {
		return
	}
	op := s.addReservedOperation(a, params)
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
		op.launch(func() frame { return op.execute(valid, nil) })
		a.w.WriteHeader(http.StatusAccepted)
	}
}

// addReservedOperation creates an operation with the id that the client has chosen. It returns nil
// if it has answered the request with an error.
func (s *stream) addReservedOperation(a answer, params *graphql.RawParams) *operation {
	id, _ := params.Extensions["operationId"].(string)
	if id == "" || len(id) > maxID {
		a.refuse(http.StatusBadRequest, "send extensions.operationId, a string of at most 256 bytes")
		return nil
	}
	op, err := s.addOperation(quote(id))
	switch {
	case err != nil && err.Code == CloseDuplicateID:
		a.refuse(http.StatusConflict, err.Reason)
	case err != nil:
		a.deny(http.StatusNotFound, "NOT_FOUND", "the stream has ended")
	case op == nil:
		a.reject(http.StatusBadRequest, tooMany())
	}
	return op
}

// stopOperation ends an operation: PROTOCOL.md, "Stopping streaming operations".
func (s *stream) stopOperation(a answer, r *http.Request) {
	id := r.URL.Query().Get("operationId")
	if id == "" {
		a.refuse(http.StatusBadRequest, "send operationId in the URL")
		return
	}
	s.complete(id)
	a.w.WriteHeader(http.StatusOK)
}
