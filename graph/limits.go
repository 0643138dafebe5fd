package graph

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"switchboard/db"
	"switchboard/graph/live"
	"switchboard/service"
)

// Limits of the sockets that one caller may have open at this server; the same limits apply
// separately to event streams. Each server counts only its own connections.
const (
	agentConnections   = 20
	programConnections = 10_000
)

// streamAge is the age from which an agent's stream may be closed to admit a newer one. Such
// streams remain when a browser disappears without closing its connections.
const streamAge = time.Minute

// operationsPerConnection is how many operations, subscriptions included, may run on one socket or
// event stream at a time.
const operationsPerConnection = 50

// identity identifies a caller.
type identity struct {
	workspace db.WorkspaceKey
	ref       db.ActorRef
}

func identityOf(a service.Actor) identity { return identity{a.Workspace, a.Ref()} }

// sender returns the identity of a request's caller.
func sender(r *http.Request) any { return identityOf(actorOf(r.Context())) }

// connections counts the open connections of each caller.
type connections struct {
	now  func() time.Time
	mu   sync.Mutex
	open map[identity]*opened
}

// opened are the connections of one caller.
type opened struct {
	sockets int
	streams []*openStream // the oldest first
}

type openStream struct {
	began time.Time
	end   context.CancelCauseFunc
}

// adding counts a new connection until leave is called; end closes it. It returns an error if the
// caller has too many.
type adding func(a service.Actor, end context.CancelCauseFunc) (leave func(), err error)

func newConnections(now func() time.Time) *connections {
	if now == nil {
		now = time.Now
	}
	return &connections{now: now, open: map[identity]*opened{}}
}

// addSocket refuses a socket with a code after which clients retry with growing pauses.
func (c *connections) addSocket(a service.Actor, _ context.CancelCauseFunc) (leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, most := c.of(a)
	if o.sockets >= most {
		return nil, tooMany("sockets", most)
	}
	o.sockets++
	return func() { c.leave(a, func(o *opened) { o.sockets-- }) }, nil
}

// addStream closes the caller's oldest stream if there are too many. If that one is younger than
// streamAge, it refuses the new one.
func (c *connections) addStream(a service.Actor, end context.CancelCauseFunc) (leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, most := c.of(a)
	now := c.now()
	if len(o.streams) >= most {
		oldest := o.streams[0]
		if now.Sub(oldest.began) <= streamAge {
			return nil, tooMany("event streams", most)
		}
		o.streams = slices.Delete(o.streams, 0, 1)
		oldest.end(&live.CloseError{Code: live.CloseTryAgain, Reason: "A newer stream took the place of this one"})
	}
	s := &openStream{now, end}
	o.streams = append(o.streams, s)
	return func() {
		c.leave(a, func(o *opened) {
			o.streams = slices.DeleteFunc(o.streams, func(other *openStream) bool { return other == s })
		})
	}, nil
}

func tooMany(what string, most int) error {
	return &live.CloseError{
		Code: live.CloseTryAgain, Reason: fmt.Sprintf("Too many %s; close one of your %d first", what, most), After: streamAge,
	}
}

// of returns a caller's open connections and the limit for each kind. The caller must hold mu.
func (c *connections) of(a service.Actor) (o *opened, most int) {
	who := identityOf(a)
	if o = c.open[who]; o == nil {
		o = &opened{}
		c.open[who] = o
	}
	return o, mostConnections(a)
}

// mostConnections returns how many sockets a caller may have open; it may have as many event
// streams.
func mostConnections(a service.Actor) int {
	if a.Agent == nil {
		return programConnections
	}
	return agentConnections
}

func (c *connections) leave(a service.Actor, remove func(*opened)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, _ := c.of(a)
	if remove(o); o.sockets == 0 && len(o.streams) == 0 {
		delete(c.open, identityOf(a))
	}
}
