package live

import (
	"bytes"
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// An execution is an operation in the hands of the executor. One goroutine drives it.
type execution struct {
	exec      graphql.GraphExecutor
	outer     context.Context // ends when nobody wants to know more
	ctx       context.Context // the outer one as interceptors have made it
	op        *graphql.OperationContext
	from      *beginning
	source    Source // nil: a query, a mutation, or a subscription that feeds its channel itself
	responses graphql.ResponseHandler
}

// beginning is where an execution begins regardless of its arguments: after a cursor, or with nil now.
type beginning struct{ after *string }

type executionKey struct{}

func executionOf(ctx context.Context) *execution { return ctx.Value(executionKey{}).(*execution) }

// execute lets the root resolver run. A failure is the first thing that run will find.
func execute(ctx context.Context, exec graphql.GraphExecutor, op *graphql.OperationContext, from *beginning) *execution {
	e := &execution{exec: exec, op: op, outer: ctx, from: from}
	e.responses, e.ctx = exec.DispatchOperation(context.WithValue(ctx, executionKey{}, e), op)
	return e
}

// run hands on each result, and says when there is none yet, as long as those it tells want more. It gives the
// message that ends the operation; none if it was stopped.
func (e *execution) run(result func(data []byte) bool, idle func() bool) (end frame) {
	// Resolvers are recovered one by one; a source, a scalar or an interceptor may still panic.
	defer func() {
		if r := recover(); r != nil {
			end = e.failed(e.op.Recover(e.ctx, r))
		}
	}()
	if e.source != nil {
		defer e.source.Close()
	}
	for first := true; ; {
		ready, err := e.ready()
		if err == nil && !ready {
			if !idle() {
				return frame{}
			}
			if err = e.source.Wait(e.ctx); err == nil {
				continue
			}
		}
		if err != nil {
			return e.failed(err)
		}
		response := e.responses(e.ctx)
		switch {
		case response == nil && e.ctx.Err() != nil:
			return e.failed(context.Cause(e.ctx))
		case response == nil:
			return frame{kind: complete}
		case first && e.refuses(response):
			return failure(response.Errors)
		}
		first = false
		// The data lies in a buffer that the next call overwrites; encoding copies it.
		if !result(encode(response)) {
			return frame{}
		}
		if !e.streams() && (response.HasNext == nil || !*response.HasNext) {
			return frame{kind: complete}
		}
	}
}

// ready is true when the executor has something to execute.
func (e *execution) ready() (bool, error) {
	if e.source == nil {
		return true, nil
	}
	return e.source.Next(e.ctx)
}

func (e *execution) streams() bool { return e.op.Operation.Operation == ast.Subscription }

// position is how far a subscription has come in its log; not ok if it follows none.
func (e *execution) position() (at Position, ok bool) {
	if e.source == nil {
		return Position{}, false
	}
	return e.source.Position()
}

// refuses reports a response that no execution has come to: PROTOCOL.md, "Error". A subscription without a source
// can only say so with data that is null: a query whose field failed is data for the client.
func (e *execution) refuses(response *graphql.Response) bool {
	return len(response.Errors) > 0 && e.source == nil &&
		(response.Data == nil || e.streams() && string(response.Data) == "null")
}

// failed ends an operation with an error, unless nobody is listening any more.
func (e *execution) failed(err error) frame {
	if e.outer.Err() != nil {
		return frame{}
	}
	return e.present(err)
}

// present passes an error through the executor's presenter, which knows its code and what to hide.
func (e *execution) present(err error) frame {
	list, ok := err.(gqlerror.List)
	if !ok {
		list = gqlerror.List{gqlerror.WrapIfUnwrapped(err)}
	}
	return failure(e.exec.DispatchError(e.ctx, list).Errors)
}

// encode returns a copy of a response as JSON of one line. Most have nothing but data, which is JSON already; it panics
// like marshal if it is not.
func encode(r *graphql.Response) []byte {
	if len(r.Errors) > 0 || len(r.Extensions) > 0 || r.HasNext != nil || r.Label != "" || r.Path != nil ||
		bytes.ContainsAny(r.Data, "\r\n") || !jsontext.Value(r.Data).IsValid() {
		return marshal(r)
	}
	const before, after = `{"data":`, `}`
	text := make([]byte, 0, len(before)+len(r.Data)+len(after))
	return append(append(append(text, before...), r.Data...), after...)
}
