package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// second adds a workspace with an agent and returns it.
func (g *fixture) second(name, email string) (*db.Workspace, service.Actor, db.AgentID) {
	g.t.Helper()
	w, manager, err := g.service.CreateWorkspace(g.t.Context(), name, "Max Manager", "max@"+name+".example")
	fine(g.t, err)
	actor := service.Actor{Workspace: w.Key, Role: service.RoleManager, Agent: &manager.ID}
	o, err := g.service.CreateAgent(g.t.Context(), actor, service.CreateAgentInput{Name: "Ali Agent", Email: email, Role: db.RoleAgent})
	fine(g.t, err)
	return w, actor, o.Agent.ID
}

// id returns the typed id of the fixture's workspace.
func (g *fixture) id() string {
	g.t.Helper()
	all, err := g.db.Workspaces(g.t.Context())
	fine(g.t, err)
	for _, w := range all {
		if w.Key == g.workspace {
			return w.ID.String()
		}
	}
	g.t.Fatal("the workspace is gone")
	return ""
}

// bound binds an issuer to the fixture's workspace.
func bound(g *fixture, o *IssuerOptions) { o.Workspaces = append(o.Workspaces, g.id()) }

// token returns a token of the provider's with changed claims.
func (g *fixture) token(p *provider, change parts) string {
	return sign(rsaKey, parts{"alg": "RS256", "kid": "rsa"}, p.claims(g.Now()).with(change))
}

func (g *fixture) events(kind db.EventType) (found []*db.Event) {
	g.t.Helper()
	all, err := g.db.ForWorkspace(g.workspace).EventsAfter(g.t.Context(), 0, 1000)
	fine(g.t, err)
	return slices.DeleteFunc(all, func(e *db.Event) bool { return e.Type != kind })
}

// TestFirstSignIn: a first sign-in is linked to the agent with the same e-mail address only if the
// provider has verified it and the workspace trusts the provider, and only to an active agent who
// never had a sign-in.
func TestFirstSignIn(t *testing.T) {
	t.Parallel()
	whole := newFixture(t)
	unlink := func(g *fixture, _ *provider) {
		g.link(g.agent, "https://before.example", "ali")
		g.link(g.agent, "", "")
	}
	verified := parts{"sub": "new", "email": "ali@acme.example", "email_verified": true}
	for name, c := range map[string]struct {
		before  func(g *fixture, p *provider)
		change  func(g *fixture, o *IssuerOptions)
		claims  parts
		because string // empty: it is linked
	}{
		"verified":              {nil, bound, verified, ""},
		"in another case":       {nil, bound, verified.with(parts{"email": "ALI@Acme.example"}), ""},
		"not verified":          {nil, bound, verified.with(parts{"email_verified": false}), "no agent"},
		"nothing about it":      {nil, bound, verified.with(parts{"email_verified": nil}), "no agent"},
		"verified as text":      {nil, bound, verified.with(parts{"email_verified": "true"}), "no agent"},
		"no address":            {nil, bound, verified.with(parts{"email": nil}), "no agent"},
		"an empty address":      {nil, bound, verified.with(parts{"email": ""}), "no agent"},
		"the address of nobody": {nil, bound, verified.with(parts{"email": "ola@acme.example"}), "no agent"},
		"an unbound issuer":     {nil, func(*fixture, *IssuerOptions) {}, verified, "no agent"},
		"bound to another": {nil, func(g *fixture, o *IssuerOptions) {
			w, _, _ := g.second("Globex", "ola@globex.example")
			o.Workspaces = []string{w.ID.String()}
		}, verified, "no agent"},
		"deactivated":              {func(g *fixture, _ *provider) { g.deactivate() }, bound, verified, "no agent"},
		"linked to another":        {func(g *fixture, p *provider) { g.link(g.agent, p.URL, "old") }, bound, verified, "no agent"},
		"linked before, not now":   {unlink, bound, verified, "no agent"},
		"claims of role and place": {nil, bound, verified.with(parts{"role": "MANAGER", "roles": []string{"MANAGER"}, "workspace": "ws_1"}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, g := newProvider(t), whole.apart(t)
			o := IssuerOptions{URL: p.URL, Audience: audience}
			c.change(g, &o)
			g.trust(o)
			if c.before != nil {
				c.before(g, p)
			}
			token := g.token(p, c.claims)
			if c.because != "" {
				g.refused(token, c.because)
				if events := g.events(db.IdentityLinked); len(events) > 0 {
					t.Errorf("there are the events %+v", events)
				}
				return
			}
			for range 2 {
				if actor := g.authenticated(token); *actor.Agent != g.agent || actor.Role != service.RoleAgent || actor.Workspace != g.workspace {
					t.Errorf("the caller is %+v", actor)
				}
			}
			events := g.events(db.IdentityLinked)
			if len(events) != 1 || *events[0].Data.AgentID != g.agent || events[0].Actor != g.agent.Ref() || len(events[0].Data.Changes) != 1 {
				t.Errorf("the events are %+v", events)
			}
			g.refused(g.token(p, verified.with(parts{"sub": "thief"})), "no agent")
		})
	}
}

