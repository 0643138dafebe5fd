package live

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// An operation is one query, mutation or subscription of a client. It runs on a goroutine of its own until it ends
// or, being a subscription, until a group serves it. What changes is guarded by the peer's mu.
type operation struct {
	id   string // as JSON text
	peer *peer

	ctx    context.Context // while it runs: ends with the peer, or when the client completes the operation
	cancel context.CancelFunc

	follows follows
	at      Position // delivered up to here, if it follows a log; without a cursor that is not known yet

	group  *group // with whom it is executed; nil: alone
	last   *item  // what it has taken last of the group; nil while it is not served by it
	anchor *item  // until it is: where it will find what has come meanwhile
	seat   int    // among the group's members
}

// follows says what an operation gives.
type follows byte

const (
	notKnown follows = iota
	noLog            // the result of a query or a mutation, or states of something
	aLog             // events
)

// name is the operation's id; what belongs to the connection has none.
func (op *operation) name() string {
	if op == nil {
		return ""
	}
	return op.id
}

// subscribe starts an operation on a goroutine of its own; one that is refused has come to its end already. The
// error closes the peer.
func (p *peer) subscribe(id string, params *graphql.RawParams, refused gqlerror.List) *CloseError {
	id = quote(id)
	op, err := p.admit(id)
	switch {
	case err != nil:
		return err
	case op == nil:
		p.reply(letter{failure(tooMany()), &operation{id: id}})
	case refused != nil:
		op.launch(func() frame { return failure(refused) })
	default:
		op.launch(func() frame { return op.run(params, nil) })
	}
	return nil
}

func tooMany() gqlerror.List {
	return refusal("OPERATION_LIMIT", "Too many operations on this connection; complete one first.")
}

// admit reserves the id. There is no operation, and no error, if there are too many.
func (p *peer) admit(id string) (*operation, *CloseError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closing != nil:
		return nil, p.closing
	case p.session == nil:
		return nil, closef(CloseUnauthorized, "Unauthorized")
	case p.operation(id) != nil:
		return nil, closef(CloseDuplicateID, "Subscriber for %s already exists", text([]byte(id)))
	case p.busy():
		return nil, nil
	}
	op := &operation{id: id, peer: p}
	op.begin()
	p.operations = append(p.operations, op)
	return op, nil
}

// busy counts what was completed but still runs as well, else subscribing and completing in turn would get
// round the limit; twice as much of it, since a client need not know how long a resolver takes to stop.
func (p *peer) busy() bool {
	return len(p.operations) >= p.limit || p.executing >= 2*p.limit
}

func (p *peer) operation(id string) *operation {
	for _, op := range p.operations {
		if op.id == id {
			return op
		}
	}
	return nil
}

// complete ends an operation at the client's wish. It may long be over: the two completes can cross.
func (p *peer) complete(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if op := p.operation(quote(id)); op != nil {
		p.forget(op)
		p.outbox.drop(op)
		p.changed.Broadcast()
	}
}

// begin gives the operation a context to run in, and makes the peer wait for its end. The peer's mu is held.
func (op *operation) begin() {
	op.ctx, op.cancel = context.WithCancel(op.peer.session)
	op.peer.executing++
	op.peer.running.Add(1)
}

// over is called when nothing of the operation runs any more.
func (p *peer) over(cancel context.CancelFunc) {
	cancel()
	p.mu.Lock()
	p.executing--
	p.mu.Unlock()
	p.running.Done()
}

// launch runs the operation after begin, and sends the frame that ends it.
func (op *operation) launch(run func() frame) {
	p, cancel := op.peer, op.cancel
	go func() {
		defer p.over(cancel)
		defer p.recovered()
		if end := run(); end.kind != 0 {
			p.send(op, end)
		}
	}()
}

// abandon ends an operation after begin that is not going to run.
func (op *operation) abandon() {
	p := op.peer
	p.mu.Lock()
	cancel := op.cancel
	p.forget(op)
	p.mu.Unlock()
	p.over(cancel)
}

// run executes the operation until it ends, or until its group serves it: then there is no frame.
func (op *operation) run(params *graphql.RawParams, from *beginning) (end frame) {
	valid, refused := op.prepare(params)
	if refused.kind != 0 {
		return refused
	}
	return op.perform(valid, from)
}

// prepared is an operation that was found valid.
type prepared struct {
	ctx    context.Context
	op     *graphql.OperationContext
	params *graphql.RawParams
}

// prepare validates. The frame says why an operation is not valid.
func (op *operation) prepare(params *graphql.RawParams) (valid prepared, refused frame) {
	ctx := graphql.StartOperationTrace(op.ctx)
	own := *params // members of a group have the same, and the executor changes them
	opCtx, errs := op.peer.exec.CreateOperationContext(ctx, &own)
	if len(errs) > 0 {
		return valid, failure(op.peer.exec.DispatchError(graphql.WithOperationContext(ctx, opCtx), errs).Errors)
	}
	return prepared{ctx, opCtx, params}, frame{}
}

