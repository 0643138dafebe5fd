package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/feed"
	"switchboard/service"
	"switchboard/service/apitoken"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func migrate(ctx context.Context, url string) error {
	_, err := db.Migrate(ctx, url)
	return err
}

func fine(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// statements counts the statements sent to the database.
type statements struct{ atomic.Int64 }

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.Add(1)
	return ctx
}

func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// A fixture is an authenticator in a new workspace with a manager and an agent.
type fixture struct {
	*Authenticator
	t          *testing.T
	db         *db.DB
	url        string
	queries    statements   // of the authenticator
	clockAhead atomic.Int64 // added to the authenticator's clock

	feed      *feed.Feed // runs only in tests that start it
	service   *service.Service
	workspace db.WorkspaceKey
	manager   service.Actor
	agent     db.AgentID
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	g := &fixture{t: t, url: dbtest.New(t, migrate)}
	open := func(o db.Options) *db.DB {
		d, err := db.Open(t.Context(), g.url, o)
		fine(t, err)
		t.Cleanup(func() { _ = d.Close() })
		return d
	}
	g.db = open(db.Options{MaxConns: 4, Tracer: &g.queries})
	g.Authenticator = New(g.db, slog.New(slog.DiscardHandler))
	g.Now = func() time.Time { return time.Now().Add(time.Duration(g.clockAhead.Load())) }

	d := open(db.Options{MaxConns: 4})
	g.feed = feed.New(d, feed.Options{Log: slog.New(slog.DiscardHandler), Before: g.Withdraw})
	t.Cleanup(g.feed.Flush)
	g.service = service.New(d, g.feed, service.Options{})
	g.found()
	return g
}

// apart returns an authenticator in another workspace on the same database, for a test that needs no
// database of its own.
func (g *fixture) apart(t *testing.T) *fixture {
	t.Helper()
	other := &fixture{t: t, url: g.url, db: g.db, feed: g.feed, service: g.service}
	other.Authenticator = New(g.db, slog.New(slog.DiscardHandler))
	other.Now = func() time.Time { return time.Now().Add(time.Duration(other.clockAhead.Load())) }
	other.found()
	return other
}

// found creates the workspace.
func (g *fixture) found() {
	g.t.Helper()
	t := g.t
	workspace, manager, err := g.service.CreateWorkspace(t.Context(), "Acme", "Mia Manager", "mia@acme.example")
	fine(t, err)
	g.workspace = workspace.Key
	g.manager = service.Actor{Workspace: workspace.Key, Role: service.RoleManager, Agent: &manager.ID}
	o, err := g.service.CreateAgent(t.Context(), g.manager, service.CreateAgentInput{Name: "Ali Agent", Email: "ali@acme.example", Role: db.RoleAgent})
	fine(t, err)
	g.agent = o.Agent.ID
}

// freeze stops the authenticator's clock for a test that takes longer than a second; clockAhead
// still moves it.
func (g *fixture) freeze() {
	at := time.Now()
	g.Now = func() time.Time { return at.Add(time.Duration(g.clockAhead.Load())) }
}

func (g *fixture) issue(scope db.TokenScope, expires time.Duration) (string, *db.Token) {
	g.t.Helper()
	var agent *db.AgentID
	if scope == db.ScopeAgent {
		agent = &g.agent
	}
	secret, token, err := g.Issue(g.t.Context(), g.workspace, scope, agent, "of a test", expires)
	fine(g.t, err)
	return secret, token
}

// local returns the credential of a caller on this machine.
func local(token string) service.Credential { return service.Credential{Token: token, Local: true} }

// authenticated returns the caller that a token belongs to.
func (g *fixture) authenticated(token string) service.Actor {
	g.t.Helper()
	actor, err := g.Authenticate(g.t.Context(), local(token))
	fine(g.t, err)
	return actor
}

func (g *fixture) refused(token, because string) {
	g.t.Helper()
	actor, err := g.Authenticate(g.t.Context(), local(token))
	var known *service.Error
	if !errors.As(err, &known) || known.Code != service.Unauthenticated || actor != (service.Actor{}) {
		g.t.Fatalf("%q: %+v, %v", token, actor, err)
	}
	if !strings.Contains(known.Message, because) {
		g.t.Errorf("%q is refused because %q", token, known.Message)
	}
}