// TestLinkedByAManager: a manager can link the sign-in of an agent who had one before.
func TestLinkedByAManager(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	g := trusting(t, p)
	g.link(g.agent, p.URL, "new")
	g.refused(g.good(p), "no agent")
	g.authenticated(g.token(p, parts{"sub": "new"}))
}

// choose authenticates with a workspace that the caller has chosen.
func (g *fixture) choose(token, workspace string) (service.Actor, error) {
	return g.Authenticate(g.t.Context(), service.Credential{Token: token, Workspace: workspace})
}

// TestChooseWorkspace: a person with agents in several workspaces chooses one; what a workspace
// knows of a sign-in is told only to the person whose it is.
func TestChooseWorkspace(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	g := trusting(t, p)
	other, manager, agent := g.second("Globex", "ali@globex.example")
	g.refuses("another's workspace", g.good(p), other.ID.String(), "no agent")
	nowhere := g.refuses("a workspace that does not exist", g.good(p), "ws_00000000000000000000000000", "no agent")
	_, err := g.service.UpdateAgent(t.Context(), manager, service.UpdateAgentInput{AgentID: agent, Identity: &service.AgentIdentityInput{Issuer: p.URL, Subject: "ali"}})
	fine(t, err) // a sign-in is unique per workspace

	_, err = g.choose(g.good(p), "")
	var choice *service.ChoiceError
	var known *service.Error
	if !errors.As(err, &choice) || len(choice.Workspaces) != 2 || choice.Workspaces[1] != (service.WorkspaceChoice{ID: other.ID, Name: "Globex"}) {
		t.Errorf("without a choice: %v", err)
	}
	if !errors.As(err, &known) || known.Code != service.Unauthenticated || !strings.HasPrefix(known.Message, "choose a workspace") {
		t.Errorf("without a choice: %v", err)
	}
	for id, want := range map[string]db.WorkspaceKey{g.id(): g.workspace, other.ID.String(): other.Key} {
		if actor, err := g.choose(g.good(p), id); err != nil || actor.Workspace != want {
			t.Errorf("%s: %+v, %v", id, actor, err)
		}
		if again := g.refuses("another person", g.token(p, parts{"sub": "ola"}), id, "no agent"); again != nowhere {
			t.Errorf("%s is answered %q, a workspace that does not exist %q", id, again, nowhere)
		}
	}
	_, err = g.service.DeactivateAgent(t.Context(), manager, service.DeactivateAgentInput{AgentID: agent})
	fine(t, err)
	if actor, err := g.choose(g.good(p), ""); err != nil || actor.Workspace != g.workspace {
		t.Errorf("with one active agent: %+v, %v", actor, err)
	}
	g.refuses("a deactivated agent", g.good(p), other.ID.String(), "deactivated")
	api, _ := g.issue(db.ScopeRead, 0)
	if actor, err := g.choose(api, g.id()); err != nil || actor.Workspace != g.workspace {
		t.Errorf("an API token with its workspace: %+v, %v", actor, err)
	}
	g.refuses("an API token with another", api, other.ID.String(), "another workspace")
}

// refuses returns the message with which a credential is refused.
func (g *fixture) refuses(what, token, workspace, because string) string {
	g.t.Helper()
	actor, err := g.choose(token, workspace)
	if err == nil || !strings.Contains(err.Error(), because) || actor != (service.Actor{}) {
		g.t.Errorf("%s: %+v, %v", what, actor, err)
	}
	return fmt.Sprint(err)
}

// TestBoundIssuer: an issuer that is bound to a workspace signs nobody in elsewhere, although the
// sign-in is linked there.
func TestBoundIssuer(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	g := newFixture(t)
	other, manager, agent := g.second("Globex", "ali@globex.example")
	g.trust(IssuerOptions{URL: p.URL, Audience: audience, Workspaces: []string{g.id()}})
	_, err := g.service.UpdateAgent(t.Context(), manager, service.UpdateAgentInput{AgentID: agent, Identity: &service.AgentIdentityInput{Issuer: p.URL, Subject: "ali"}})
	fine(t, err)
	g.refuses("the other workspace", g.good(p), other.ID.String(), "no agent")
	g.refuses("no choice", g.good(p), "", "no agent")
	g.link(g.agent, p.URL, "ali")
	if actor, err := g.choose(g.good(p), ""); err != nil || actor.Workspace != g.workspace {
		t.Errorf("%+v, %v", actor, err)
	}
}

