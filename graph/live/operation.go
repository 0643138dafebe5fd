package live

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// An operation is one query, mutation or subscription of a client. It runs on its own goroutine
// until it ends or, for a subscription, until a group serves it. The peer's mu guards what changes.
type operation struct {
	id   string // as JSON text
	peer *peer

	ctx    context.Context // set while it runs; ends when the client completes it
	cancel context.CancelFunc

	resumability resumability
	position     Position // delivered so far, if resumable; without a Cursor if unknown

	group    *group // whose execution it shares; nil if it runs alone
	lastItem *item  // the last item taken from the group; nil if the group does not serve it
	handover *item  // the item after which the group takes over, unless it has
	past     int    // number of the group's newest item when the operation came
	index    int    // in the group's members

	counted prometheus.Gauge // of its field, which counts it; nil if none does
}

// resumability is whether a client can resume an operation after a cursor.
type resumability byte

const (
	resumabilityUnknown resumability = iota
	notResumable                     // a query, a mutation, or a subscription to states
	resumable                        // a subscription to events of a log
)

// messageID returns the id in the operation's messages; "" if op is nil, for messages of the
// connection itself.
func (op *operation) messageID() string {
	if op == nil {
		return ""
	}
	return op.id
}

// subscribe starts an operation on its own goroutine. A refused one only gets its errors. The
// returned error closes the peer.
func (p *peer) subscribe(id string, params *graphql.RawParams, refused gqlerror.List) *CloseError {
	id = quote(id)
	op, err := p.addOperation(id)
	switch {
	case err != nil:
		return err
	case op == nil:
		p.reply(outgoing{frame: p.refused(tooMany()), op: &operation{id: id}})
	case refused != nil:
		op.launch(func() frame { return p.refused(refused) })
	default:
		op.launch(func() frame { return op.run(params, nil) })
	}
	return nil
}

// refused returns the frame for an operation that this package refused.
func (p *peer) refused(errs gqlerror.List) frame {
	return failure(presented(p.ctx, p.exec, errs))
}

func tooMany() gqlerror.List {
	return refusal("OPERATION_LIMIT", "Too many operations on this connection; complete one first.")
}

// addOperation creates an operation and reserves its id. It returns nil without an error if the
// peer has too many operations.
func (p *peer) addOperation(id string) (*operation, *CloseError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closing != nil:
		return nil, p.closing
	case p.session == nil:
		return nil, closef(CloseUnauthorized, "Unauthorized")
	case p.operation(id) != nil:
		return nil, closef(CloseDuplicateID, "Subscriber for %s already exists", text([]byte(id)))
	case p.atOperationLimit():
		return nil, nil
	}
	op := &operation{id: id, peer: p}
	op.startContext()
	p.operations = append(p.operations, op)
	return op, nil
}

// atOperationLimit also counts completed operations that still run; otherwise a client could get
// around the limit by subscribing and completing in turn. It allows twice as many of these, since a
// client cannot know how long a resolver takes to stop.
func (p *peer) atOperationLimit() bool {
	return len(p.operations) >= p.operationLimit || p.executing >= 2*p.operationLimit
}

func (p *peer) operation(id string) *operation {
	for _, op := range p.operations {
		if op.id == id {
			return op
		}
	}
	return nil
}

// complete ends an operation for the client. The operation may have ended already: the server's
// complete and the client's can cross.
func (p *peer) complete(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if op := p.operation(quote(id)); op != nil {
		p.remove(op)
		p.outbox.removeOf(op)
		p.changed.Broadcast()
	}
}

// startContext gives the operation a context to run in. The peer then waits until operationEnded is
// called. The peer's mu is held.
func (op *operation) startContext() {
	op.ctx, op.cancel = context.WithCancel(op.peer.session)
	op.peer.executing++
	op.peer.running.Add(1)
}

// operationEnded is called when no code of the operation runs any more.
func (p *peer) operationEnded(cancel context.CancelFunc) {
	cancel()
	p.mu.Lock()
	p.executing--
	p.mu.Unlock()
	p.running.Done()
}

// launch runs the operation after startContext and sends the frame that ends it.
func (op *operation) launch(run func() frame) {
	p, cancel := op.peer, op.cancel
	go func() {
		defer p.operationEnded(cancel)
		defer p.recoverPanic()
		if end := run(); end.kind != 0 {
			p.send(op, end, Position{})
		}
	}()
}

// abandon ends an operation that was not launched after startContext.
func (op *operation) abandon() {
	p := op.peer
	p.mu.Lock()
	cancel := op.cancel
	p.remove(op)
	p.mu.Unlock()
	p.operationEnded(cancel)
}

// run executes the operation until it ends. It returns the zero frame if a group serves the
// operation from then on.
func (op *operation) run(params *graphql.RawParams, start *Start) (end frame) {
	valid, refused := op.prepare(params)
	if refused.kind != 0 {
		return refused
	}
	return op.execute(valid, start)
}

// A prepared is a validated operation.
type prepared struct {
	ctx    context.Context
	op     *graphql.OperationContext
	params *graphql.RawParams
}

// prepare validates the operation. For an invalid one it returns the frame that refuses it.
func (op *operation) prepare(params *graphql.RawParams) (valid prepared, refused frame) {
	ctx := graphql.StartOperationTrace(op.ctx)
	own := *params // a copy, because the executor changes it and members of a group share params
	opCtx, errs := op.peer.exec.CreateOperationContext(ctx, &own)
	if len(errs) > 0 {
		return valid, failure(op.peer.exec.DispatchError(graphql.WithOperationContext(ctx, opCtx), errs).Errors)
	}
	return prepared{ctx, opCtx, params}, frame{}
}

