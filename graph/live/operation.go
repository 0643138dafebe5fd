package live

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// An operation is one query, mutation or subscription of a client.
type operation struct {
	id     string
	socket *socket
	ctx    context.Context // ends with the socket, or when the client completes the operation
	cancel context.CancelFunc
	failed atomic.Pointer[error]

	single   atomic.Bool // known to be a query or a mutation
	progress atomic.Pointer[Progress]
}

type operationKey struct{}

// Fail ends the subscription that ctx belongs to with an error message instead of a complete. A resolver's
// goroutine calls it before it closes its channel; what it has put into the channel is delivered first. The
// error passes through the executor's error presenter, like every error of a resolver. The first one counts;
// outside a socket's operation nothing happens.
func Fail(ctx context.Context, err error) {
	if op, ok := ctx.Value(operationKey{}).(*operation); ok && err != nil {
		op.failed.CompareAndSwap(nil, &err)
	}
}

// subscribe starts an operation on a goroutine of its own.
func (s *socket) subscribe(m message, start time.Time) *CloseError {
	params, refused, closed := m.params()
	if closed != nil {
		return closed
	}
	op, closed := s.enter(m.ID)
	switch {
	case closed != nil:
		return closed
	case op == nil:
		refused = refusal("OPERATION_LIMIT", "Too many operations on this socket; complete one first.")
		s.reply(websocket.TextMessage, encodeErrors(m.ID, refused))
		return nil
	}
	params.Headers = s.request.Header
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	s.running.Go(func() { op.run(params, refused) })
	return nil
}

// enter reserves the id. There is no operation, and no error, if there are too many.
func (s *socket) enter(id string) (*operation, *CloseError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.session == nil:
		return nil, closef(CloseUnauthorized, "Unauthorized")
	case s.operations[id] != nil:
		return nil, closef(CloseDuplicateID, "Subscriber for %s already exists", id)
	case s.busy():
		return nil, nil
	}
	op := &operation{id: id, socket: s}
	op.ctx, op.cancel = context.WithCancel(context.WithValue(s.session, operationKey{}, op))
	s.operations[id] = op
	s.goroutines++
	return op, nil
}

// busy counts what was completed but still runs as well, else subscribing and completing in turn would get
// round the limit; twice as much of it, since a client need not know how long a resolver takes to stop.
func (s *socket) busy() bool {
	return len(s.operations) >= s.transport.operationLimit() || s.goroutines >= 2*s.transport.operationLimit()
}

// run takes the operation to its end and says so: nothing follows an error or a complete. One that is refused
// has come to its end already.
func (op *operation) run(params *graphql.RawParams, refused gqlerror.List) {
	s := op.socket
	defer func() {
		op.cancel()
		s.mu.Lock()
		s.goroutines--
		s.mu.Unlock()
	}()
	defer s.recovered()
	errs, ok := refused, false
	if len(refused) == 0 {
		errs, ok = op.execute(params)
	}
	end := encode(typeComplete, op.id, nil)
	if !ok {
		end = encodeErrors(op.id, errs)
	}
	s.send(op, end, true)
}

// execute hands on every result. Not ok is an operation that ends with an error message.
func (op *operation) execute(params *graphql.RawParams) (errs gqlerror.List, ok bool) {
	exec := op.socket.exec
	ctx := graphql.StartOperationTrace(op.ctx)
	opCtx, errs := exec.CreateOperationContext(ctx, params)
	ctx = graphql.WithOperationContext(ctx, opCtx)
	if len(errs) > 0 {
		return exec.DispatchError(ctx, errs).Errors, false
	}
	// Resolvers are recovered one by one; a scalar or an interceptor may still panic.
	defer func() {
		if r := recover(); r != nil {
			errs, ok = op.present(ctx, opCtx.Recover(ctx, r)), false
		}
	}()
	responses, ctx := exec.DispatchOperation(ctx, opCtx)
	streams := opCtx.Operation.Operation == ast.Subscription
	op.single.Store(!streams)
	for first := true; ; first = false {
		response := responses(ctx)
		if response == nil {
			return op.end(ctx)
		}
		if first && refuses(response, streams) {
			return response.Errors, false
		}
		// The data lies in a buffer that the next call overwrites; encoding copies it.
		if !op.socket.send(op, encode(typeNext, op.id, marshal(response)), false) {
			return nil, true
		}
		if p := op.progress.Load(); p != nil {
			p.sent.Add(1)
		}
		if !streams && (response.HasNext == nil || !*response.HasNext) {
			return nil, true
		}
	}
}

// refuses reports a response that no execution has come to: PROTOCOL.md, "Error". Only a subscription can say
// so with data that is null: a query whose field failed is data for the client.
func refuses(response *graphql.Response, streams bool) bool {
	return len(response.Errors) > 0 &&
		(response.Data == nil || streams && string(response.Data) == "null")
}

// end finds out why a stream has ended: by itself, by Fail, or because an interceptor gave it only so long.
func (op *operation) end(ctx context.Context) (gqlerror.List, bool) {
	switch failed := op.failed.Load(); {
	case op.ctx.Err() != nil: // nobody is listening
		return nil, true
	case failed != nil:
		return op.present(ctx, *failed), false
	case ctx.Err() != nil:
		return op.present(ctx, context.Cause(ctx)), false
	}
	return nil, true
}

// present passes an error through the executor's presenter, which knows its code and what to hide.
func (op *operation) present(ctx context.Context, err error) gqlerror.List {
	list, ok := err.(gqlerror.List)
	if !ok {
		list = gqlerror.List{gqlerror.WrapIfUnwrapped(err)}
	}
	return op.socket.exec.DispatchError(ctx, list).Errors
}