// perform executes like run.
func (op *operation) perform(valid prepared, from *beginning) (end frame) {
	p := op.peer
	var e *execution
	if valid.op.Operation.Operation != ast.Subscription {
		e = execute(valid.ctx, p.exec, valid.op, nil)
	} else if e, end = op.start(valid, from); e == nil {
		return end
	}
	op.reached(e)
	return e.run(func(data []byte) bool {
		return p.send(op, frame{next, data}) && !op.reached(e)
	}, func() bool {
		return !op.reached(e)
	})
}

// start begins a subscription when its turn has come: shared if that is possible, else, or until the group can serve
// it, by an execution of its own.
func (op *operation) start(valid prepared, from *beginning) (e *execution, end frame) {
	p, ctx := op.peer, valid.ctx
	if !p.hub.gate.enter(ctx) {
		return nil, frame{}
	}
	defer p.hub.gate.leave()
	if from == nil && p.hub.Share != nil {
		if shared, ok := p.hub.Share(ctx, valid.op); ok {
			if end, done := op.join(shared, valid.params); done {
				return nil, end
			}
		}
	}
	return execute(ctx, p.exec, valid.op, from), frame{}
}

// reached notes how far an execution of the operation's own has delivered. It is true if the group serves the operation
// from there on.
func (op *operation) reached(e *execution) bool {
	op.peer.mu.Lock()
	defer op.peer.mu.Unlock()
	at, ok := e.position()
	switch {
	case ok:
		op.follows, op.at = aLog, at
		return op.group != nil && op.serve(op.group.catchUp(op))
	case e.source != nil || !e.streams():
		op.follows = noLog
	}
	return false
}

// delivered is how far the operation has delivered to the peer; follows is false if no cursor could tell. The
// peer's mu is held.
func (op *operation) delivered() (at Position, follows bool) {
	if at = op.at; op.last != nil {
		// What the group has looked at and found nothing in, has been delivered as well.
		if looked, all := op.group.isLookedAt(op.last); all && looked.Seq > at.Seq {
			at = looked
		}
	}
	return at, op.follows != noLog
}

// join makes the operation a member of its group, which may already serve it. Done is an operation that needs no
// execution of its own.
func (op *operation) join(s Shared, params *graphql.RawParams) (end frame, done bool) {
	g := op.peer.hub.group(s, op.peer.exec, params)
	select {
	case <-g.begun:
	case <-op.ctx.Done():
		g.leave()
		return frame{}, true
	}
	if g.refused.kind != 0 {
		g.leave()
		return g.refused, true
	}
	op.peer.mu.Lock()
	defer op.peer.mu.Unlock()
	if op.ctx.Err() != nil {
		g.leave()
		return frame{}, true
	}
	op.group = g
	return frame{}, op.serve(g.enter(op, s.After))
}

// serve lets the group go on after an item, if there is one. The peer's mu is held.
func (op *operation) serve(after *item) bool {
	if after == nil {
		return false
	}
	op.last, op.anchor = after, nil
	op.cancel()
	op.ctx, op.cancel = nil, nil // a member that is served holds no more than its place
	op.peer.flush()
	return true
}

// gather takes what the group has for the operation, about a batch. The peer's mu is held.
func (op *operation) gather(dst []byte) []byte {
	for op.last != nil && len(dst) < batch {
		it := op.group.after(op.last)
		if it == nil {
			break
		}
		op.last = it
		if op.follows == aLog && it.kind == next && it.at.Seq <= op.at.Seq {
			continue // its own execution was ahead of the group's
		}
		op.at = it.at
		if dst = op.peer.dialect.add(dst, op.id, it.frame); it.kind.ends() {
			break
		}
	}
	return dst
}

// deliver writes what the group has to a member, if it takes it.
func (op *operation) deliver() {
	p := op.peer
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case op.last == nil: // it has left meanwhile
	case !p.behind:
		p.flush()
	case op.group.lags(op.last):
		op.lag()
	}
}

// lag drops what is queued for a member whose peer is too far behind: the rest is read again from the log at the
// peer's own pace, by an execution of its own that the group takes over from when it has caught up. The peer's
// mu is held.
func (op *operation) lag() {
	g := op.group
	if !g.isLog {
		op.last = g.latest() // older states are of no interest
		return
	}
	op.last, op.anchor = nil, op.group.end
	g.drop(op)
	cursor := op.at.Cursor
	from := &beginning{&cursor}
	op.begin()
	op.launch(func() frame { return op.run(g.params, from) })
}

// leave ends what the operation does. The peer's mu is held.
func (op *operation) leave() {
	if op.cancel != nil {
		op.cancel()
	}
	if op.group != nil {
		op.group.drop(op)
		op.group.leave()
		op.group = nil
	}
	op.last, op.anchor = nil, nil
}
