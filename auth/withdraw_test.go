package auth

import (
	"context"
	"slices"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/feed"
	"switchboard/service"
)

// timeout is the limit for anything that must happen eventually.
const timeout = 30 * time.Second

// end returns the cursor at the end of the workspace's log.
func (g *fixture) end() db.EventCursor {
	g.t.Helper()
	head, err := g.db.ForWorkspace(g.workspace).Head(g.t.Context())
	fine(g.t, err)
	return head.Cursor()
}

// waitForEvent waits for an event of a type.
func (g *fixture) waitForEvent(w *feed.Watcher, want db.EventType) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), timeout)
	defer cancel()
	for {
		events, err := w.Next(ctx)
		fine(g.t, err)
		if slices.ContainsFunc(events, func(e *db.Event) bool { return e.Type == want }) {
			return
		}
		fine(g.t, w.Wait(ctx))
	}
}

// TestP7Withdraw: an event that ends rights reaches watchers only after its callers were cut off,
// live or in a replay. Other callers are not affected.
func TestP7Withdraw(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*fixture)
		event  db.EventType
		why    string
	}{
		"deactivated": {(*fixture).deactivate, db.AgentDeactivated, deactivated},
		"promoted":    {(*fixture).promote, db.AgentUpdated, roleChanged},
		"renamed":     {(*fixture).rename, db.AgentUpdated, ""},
	} {
		for _, live := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", live", false: ", resumed"}[live], func(t *testing.T) {
				t.Parallel()
				g := newFixture(t)
				secret, _ := g.issue(db.ScopeAgent, 0)
				developer := g.AddDeveloper([]byte("secret"), g.workspace, g.agent)
				reasons := make(chan string, 10)
				for _, token := range []string{secret, secret, developer} {
					defer g.Watch(local(token), g.authenticated(token), func(why *service.Error) { reasons <- why.Message })()
				}
				program, _ := g.issue(db.ScopeIntegration, 0)
				manager := g.AddDeveloper([]byte("secret"), g.workspace, *g.manager.Agent)
				for _, token := range []string{program, manager} {
					defer g.Watch(local(token), g.authenticated(token), func(why *service.Error) { t.Errorf("another token ended with %s", why) })()
				}

				position := g.end()
				var w *feed.Watcher
				var err error
				if live {
					ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
					done := make(chan struct{})
					go func() { g.feed.Run(ctx); close(done) }()
					defer func() { cancel(); <-done }()
					w, err = g.feed.WatchFrom(t.Context(), position)
					c.change(g)
				} else {
					c.change(g)
					w, err = g.feed.Watch(t.Context(), g.workspace, &position)
				}
				fine(t, err)
				defer w.Close()
				queries := g.queries.Load()
				g.waitForEvent(w, c.event)
				if n := g.queries.Load() - queries; n != 0 {
					t.Errorf("the database was asked %d times", n)
				}
				want := map[bool]int{true: 3}[c.why != ""]
				if len(reasons) != want {
					t.Fatalf("%d tokens ended, not %d", len(reasons), want)
				}
				for range want {
					if why := <-reasons; why != c.why {
						t.Errorf("ended with %q", why)
					}
				}
				fine(t, g.review(t.Context()))
				if len(reasons) > 0 {
					t.Errorf("ended again with %q", <-reasons)
				}
			})
		}
	}
}

func (g *fixture) rename() {
	g.t.Helper()
	name := "Manager"
	_, err := g.service.UpdateAgent(g.t.Context(), g.manager, service.UpdateAgentInput{AgentID: g.agent, Name: &name})
	fine(g.t, err)
}

// TestWithdrawIgnoresOldEvents: a caller whose rights were restored is not cut off when another
// client replays the older deactivation.
func TestWithdrawIgnoresOldEvents(t *testing.T) {
	t.Parallel()
	g := newFixture(t)
	developer := g.AddDeveloper([]byte("secret"), g.workspace, g.agent)
	position := g.end()
	g.deactivate()
	_, err := g.service.ReactivateAgent(t.Context(), g.manager, service.ReactivateAgentInput{AgentID: g.agent})
	fine(t, err)
	secret, _ := g.issue(db.ScopeAgent, 0) // the agent's earlier ones are revoked
	for _, token := range []string{secret, developer} {
		defer g.Watch(local(token), g.authenticated(token), func(why *service.Error) { t.Errorf("ended with %s", why) })()
	}
	w, err := g.feed.Watch(t.Context(), g.workspace, &position)
	fine(t, err)
	defer w.Close()
	g.waitForEvent(w, db.AgentReactivated)
}

// TestWithdrawCallsOnce: of two concurrent calls of Withdraw none returns before ended has
// returned, and ended is called once.
func TestWithdrawCallsOnce(t *testing.T) {
	t.Parallel()
	agent := db.AgentID{UUID: db.NewUUID()}
	a := New(nil, nil)
	calling, proceed := make(chan bool, 2), make(chan bool)
	stop := a.Watch(local("token"), service.Actor{Workspace: 1, Role: service.RoleAgent, Agent: &agent}, func(*service.Error) {
		calling <- true
		<-proceed
	})
	defer stop()
	returned := make(chan bool, 2)
	for range 2 {
		go func() {
			a.Withdraw([]*db.Event{{WorkspaceID: 1, Seq: 1, Type: db.AgentDeactivated, Data: db.EventData{AgentID: &agent}}})
			returned <- true
		}()
	}
	<-calling
	waiting := 2
	select {
	case <-returned:
		t.Error("a call returned before ended did")
		waiting--
	case <-time.After(50 * time.Millisecond):
	}
	close(proceed)
	for range waiting {
		<-returned
	}
	if len(calling) > 0 {
		t.Error("ended was called twice")
	}
}
