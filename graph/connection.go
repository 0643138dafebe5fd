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
	cursors  []string
	pageInfo PageInfo
}

// Edge is one row of a page with its page cursor.
type Edge[T any] struct {
	Node   T
	Cursor string
}

// PageInfo says where a page lies in its list.
type PageInfo struct {
	HasNextPage, HasPreviousPage bool
	StartCursor, EndCursor       *string
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

// Edges are the rows with their page cursors.
func (c *Connection[T]) Edges() []*Edge[T] {
	edges := make([]*Edge[T], len(c.nodes))
	for i, node := range c.nodes {
		edges[i] = &Edge[T]{node, c.cursors[i]}
	}
	return edges
}

// Nodes are the rows alone.
func (c *Connection[T]) Nodes() []T { return c.nodes }

// PageInfo says where the page lies.
func (c *Connection[T]) PageInfo() *PageInfo { return &c.pageInfo }

// connect turns a page of rows into a connection of what the schema shows of them.
func connect[S, T any](l *service.List[S], node func(S) T) *Connection[T] {
	c := &Connection[T]{nodes: make([]T, len(l.Rows)), cursors: make([]string, len(l.Rows))}
	for i, row := range l.Rows {
		c.nodes[i], c.cursors[i] = node(row), l.Cursor(row)
	}
	c.pageInfo = PageInfo{HasNextPage: l.HasNext, HasPreviousPage: l.HasPrevious}
	if n := len(c.cursors); n > 0 {
		c.pageInfo.StartCursor, c.pageInfo.EndCursor = &c.cursors[0], &c.cursors[n-1]
	}
	return c
}

func same[T any](row T) T { return row }

// InboxConnection is a page of the inbox, which also tells about the list as a whole.
type InboxConnection struct {
	*ConversationConnection
	AsOf         db.EventCursor
	SearchCapped bool
	total        func(context.Context) (inboxTotal, error)
}

type inboxTotal struct {
	count  int
	capped bool
}

// TotalCount is how many conversations the list holds; it is counted only when asked for.
func (c *InboxConnection) TotalCount(ctx context.Context) (int, error) {
	t, err := c.total(ctx)
	return t.count, err
}

// TotalCountCapped says that there are more than TotalCount.
func (c *InboxConnection) TotalCountCapped(ctx context.Context) (bool, error) {
	t, err := c.total(ctx)
	return t.capped, err
}

func (r *Resolver) inboxConnection(actor service.Actor, l *service.InboxList) *InboxConnection {
	var once sync.Once
	var t inboxTotal
	var err error
	return &InboxConnection{
		ConversationConnection: connect(&l.List, same[*db.Conversation]), AsOf: l.AsOf, SearchCapped: l.SearchCapped,
		total: func(ctx context.Context) (inboxTotal, error) {
			once.Do(func() { t.count, t.capped, err = r.service.InboxTotal(ctx, actor, l) })
			return t, err
		},
	}
}
