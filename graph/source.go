package graph

import (
	"context"
	"math/rand/v2"
	"time"

	"switchboard/db"
	"switchboard/graph/compiled"
	"switchboard/graph/live"
	"switchboard/service"
	"switchboard/service/workflow"
)

// A source yields the items of a stream to the execution of a subscription. It reads several items
// together, and loads what the document selects of all of them at once.
type source[S, T any] struct {
	*service.Stream[S]
	item  func(S) T
	ahead func(ctx context.Context, items []any) // reads what the document selects of items
	out   chan T
	batch *batch
	key   db.CursorKey

	queue       []positioned[S] // read, but not yet returned by Next
	unavailable bool            // the database was unreachable for the last read-ahead
	began       time.Time
	position    live.Position
}

// A positioned is an item of the stream with its position in the log.
type positioned[S any] struct {
	item     S
	position live.Position
}

// maxReadAhead is the most items that are read ahead together.
const maxReadAhead = 64

// retryPause is the average pause between two attempts to reach the database.
const retryPause = 500 * time.Millisecond

// A batch holds the reads for the items that a subscription has read ahead. They have read the
// database after all of these items.
type batch struct {
	service *workflow.Service
	hub     *live.Hub
	reads   *reads
}

// withBatch returns a context for a subscription.
func (o Options) withBatch(ctx context.Context) context.Context {
	return context.WithValue(ctx, batchKey, &batch{service: o.Service, hub: o.hub})
}

// batchOf returns the batch of a subscription, or nil for other operations.
func batchOf(ctx context.Context) *batch {
	b, _ := ctx.Value(batchKey).(*batch)
	return b
}

// push makes a stream the source of a subscription and returns the channel for its resolver.
func push[S, T any](ctx context.Context, s *service.Stream[S], err error, item func(S) T) (<-chan T, error) {
	if err != nil {
		return nil, err
	}
	p := &source[S, T]{began: time.Now(), Stream: s, item: item, ahead: compiled.Ahead(ctx), out: make(chan T, 1), batch: batchOf(ctx), key: cursorKeyOf(ctx)}
	p.position = p.streamPosition()
	live.Pull(ctx, p)
	return p.out, nil
}

// pushLog is push for a stream of the log that starts after a cursor.
func pushLog[S, T any](ctx context.Context, after *db.EventCursor, watch func(from *db.EventCursor) (*service.Stream[S], error), item func(S) T) (<-chan T, error) {
	from, err := startCursor(ctx, after)
	if err != nil {
		return nil, err
	}
	s, err := watch(from)
	if after != nil && from == after {
		countResume(ctx, err, err == nil && s.Behind() > 0)
	}
	if start, _ := live.From(ctx); from != nil && isTooOld(s, err, start.Within) {
		if err == nil {
			s.Close()
		}
		s, err = watch(nil)
	}
	return push(ctx, s, err, item)
}

// Next sends the next item, if there is one. While the database is unreachable it sends none, since
// their fields would all be errors.
func (p *source[S, T]) Next(ctx context.Context) (bool, error) {
	switch {
	case len(p.queue) == 0:
		if err := p.fill(ctx); err != nil || len(p.queue) == 0 {
			return false, err
		}
		fallthrough
	case p.unavailable:
		if p.readAhead(ctx); p.unavailable {
			return false, ctx.Err()
		}
	}
	next := p.queue[0]
	p.queue, p.position = p.queue[1:], next.position
	p.out <- p.item(next.item)
	return true, nil
}

// fill reads items of the stream. An error is returned by a later call, after the items before it.
func (p *source[S, T]) fill(ctx context.Context) error {
	for len(p.queue) < maxReadAhead {
		item, ok, err := p.Stream.Next(ctx)
		if err != nil && len(p.queue) == 0 {
			return err
		}
		if err != nil || !ok {
			break
		}
		p.queue = append(p.queue, positioned[S]{item, p.streamPosition()})
	}
	if len(p.queue) == 0 {
		p.position = p.streamPosition()
	}
	return nil
}

// readAhead reads what the document selects of the queued items. It may fail: the fields are then
// read again with each item, which reports their errors.
func (p *source[S, T]) readAhead(ctx context.Context) {
	defer func() { _ = recover() }() // an item that cannot be made, which panics again when it is next
	p.unavailable = false
	p.batch.reads = newReads(p.batch.service, audienceOf(ctx))
	items := make([]any, len(p.queue))
	for i, next := range p.queue {
		items[i] = p.item(next.item)
	}
	p.ahead(withReads(ctx, p.batch.reads), items)
	p.unavailable = p.batch.reads.away.Load()
}

// Wait returns when Next may have an item.
func (p *source[S, T]) Wait(ctx context.Context) error {
	if !p.unavailable {
		return p.Stream.Wait(ctx)
	}
	timer := time.NewTimer(retryPause/2 + rand.N(retryPause))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Position returns the position of the last item or, if nothing is queued, how far the stream has
// read. It returns false for a stream of states.
func (p *source[S, T]) Position() (live.Position, bool) {
	_, ok := p.Stream.Position()
	return p.position, ok
}

func (p *source[S, T]) streamPosition() live.Position {
	position, ok := p.Stream.Position()
	switch {
	case !ok:
		return live.Position{}
	case position.Seq == db.Seq(p.position.Seq) && p.position.Cursor != "":
		return p.position // avoids formatting the same cursor on each poll
	}
	at := live.Position{Seq: int64(position.Seq), Cursor: p.key.Seal(position)}
	if committed := p.Committed(); committed.After(p.began) {
		at.Committed = committed.UnixNano()
	}
	return at
}

// isTooOld reports whether more events follow a stream's first position than a start allows: 0
// allows any number and the errors of a cursor.
func isTooOld[S any](s *service.Stream[S], err error, within int) bool {
	switch {
	case within == 0:
		return false
	case err == nil:
		return s.Behind() > int64(within)
	}
	code := service.Explain(err).Code
	return code == service.CursorExpired || code == service.CursorInvalid
}

// countResume counts a subscription that resumes after a cursor of its client.
func countResume(ctx context.Context, err error, isBehind bool) {
	hub := batchOf(ctx).hub
	switch {
	case err == nil && isBehind:
		hub.Resumed(live.ResumedReplayed)
	case err == nil:
		hub.Resumed(live.ResumedLive)
	case service.Explain(err).Code == service.CursorExpired:
		hub.Resumed(live.ResumedExpired)
	case service.Explain(err).Code == service.CursorInvalid:
		hub.Resumed(live.ResumedFromWrong)
	}
}

// startCursor returns the cursor that a subscription starts after: that of its argument, unless the
// transport determines another.
func startCursor(ctx context.Context, after *db.EventCursor) (*db.EventCursor, error) {
	start, given := live.From(ctx)
	switch {
	case !given:
		return after, nil
	case start.After == nil:
		return nil, nil
	}
	position, err := cursorKeyOf(ctx).Open(*start.After)
	if err != nil && start.Within > 0 {
		return nil, nil
	}
	return &position, err
}
