package live

import "slices"

// An outbox queues frames until they are written: answers of the connection, and results of
// operations that run alone. The peer's mu guards it.
type outbox struct {
	queue []outgoing
	bytes int
}

// An outgoing is a frame and the operation it belongs to.
type outgoing struct {
	frame
	op       *operation // nil for a frame of the connection itself
	position Position   // of an item of the operation's own execution
}

// An operation waits while the outbox holds this much. Answers of the connection wait at twice as
// much, so that a slow peer's operations do not keep complete and ping from being handled.
const (
	maxQueued      = 64
	maxQueuedBytes = 256 << 10
)

// maxWaitingBytes is the most that may wait for one peer: in the outbox, in its operations, and
// being written. It is one of the largest answers and something more.
const maxWaitingBytes = 8<<20 + 2*maxQueuedBytes

func (o *outbox) full(factor int) bool {
	return len(o.queue) >= factor*maxQueued || o.bytes >= factor*maxQueuedBytes
}

func (o *outbox) push(out outgoing) {
	o.queue = append(o.queue, out)
	o.bytes += len(out.payload)
}

func (o *outbox) pop() outgoing {
	out := o.queue[0]
	o.bytes -= len(out.payload)
	if o.queue = o.queue[1:]; len(o.queue) == 0 {
		o.queue = nil // release the memory of idle connections
	}
	return out
}

// removeOf removes the queued frames of an operation.
func (o *outbox) removeOf(op *operation) {
	o.queue = slices.DeleteFunc(o.queue, func(out outgoing) bool {
		if out.op == op {
			o.bytes -= len(out.payload)
		}
		return out.op == op
	})
}
