package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// A peer is a client with its connection and its operations. Producers write to the connection
// directly what it accepts without blocking. While the connection is full the peer is behind: one
// goroutine writes the rest, and producers that serve only this peer wait.
type peer struct {
	// Fields that each delivery reads come first and close together: with thousands of peers, cache
	// misses are the main cost of a delivery.
	mu              sync.Mutex
	conn            *conn           // nil until attach
	session         context.Context // what operations run in; nil until the caller is authenticated
	operations      []*operation
	outbox          outbox
	closing         *CloseError
	behind          bool // the conn is full or not attached yet
	closeQueued     bool // the close frame is in the data being written
	closeSent       bool // the last byte was written, or the conn is broken
	singleOperation bool // the peer closes after its only operation
	encoder         encoder
	writing         unmeasured // what was gathered and is not written yet

	held   int // bytes of results whose operations wait in send
	unsent int // bytes that the goroutine writes while the peer is behind

	changed   sync.Cond   // signals free space in the outbox, or that nothing needs to wait for it
	executing int         // running operations, including completed ones
	timer     *time.Timer // until connection_init, then until the next ping

	renewing sync.Mutex // held while the session is replaced

	running sync.WaitGroup  // operations and the goroutine that writes while behind
	ctx     context.Context // ends when the peer is closed
	cancel  context.CancelCauseFunc

	hub            *Hub
	exec           graphql.GraphExecutor
	log            *slog.Logger
	operationLimit int // concurrent operations
	closeTimeout   time.Duration
	expiry         func(session context.Context) string // nil: credentials do not expire
}

// init prepares the peer. All its work runs in ctx.
func (p *peer) init(ctx context.Context) {
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	p.changed.L = &p.mu
}

// attach sets the connection and writes what is queued.
func (p *peer) attach(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conn, p.behind = c, false
	if p.closing != nil {
		c.closeWithin(p.closeTimeout)
	}
	p.flush()
}

// finish waits until no goroutine of the peer runs any more, then closes the connection. Nothing
// can write to it by then.
func (p *peer) finish() {
	p.running.Wait()
	p.mu.Lock()
	c := p.conn
	p.conn = nil
	p.mu.Unlock()
	c.discardAndClose()
}

// setSession sets the context that operations run in. The peer is closed when it ends.
func (p *peer) setSession(session context.Context) {
	p.mu.Lock()
	p.session = session
	p.mu.Unlock()
	context.AfterFunc(session, func() { p.closeBecauseOf(session) })
}

// renew replaces the session. Operations that are running keep theirs, which ends with the first.
func (p *peer) renew(by func(session context.Context) context.Context) {
	p.renewing.Lock()
	defer p.renewing.Unlock()
	p.mu.Lock()
	session := p.session
	p.mu.Unlock()
	if session == nil {
		return
	}
	renewed := by(session)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.session = renewed
}

// expiresAt returns when the caller's credential expires; empty if never.
func (p *peer) expiresAt() string {
	p.mu.Lock()
	session := p.session
	p.mu.Unlock()
	return p.expiryOf(session)
}

func (p *peer) expiryOf(session context.Context) string {
	if p.expiry == nil || session == nil {
		return ""
	}
	return p.expiry(session)
}

// fields returns the payload of a frame that has these fields, without the empty ones; nil if there
// are none.
func fields(named map[string]string) []byte {
	maps.DeleteFunc(named, func(_, value string) bool { return value == "" })
	if len(named) == 0 {
		return nil
	}
	return marshal(named)
}

// wants returns false once the client has completed the operation or the peer is about to close. It
// checks the context too, which ends before closing is set: a complete sent in between would look
// like the end of the stream, and the client would not subscribe again after it reconnects.
func (p *peer) wants(op *operation) bool { return p.closing == nil && op.ctx.Err() == nil }

// remove stops an operation and removes it. The mu is held.
func (p *peer) remove(op *operation) {
	op.stop()
	p.operations = slices.DeleteFunc(p.operations, func(other *operation) bool { return other == op })
}

// close closes the peer; only the first reason counts. Queued frames are dropped: after credentials
// were revoked, nothing more may be sent.
func (p *peer) close(why *CloseError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.beginClose(why) {
		if why.Code == closeGone {
			p.closeQueued = true // the peer can no longer read a close frame
			p.finishClose()
		}
		p.flush()
	}
}

// beginClose returns false if the peer is closing already. The mu is held.
func (p *peer) beginClose(why *CloseError) bool {
	if p.closing != nil {
		return false
	}
	p.log.Debug("closing", "code", why.Code, "reason", why.Reason)
	p.hub.measures.get().closed.WithLabelValues(codeText(why.Code)).Inc()
	p.closing = why
	p.outbox = outbox{}
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.conn != nil {
		p.conn.closeWithin(p.closeTimeout)
	}
	p.cancel(why) // first, so that every operation gets why as its cause
	for len(p.operations) > 0 {
		p.remove(p.operations[0])
	}
	p.changed.Broadcast()
	return true
}

// closeBecauseOf closes the peer after ctx has ended, with the reason in its cause.
func (p *peer) closeBecauseOf(ctx context.Context) {
	var why *CloseError
	if !errors.As(context.Cause(ctx), &why) {
		why = closef(CloseGoingAway, "Going away")
	}
	p.close(why)
}

// isAuthenticated reports whether the caller is known.
func (p *peer) isAuthenticated() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session != nil
}

func (p *peer) isClosing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closing != nil
}

// schedule calls f after d unless the peer is closing. There is one timer; the next call replaces
// it.
func (p *peer) schedule(d time.Duration, f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.closing == nil {
		p.timer = time.AfterFunc(d, f)
	}
}

// resumeCursor returns the cursor up to which all subscriptions have delivered. It is empty if none
// is resumable, or if the position of one is unknown. The mu is held.
func (p *peer) resumeCursor() (cursor string) {
	var lowest Position
	for _, op := range p.operations {
		switch position, resumes := op.deliveredPosition(); {
		case resumes && position.Cursor == "":
			return ""
		case resumes && (lowest.Cursor == "" || position.Seq < lowest.Seq):
			lowest = position
		}
	}
	return lowest.Cursor
}

// pingEvery sends a ping every d once the caller is authenticated. It uses the timer.
func (p *peer) pingEvery(d time.Duration) {
	p.schedule(d, func() {
		defer p.recoverPanic()
		if p.isAuthenticated() {
			p.sendPing()
		}
		p.pingEvery(d)
	})
}

// sendPing sends a ping.
func (p *peer) sendPing() { p.reply(outgoing{frame: frame{kindPing, p.standing()}}) }

// standing returns the payload of a ping, or of a pong for an empty one: the cursor to resume after,
// and the time at which the credential expires; nil if there is neither.
func (p *peer) standing() []byte {
	p.mu.Lock()
	cursor := p.resumeCursor()
	p.mu.Unlock()
	return fields(map[string]string{"cursor": cursor, "expiresAt": p.expiresAt()})
}

// recoverPanic closes this peer after a panic in this package or in a hook, so that no other peer
// is affected.
func (p *peer) recoverPanic() {
	if r := recover(); r != nil {
		// The reason may quote what somebody wrote.
		p.log.Error("a connection panicked", "panic", fmt.Sprintf("a %T", r), "stack", string(debug.Stack()))
		p.close(closef(CloseInternal, "Internal server error"))
	}
}

// quote returns an operation's id as JSON text.
func quote(id string) string {
	data, err := json.Marshal(id)
	if err != nil {
		panic(err) // a string can always be encoded
	}
	return string(data)
}
