package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// A peer is a client at the other end of a line, with its operations. Nobody blocks when writing to it: whoever has
// something for it writes what the line takes at once. Only while the peer is behind one goroutine waits for
// it, and whoever produces for it alone waits as well.
type peer struct {
	// What each delivery looks at comes first and close together: with thousands of peers that is what it costs.
	mu         sync.Mutex
	line       *line           // nil until it is open
	session    context.Context // nil until the caller is known: what operations run in
	operations []*operation
	outbox     outbox
	closing    *CloseError
	behind     bool // a goroutine waits for the line, or the peer for the line to open
	said       bool // the goodbye is among what was gathered
	parted     bool // the last bytes were handed to the line, or it is broken
	once       bool // it ends with its operation
	dialect    dialect

	changed   sync.Cond   // there is room in the outbox, or no reason left to wait for it
	executing int         // operations that run, those the client has completed included
	timer     *time.Timer // until connection_init, then until the next ping

	running sync.WaitGroup  // operations, and who waits for the line
	ctx     context.Context // ends when the peer is closed, for whatever reason
	cancel  context.CancelCauseFunc

	hub          *Hub
	exec         graphql.GraphExecutor
	log          *slog.Logger
	limit        int // operations at a time
	closeTimeout time.Duration
}

// begin makes the peer ready; ctx is what everything of it runs in.
func (p *peer) begin(ctx context.Context) {
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	p.changed.L = &p.mu
}

// open says that the line can be written to.
func (p *peer) open(l *line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line, p.behind = l, false
	if p.closing != nil {
		l.hurry(p.closeTimeout)
	}
	p.flush()
}

// leave waits until nothing of the peer runs any more, and hangs up. Nobody can write to the line then.
func (p *peer) leave() {
	p.running.Wait()
	p.mu.Lock()
	l := p.line
	p.line = nil
	p.mu.Unlock()
	l.hangUp()
}

// enter says who the peer is: its operations run in this context, and it is closed when that ends.
func (p *peer) enter(session context.Context) {
	p.mu.Lock()
	p.session = session
	p.mu.Unlock()
	context.AfterFunc(session, func() { p.closeFor(session) })
}

// reply queues an answer of the connection itself.
func (p *peer) reply(l letter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.closing == nil && p.outbox.full(2) {
		p.changed.Wait()
	}
	if p.closing == nil {
		p.outbox.put(l)
		p.flush()
	}
}

// send queues a message of an operation, waiting while the peer is behind. After one that ends the operation its id
// is free again, in the same moment. It is false when nobody wants the message any more.
func (p *peer) send(op *operation, f frame) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.wants(op) && p.outbox.full(1) {
		p.changed.Wait()
	}
	if !p.wants(op) {
		return false
	}
	if f.kind.ends() {
		p.forget(op)
	}
	p.outbox.put(letter{f, op})
	p.flush()
	return true
}

// wants is false once the client has completed the operation or the peer is about to close. The context tells
// that earlier than closing does: a complete sent in between would look like the end of the stream, and the
// client would not subscribe again after it has come back.
func (p *peer) wants(op *operation) bool { return p.closing == nil && op.ctx.Err() == nil }

// forget ends an operation's place on this peer. The mu is held.
func (p *peer) forget(op *operation) {
	op.leave()
	p.operations = slices.DeleteFunc(p.operations, func(other *operation) bool { return other == op })
}

// batch is how many bytes go out in one write, about.
const batch = 64 << 10

var batches = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// flush writes what waits as far as the line takes it at once; the rest is for a goroutine to wait with. The mu is
// held.
func (p *peer) flush() {
	if p.behind || p.parted || p.line == nil {
		return
	}
	scratch := batches.Get().(*[]byte)
	defer batches.Put(scratch)
	for {
		data := p.gather((*scratch)[:0])
		if len(data) == 0 {
			p.part()
			return
		}
		if cap(data) <= 2*batch {
			*scratch = data
		}
		n, err := p.line.try(data)
		switch {
		case err != nil:
			p.lost(err)
			return
		case n < len(data):
			p.behind = true
			rest := bytes.Clone(data[n:])
			p.running.Go(func() { p.wait(rest) })
			return
		}
	}
}

// wait writes on while the peer is behind.
func (p *peer) wait(data []byte) {
	defer p.recovered()
	for len(data) > 0 {
		_, err := p.line.Write(data)
		data = p.written(data, err)
	}
}

// written gives what is to be written next.
func (p *peer) written(data []byte, err error) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.lost(err)
	}
	if data = p.gather(data[:0]); len(data) == 0 {
		p.behind = false
		p.part()
	}
	return data
}

