package graph

import (
	"fmt"
	"net/http"
	"sync"

	"switchboard/db"
	"switchboard/graph/live"
	"switchboard/service"
)

// How many sockets and event streams one caller may have open at this server.
const (
	agentConnections   = 10
	programConnections = 10_000
)

// identity tells one caller from all others.
type identity struct {
	workspace int64
	ref       db.ActorRef
}

func identityOf(a service.Actor) identity { return identity{a.Workspace, a.Ref()} }

// sender tells the caller of a request from all others.
func sender(r *http.Request) any { return identityOf(actorOf(r.Context())) }

// connections counts what callers have open.
type connections struct {
	mu   sync.Mutex
	open map[identity]int
}

// enter counts one more, until leave is called; the error closes it.
func (c *connections) enter(a service.Actor) (leave func(), err error) {
	most, who := agentConnections, identityOf(a)
	if a.Agent == nil {
		most = programConnections
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[who] >= most {
		return nil, &live.CloseError{Code: live.CloseTooManyRequests, Reason: fmt.Sprintf("Too many connections; close one of your %d first", most)}
	}
	c.open[who]++
	return func() { c.leave(who) }, nil
}

func (c *connections) leave(who identity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[who]--; c.open[who] == 0 {
		delete(c.open, who)
	}
}
