package auth

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/apitoken"
)

// logged writes the access log and returns that of a workspace, the first record first, as
// "OUTCOME count".
func (g *fixture) logged(workspace db.WorkspaceKey) (records []*db.AccessRecord, texts []string) {
	g.t.Helper()
	g.FlushAccess(g.t.Context())
	records, _, _, err := g.db.ForWorkspace(workspace).AccessPage(g.t.Context(), db.Page{Limit: 5000})
	fine(g.t, err)
	slices.Reverse(records)
	for _, r := range records {
		texts = append(texts, fmt.Sprint(r.Outcome, " ", r.Count))
	}
	return records, texts
}

// logs checks the access log of a workspace.
func (g *fixture) logs(workspace db.WorkspaceKey, want ...string) []*db.AccessRecord {
	g.t.Helper()
	records, texts := g.logged(workspace)
	if !slices.Equal(texts, want) {
		g.t.Fatalf("the access log is %q; want %q", texts, want)
	}
	return records
}

// pass moves the clock to the middle of a later hour, so that the test needs no luck.
func (g *fixture) pass(d time.Duration) {
	now := g.Now()
	g.clockAhead.Add(int64(now.Add(d).Truncate(time.Hour).Add(time.Minute).Sub(now)))
}

// TestSignInsAreLogged: one record for as long as a caller keeps calling, on whichever server.
func TestSignInsAreLogged(t *testing.T) {
	t.Parallel()
	g := newFixture(t)
	g.freeze()
	g.pass(time.Hour)
	token, row := g.issue(db.ScopeAgent, 0)
	other := New(g.db, g.log) // of another server
	other.Now = func() time.Time { return g.Now() }

	began := g.Now()
	for range 3 {
		_, err := g.Authenticate(t.Context(), service.Credential{Token: token, Address: "198.51.100.7"})
		fine(t, err)
	}
	one := g.logs(g.workspace, "SIGNED_IN 1")[0]
	if *one.AgentID != g.agent || *one.TokenID != row.ID || one.Issuer != nil || *one.Address != "198.51.100.7" || one.FirstAt.Sub(began).Abs() > time.Millisecond {
		t.Errorf("the record is %+v", one)
	}
	for range 5 { // longer than a pause in all
		g.clockAhead.Add(int64(accessAgain))
		_, err := other.Authenticate(t.Context(), service.Credential{Token: token, Address: "198.51.100.8"})
		fine(t, err)
		other.FlushAccess(t.Context())
	}
	one = g.logs(g.workspace, "SIGNED_IN 1")[0]
	if lasted := one.LastAt.Sub(one.FirstAt); lasted != 5*accessAgain || *one.Address != "198.51.100.8" {
		t.Errorf("it lasts %v, the address is %s", lasted, *one.Address)
	}
	g.pass(2 * time.Hour)
	g.authenticated(token)
	g.logs(g.workspace, "SIGNED_IN 1", "SIGNED_IN 1")
	for range 25 * 3 { // a caller who never pauses
		g.clockAhead.Add(int64(20 * time.Minute))
		g.authenticated(token)
		g.FlushAccess(t.Context())
	}
	g.logs(g.workspace, "SIGNED_IN 1", "SIGNED_IN 1", "SIGNED_IN 1")

	g.clockAhead.Add(int64(accessKept - 2*time.Hour))
	g.forgetAccess(t.Context())
	g.logs(g.workspace, "SIGNED_IN 1")
}

// TestRefusalsAreLogged: refused credentials are counted in the workspace that they belong to.
func TestRefusalsAreLogged(t *testing.T) {
	t.Parallel()
	whole := newFixture(t)
	for name, c := range map[string]struct {
		token func(g *fixture) (token, workspace string) // workspace is the one that is chosen
		want  []string
	}{
		"revoked": {func(g *fixture) (string, string) {
			token, row := g.issue(db.ScopeIntegration, 0)
			_, err := g.service.RevokeToken(t.Context(), g.manager, service.RevokeTokenInput{TokenID: row.ID})
			fine(t, err)
			return token, ""
		}, []string{"TOKEN_REVOKED 3"}},
		"expired": {func(g *fixture) (string, string) {
			token, _ := g.issue(db.ScopeAgent, time.Minute)
			g.pass(2 * time.Hour)
			return token, ""
		}, []string{"TOKEN_EXPIRED 3"}},
		"deactivated": {func(g *fixture) (string, string) {
			token, _ := g.issue(db.ScopeAgent, 0)
			g.deactivate()
			return token, ""
		}, []string{"AGENT_DEACTIVATED 3"}},
		"of another workspace": {func(g *fixture) (string, string) {
			token, _ := g.issue(db.ScopeAgent, 0)
			return token, whole.id()
		}, []string{"OTHER_WORKSPACE 3"}},
		"unknown": {func(g *fixture) (string, string) {
			return apitoken.New(), ""
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := whole.apart(t)
			g.freeze()
			g.pass(time.Hour)
			token, workspace := c.token(g)
			for range 3 {
				g.refuses(name, token, workspace, "")
			}
			for _, r := range g.logs(g.workspace, c.want...) {
				if r.TokenID == nil || r.Issuer != nil {
					t.Errorf("the record is %+v", r)
				}
			}
			g.logs(whole.workspace)
		})
	}
}

