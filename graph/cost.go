package graph

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"switchboard/db"
	"switchboard/graph/limit"
	"switchboard/graph/live"
	"switchboard/service"
	"switchboard/service/workflow"
)

// listSizes are the sizes by which the cost of lists is computed. Few mutations are refused, so a
// list of refusals counts as one.
var listSizes = limit.Sizes{Default: service.DefaultPage, Most: service.MaxPage, Of: map[string]int{"UserError": 1}}

// What callers may spend, as multiples of the rate of an agent, which is an option.
const (
	agentBurst   = 40  // times the rate, at once
	programRate  = 10  // times that of an agent
	programBurst = 100 // times the rate of an agent, at once
)

// spending lets callers spend a certain cost in a time: each agent and each program by itself, and
// all of a workspace together as much as its active agents.
type spending struct {
	rate    int // of an agent, a second; 0: no limit
	now     func() time.Time
	service *workflow.Service
	buckets limit.Buckets[identity, db.WorkspaceKey]

	mu    sync.Mutex
	staff map[db.WorkspaceKey]*staff
}

// A staff is how many active agents a workspace has.
type staff struct {
	mu      sync.Mutex
	active  int
	counted time.Time
}

type spender = limit.Spender[identity, db.WorkspaceKey]

// A charge is what was taken for one operation.
type charge struct {
	plan      *limit.Plan
	requested int
	objects   atomic.Int64 // that were read
	spender   *spender     // nil if nobody was charged
}

func chargeOf(op *graphql.OperationContext) *charge {
	c, _ := op.Stats.GetExtension("charge").(*charge)
	return c
}

// countObjects adds objects that were read to what an operation costs.
func countObjects(op *graphql.OperationContext, objects int) {
	if c := chargeOf(op); c != nil {
		c.objects.Add(int64(objects))
	}
}

func (o Options) newSpending() *spending {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return &spending{rate: o.RateLimit, now: now, service: o.Service, staff: map[db.WorkspaceKey]*staff{}}
}

// account settles the charge for an operation when it was executed.
func (s *spending) account(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := next(ctx)
	if op := graphql.GetOperationContext(ctx); op.Operation != nil {
		s.settle(op, response)
	}
	return response
}

// charge takes the most that an operation can cost from what its caller may spend. It returns an
// error if that is too little, or if no operation may cost so much. A subscription is charged once,
// however often it is executed.
func (s *spending) charge(ctx context.Context, op *graphql.OperationContext, plan *limit.Plan) *gqlerror.Error {
	c := &charge{plan: plan, requested: plan.Of(op.Variables)}
	if c.requested > limit.Cost {
		return coded(operationLimit, "the operation may cost up to %d, and at most %d is allowed: ask for smaller pages or less below them",
			c.requested, limit.Cost)
	}
	op.Stats.SetExtension("charge", c)
	actor, isKnown := callerOf(ctx)
	if s.rate == 0 || !isKnown || live.IsContinued(ctx) {
		return nil
	}
	who := s.spender(actor)
	if wait := s.buckets.Take(s.now(), *who, c.requested); wait > 0 {
		return tooFast(wait)
	}
	c.spender = who
	return nil
}

// tooFast returns the error for a caller who has to wait.
func tooFast(wait time.Duration) *gqlerror.Error {
	err := coded(rateLimited, "too much was asked for in a short time; try again in %v", wait.Round(time.Millisecond))
	err.Extensions["retryAfterMs"] = wait.Milliseconds() + 1
	return err
}

// settle gives back what an operation did not use. If the client has asked for the cost it is added
// to the response.
func (s *spending) settle(op *graphql.OperationContext, response *graphql.Response) {
	c := chargeOf(op)
	if c == nil || op.Operation.Operation == ast.Subscription {
		return
	}
	actual := min(c.requested, c.plan.Base()+int(c.objects.Load()))
	shown := map[string]any{"requested": c.requested, "actual": actual, "left": nil}
	if c.spender != nil {
		shown["left"] = s.buckets.Return(s.now(), *c.spender, c.requested-actual)
	}
	if wanted, _ := op.Extensions["cost"].(bool); wanted && response != nil {
		if response.Extensions == nil {
			response.Extensions = map[string]any{}
		}
		response.Extensions["cost"] = shown
	}
}

// spender returns a caller with its rates. What the workspace may spend covers all of its agents
// and one program, so that a busy program takes nothing from them.
func (s *spending) spender(a service.Actor) *spender {
	rate := float64(s.rate)
	agent := limit.Rate{PerSecond: rate, Size: agentBurst * rate}
	program := limit.Rate{PerSecond: programRate * rate, Size: programBurst * rate}
	own := agent
	if a.Agent == nil {
		own = program
	}
	return &spender{Caller: identityOf(a), Rate: own, Group: a.Workspace, GroupRate: agent.Times(s.agents(a)).Plus(program)}
}

const (
	staffAge  = time.Minute     // after which active agents are counted again
	staffTime = 2 * time.Second // for counting them
)

// agents returns how many active agents the caller's workspace had at most a minute ago. While they
// cannot be counted, it returns the last number.
func (s *spending) agents(a service.Actor) int {
	s.mu.Lock()
	of := s.staff[a.Workspace]
	if of == nil {
		of = &staff{}
		s.staff[a.Workspace] = of
	}
	s.mu.Unlock()
	of.mu.Lock()
	defer of.mu.Unlock()
	if now := s.now(); now.Sub(of.counted) >= staffAge {
		// A request that ends meanwhile must not keep others from learning the number.
		ctx, cancel := context.WithTimeout(context.Background(), staffTime)
		defer cancel()
		if n, err := s.service.ActiveAgents(ctx, a); err == nil {
			of.active = n
		}
		of.counted = now
	}
	return of.active
}
