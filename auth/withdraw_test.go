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

// patience is how long anything may take that is bound to happen.
const patience = 30 * time.Second

// end gives the place at the end of the workspace's log.
func (g *gate) end() db.EventCursor {
	g.t.Helper()
	head, err := g.db.ForWorkspace(g.workspace).Head(g.t.Context())
	fine(g.t, err)
	return head.Cursor()
}

// seen waits for the event of a type.
func (g *gate) seen(w *feed.Watcher, want db.EventType) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
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

// TestP7Withdraw: nobody sees an event before those whose rights it ends were cut off,
// whether it was read by who follows the log or by who resumes. Nobody else is.
func TestP7Withdraw(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*gate)
		event  db.EventType
		why    string
	}{
		"deactivated": {(*gate).deactivate, db.AgentDeactivated, deactivated},
		"promoted":    {(*gate).promote, db.AgentUpdated, roleChanged},
		"renamed":     {(*gate).rename, db.AgentUpdated, ""},
	} {
		for _, live := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", live", false: ", resumed"}[live], func(t *testing.T) {
				t.Parallel()
				g := newGate(t)
				secret, _ := g.issue(db.ScopeAgent, 0)
				developer := g.AddDeveloper([]byte("secret"), g.workspace, g.agent)
				told := make(chan string, 10)
				for _, token := range []string{secret, secret, developer} {
					defer g.Attend(token, g.admitted(token), func(why *service.Error) { told <- why.Message })()
				}
				program, _ := g.issue(db.ScopeIntegration, 0)
				manager := g.AddDeveloper([]byte("secret"), g.workspace, *g.manager.Agent)
				for _, token := range []string{program, manager} {
					defer g.Attend(token, g.admitted(token), func(why *service.Error) { t.Errorf("somebody else was told that %s", why) })()
				}

				place := g.end()
				var w *feed.Watcher
				if live {
					ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
					done := make(chan struct{})
					go func() { g.feed.Run(ctx); close(done) }()
					defer func() { cancel(); <-done }()
					w = g.feed.WatchFrom(place)
					c.change(g)
				} else {
					var err error
					c.change(g)
					w, err = g.feed.Watch(t.Context(), g.workspace, &place)
					fine(t, err)
				}
				defer w.Close()
				asked := g.asked.Load()
				g.seen(w, c.event)
				if n := g.asked.Load() - asked; n != 0 {
					t.Errorf("the database was asked %d times", n)
				}
				want := map[bool]int{true: 3}[c.why != ""]
				if len(told) != want {
					t.Fatalf("%d were told, not %d", len(told), want)
				}
				for range want {
					if why := <-told; why != c.why {
						t.Errorf("told that %q", why)
					}
				}
				fine(t, g.review(t.Context()))
				if len(told) > 0 {
					t.Errorf("told again that %q", <-told)
				}
			})
		}
	}
}

func (g *gate) rename() {
	g.t.Helper()
	name := "Manager"
	_, err := g.rules.UpdateAgent(g.t.Context(), g.manager, service.UpdateAgentInput{AgentID: g.agent, Name: &name})
	fine(g.t, err)
}

// TestWithdrawIsNotOfThePast: who came after their rights had ended and come back is not
// cut off by somebody who resumes from before.
func TestWithdrawIsNotOfThePast(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	secret, _ := g.issue(db.ScopeAgent, 0)
	developer := g.AddDeveloper([]byte("secret"), g.workspace, g.agent)
	place := g.end()
	g.deactivate()
	_, err := g.rules.ReactivateAgent(t.Context(), g.manager, service.ReactivateAgentInput{AgentID: g.agent})
	fine(t, err)
	for _, token := range []string{secret, developer} {
		defer g.Attend(token, g.admitted(token), func(why *service.Error) { t.Errorf("told that %s", why) })()
	}
	w, err := g.feed.Watch(t.Context(), g.workspace, &place)
	fine(t, err)
	defer w.Close()
	g.seen(w, db.AgentReactivated)
}

// TestWithdrawnAtOnce: of two who find the same end, none goes on before it was told, and
// it is told once.
func TestWithdrawnAtOnce(t *testing.T) {
	t.Parallel()
	agent := db.AgentID{UUID: db.NewUUID()}
	a := New(nil, nil)
	telling, proceed := make(chan bool, 2), make(chan bool)
	stop := a.Attend("token", service.Actor{Workspace: 1, Role: service.RoleAgent, Agent: &agent}, func(*service.Error) {
		telling <- true
		<-proceed
	})
	defer stop()
	went := make(chan bool, 2)
	for range 2 {
		go func() {
			a.Withdraw([]*db.Event{{WorkspaceID: 1, Seq: 1, Type: db.AgentDeactivated, Data: db.EventData{AgentID: &agent}}})
			went <- true
		}()
	}
	<-telling
	waiting := 2
	select {
	case <-went:
		t.Error("somebody went on before")
		waiting--
	case <-time.After(50 * time.Millisecond):
	}
	close(proceed)
	for range waiting {
		<-went
	}
	if len(telling) > 0 {
		t.Error("it was told twice")
	}
}