// TestProvidersRefusalsAreLogged: a workspace learns of its own sign-ins only, and nothing of what
// another workspace knows.
func TestProvidersRefusalsAreLogged(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	var globex *db.Workspace
	g := trusting(t, p, bound, func(g *fixture, o *IssuerOptions) {
		globex, _, _ = g.second("Globex", "ola@globex.example")
		o.Workspaces = append(o.Workspaces, globex.ID.String())
	})
	g.freeze()
	g.pass(time.Hour)
	g.link(g.agent, p.URL, "ali")
	if r := func() *db.AccessRecord {
		g.authenticated(g.token(p, parts{"sub": "ali"}))
		return g.logs(g.workspace, "SIGNED_IN 1")[0]
	}(); *r.Issuer != p.URL || *r.AgentID != g.agent || r.TokenID != nil {
		t.Errorf("the record is %+v", r)
	}
	stranger := g.token(p, parts{"sub": "nobody"})
	g.refuses("a stranger", stranger, "", "no agent")
	g.logs(g.workspace, "SIGNED_IN 1")
	g.logs(globex.Key)
	g.refuses("a stranger in one workspace", stranger, globex.ID.String(), "no agent")
	g.refuses("one's own identity elsewhere", g.token(p, parts{"sub": "ali"}), globex.ID.String(), "no agent")
	g.logs(g.workspace, "SIGNED_IN 1")
	g.logs(globex.Key, "UNKNOWN_SIGN_IN 2")

	fine(t, g.db.SignOut(t.Context(), db.SignIn{Issuer: p.URL, Subject: "ali", At: g.Now().Add(time.Minute)}))
	g.refuses("signed out", g.token(p, parts{"sub": "ali"}), "", "signed out")
	g.logs(g.workspace, "SIGNED_IN 1", "SIGNED_OUT 1")
	g.logs(globex.Key, "UNKNOWN_SIGN_IN 2")
}

// TestAccessLogIsBounded: callers who are refused cannot fill the table, nor memory while the
// database is away, and none of their refusals is lost.
func TestAccessLogIsBounded(t *testing.T) {
	t.Parallel()
	g := newFixture(t)
	g.freeze()
	g.pass(time.Hour)
	refuse := func(callers int) {
		for range callers {
			actor := service.Actor{Workspace: g.workspace, Token: db.TokenID{UUID: db.NewUUID()}}
			g.access.refuse(&refused{db.AccessRevoked, []service.Actor{actor}}, "198.51.100.7", g.Now())
		}
	}
	const some, more = db.AccessRefusals - 10, 2 * db.AccessRefusals
	refuse(some)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	g.FlushAccess(gone) // which fails, and loses nothing
	g.FlushAccess(t.Context())
	refuse(more)
	if n := len(g.access.waiting); n > db.AccessRefusals+1 {
		t.Errorf("%d records wait", n)
	}
	records, _ := g.logged(g.workspace)
	sum, others := 0, 0
	for _, r := range records {
		if sum += r.Count; r.TokenID == nil {
			others += r.Count
		}
	}
	if n := len(records); n < some || n > db.AccessRefusals+1 || sum != some+more || others < sum-db.AccessRefusals {
		t.Errorf("%d records have %d refusals, %d of them of others", len(records), sum, others)
	}
	for i := range accessLimit + 7 {
		g.access.signedIn(service.Actor{Workspace: db.WorkspaceKey(i), Agent: &db.AgentID{UUID: uuid.UUID{1}}}, "", g.Now())
	}
	if n, dropped := len(g.access.waiting), testutil.ToFloat64(g.access.dropped); n != accessLimit || dropped != 7 {
		t.Errorf("%d records wait, %v were dropped", n, dropped)
	}
}
