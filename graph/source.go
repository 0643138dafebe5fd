package graph

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"switchboard/db"
	"switchboard/graph/live"
	"switchboard/service"
)

// source hands the items of a stream to whoever executes a subscription, as many as are
// there together: what the document asks of them is read ahead for all at once.
type source[S, T any] struct {
	*service.Stream[S]
	item  func(S) T
	field graphql.CollectedField
	out   chan T
	batch *batch

	waiting []placed[S] // not yet handed out
	away    bool        // what they ask of the database could not be read
	at      live.Position
}

// placed is something in the log and its place.
type placed[S any] struct {
	what S
	at   live.Position
}

// atOnce is how many items are read ahead for at most.
const atOnce = 64

// awayPause is between two attempts to reach the database, about.
const awayPause = 500 * time.Millisecond

// batch holds the loaders of the items that a subscription is handing out. What they have
// read is not older than any of these.
type batch struct {
	service *service.Service
	loaders *loaders
}

// withBatch prepares a subscription's context.
func withBatch(ctx context.Context, s *service.Service) context.Context {
	return context.WithValue(ctx, batchKey, &batch{service: s})
}

// batchOf gives the batch of a subscription; nil for other operations.
func batchOf(ctx context.Context) *batch {
	b, _ := ctx.Value(batchKey).(*batch)
	return b
}

// push makes a stream the source of a subscription.
func push[S, T any](ctx context.Context, s *service.Stream[S], err error, item func(S) T) (<-chan T, error) {
	if err != nil {
		return nil, err
	}
	p := &source[S, T]{Stream: s, item: item, field: graphql.GetFieldContext(ctx).Field, out: make(chan T, 1), batch: batchOf(ctx)}
	p.at = p.place()
	live.Pull(ctx, p)
	return p.out, nil
}

// pushLog is push for a stream of the log, which begins after a place.
func pushLog[S, T any](ctx context.Context, after *db.EventCursor, watch func(from *db.EventCursor) (*service.Stream[S], error), item func(S) T) (<-chan T, error) {
	from, err := beginning(ctx, after)
	if err != nil {
		return nil, err
	}
	s, err := watch(from)
	return push(ctx, s, err, item)
}

// Next hands out the next item, if there is one. While the database is away there is
// none: what would be in it then could only be errors.
func (p *source[S, T]) Next(ctx context.Context) (bool, error) {
	switch {
	case len(p.waiting) == 0:
		if err := p.fill(ctx); err != nil || len(p.waiting) == 0 {
			return false, err
		}
		fallthrough
	case p.away:
		if p.readAhead(ctx); p.away {
			return false, ctx.Err()
		}
	}
	next := p.waiting[0]
	p.waiting, p.at = p.waiting[1:], next.at
	p.out <- p.item(next.what)
	return true, nil
}

// fill takes what the stream has. An error comes again when everything before it has been
// handed out.
func (p *source[S, T]) fill(ctx context.Context) error {
	for len(p.waiting) < atOnce {
		what, ok, err := p.Stream.Next(ctx)
		if err != nil && len(p.waiting) == 0 {
			return err
		}
		if err != nil || !ok {
			break
		}
		p.waiting = append(p.waiting, placed[S]{what, p.place()})
	}
	if len(p.waiting) == 0 {
		p.at = p.place()
	}
	return nil
}

// readAhead is allowed to fail: then the items read for themselves, and say so if they
// fail as well.
func (p *source[S, T]) readAhead(ctx context.Context) {
	defer func() { _ = recover() }()
	p.away = false
	p.batch.loaders = newLoaders(p.batch.service, audienceOf(ctx))
	items := make([]T, len(p.waiting))
	for i, next := range p.waiting {
		items[i] = p.item(next.what)
	}
	ahead{ctx, p.batch.loaders, graphql.GetOperationContext(ctx), &p.away}.ofRoot(p.field, items)
}

// Wait waits until Next may give something.
func (p *source[S, T]) Wait(ctx context.Context) error {
	if !p.away {
		return p.Stream.Wait(ctx)
	}
	timer := time.NewTimer(awayPause/2 + rand.N(awayPause))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Position is the place of the item handed out last, or beyond it how far the stream has
// looked. States have none.
func (p *source[S, T]) Position() (live.Position, bool) {
	_, ok := p.Stream.Position()
	return p.at, ok
}

func (p *source[S, T]) place() live.Position {
	at, ok := p.Stream.Position()
	switch {
	case !ok:
		return live.Position{}
	case at.Seq == db.Seq(p.at.Seq) && p.at.Cursor != "":
		return p.at // there may be nothing new a thousand times
	}
	return live.Position{Seq: int64(at.Seq), Cursor: at.String()}
}

// beginning is where a subscription begins: where its argument says, unless the transport
// knows better.
func beginning(ctx context.Context, after *db.EventCursor) (*db.EventCursor, error) {
	cursor, given := live.From(ctx)
	switch {
	case !given:
		return after, nil
	case cursor == nil:
		return nil, nil
	}
	at, err := db.ParseEventCursor(*cursor)
	return &at, err
}
