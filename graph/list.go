package graph

import (
	"context"

	"switchboard/service"
)

// lists reads pages of nested lists, the same page of all parents in one statement.
type lists[K comparable, T any] struct {
	pages  *reader[pageOf[K], *service.List[T]]
	totals *reader[K, service.Total]
}

func newLists[K comparable, T any](r *reads,
	read func(context.Context, service.Actor, []K, service.PageInput) ([]*service.List[T], error),
	totals func(context.Context, service.Actor, []K) ([]service.Total, error)) *lists[K, T] {
	return &lists[K, T]{
		// All keys of one call are of one field, so their arguments are the same.
		pages: newReader(r, func(ctx context.Context, actor service.Actor, keys []pageOf[K]) ([]*service.List[T], error) {
			parents := make([]K, len(keys))
			for i, key := range keys {
				parents[i] = key.parent
			}
			return read(ctx, actor, parents, keys[0].page.input())
		}),
		totals: newReader(r, totals),
	}
}

// connectionsOf reads the same page of the list of each row.
func connectionsOf[R, S, T any, K comparable](ctx context.Context, from *lists[K, S], rows []R, parent func(R) *K, node func(S) T, args pageArgs) ([]*Connection[T], []error) {
	pages, errs := refer(ctx, from.pages, rows, func(row R) *pageOf[K] { return &pageOf[K]{*parent(row), args} })
	return derive(len(rows), errs, func(i int) *Connection[T] {
		c := connect(pages[i], node)
		c.parent, c.count = *parent(rows[i]), from.count
		return c
	})
}

// count counts the lists of several pages.
func (l *lists[K, T]) count(ctx context.Context, pages []*page) ([]service.Total, []error) {
	return refer(ctx, l.totals, pages, func(p *page) *K { parent := p.parent.(K); return &parent })
}

// pageOf is the key of a page of one parent's list.
type pageOf[K comparable] struct {
	parent K
	page   pageArgs
}

// pageArgs are the arguments of a page in a comparable form, so that they can be part of a key.
type pageArgs struct {
	first, last   argument[int]
	after, before argument[string]
}

// argument is an argument that may be left out.
type argument[T comparable] struct {
	value T
	given bool
}

func argumentOf[T comparable](p *T) (a argument[T]) {
	if p != nil {
		a = argument[T]{*p, true}
	}
	return a
}

func (a argument[T]) pointer() *T {
	if !a.given {
		return nil
	}
	return &a.value
}

func argsOf(first *int, after *string, last *int, before *string) pageArgs {
	return pageArgs{argumentOf(first), argumentOf(last), argumentOf(after), argumentOf(before)}
}

func (a pageArgs) input() service.PageInput {
	return service.PageInput{First: a.first.pointer(), Last: a.last.pointer(), After: a.after.pointer(), Before: a.before.pointer()}
}