// gather takes about a batch of what waits: of the outbox first, then of what the groups of the operations have.
// The mu is held.
func (p *peer) gather(dst []byte) []byte {
	switch {
	case p.parted, p.said:
		return dst
	case p.closing != nil:
		p.said = true
		return p.dialect.add(dst, "", frame{goodbye, p.closing.payload()})
	case p.session != nil && p.session.Err() != nil:
		return dst // whatever it was allowed to see, it no longer is
	}
	if len(p.outbox.waiting) > 0 {
		for len(p.outbox.waiting) > 0 && len(dst) < batch {
			l := p.outbox.take()
			dst = p.dialect.add(dst, l.op.name(), l.frame)
		}
		p.changed.Broadcast()
	}
	for i := 0; i < len(p.operations) && len(dst) < batch; {
		op := p.operations[i]
		if dst = op.gather(dst); op.last != nil && op.last.kind.ends() {
			p.forget(op)
			continue
		}
		i++
	}
	if len(dst) == 0 && p.once && len(p.operations) == 0 {
		p.said = true // the complete was the goodbye
		p.end(closef(closeNormal, "Complete"))
	}
	return dst
}

// part ends the peer's side of the line once the goodbye, perhaps of no bytes, is written. The mu is held.
func (p *peer) part() {
	if p.said && !p.parted && p.line != nil {
		p.parted = true
		p.line.finish()
	}
}

// lost gives a line up that can no longer be written to. The mu is held.
func (p *peer) lost(err error) {
	p.parted = true
	if errors.Is(err, errStuck) {
		// No goodbye reaches a peer that takes nothing, but its operations learn the cause.
		p.end(closef(CloseTryAgain, "The client does not read; try again"))
	} else {
		p.end(closef(closeGone, "%v", err))
	}
	p.line.finish()
}

// close ends the peer; the first reason counts. What waits is never sent: after rights were withdrawn nothing more
// may go out.
func (p *peer) close(why *CloseError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end(why) {
		if why.Code == closeGone {
			p.said = true // nobody would hear it
			p.part()
		}
		p.flush()
	}
}

// end is true for the first reason. The mu is held.
func (p *peer) end(why *CloseError) bool {
	if p.closing != nil {
		return false
	}
	p.log.Debug("closing", "code", why.Code, "reason", why.Reason)
	p.closing = why
	p.outbox = outbox{}
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.line != nil {
		p.line.hurry(p.closeTimeout)
	}
	p.cancel(why) // before the operations notice by themselves, so that all of them learn why
	for len(p.operations) > 0 {
		p.forget(p.operations[0])
	}
	p.changed.Broadcast()
	return true
}

// closeFor ends the peer because its context has ended.
func (p *peer) closeFor(ctx context.Context) {
	var why *CloseError
	if !errors.As(context.Cause(ctx), &why) {
		why = closef(CloseGoingAway, "Going away")
	}
	p.close(why)
}

// isKnown is true once it is known who the peer is.
func (p *peer) isKnown() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session != nil
}

func (p *peer) isClosing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closing != nil
}

// after does f later unless the peer is closing by then. There is one timer: the next call replaces it.
func (p *peer) after(d time.Duration, f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.closing == nil {
		p.timer = time.AfterFunc(d, f)
	}
}

// delivered gives the cursor up to which all subscriptions of the peer have delivered; empty if none follows a log,
// or if that is not known yet of one. The mu is held.
func (p *peer) delivered() (cursor string) {
	var lowest Position
	for _, op := range p.operations {
		switch at, follows := op.delivered(); {
		case follows && at.Cursor == "":
			return ""
		case follows && (lowest.Cursor == "" || at.Seq < lowest.Seq):
			lowest = at
		}
	}
	return lowest.Cursor
}

// greetEvery pings the peer again and again, once it is known who it is. It takes the timer.
func (p *peer) greetEvery(d time.Duration) {
	p.after(d, func() {
		defer p.recovered()
		if p.isKnown() {
			p.greet()
		}
		p.greetEvery(d)
	})
}

// greet sends a ping, with the cursor to resume after if there is one.
func (p *peer) greet() {
	p.mu.Lock()
	cursor := p.delivered()
	p.mu.Unlock()
	f := frame{kind: ping}
	if cursor != "" {
		f.payload = marshal(map[string]string{"cursor": cursor})
	}
	p.reply(letter{frame: f})
}

// recovered keeps a panic of this package, or of a hook it calls, from ending more than this peer.
func (p *peer) recovered() {
	if r := recover(); r != nil {
		p.log.Error("a connection panicked", "panic", r, "stack", string(debug.Stack()))
		p.close(closef(CloseInternal, "Internal server error"))
	}
}

// quote makes an operation's id the JSON text that it is known by.
func quote(id string) string {
	data, err := json.Marshal(id)
	if err != nil {
		panic(err) // a string is always JSON
	}
	return string(data)
}
