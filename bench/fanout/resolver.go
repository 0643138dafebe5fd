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

// A hub hands changes to subscriptions, each of which has a channel, as is usual with
// gqlgen. Nothing is dropped: a full channel makes the publisher wait.
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

// resolvers are those of the API, but for the subscription, which knows no database.
type resolvers struct {
	*graph.Resolver
	subscription graph.SubscriptionResolver
}

func (r resolvers) Subscription() graph.SubscriptionResolver { return r.subscription }

// channelSubscription is a subscription written as gqlgen's documentation shows it.
type channelSubscription struct {
	graph.SubscriptionResolver // the other fields, which nobody asks for
	hub                        *hub
}

func (s channelSubscription) InboxChanged(ctx context.Context, _ db.View, _ *db.InboxFilter, _ *db.EventCursor) (<-chan *graph.InboxChange, error) {
	return s.hub.subscribe(ctx), nil
}

// serveGraphQL serves the project's schema over a transport.
func serveGraphQL(l net.Listener, transport graphql.Transport, subscription graph.SubscriptionResolver) {
	server := handler.New(graph.NewExecutableSchema(graph.Config{Resolvers: resolvers{&graph.Resolver{}, subscription}}))
	server.AddTransport(transport)
	server.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	go func() { _ = http.Serve(l, server) }()
}