// execute is run for an operation that was validated.
func (op *operation) execute(valid prepared, start *Start) (end frame) {
	p := op.peer
	var e *execution
	if valid.op.Operation.Operation != ast.Subscription {
		e = startExecution(valid.ctx, p.exec, valid.op, nil)
	} else if e, end = op.startSubscription(valid, start); e == nil {
		return end
	}
	op.updatePosition(e) // the group may serve it already, in which case its context has ended
	return e.run(func(data []byte) bool {
		position, _ := e.position()
		return p.send(op, frame{kindNext, data}, position) && !op.updatePosition(e)
	}, func() bool {
		return !op.updatePosition(e)
	})
}

// startSubscription starts a subscription when admission allows it: through its group if possible,
// otherwise with its own execution until the group can serve it.
func (op *operation) startSubscription(valid prepared, start *Start) (e *execution, end frame) {
	p, ctx := op.peer, valid.ctx
	op.count(valid.op.Operation)
	if !p.hub.admission.acquire(ctx) {
		return nil, frame{}
	}
	defer p.hub.admission.release()
	if start == nil && p.hub.Share != nil {
		if shared, ok := p.hub.Share(ctx, valid.op); ok {
			if end, done := op.joinGroup(shared, valid.params); done {
				return nil, end
			}
		}
	}
	return startExecution(ctx, p.exec, valid.op, start), frame{}
}

// updatePosition records how far the operation's own execution has delivered. It reports whether
// the group serves the operation from then on.
func (op *operation) updatePosition(e *execution) bool {
	op.peer.mu.Lock()
	defer op.peer.mu.Unlock()
	position, ok := e.position()
	switch {
	case ok:
		op.resumability, op.position = resumable, position
		return op.group != nil && op.serveFromGroup(op.group.catchUp(op))
	case e.source != nil || !e.isSubscription():
		op.resumability = notResumable
	}
	return false
}

// deliveredPosition returns how far results were delivered to the peer, and false if the operation
// cannot be resumed. The peer's mu is held.
func (op *operation) deliveredPosition() (position Position, resumes bool) {
	if position = op.position; op.lastItem != nil {
		// Events that the group has read and skipped need not be read again.
		if read, all := op.group.caughtUpPosition(op.lastItem); all && read.Seq > position.Seq {
			position = read
		}
	}
	return position, op.resumability != notResumable
}

// joinGroup makes the operation a user of its group. It returns true if the operation needs no
// execution of its own: the group serves it, refused it, or its context ended.
func (op *operation) joinGroup(s Shared, params *graphql.RawParams) (end frame, done bool) {
	g := op.peer.hub.groupFor(s, op.peer.exec, params)
	select {
	case <-g.ready:
	case <-op.ctx.Done():
		g.release()
		return frame{}, true
	}
	if g.refused.kind != 0 {
		g.release()
		return g.refused, true
	}
	if !g.has(op.ctx, s.After) {
		g.release()
		return frame{}, false
	}
	op.peer.mu.Lock()
	defer op.peer.mu.Unlock()
	if op.ctx.Err() != nil {
		g.release()
		return frame{}, true
	}
	op.group = g
	joined := op.serveFromGroup(g.join(op, s.After))
	if joined && s.After != nil {
		op.peer.hub.Resumed(ResumedLive)
	}
	return frame{}, joined
}

// serveFromGroup lets the group deliver what follows an item. It returns false if that is nil. The
// peer's mu is held.
func (op *operation) serveFromGroup(after *item) bool {
	if after == nil {
		return false
	}
	op.lastItem, op.handover = after, nil
	op.cancel()
	op.ctx, op.cancel = nil, nil // keeps thousands of idle members small
	op.peer.flush()
	return true
}

// gather appends about one batch of the group's items. The peer's mu is held.
func (op *operation) gather(dst []byte) []byte {
	for op.lastItem != nil && len(dst) < batchBytes {
		it := op.group.nextItem(op.lastItem)
		if it == nil {
			break
		}
		op.lastItem = it
		if op.resumability == resumable && it.kind == kindNext && it.position.Seq <= op.position.Seq {
			continue // its own execution was ahead of the group's
		}
		if op.position = it.position; it.number <= op.past {
			op.position.Committed = 0
		}
		op.peer.writing.add(it.frame, op.position)
		if dst = op.peer.encoder.appendFrame(dst, op.id, it.frame); it.kind.ends() {
			break
		}
	}
	return dst
}

// deliver writes the group's new items to the operation's peer, unless that one is behind.
func (op *operation) deliver() {
	p := op.peer
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case op.lastItem == nil: // it has left the group
	case !p.behind:
		p.flush()
	case op.group.lags(op.lastItem):
		op.fallBehind()
	}
}

// fallBehind stops keeping items for a member whose peer is too slow. The operation reads them from
// the log again at the peer's pace, with an execution of its own, and returns to the group when it
// has caught up. The peer's mu is held.
func (op *operation) fallBehind() {
	g := op.group
	if !g.isLog {
		op.lastItem = g.beforeLatest() // skip the older states
		return
	}
	op.lastItem, op.handover = nil, op.group.newest
	g.removeMember(op)
	cursor := op.position.Cursor
	start := &Start{After: &cursor}
	op.startContext()
	op.ctx = continued(op.ctx)
	op.launch(func() frame { return op.run(g.params, start) })
}

// stop ends the operation's work and its membership. The peer's mu is held.
func (op *operation) stop() {
	if op.cancel != nil {
		op.cancel()
	}
	if op.group != nil {
		op.group.removeMember(op)
		op.group.release()
		op.group = nil
	}
	op.lastItem, op.handover = nil, nil
	if op.counted != nil {
		op.counted.Dec()
		op.counted = nil
	}
}