func (g *fixture) deactivate() {
	g.t.Helper()
	_, err := g.service.DeactivateAgent(g.t.Context(), g.manager, service.DeactivateAgentInput{AgentID: g.agent})
	fine(g.t, err)
}

func (g *fixture) promote() {
	g.t.Helper()
	role := db.RoleManager
	_, err := g.service.UpdateAgent(g.t.Context(), g.manager, service.UpdateAgentInput{AgentID: g.agent, Role: &role})
	fine(g.t, err)
}

func TestScopes(t *testing.T) {
	t.Parallel()
	g := newFixture(t)
	for scope, role := range map[db.TokenScope]service.Role{
		db.ScopeAgent: service.RoleAgent, db.ScopeIntegration: service.RoleIntegration, db.ScopeRead: service.RoleReader,
	} {
		secret, token := g.issue(scope, 0)
		actor := g.authenticated(secret)
		if actor.Workspace != g.workspace || actor.Role != role || actor.Token != token.ID || (actor.Agent != nil) != (scope == db.ScopeAgent) {
			t.Errorf("%s: %+v", scope, actor)
		}
		if actor.Agent != nil && *actor.Agent != g.agent {
			t.Errorf("it is another agent, %s", actor.Agent)
		}
	}
	secret, _ := g.issue(db.ScopeAgent, 0)
	g.promote()
	if actor := g.authenticated(secret); actor.Role != service.RoleManager {
		t.Errorf("once promoted: %+v", actor)
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	g := newFixture(t)
	secret, token := g.issue(db.ScopeAgent, 0)
	other, _ := g.issue(db.ScopeAgent, 0)
	for _, there := range []bool{true, false} {
		if was, err := g.Revoke(t.Context(), g.workspace, token.ID); was != there || err != nil {
			t.Errorf("there was a valid one: %t, %v", was, err)
		}
	}
	g.refused(secret, "revoked")
	g.authenticated(other)
	elsewhere, err := g.Revoke(t.Context(), g.workspace+1, token.ID)
	if elsewhere || err != nil {
		t.Errorf("revoked from another workspace: %t, %v", elsewhere, err)
	}
}

func TestExpire(t *testing.T) {
	t.Parallel()
	g := newFixture(t)
	secret, token := g.issue(db.ScopeIntegration, time.Hour)
	forever, _ := g.issue(db.ScopeIntegration, 0)
	if token.ExpiresAt == nil || token.ExpiresAt.Sub(token.CreatedAt) != time.Hour {
		t.Errorf("it expires at %v", token.ExpiresAt)
	}
	g.clockAhead.Store(int64(59 * time.Minute))
	g.authenticated(secret)
	g.clockAhead.Store(int64(time.Hour))
	g.refused(secret, "expired")
	g.clockAhead.Store(int64(1e6 * time.Hour))
	g.authenticated(forever)
}

func TestDeactivatedAgent(t *testing.T) {
	t.Parallel()
	g := newFixture(t)
	secret, _ := g.issue(db.ScopeAgent, 0)
	developer := g.AddDeveloper([]byte("s"), g.workspace, g.agent)
	g.authenticated(secret)
	g.authenticated(developer)
	g.deactivate()
	g.refused(secret, "deactivated")
	g.refused(developer, "deactivated")
	_, err := g.service.ReactivateAgent(t.Context(), g.manager, service.ReactivateAgentInput{AgentID: g.agent})
	fine(t, err)
	g.refused(secret, "revoked") // with the agent, for good
	g.authenticated(developer)
}

// TestNoToken: what cannot be a token is refused without a statement to the database.
func TestNoToken(t *testing.T) {
	t.Parallel()
	g := newFixture(t)
	good, _ := g.issue(db.ScopeAgent, 0)
	developer := g.AddDeveloper([]byte("s"), g.workspace, g.agent)
	bad := []string{
		"", " ", "swb_", "swbdev_", "x", good + "A", good + "\n", " " + good, good + good, strings.ToUpper(good),
		"Bearer " + good, strings.Replace(good, "swb_", "swbdev", 1), strings.Replace(good, "swb_", "", 1),
		apitoken.API + strings.Repeat("A", 48), apitoken.API + strings.Repeat("\n", 48), apitoken.API + strings.Repeat("\x00", 48),
		strings.Repeat("A", 1<<20),
	}
	for _, token := range []string{good, developer} {
		for i := range token {
			bad = append(bad, token[:i], token[:i]+token[i+1:], token[:i]+"\n"+token[i+1:], token[:i]+"_"+token[i:])
			for _, wrong := range "Ab1" {
				if token[i] != byte(wrong) {
					bad = append(bad, token[:i]+string(wrong)+token[i+1:])
				}
			}
		}
	}
	before := g.queries.Load()
	for _, token := range bad {
		g.refused(token, "token")
	}
	if queries := g.queries.Load() - before; queries != 0 {
		t.Errorf("the database was asked %d times", queries)
	}
	g.refused(apitoken.New(), "unknown")
	if g.queries.Load() == before {
		t.Error("the database was not asked about a token that could have been one")
	}
}

// TestSecretsAreNotKept searches every table for the secret of a token.
func TestSecretsAreNotKept(t *testing.T) {
	t.Parallel()
	g := newFixture(t)
	secret, token := g.issue(db.ScopeAgent, 0)
	conn, err := pgx.Connect(t.Context(), g.url)
	fine(t, err)
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
	fine(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	fine(t, err)
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(secret, apitoken.API))
	fine(t, err)
	hash := digestOf(secret)
	found := 0
	for _, table := range tables {
		// COPY prints bytea as hexadecimal digits.
		var b bytes.Buffer
		_, err := conn.PgConn().CopyTo(t.Context(), &b, "COPY "+pgx.Identifier{table}.Sanitize()+" TO STDOUT")
		fine(t, err)
		for _, part := range []string{secret, secret[4:24], hex.EncodeToString([]byte(secret)), hex.EncodeToString(raw[:32])} {
			if strings.Contains(b.String(), part) {
				t.Errorf("the secret stands in %s", table)
			}
		}
		found += strings.Count(b.String(), hex.EncodeToString(hash[:]))
	}
	if found != 1 {
		t.Errorf("the hash is found %d times", found)
	}
	listed, err := g.List(t.Context(), g.workspace)
	if err != nil || len(listed) != 1 || listed[0].ID != token.ID || listed[0].Name != "of a test" {
		t.Errorf("listed: %+v, %v", listed, err)
	}
	if others, err := g.List(t.Context(), g.workspace+1); err != nil || len(others) != 0 {
		t.Errorf("another workspace lists %d, %v", len(others), err)
	}
}

func TestDeveloperTokens(t *testing.T) {
	t.Parallel()
	g := newFixture(t)
	other := New(g.db, slog.New(slog.DiscardHandler))
	token := g.AddDeveloper([]byte("secret"), g.workspace, g.agent)
	if actor := g.authenticated(token); actor.Workspace != g.workspace || *actor.Agent != g.agent || actor.Role != service.RoleAgent {
		t.Errorf("%+v", actor)
	}
	if _, err := other.Authenticate(t.Context(), local(token)); err == nil {
		t.Error("a server without development tokens accepts it")
	}
	if again := other.AddDeveloper([]byte("secret"), g.workspace, g.agent); again != token {
		t.Error("at the next start it is another one")
	}
	for name, another := range map[string]string{
		"secret": other.AddDeveloper([]byte("another"), g.workspace, g.agent),
		"agent":  other.AddDeveloper([]byte("secret"), g.workspace, *g.manager.Agent),
	} {
		if another == token {
			t.Errorf("another %s returns the same token", name)
		}
		g.refused(another, "unknown")
	}
	gone := g.AddDeveloper([]byte("secret"), g.workspace, db.AgentID{UUID: db.NewUUID()})
	g.refused(gone, "unknown")
}

func TestConnectorToken(t *testing.T) {
	t.Parallel()
	g := newFixture(t)
	add := func(a *Authenticator, secret string) string {
		t.Helper()
		token, err := a.AddConnector(t.Context(), []byte(secret), g.workspace)
		fine(t, err)
		return token
	}
	token := add(g.Authenticator, "secret")
	tokens, err := g.List(t.Context(), g.workspace)
	fine(t, err)
	if len(tokens) != 1 || tokens[0].Scope != db.ScopeIntegration {
		t.Fatalf("the tokens are %+v", tokens)
	}
	if actor := g.authenticated(token); actor.Workspace != g.workspace || actor.Role != service.RoleIntegration || actor.Token != tokens[0].ID {
		t.Errorf("%+v", actor)
	}
	other := New(g.db, slog.New(slog.DiscardHandler))
	if _, err := other.Authenticate(t.Context(), local(token)); err == nil {
		t.Error("a server without development tokens accepts it, although the row is there")
	}
	if again := add(other, "secret"); again != token {
		t.Error("at the next start it is another one")
	}
	if another := add(other, "another"); another == token {
		t.Error("another secret returns the same token")
	}
	if tokens, err := g.List(t.Context(), g.workspace); err != nil || len(tokens) != 2 {
		t.Errorf("two secrets have %d rows, %v", len(tokens), err)
	}
	_, err = g.Revoke(t.Context(), g.workspace, tokens[0].ID)
	fine(t, err)
	g.refused(token, "revoked")
	if revoked := add(other, "secret"); revoked != "" {
		t.Error("the revoked connector is announced")
	}
}

func TestSecretsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		secret := apitoken.New()
		if seen[secret] || !apitoken.IsWellFormed(secret) {
			t.Fatalf("%q is repeated or malformed", secret)
		}
		seen[secret] = true
	}
}

