package live

import (
	"context"
	"sync/atomic"
)

// Position is how far a subscription has looked into a log: everything up to there was
// passed over or handed to the executor. Seq orders positions; Cursor is what a client
// resumes after.
type Position struct {
	Seq    int64
	Cursor string
}

// Progress is where the subscription of one operation stands. The server's pings carry
// the lowest of a socket: all up to it has been delivered there.
type Progress struct {
	position     func() Position // nil: the items are states of something, not events of a log
	handed, sent atomic.Int64    // items

	delivered Position // as of the last ping that found everything sent; the socket's mu
}

// Follow is called by a resolver before it hands out its first item. Position is asked at
// each ping; nil leaves the subscription out. Outside a socket's operation nothing happens.
func Follow(ctx context.Context, position func() Position) *Progress {
	p := &Progress{position: position}
	if op, ok := ctx.Value(operationKey{}).(*operation); ok {
		op.progress.Store(p)
	}
	return p
}

// Hand is called before each item that is handed to the executor.
func (p *Progress) Hand() { p.handed.Add(1) }

// now is the last position of which it is certain that everything up to it was sent. The
// position is read before the items are counted, so an item in between only counts against it.
func (p *Progress) now() Position {
	if at := p.position(); p.handed.Load() == p.sent.Load() {
		p.delivered = at
	}
	return p.delivered
}

// delivered gives the cursor up to which all subscriptions of the socket have delivered;
// empty if there is none, or one of which that is not known yet. The socket's mu is held.
func (s *socket) delivered() (cursor string) {
	lowest := Position{}
	for _, op := range s.operations {
		p := op.progress.Load()
		if p == nil && op.single.Load() || p != nil && p.position == nil {
			continue
		}
		if p == nil || p.now().Cursor == "" {
			return ""
		}
		if lowest.Cursor == "" || p.delivered.Seq < lowest.Seq {
			lowest = p.delivered
		}
	}
	return lowest.Cursor
}
