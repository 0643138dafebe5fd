package main

import (
	"context"
	"net"
	"net/http"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"

	"switchboard/db"
	"switchboard/graph"
)

// A hub sends changes to subscriptions through one channel each, as is usual with gqlgen. Nothing
// is dropped: the publisher blocks while a channel is full.
type hub struct {
	mu       sync.Mutex
	channels map[chan *graph.InboxChange]context.Context
}

const channelSize = 64

func newHub() *hub { return &hub{channels: map[chan *graph.InboxChange]context.Context{}} }

func (h *hub) subscribe(ctx context.Context) <-chan *graph.InboxChange {
	changes := make(chan *graph.InboxChange, channelSize)
	h.mu.Lock()
	h.channels[changes] = ctx
	h.mu.Unlock()
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		delete(h.channels, changes)
		h.mu.Unlock()
	})
	return changes
}

func (h *hub) publish(events []event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range events {
		change := e.change()
		for changes, ctx := range h.channels {
			select {
			case changes <- change:
			case <-ctx.Done():
			}
		}
	}
}

func (h *hub) subscribers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.channels)
}

// resolvers are those of the API, with a subscription that needs no database.
type resolvers struct {
	*graph.Resolver
	subscription graph.SubscriptionResolver
}

func (r resolvers) Subscription() graph.SubscriptionResolver { return r.subscription }

// A channelSubscription is written as in gqlgen's documentation.
type channelSubscription struct {
	graph.SubscriptionResolver // the other fields, which are not used
	hub                        *hub
}

func (s channelSubscription) InboxChanged(ctx context.Context, _ db.View, _ *db.InboxFilter, _ *string, _ *db.EventCursor) (<-chan *graph.InboxChange, error) {
	return s.hub.subscribe(ctx), nil
}

// serveGraphQL serves the project's schema over a transport.
func serveGraphQL(l net.Listener, transport graphql.Transport, subscription graph.SubscriptionResolver) {
	server := handler.New(graph.NewExecutableSchema(graph.Config{Resolvers: resolvers{&graph.Resolver{}, subscription}}))
	server.AddTransport(transport)
	server.AroundOperations(func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		return next(graph.WithCursorKey(ctx, cursorKey))
	})
	server.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	go func() { _ = http.Serve(l, server) }()
}