// TestWatch: ended is called once, within two seconds, when a token stops being valid or its role
// changes.
func TestWatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scope db.TokenScope
		end   func(*fixture, *db.Token)
		why   string
	}{
		"revoked": {db.ScopeIntegration, func(g *fixture, token *db.Token) {
			_, err := g.Revoke(g.t.Context(), g.workspace, token.ID)
			fine(g.t, err)
		}, "revoked"},
		"expired":     {db.ScopeRead, func(g *fixture, _ *db.Token) { g.clockAhead.Store(int64(time.Hour)) }, "expired"},
		"deactivated": {db.ScopeAgent, func(g *fixture, _ *db.Token) { g.deactivate() }, "deactivated"},
		"promoted":    {db.ScopeAgent, func(g *fixture, _ *db.Token) { g.promote() }, "role"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newFixture(t)
			secret, token := g.issue(c.scope, time.Hour)
			actor := g.authenticated(secret)
			reasons := make(chan string, 10)
			watch := func() (stop func()) {
				return g.Watch(local(secret), actor, func(why *service.Error) { reasons <- why.Message })
			}
			defer watch()()
			defer watch()()
			watch()() // stopped before anything changes
			other, _ := g.issue(db.ScopeIntegration, 0)
			defer g.Watch(local(other), g.authenticated(other), func(*service.Error) { t.Error("ended was called for another token") })()

			fine(t, g.review(t.Context()))
			if len(reasons) != 0 {
				t.Fatalf("ended already: %s", <-reasons)
			}
			c.end(g, token)
			stop := g.running()
			for range 2 {
				select {
				case why := <-reasons:
					if !strings.Contains(why, c.why) {
						t.Errorf("ended with %q", why)
					}
				case <-time.After(2 * time.Second):
					t.Fatal("not ended within two seconds")
				}
			}
			stop()
			fine(t, g.review(t.Context()))
			if len(reasons) != 0 {
				t.Errorf("ended again: %s", <-reasons)
			}
		})
	}
}

