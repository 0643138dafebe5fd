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

// A Hub executes equal subscriptions once and writes each result to all who want it. The zero value shares nothing.
type Hub struct {
	// Share says with whom a subscription is executed together, after it was validated; ctx is the subscriber's.
	// Not ok: with nobody. What is shared must be a subscription whose resolver calls Pull. Nil: nothing is.
	Share func(ctx context.Context, op *graphql.OperationContext) (s Shared, ok bool)

	gate gate

	mu     sync.Mutex
	groups map[string]*group
}

// A group are the subscriptions that one execution serves.
type group struct {
	hub    *Hub
	key    string
	ctx    context.Context
	cancel context.CancelFunc
	params *graphql.RawParams // for members that execute by themselves
	users  int                // members, and those who want to be; guarded by the hub's mu

	begun   chan struct{} // closed when the following are known
	refused frame         // why it could not begin
	isLog   bool          // else its items are states, of which only the latest counts

	mu      sync.Mutex
	end     *item    // the newest
	looked  Position // how far the execution has looked: perhaps further than the newest item
	members []*operation

	// The group's goroutine alone:
	waiting  int          // items that were not delivered yet
	since    time.Time    // of the first of them
	delivery []*operation // to whom, at the moment
}

// An item is one result, encoded once. Items are a list from old to new; it reaches back as far as the member needs
// it that is furthest behind, and no further.
type item struct {
	frame
	at    Position
	n     int // of the item, counted from the beginning of the group
	bytes int // of all items up to this one
	next  atomic.Pointer[item]
}

// How much may wait for one member.
const (
	maxItems     = 256
	maxItemBytes = 1 << 20
)

// Results that are ready at the same time go out together: at most so many, and for at most so long.
const (
	maxTogether   = 64
	maxTogetherIn = 2 * time.Millisecond
)

// group gives the group of a subscription, which the caller has to leave.
func (h *Hub) group(s Shared, exec graphql.GraphExecutor, params *graphql.RawParams) *group {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.groups[s.Key]
	if g == nil {
		if h.groups == nil {
			h.groups = map[string]*group{}
		}
		g = &group{hub: h, key: s.Key, params: params, begun: make(chan struct{})}
		g.ctx, g.cancel = context.WithCancel(s.Context)
		h.groups[s.Key] = g
		go g.run(exec)
	}
	g.users++
	return g
}

// leave ends the group with its last user.
func (g *group) leave() {
	g.hub.mu.Lock()
	defer g.hub.mu.Unlock()
	if g.users--; g.users == 0 {
		g.close()
	}
}

// close makes room for another group of the same key. The hub's mu is held.
func (g *group) close() {
	g.cancel()
	if g.hub.groups[g.key] == g {
		delete(g.hub.groups, g.key)
	}
}

// run executes for all.
func (g *group) run(exec graphql.GraphExecutor) {
	end := g.execute(exec)
	if end.kind == 0 {
		end = failure(nil) // nobody is there to be told, unless the context was not what Shared wants
	}
	g.hub.mu.Lock()
	g.close() // whoever comes now begins anew
	g.hub.mu.Unlock()
	select {
	case <-g.begun:
		g.add(end, g.end.at)
		g.deliver()
	default:
		g.refused = end
		close(g.begun)
	}
}

// execute gives the frame with which the subscription ends for all of its members.
func (g *group) execute(exec graphql.GraphExecutor) (end frame) {
	ctx := graphql.StartOperationTrace(g.ctx)
	params := *g.params // the executor changes them
	op, errs := exec.CreateOperationContext(ctx, &params)
	if len(errs) > 0 {
		return failure(exec.DispatchError(graphql.WithOperationContext(ctx, op), errs).Errors)
	}
	defer func() {
		if r := recover(); r != nil {
			end = failure(exec.DispatchError(ctx, gqlerror.List{gqlerror.WrapIfUnwrapped(op.Recover(ctx, r))}).Errors)
		}
	}()
	e := execute(ctx, exec, op, &beginning{})
	if e.source != nil {
		at, isLog := e.position()
		g.end, g.looked, g.isLog = &item{at: at}, at, isLog
		close(g.begun)
	}
	return e.run(func(data []byte) bool {
		at, _ := e.position()
		g.add(frame{next, data}, at)
		if g.waiting == maxTogether || time.Since(g.since) > maxTogetherIn {
			g.deliver()
		}
		return true
	}, func() bool {
		if g.waiting > 0 {
			g.deliver()
		}
		at, _ := e.position()
		g.mu.Lock()
		g.looked = at
		g.mu.Unlock()
		return true
	})
}

