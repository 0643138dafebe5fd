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

// serveOurs serves the transport of graph/live with a log in memory.
func serveOurs(l net.Listener) broker {
	log := &eventLog{changed: make(chan struct{})}
	serveGraphQL(l, &live.WebSocket{Hub: &live.Hub{Share: log.share}, Init: log.init}, pulledSubscription{log: log})
	return log
}

// An eventLog is the log that subscriptions read.
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

// init stops counting a socket's subscription when the socket ends.
func (l *eventLog) init(ctx context.Context, _ *http.Request, _ map[string]any) (context.Context, error) {
	context.AfterFunc(ctx, func() { l.subscribed.Add(-1) })
	return ctx, nil
}

// share lets all subscriptions share one execution, like equal ones of one workspace. A subscriber
// starts after the events that existed when it was counted, so it gets every event that is
// published after its count was seen.
func (l *eventLog) share(_ context.Context, op *graphql.OperationContext) (live.Shared, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subscribed.Add(1)
	after := strconv.Itoa(len(l.changes))
	op.Extensions = map[string]any{startAfter: after} // read by an execution that is not shared
	return live.Shared{Key: op.RawQuery, Context: context.Background(), After: &after}, true
}

const startAfter = "startAfter"

// A pulledSubscription is written like the project's own subscriptions.
type pulledSubscription struct {
	graph.SubscriptionResolver
	log *eventLog
}

func (s pulledSubscription) InboxChanged(ctx context.Context, _ db.View, _ *db.InboxFilter, _ *string, _ *db.EventCursor) (<-chan *graph.InboxChange, error) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	r := &reader{log: s.log, position: len(s.log.changes), out: make(chan *graph.InboxChange, 1)}
	start, given := live.From(ctx)
	after := start.After
	if counted, shares := graphql.GetOperationContext(ctx).Extensions[startAfter].(string); shares && !given {
		after = &counted
	}
	if after != nil {
		r.position, _ = strconv.Atoi(*after)
	}
	r.cursor = strconv.Itoa(r.position)
	live.Pull(ctx, r)
	return r.out, nil
}

// A reader is a subscription's position in the log.
type reader struct {
	log      *eventLog
	position int
	cursor   string
	wait     chan struct{}
	out      chan *graph.InboxChange
}

func (r *reader) Next(context.Context) (bool, error) {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	if r.position == len(r.log.changes) {
		r.wait = r.log.changed
		return false, nil
	}
	r.out <- r.log.changes[r.position]
	r.position++
	r.cursor = strconv.Itoa(r.position)
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
	return live.Position{Seq: int64(r.position), Cursor: r.cursor}, true
}

func (r *reader) Close() {}