// TestP7SignInEnds: a live connection of a sign-in ends when its token expires or the agent's rights
// change, on a server that has not made the change; other connections of the agent go on.
func TestP7SignInEnds(t *testing.T) {
	t.Parallel()
	whole := newFixture(t)
	for name, c := range map[string]struct {
		end func(g *fixture, p *provider)
		why string // empty: it goes on
	}{
		"expired":           {func(g *fixture, _ *provider) { g.clockAhead.Add(int64(5 * time.Minute)) }, "expired"},
		"not expired":       {func(g *fixture, _ *provider) { g.clockAhead.Add(int64(4 * time.Minute)) }, ""},
		"deactivated":       {func(g *fixture, _ *provider) { g.deactivate() }, "deactivated"},
		"promoted":          {func(g *fixture, _ *provider) { g.promote() }, "role"},
		"unlinked":          {func(g *fixture, _ *provider) { g.link(g.agent, "", "") }, "no agent has this sign-in"},
		"linked to another": {func(g *fixture, p *provider) { g.link(g.agent, p.URL, "new") }, "no agent has this sign-in"},
		"linked elsewhere":  {func(g *fixture, p *provider) { g.linkElsewhere(p) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			g := whole.apart(t).trusting(p)
			token, reasons := g.good(p), make(chan string, 10)
			defer g.Watch(local(token), g.authenticated(token), func(why *service.Error) { reasons <- why.Message })()
			api, _ := g.issue(db.ScopeRead, 0)
			defer g.Watch(local(api), g.authenticated(api), func(why *service.Error) { t.Errorf("another ended with %v", why) })()
			fine(t, g.review(t.Context()))
			if len(reasons) > 0 {
				t.Fatalf("ended already: %s", <-reasons)
			}
			c.end(g, p)
			fine(t, g.review(t.Context()))
			switch {
			case c.why == "" && len(reasons) > 0:
				t.Errorf("ended with %q", <-reasons)
			case c.why != "" && len(reasons) == 0:
				t.Error("the connection goes on")
			case c.why != "":
				if why := <-reasons; !strings.Contains(why, c.why) {
					t.Errorf("ended with %q", why)
				}
			}
		})
	}
}

// linkElsewhere links Ali's sign-in in a second workspace.
func (g *fixture) linkElsewhere(p *provider) {
	g.t.Helper()
	_, manager, agent := g.second("Globex", "ali@globex.example")
	_, err := g.service.UpdateAgent(g.t.Context(), manager, service.UpdateAgentInput{AgentID: agent, Identity: &service.AgentIdentityInput{Issuer: p.URL, Subject: "ali"}})
	fine(g.t, err)
}

// TestExpiryWithoutDatabase: a connection whose token expires ends also while the database is away.
func TestExpiryWithoutDatabase(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	g := trusting(t, p)
	reasons := make(chan string, 10)
	for _, token := range []string{g.good(p), first(g.issue(db.ScopeRead, 5*time.Minute))} {
		defer g.Watch(local(token), g.authenticated(token), func(why *service.Error) { reasons <- why.Message })()
	}
	fine(t, g.db.Close())
	g.clockAhead.Add(int64(5 * time.Minute))
	_ = g.review(t.Context())
	if len(reasons) != 2 {
		t.Errorf("%d connections have ended", len(reasons))
	}
}

// TestP7UnlinkedByEvent: when the log says that a sign-in was taken from an agent, its connections
// end before anybody sees the event; those of the agent's API tokens go on.
func TestP7UnlinkedByEvent(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	g := trusting(t, p)
	token, reasons := g.good(p), make(chan string, 10)
	defer g.Watch(local(token), g.authenticated(token), func(why *service.Error) { reasons <- why.Message })()
	api, _ := g.issue(db.ScopeAgent, 0)
	defer g.Watch(local(api), g.authenticated(api), func(why *service.Error) { t.Errorf("another ended with %v", why) })()
	g.recalls("a query", token, true, "")
	g.link(g.agent, p.URL, "new")
	g.withdrawAll()
	if len(reasons) != 1 || <-reasons != unlinked {
		t.Error("the connection goes on, or has ended for another reason")
	}
	g.recalls("a query afterwards", token, true, service.Unauthenticated)
}

// TestRestoredAgents: while the database is being restored, a sign-in is not refused for good.
func TestRestoredAgents(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	g := trusting(t, p)
	token, reasons := g.good(p), make(chan *service.Error, 10)
	defer g.Watch(local(token), g.authenticated(token), func(why *service.Error) { reasons <- why })()
	g.run("TRUNCATE agents CASCADE")
	g.want("while there are no agents", token, service.Unavailable)
	fine(t, g.review(t.Context()))
	if why := <-reasons; why.Code != service.Unavailable {
		t.Errorf("ended with %v", why)
	}
}
