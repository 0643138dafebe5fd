package live

import "slices"

// An outbox holds what waits to be written, in order: answers of the connection and results of executions of its
// own. It is guarded by the peer's mu.
type outbox struct {
	waiting []letter
	bytes   int
}

// A letter is one frame and whose it is.
type letter struct {
	frame
	op *operation // nil: the connection's
}

// An operation waits while the outbox holds this much; answers of the connection may take it to twice as much, so
// that operations which wait for a slow peer do not keep complete and ping from being read.
const (
	maxWaiting = 64
	maxBytes   = 256 << 10
)

func (o *outbox) full(times int) bool {
	return len(o.waiting) >= times*maxWaiting || o.bytes >= times*maxBytes
}

func (o *outbox) put(l letter) {
	o.waiting = append(o.waiting, l)
	o.bytes += len(l.payload)
}

func (o *outbox) take() letter {
	l := o.waiting[0]
	o.bytes -= len(l.payload)
	if o.waiting = o.waiting[1:]; len(o.waiting) == 0 {
		o.waiting = nil // idle connections hold no memory
	}
	return l
}

// drop forgets what an operation has not yet sent.
func (o *outbox) drop(op *operation) {
	o.waiting = slices.DeleteFunc(o.waiting, func(l letter) bool {
		if l.op == op {
			o.bytes -= len(l.payload)
		}
		return l.op == op
	})
}
