package main

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"

	"switchboard/db"
	"switchboard/graph"
	"switchboard/graph/live"
)

// serveOurs is the transport of graph/live, with the log in memory.
func serveOurs(l net.Listener) broker {
	log := &eventLog{changed: make(chan struct{})}
	serveGraphQL(l, &live.WebSocket{Hub: &live.Hub{Share: log.share}, Init: log.enter}, pulledSubscription{log: log})
	return log
}

// An eventLog is what subscriptions pull from.
type eventLog struct {
	mu      sync.Mutex
	changes []*graph.InboxChange
	changed chan struct{}

	subscribed atomic.Int64
}

func (l *eventLog) publish(events []event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		l.changes = append(l.changes, e.change())
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *eventLog) subscribers() int { return int(l.subscribed.Load()) }

// enter counts a socket's subscription out when the socket ends.
func (l *eventLog) enter(ctx context.Context, _ *http.Request, _ map[string]any) (context.Context, error) {
	context.AfterFunc(ctx, func() { l.subscribed.Add(-1) })
	return ctx, nil
}

// share lets all share, as everybody of a workspace does who asks for the same. A subscriber
// starts after the events that there were when it was counted: whoever publishes on seeing
// the count is owed that the subscriber gets what is published.
func (l *eventLog) share(_ context.Context, op *graphql.OperationContext) (live.Shared, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subscribed.Add(1)
	after := strconv.Itoa(len(l.changes))
	op.Extensions = map[string]any{startAfter: after} // where an execution of its own finds it
	return live.Shared{Key: op.RawQuery, Context: context.Background(), After: &after}, true
}

const startAfter = "startAfter"

// pulledSubscription is a subscription as the project writes them.
type pulledSubscription struct {
	graph.SubscriptionResolver
	log *eventLog
}

func (s pulledSubscription) InboxChanged(ctx context.Context, _ db.View, _ *db.InboxFilter, _ *db.EventCursor) (<-chan *graph.InboxChange, error) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	r := &reader{log: s.log, at: len(s.log.changes), out: make(chan *graph.InboxChange, 1)}
	after, given := live.From(ctx)
	if counted, shares := graphql.GetOperationContext(ctx).Extensions[startAfter].(string); shares && !given {
		after = &counted
	}
	if after != nil {
		r.at, _ = strconv.Atoi(*after)
	}
	r.cursor = strconv.Itoa(r.at)
	live.Pull(ctx, r)
	return r.out, nil
}

// A reader is one subscription's place in the log.
type reader struct {
	log    *eventLog
	at     int
	cursor string
	wait   chan struct{}
	out    chan *graph.InboxChange
}

func (r *reader) Next(context.Context) (bool, error) {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	if r.at == len(r.log.changes) {
		r.wait = r.log.changed
		return false, nil
	}
	r.out <- r.log.changes[r.at]
	r.at++
	r.cursor = strconv.Itoa(r.at)
	return true, nil
}

func (r *reader) Wait(ctx context.Context) error {
	select {
	case <-r.wait:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *reader) Position() (live.Position, bool) {
	return live.Position{Seq: int64(r.at), Cursor: r.cursor}, true
}

func (r *reader) Close() {}