// running starts Run. The returned function stops it.
func (g *fixture) running() (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(g.t.Context()))
	done := make(chan struct{})
	go func() { g.Run(ctx); close(done) }()
	return func() { cancel(); <-done }
}

// TestReviewWithoutWatches: without watched tokens no statement is sent to the database.
func TestReviewWithoutWatches(t *testing.T) {
	t.Parallel()
	g := newFixture(t)
	before := g.queries.Load()
	fine(t, g.review(t.Context()))
	if g.queries.Load() != before {
		t.Error("the database was asked about nothing")
	}
}

// TestDatabaseUnavailable: while the database does not answer, tokens are not refused and watches
// do not end.
func TestDatabaseUnavailable(t *testing.T) {
	t.Parallel()
	g := newFixture(t)
	secret, _ := g.issue(db.ScopeAgent, 0)
	defer g.Watch(local(secret), g.authenticated(secret), func(why *service.Error) { t.Errorf("ended with %s", why) })()
	fine(t, g.db.Close())
	_, err := g.Authenticate(t.Context(), local(secret))
	var known *service.Error
	if err == nil || errors.As(err, &known) && known.Code == service.Unauthenticated {
		t.Errorf("authenticated: %v", err)
	}
	if err := g.review(t.Context()); err == nil {
		t.Errorf("reviewed: %v", err)
	}
}
