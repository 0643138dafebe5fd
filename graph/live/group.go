package live

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// A Hub executes equal subscriptions once and writes each result to all subscribers. The zero value
// shares nothing.
type Hub struct {
	// Share returns which execution a validated subscription may share, or false if it must run
	// alone. The resolver of a shared subscription must call Pull. ctx is the subscriber's. If
	// Share is nil, nothing is shared.
	Share func(ctx context.Context, op *graphql.OperationContext) (s Shared, ok bool)

	admission admission
	measures  measures

	mu     sync.Mutex
	groups map[string]*group
}

// A group is the set of subscriptions that share one execution.
type group struct {
	hub    *Hub
	key    string
	ctx    context.Context
	cancel context.CancelFunc
	params *graphql.RawParams // for members that execute on their own for a while
	start  Start              // where the first subscriber wants to start, if that is recent
	refs   int                // operations that use the group; guarded by the hub's mu

	ready   chan struct{} // closed when the next three fields are set
	refused frame         // why the execution could not start
	isLog   bool          // items are events; else states, of which only the latest counts
	source  Source

	mu       sync.Mutex
	newest   *item
	position Position  // how far the execution has read, at or after the newest item
	isLive   bool      // the execution has read everything up to the present once
	oldest   *item     // the one after which others may still join, who come back at about the same time
	keep     time.Time // until when the oldest item is kept
	members  []*operation

	// Used only by the group's goroutine:
	undelivered      int          // number of items
	undeliveredSince time.Time    // when the first of them was appended
	recipients       []*operation // reused by deliver
}

// An item is one result, encoded once. Items form a linked list from old to new; they are kept back
// to the slowest member's position or the group's oldest item.
type item struct {
	frame
	position Position
	number   int // of the item, counted from the start of the group
	bytes    int // total size of all items up to this one
	next     atomic.Pointer[item]
}

// The most that may be queued for one member.
const (
	maxItems     = 256
	maxItemBytes = 1 << 20
)

// rush is how long a group keeps its items for others to join. After a restart of the server all
// its clients come back, each with a cursor; whoever finds it among the items needs no execution.
const rush = time.Minute

// Results that are ready at the same time are delivered in one batch, bounded by number and by
// time.
const (
	maxBatchItems = 64
	maxBatchDelay = 2 * time.Millisecond
)

// groupFor returns the group of a subscription. The caller must release it.
func (h *Hub) groupFor(s Shared, exec graphql.GraphExecutor, params *graphql.RawParams) *group {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.groups[s.Key]
	if g == nil {
		if h.groups == nil {
			h.groups = map[string]*group{}
		}
		g = &group{hub: h, key: s.Key, params: params, ready: make(chan struct{}), isLive: s.After == nil}
		g.start = Start{After: s.After, Within: maxItems}
		g.ctx, g.cancel = context.WithCancel(s.Context)
		h.groups[s.Key] = g
		go g.run(exec)
	}
	g.refs++
	return g
}

// release ends the group if the caller was its last user.
func (g *group) release() {
	g.hub.mu.Lock()
	defer g.hub.mu.Unlock()
	if g.refs--; g.refs == 0 {
		g.removeFromHub()
	}
}

// removeFromHub ends the group, so that a new one with the same key can start. The hub's mu is
// held.
func (g *group) removeFromHub() {
	g.cancel()
	if g.hub.groups[g.key] == g {
		delete(g.hub.groups, g.key)
	}
}

// run executes the subscription for all members.
func (g *group) run(exec graphql.GraphExecutor) {
	end := g.execute(exec)
	if end.kind == 0 {
		// No user is left, unless Shared.Context ended too early.
		end = failure(presented(g.ctx, exec, refusal("INTERNAL", failedText)))
	}
	g.hub.mu.Lock()
	g.removeFromHub() // a later subscriber starts a new group
	g.hub.mu.Unlock()
	select {
	case <-g.ready:
		g.appendItem(end, g.newest.position)
		g.deliver()
	default:
		g.refused = end
		close(g.ready)
	}
}

// execute returns the frame that ends the subscription for all members.
func (g *group) execute(exec graphql.GraphExecutor) (end frame) {
	ctx := graphql.StartOperationTrace(continued(g.ctx))
	params := *g.params // a copy, because the executor changes it
	op, errs := exec.CreateOperationContext(ctx, &params)
	if len(errs) > 0 {
		return failure(exec.DispatchError(graphql.WithOperationContext(ctx, op), errs).Errors)
	}
	ctx = graphql.WithOperationContext(ctx, op)
	defer func() {
		if r := recover(); r != nil {
			end = failure(exec.DispatchError(ctx, gqlerror.List{gqlerror.WrapIfUnwrapped(op.Recover(ctx, r))}).Errors)
		}
	}()
	e := startExecution(ctx, exec, op, &g.start)
	if e.source != nil {
		position, isLog := e.position()
		g.newest, g.position, g.isLog, g.source = &item{position: position}, position, isLog, e.source
		if g.oldest = g.newest; isLog {
			g.keep = time.Now().Add(rush)
		}
		close(g.ready)
	}
	return e.run(func(data []byte) bool {
		position, _ := e.position()
		g.appendItem(frame{kindNext, data}, position)
		if g.undelivered == maxBatchItems || time.Since(g.undeliveredSince) > maxBatchDelay {
			g.deliver()
		}
		return true
	}, func() bool {
		if g.undelivered > 0 {
			g.deliver()
		}
		position, _ := e.position()
		g.mu.Lock()
		g.position, g.isLive = position, true
		g.mu.Unlock()
		return true
	})
}

