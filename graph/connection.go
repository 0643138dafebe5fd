package graph

import (
	"context"
	"sync"

	"switchboard/db"
	"switchboard/service"
)

// Connection is one page of a list in the form of Relay's specification
// (https://relay.dev/graphql/connections.htm).
type Connection[T any] struct {
	nodes    []T
	cursor   func(row int) string
	pageInfo PageInfo
	total    counting
}

// counting counts the rows of a whole list.
type counting func(context.Context) (service.Total, error)

// Edge is one row of a page with its page cursor.
type Edge[T any] struct {
	Node T
	page *Connection[T]
	row  int
}

// Cursor returns the page cursor of the row. A cursor is computed only if it is selected.
func (e *Edge[T]) Cursor() string { return e.page.cursor(e.row) }

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
	TimelineConnection     = Connection[Event]
	TimelineEdge           = Edge[Event]
)

// Edges returns the rows with their page cursors.
func (c *Connection[T]) Edges() []*Edge[T] {
	edges := make([]*Edge[T], len(c.nodes))
	for i, node := range c.nodes {
		edges[i] = &Edge[T]{node, c, i}
	}
	return edges
}

// Nodes returns the rows without their cursors.
func (c *Connection[T]) Nodes() []T { return c.nodes }

// PageInfo returns the position of the page in its list.
func (c *Connection[T]) PageInfo() *PageInfo { return &c.pageInfo }

// TotalCount returns the number of rows of the whole list, up to a limit. They are counted only
// if the field is selected.
func (c *Connection[T]) TotalCount(ctx context.Context) (int, error) {
	t, err := c.total(ctx)
	return t.Count, err
}

// TotalCountCapped reports whether the whole list is longer than TotalCount.
func (c *Connection[T]) TotalCountCapped(ctx context.Context) (bool, error) {
	t, err := c.total(ctx)
	return t.Capped, err
}

// connect returns the connection of a page of rows. The total counts the rows of the whole list; it
// is called at most once.
func connect[S, T any](l *service.List[S], node func(S) T, total counting) *Connection[T] {
	cursor := func(row int) string { return l.Cursor(l.Rows[row]) }
	c := &Connection[T]{nodes: make([]T, len(l.Rows)), cursor: cursor, total: once(total)}
	for i, row := range l.Rows {
		c.nodes[i] = node(row)
	}
	c.pageInfo = PageInfo{HasNextPage: l.HasNext, HasPreviousPage: l.HasPrevious, rows: len(l.Rows), cursor: cursor}
	return c
}

func same[T any](row T) T { return row }

// once returns a counting that counts on the first call and then returns the same result.
func once(count counting) counting {
	var once sync.Once
	var t service.Total
	var err error
	return func(ctx context.Context) (service.Total, error) {
		once.Do(func() { t, err = count(ctx) })
		return t, err
	}
}

// totalOf returns the counting of one parent's list. The loader counts the lists of several parents
// together.
func totalOf[K comparable](totals *loader[K, service.Total], parent K) counting {
	return func(ctx context.Context) (service.Total, error) { return totals.Load(ctx, parent) }
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
	return &InboxConnection{connect(&l.List, same[*db.Conversation], total), l.AsOf, l.SearchCapped}
}
