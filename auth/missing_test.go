package auth

import (
	"errors"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// unavailable checks that a token is neither taken nor refused.
func (g *gate) unavailable(token string) {
	g.t.Helper()
	_, err := g.Authenticate(g.t.Context(), token)
	if known := (*service.Error)(nil); !errors.As(err, &known) || known.Code != service.Unavailable {
		g.t.Errorf("it says %v", err)
	}
}

func (g *gate) run(sql string) {
	g.t.Helper()
	_, err := g.db.ExecContext(g.t.Context(), sql)
	fine(g.t, err)
}

// TestRestoredInPlace: while a database is being restored, tokens are missing for a moment.
// Nobody is told that they were revoked, which clients take as final.
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
			g := newGate(t)
			secret, _ := g.issue(db.ScopeAgent, 0)
			program, _ := g.issue(db.ScopeIntegration, 0)
			g.admitted(program)
			told := make(chan *service.Error, 1)
			defer g.Attend(secret, g.admitted(secret), func(why *service.Error) { told <- why })()

			g.run(c.take)
			fine(t, g.review(t.Context()))
			if why := <-told; why.Code != service.Unavailable {
				t.Errorf("the caller was told %s: %s", why.Code, why)
			}
			g.unavailable(secret)
			g.future.Add(int64(doubtTime - time.Second))
			g.unavailable(secret)
			if c.back != "" {
				g.run(c.back)
				g.admitted(secret)
				g.run("DROP TABLE kept; " + c.take)
				g.unavailable(secret)
			}
			g.future.Add(int64(doubtTime + time.Second))
			g.refused(secret, "unknown") // the looks agree
		})
	}
}

// TestMissingElsewhere: a server that has never seen a token does not refuse it while there
// is none at all; any other unknown one it does.
func TestMissingElsewhere(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	stranger, _ := g.issue(db.ScopeRead, 0)
	unknown := newSecret()
	g.refused(unknown, "unknown")
	program, _ := g.issue(db.ScopeIntegration, 0)
	g.admitted(program)
	g.refused(unknown, "unknown")
	g.run("DELETE FROM tokens")
	g.unavailable(stranger)
	g.unavailable(program)
	g.future.Add(int64(doubtTime + time.Second))
	g.refused(stranger, "unknown")
	g.refused(program, "unknown")
	g.refused(unknown, "unknown")
}

// TestKnownTokensAreFew: what a server remembers of tokens has an end.
func TestKnownTokensAreFew(t *testing.T) {
	t.Parallel()
	a := New(nil, nil)
	for i := range knownLimit + 10 {
		a.remember(digest{byte(i), byte(i >> 8)}, time.Time{})
	}
	if len(a.known) != knownLimit {
		t.Errorf("it remembers %d", len(a.known))
	}
}