// appendItem appends an item to the list.
func (g *group) appendItem(f frame, position Position) {
	if g.undelivered++; g.undelivered == 1 {
		g.undeliveredSince = time.Now()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	it := &item{frame: f, position: position, number: g.newest.number + 1, bytes: g.newest.bytes + len(f.payload)}
	g.newest.next.Store(it)
	g.newest, g.position = it, position
	if time.Now().After(g.keep) {
		g.oldest = g.newest
	}
	for g.lags(g.oldest) {
		g.oldest = g.oldest.next.Load()
	}
}

// deliver writes new items to all members, in parallel if there are many. It never blocks: a member
// whose connection is full continues on its own goroutine.
func (g *group) deliver() {
	g.undelivered = 0
	g.mu.Lock()
	g.recipients = append(g.recipients[:0], g.members...)
	g.mu.Unlock()
	const membersPerPart = 64
	parts := min(runtime.GOMAXPROCS(0), 1+len(g.recipients)/membersPerPart)
	var others sync.WaitGroup
	for i := 1; i < parts; i++ {
		others.Go(func() { deliver(g.recipients, i, parts) })
	}
	deliver(g.recipients, 0, parts)
	others.Wait()
	clear(g.recipients)
}

// deliver writes to one of several equal parts of the members.
func deliver(members []*operation, part, parts int) {
	for _, op := range members[len(members)*part/parts : len(members)*(part+1)/parts] {
		op.deliver()
	}
}

// has reports whether a subscriber after a cursor may be given the group's items: not if the log was
// replaced by an older one, which may have the cursor, but not the items after it.
func (g *group) has(ctx context.Context, after *string) bool {
	log, ok := g.source.(Confirmer)
	return after == nil || !g.isLog || !ok || log.Confirm(ctx)
}

// join makes op a member, if the group can tell at which item the given cursor lies (nil means
// now), and returns the item before the first one to deliver. Otherwise it returns nil and op keeps
// the group's items as its handover. The peer's mu is held.
func (g *group) join(op *operation, after *string) *item {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended() {
		return nil
	}
	if !g.isLog {
		op.resumability = notResumable
		return g.addMember(op, g.beforeLatest())
	}
	op.past = g.newest.number
	if it, position := g.find(after); it != nil {
		op.resumability, op.position = resumable, position
		return g.addMember(op, it)
	}
	op.handover = g.oldest
	return nil
}

// find returns the last item up to a cursor and the cursor's position, or nil if the group cannot
// tell. The mu is held.
func (g *group) find(cursor *string) (*item, Position) {
	switch {
	case cursor == nil && g.isLive, cursor != nil && *cursor == g.position.Cursor:
		return g.newest, g.position
	case cursor == nil:
		return nil, Position{}
	}
	for it := g.oldest; it != nil; it = it.next.Load() {
		if it.position.Cursor == *cursor {
			return it, it.position
		}
	}
	return nil, Position{}
}

// catchUp makes op, which has executed on its own, a member once it has reached its handover, and
// returns that item. Otherwise it returns nil. The peer's mu is held.
func (g *group) catchUp(op *operation) *item {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended() || op.handover == nil {
		return nil
	}
	if g.lags(op.handover) {
		op.handover = g.oldest // the list is too long to keep
	}
	if op.position.Seq < op.handover.position.Seq {
		return nil
	}
	return g.addMember(op, op.handover)
}

func (g *group) addMember(op *operation, after *item) *item {
	op.index = len(g.members)
	g.members = append(g.members, op)
	return after
}

// removeMember removes op from the members if it is one.
func (g *group) removeMember(op *operation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	last := len(g.members) - 1
	if i := op.index; i <= last && g.members[i] == op {
		moved := g.members[last]
		g.members[i], g.members[last], moved.index = moved, nil, i
		g.members = g.members[:last]
	}
}

// nextItem returns the item that follows it, or nil if there is none yet. In a group of states it
// skips to the latest.
func (g *group) nextItem(it *item) *item {
	next := it.next.Load()
	for !g.isLog && next != nil && !next.kind.ends() {
		newer := next.next.Load()
		if newer == nil || newer.kind.ends() {
			break
		}
		next = newer
	}
	return next
}

// beforeLatest returns an item whose successor is the latest state, so that a new member gets that
// state first. The mu is held.
func (g *group) beforeLatest() *item {
	if g.newest.kind == 0 {
		return g.newest // no state has come yet
	}
	before := &item{number: g.newest.number - 1, bytes: g.newest.bytes - len(g.newest.payload)}
	before.next.Store(g.newest)
	return before
}

// ended reports whether the execution has ended. The mu is held.
func (g *group) ended() bool { return g.newest.kind.ends() }

// lags reports whether too many items have come after the last one a member has taken.
func (g *group) lags(last *item) bool {
	return g.newest.number-last.number > maxItems || g.newest.bytes-last.bytes > maxItemBytes
}

// caughtUpPosition returns how far the execution has read, and whether a member that has taken last
// has no newer item to take.
func (g *group) caughtUpPosition(last *item) (position Position, caughtUp bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.position, last == g.newest
}
