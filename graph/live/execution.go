package live

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// An execution is one run of an operation by the executor. One goroutine drives it.
type execution struct {
	exec      graphql.GraphExecutor
	parent    context.Context // ends when no result is wanted any more
	ctx       context.Context // derived from parent by interceptors
	op        *graphql.OperationContext
	start     *Start
	source    Source // nil for a query, a mutation, or a resolver that sends on its channel itself
	responses graphql.ResponseHandler
}

type executionKey struct{}

func executionOf(ctx context.Context) *execution { return ctx.Value(executionKey{}).(*execution) }

// startExecution calls the root resolver. An error is reported by the first call of run.
func startExecution(ctx context.Context, exec graphql.GraphExecutor, op *graphql.OperationContext, start *Start) *execution {
	e := &execution{exec: exec, op: op, parent: ctx, start: start}
	e.responses, e.ctx = exec.DispatchOperation(context.WithValue(ctx, executionKey{}, e), op)
	return e
}

// run passes each result to result, and calls idle when there is none yet, until one of them
// returns false. It returns the frame that ends the operation, or the zero frame if the operation
// was stopped.
func (e *execution) run(result func(data []byte) bool, idle func() bool) (end frame) {
	// Each resolver recovers from its own panics; a source, a scalar or an interceptor does not.
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
			return frame{kind: kindComplete}
		case first && e.isRequestError(response):
			return failure(response.Errors)
		}
		first = false
		// The data lies in a buffer that the next call overwrites; encode copies it.
		if !result(encode(response)) {
			return frame{}
		}
		if !e.isSubscription() && (response.HasNext == nil || !*response.HasNext) {
			return frame{kind: kindComplete}
		}
	}
}

// ready reports whether the executor has something to execute.
func (e *execution) ready() (bool, error) {
	if e.source == nil {
		return true, nil
	}
	return e.source.Next(e.ctx)
}

func (e *execution) isSubscription() bool { return e.op.Operation.Operation == ast.Subscription }

// position returns how far a subscription has read its log; false if it does not follow a log.
func (e *execution) position() (position Position, ok bool) {
	if e.source == nil {
		return Position{}, false
	}
	return e.source.Position()
}

// isRequestError reports whether the executor refused the operation before executing it:
// PROTOCOL.md, "Error". A refused subscription has null data and no source. Null data of a query
// means that a field failed, which is a result.
func (e *execution) isRequestError(response *graphql.Response) bool {
	return len(response.Errors) > 0 && e.source == nil &&
		(response.Data == nil || e.isSubscription() && string(response.Data) == "null")
}

// failed returns the frame for an error, or the zero frame if no result is wanted any more.
func (e *execution) failed(err error) frame {
	if e.parent.Err() != nil {
		return frame{}
	}
	return e.present(err)
}

// present passes an error through the executor's presenter, which sets its code and hides
// internals.
func (e *execution) present(err error) frame {
	list, ok := err.(gqlerror.List)
	if !ok {
		list = gqlerror.List{gqlerror.WrapIfUnwrapped(err)}
	}
	return failure(e.exec.DispatchError(e.ctx, list).Errors)
}

// encode returns a copy of a response as JSON. Most responses have only data, which executors return
// as JSON on one line.
func encode(r *graphql.Response) []byte {
	if len(r.Errors) > 0 || len(r.Extensions) > 0 || r.HasNext != nil || r.Label != "" || r.Path != nil {
		return marshal(r)
	}
	const before, after = `{"data":`, `}`
	text := make([]byte, 0, len(before)+len(r.Data)+len(after))
	return append(append(append(text, before...), r.Data...), after...)
}