// add puts an item at the end of the list.
func (g *group) add(f frame, at Position) {
	if g.waiting++; g.waiting == 1 {
		g.since = time.Now()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	it := &item{frame: f, at: at, n: g.end.n + 1, bytes: g.end.bytes + len(f.payload)}
	g.end.next.Store(it)
	g.end, g.looked = it, at
}

// deliver writes what waits to all members, on all processors if they are many. Nobody makes it wait: a member
// whose line is full is left to go on by itself.
func (g *group) deliver() {
	g.waiting = 0
	g.mu.Lock()
	g.delivery = append(g.delivery[:0], g.members...)
	g.mu.Unlock()
	const few = 64
	parts := min(runtime.GOMAXPROCS(0), 1+len(g.delivery)/few)
	var others sync.WaitGroup
	for i := 1; i < parts; i++ {
		others.Go(func() { deliver(g.delivery, i, parts) })
	}
	deliver(g.delivery, 0, parts)
	others.Wait()
	clear(g.delivery)
}

// deliver writes to one part of the members.
func deliver(members []*operation, part, parts int) {
	for _, op := range members[len(members)*part/parts : len(members)*(part+1)/parts] {
		op.deliver()
	}
}

// enter makes a member of an operation that wants what comes after a cursor, or with nil from now on, and gives the
// item to go on after. None if the group cannot tell which that is; then the operation keeps the list from here on.
// The peer's mu is held, as in the following.
func (g *group) enter(op *operation, after *string) *item {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.ended():
		return nil
	case !g.isLog:
		op.follows = noLog
		return g.seat(op, g.latest())
	case after == nil, *after == g.looked.Cursor:
		op.follows, op.at = aLog, g.looked
		return g.seat(op, g.end)
	}
	op.anchor = g.end
	return nil
}

// catchUp makes a member of an operation that has executed by itself, and gives the item to go on after. None if the
// group has passed that place.
func (g *group) catchUp(op *operation) *item {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended() || op.anchor == nil {
		return nil
	}
	if g.lags(op.anchor) {
		op.anchor = g.end // more cannot be kept
	}
	if op.at.Seq < op.anchor.at.Seq {
		return nil
	}
	return g.seat(op, op.anchor)
}

func (g *group) seat(op *operation, after *item) *item {
	op.seat = len(g.members)
	g.members = append(g.members, op)
	return after
}

// drop ends a membership.
func (g *group) drop(op *operation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	last := len(g.members) - 1
	if i := op.seat; i <= last && g.members[i] == op {
		moved := g.members[last]
		g.members[i], g.members[last], moved.seat = moved, nil, i
		g.members = g.members[:last]
	}
}

// after gives the next item for a member; nil if there is none yet. Of states only the latest counts.
func (g *group) after(it *item) *item {
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

// latest gives the item to go on after for whoever is to get the present state first. The mu is held.
func (g *group) latest() *item {
	if g.end.kind == 0 {
		return g.end // there is none yet
	}
	before := &item{n: g.end.n - 1, bytes: g.end.bytes - len(g.end.payload)}
	before.next.Store(g.end)
	return before
}

// ended is true once the execution is over. The mu is held.
func (g *group) ended() bool { return g.end.kind.ends() }

// lags is true for a member that has taken this item last, if too much waits for it.
func (g *group) lags(last *item) bool {
	return g.end.n-last.n > maxItems || g.end.bytes-last.bytes > maxItemBytes
}

// isLookedAt gives how far the execution has looked, if a member that has taken this item last has got all there is.
func (g *group) isLookedAt(last *item) (at Position, all bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.looked, last == g.end
}
