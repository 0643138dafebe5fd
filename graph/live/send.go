package live

import (
	"bytes"
	"errors"
	"sync"
	"syscall"
)

// reply queues a frame of the connection itself.
func (p *peer) reply(out outgoing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.closing == nil && p.outbox.full(2) {
		p.changed.Wait()
	}
	if p.closing == nil {
		p.outbox.push(out)
		p.flush()
	}
}

// send queues a frame of an operation, with its position if it is an item, and waits while the peer
// is behind. The frame that ends an operation also frees its id. send returns false if the frame is
// not wanted any more.
func (p *peer) send(op *operation, f frame, position Position) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held += len(f.payload)
	if p.held+p.outbox.bytes+p.unsent > maxWaitingBytes && p.beginClose(closef(CloseTryAgain, "Too much waits for the client; read faster, or ask for less")) {
		p.flush()
	}
	for p.wants(op) && p.outbox.full(1) {
		p.changed.Wait()
	}
	p.held -= len(f.payload)
	if !p.wants(op) {
		return false
	}
	if f.kind.ends() {
		p.remove(op)
	}
	p.outbox.push(outgoing{f, op, position})
	p.flush()
	return true
}

// batchBytes is about how many bytes are sent in one write.
const batchBytes = 64 << 10

var batchBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// flush writes as much as the connection accepts without blocking, and starts a goroutine for the
// rest. The mu is held.
func (p *peer) flush() {
	if p.behind || p.closeSent || p.conn == nil {
		return
	}
	buffer := batchBuffers.Get().(*[]byte)
	defer batchBuffers.Put(buffer)
	for {
		data := p.gather((*buffer)[:0])
		if len(data) == 0 {
			p.finishClose()
			return
		}
		if cap(data) <= 2*batchBytes {
			*buffer = data
		}
		n, err := p.conn.writeNow(data)
		switch {
		case err != nil:
			p.fail(err)
			return
		case n < len(data):
			p.behind = true
			rest := bytes.Clone(data[n:])
			p.unsent = len(rest)
			p.running.Go(func() { p.writeRest(rest) })
			return
		}
		p.hub.measures.get().written(&p.writing)
	}
}

// writeRest writes while the peer is behind.
func (p *peer) writeRest(data []byte) {
	defer p.recoverPanic()
	for len(data) > 0 {
		_, err := p.conn.Write(data)
		data = p.afterWrite(data, err)
	}
}

// afterWrite returns what to write next.
func (p *peer) afterWrite(data []byte, err error) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.fail(err)
	} else {
		p.hub.measures.get().written(&p.writing)
	}
	data = p.gather(data[:0])
	if p.unsent = len(data); len(data) == 0 {
		p.behind = false
		p.finishClose()
	}
	return data
}

// gather returns about one batch: first from the outbox, then from the groups of the operations. It
// writes to the empty dst. The mu is held.
func (p *peer) gather(dst []byte) []byte {
	switch {
	case p.closeSent, p.closeQueued:
		return dst
	case p.closing != nil:
		p.closeQueued = true
		p.writing.frames++
		return p.encoder.appendFrame(dst, "", frame{kindCloseFrame, p.closing.payload()})
	}
	if len(p.outbox.queue) > 0 {
		for len(p.outbox.queue) > 0 && len(dst) < batchBytes {
			out := p.outbox.pop()
			p.writing.add(out.frame, out.position)
			dst = p.encoder.appendFrame(dst, out.op.messageID(), out.frame)
		}
		p.changed.Broadcast()
	}
	for i := 0; i < len(p.operations) && len(dst) < batchBytes; {
		op := p.operations[i]
		if dst = op.gather(dst); op.lastItem != nil && op.lastItem.kind.ends() {
			p.remove(op)
			continue
		}
		i++
	}
	if p.session != nil && p.session.Err() != nil {
		// The client may not see what is queued any more. This is asked last, because a group may
		// append an item while this gathers.
		return dst[:0]
	}
	if len(dst) == 0 && p.singleOperation && len(p.operations) == 0 {
		p.closeQueued = true // the operation's complete was the last frame
		p.beginClose(closef(closeNormal, "Complete"))
	}
	return dst
}

// finishClose ends the outgoing stream once the close frame was written. The mu is held.
func (p *peer) finishClose() {
	if p.closeQueued && !p.closeSent && p.conn != nil {
		p.closeSent = true
		p.conn.closeWrite()
	}
}

// fail closes the peer after its connection failed to write. The mu is held.
func (p *peer) fail(err error) {
	p.closeSent = true
	if errors.Is(err, errNothingWritten) || errors.Is(err, syscall.ETIMEDOUT) { // see limitUnacknowledged
		// A peer that reads nothing gets no close frame, but its operations get this cause.
		p.beginClose(closef(CloseTryAgain, "The client does not read; try again"))
	} else {
		p.beginClose(closef(closeGone, "%v", err))
	}
	p.conn.closeWrite()
}
