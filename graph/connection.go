package graph

import (
	"context"
	"slices"
	"sync"

	"switchboard/db"
	"switchboard/service"
)

// Connection is one page of a list in the form of Relay's specification
// (https://relay.dev/graphql/connections.htm).
type Connection[T any] struct {
	*page
	nodes []T
}

// page is what connections of all kinds of rows have.
type page struct {
	pageInfo PageInfo
	parent   any      // whose list it is; nil for a list of the workspace
	count    counting // counts the whole list
}

// counting counts the whole lists of pages of one field.
type counting func(ctx context.Context, pages []*page) ([]service.Total, []error)

// Edge is one row of a page with its page cursor.
type Edge[T any] struct {
	Node T
	page *page
	row  int
}

// Cursor returns the page cursor of the row. A cursor is computed only if it is selected.
func (e *Edge[T]) Cursor() string { return e.page.pageInfo.cursor(e.row) }

// PageInfo describes the position of a page in its list.
type PageInfo struct {
	HasNextPage, HasPreviousPage bool

	rows   int
	cursor func(row int) string
}

// StartCursor returns the page cursor of the first row, or nil if there is none.
func (p *PageInfo) StartCursor() *string { return p.cursorOf(0) }

// EndCursor returns the page cursor of the last row, or nil if there is none.
func (p *PageInfo) EndCursor() *string { return p.cursorOf(p.rows - 1) }

func (p *PageInfo) cursorOf(row int) *string {
	if p.rows == 0 {
		return nil
	}
	cursor := p.cursor(row)
	return &cursor
}

// The connections and edges of the schema.
type (
	AgentConnection        = Connection[*db.Agent]
	AgentEdge              = Edge[*db.Agent]
	ContactConnection      = Connection[*db.Contact]
	ContactEdge            = Edge[*db.Contact]
	ConversationConnection = Connection[*db.Conversation]
	ConversationEdge       = Edge[*db.Conversation]
	MessageConnection      = Connection[*db.Message]
	MessageEdge            = Edge[*db.Message]
	EntryConnection        = Connection[Entry]
	EntryEdge              = Edge[Entry]
	TimelineConnection     = Connection[Event]
	TimelineEdge           = Edge[Event]
)

// Edges returns the rows with their page cursors.
func (c *Connection[T]) Edges() []*Edge[T] {
	edges, all := make([]*Edge[T], len(c.nodes)), make([]Edge[T], len(c.nodes))
	for i, node := range c.nodes {
		all[i] = Edge[T]{node, c.page, i}
		edges[i] = &all[i]
	}
	return edges
}

// Nodes returns the rows without their cursors.
func (c *Connection[T]) Nodes() []T { return c.nodes }

// PageInfo returns the position of the page in its list.
func (c *Connection[T]) PageInfo() *PageInfo { return &c.pageInfo }

// pageRelations are the relations of connections.
type pageRelations struct{ *reads }

// TotalCount returns the number of rows of the whole lists, up to a limit. They are counted only if
// the field is selected.
func (r pageRelations) TotalCount(ctx context.Context, rows []*page) ([]int, []error) {
	totals, errs := rows[0].count(ctx, rows)
	return derive(len(rows), errs, func(i int) int { return totals[i].Count })
}

// TotalCountCapped reports whether the whole lists are longer than TotalCount.
func (r pageRelations) TotalCountCapped(ctx context.Context, rows []*page) ([]bool, []error) {
	totals, errs := rows[0].count(ctx, rows)
	return derive(len(rows), errs, func(i int) bool { return totals[i].Capped })
}

// connect returns the connection of a page of rows.
func connect[S, T any](l *service.List[S], node func(S) T) *Connection[T] {
	info := PageInfo{HasNextPage: l.HasNext, HasPreviousPage: l.HasPrevious, rows: len(l.Rows)}
	info.cursor = func(row int) string { return l.Cursor(l.Rows[row]) }
	c := &Connection[T]{&page{pageInfo: info}, make([]T, len(l.Rows))}
	for i, row := range l.Rows {
		c.nodes[i] = node(row)
	}
	return c
}

// rootConnection returns the connection of a page of one of the workspace's lists, which total
// counts.
func rootConnection[T any](l *service.List[T], total func(context.Context) (service.Total, error)) *Connection[T] {
	c := connect(l, same[T])
	c.count = once(total)
	return c
}

func same[T any](row T) T { return row }

// once returns a counting of one list that counts on the first call and then returns the same
// result.
func once(total func(context.Context) (service.Total, error)) counting {
	var once sync.Once
	var t service.Total
	var err error
	return func(ctx context.Context, pages []*page) ([]service.Total, []error) {
		once.Do(func() { t, err = total(ctx) })
		if err != nil {
			return make([]service.Total, len(pages)), failures(len(pages), err)
		}
		return slices.Repeat([]service.Total{t}, len(pages)), nil
	}
}

// InboxConnection is a page of the inbox.
type InboxConnection struct {
	*ConversationConnection
	AsOf         db.EventCursor
	SearchCapped bool
}

func (r *Resolver) inboxConnection(actor service.Actor, l *service.InboxList) *InboxConnection {
	total := func(ctx context.Context) (t service.Total, err error) {
		t.Count, t.Capped, err = r.service.InboxTotal(ctx, actor, l)
		return t, err
	}
	return &InboxConnection{rootConnection(&l.List, total), l.AsOf, l.SearchCapped}
}
