package auth

import (
	"errors"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/apitoken"
)

// unavailable checks that a token is neither accepted nor refused.
func (g *fixture) unavailable(token string) {
	g.t.Helper()
	_, err := g.Authenticate(g.t.Context(), local(token))
	if known := (*service.Error)(nil); !errors.As(err, &known) || known.Code != service.Unavailable {
		g.t.Errorf("Authenticate returned %v", err)
	}
}

func (g *fixture) run(sql string) {
	g.t.Helper()
	_, err := g.db.ExecContext(g.t.Context(), sql)
	fine(g.t, err)
}

// TestRestoredInPlace: while a database is being restored, tokens are missing for a moment. Callers
// get UNAVAILABLE, because clients treat UNAUTHENTICATED as final.
func TestRestoredInPlace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ take, back string }{
		"all tokens":     {"CREATE TABLE kept AS SELECT * FROM tokens; DELETE FROM tokens", "INSERT INTO tokens SELECT * FROM kept"},
		"those of Ali's": {"CREATE TABLE kept AS SELECT * FROM tokens WHERE agent_id IS NOT NULL; DELETE FROM tokens WHERE agent_id IS NOT NULL", "INSERT INTO tokens SELECT * FROM kept"},
		"all agents": {"ALTER TABLE tokens DISABLE TRIGGER ALL; SET session_replication_role = replica; UPDATE agents SET id = gen_random_uuid(), email = 'x' || email; RESET session_replication_role",
			""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newFixture(t)
			secret, _ := g.issue(db.ScopeAgent, 0)
			program, _ := g.issue(db.ScopeIntegration, 0)
			g.authenticated(program)
			reasons := make(chan *service.Error, 1)
			defer g.Watch(local(secret), g.authenticated(secret), func(why *service.Error) { reasons <- why })()

			g.run(c.take)
			fine(t, g.review(t.Context()))
			if why := <-reasons; why.Code != service.Unavailable {
				t.Errorf("ended with %s: %s", why.Code, why)
			}
			g.unavailable(secret)
			g.clockAhead.Add(int64(missingGrace - time.Second))
			g.unavailable(secret)
			if c.back != "" {
				g.run(c.back)
				g.authenticated(secret)
				g.run("DROP TABLE kept; " + c.take)
				g.unavailable(secret)
			}
			g.clockAhead.Add(int64(missingGrace + time.Second))
			g.refused(secret, "unknown") // missing twice
		})
	}
}

// TestMissingElsewhere: a server does not refuse a token that it has never seen while the table is
// empty, but refuses unknown tokens at any other time.
func TestMissingElsewhere(t *testing.T) {
	t.Parallel()
	g := newFixture(t)
	other, _ := g.issue(db.ScopeRead, 0)
	unknown := apitoken.New()
	g.refused(unknown, "unknown")
	program, _ := g.issue(db.ScopeIntegration, 0)
	g.authenticated(program)
	g.refused(unknown, "unknown")
	g.run("DELETE FROM tokens")
	g.unavailable(other)
	g.unavailable(program)
	g.clockAhead.Add(int64(missingGrace + time.Second))
	g.refused(other, "unknown")
	g.refused(program, "unknown")
	g.refused(unknown, "unknown")
}

// TestKnownTokensAreLimited: the number of remembered tokens is bounded.
func TestKnownTokensAreLimited(t *testing.T) {
	t.Parallel()
	a := New(nil, nil)
	for i := range knownLimit + 10 {
		a.remember(digest{byte(i), byte(i >> 8)}, time.Time{})
	}
	if len(a.known) != knownLimit {
		t.Errorf("it remembers %d", len(a.known))
	}
}
