package auth

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// recall calls Recall and returns the code of its error, if any.
func (g *fixture) recall(token string) (fresh bool, code service.ErrorCode) {
	g.t.Helper()
	actor, fresh, err := g.Recall(g.t.Context(), local(token))
	var refused *service.Error
	switch {
	case err == nil && actor.Workspace != g.workspace:
		g.t.Errorf("the caller is %+v", actor)
	case err != nil && !errors.As(err, &refused):
		g.t.Fatal(err)
	case err != nil:
		code = refused.Code
	}
	return fresh, code
}

func (g *fixture) recalls(what, token string, fresh bool, code service.ErrorCode) {
	g.t.Helper()
	if f, c := g.recall(token); f != fresh || c != code {
		g.t.Errorf("%s: the database was asked: %t, the answer is %q", what, f, c)
	}
}

// TestP7Recall: the caller of a query is known for half a second; then, and for everything else at
// once, a token that was revoked by another server is refused (P7).
func TestP7Recall(t *testing.T) {
	t.Parallel()
	g := newFixture(t)
	start := time.Now()
	g.Now = func() time.Time { return start.Add(time.Duration(g.clockAhead.Load())) }
	secret, token := g.issue(db.ScopeAgent, 0)
	g.recalls("a first query", secret, true, "")
	asked := g.queries.Load()
	g.recalls("a second query", secret, false, "")
	if g.queries.Load() != asked {
		t.Error("the second query was looked up in the database")
	}
	elsewhere := New(g.db, slog.New(slog.DiscardHandler))
	if was, err := elsewhere.Revoke(t.Context(), g.workspace, token.ID); !was || err != nil {
		t.Fatal(was, err)
	}
	g.refused(secret, "revoked")
	g.clockAhead.Store(int64(500*time.Millisecond - 1))
	g.recalls("a query just within half a second", secret, false, "")
	g.clockAhead.Store(int64(500 * time.Millisecond))
	g.recalls("a query half a second later", secret, true, service.Unauthenticated)
	g.recalls("a refused token is not remembered", secret, true, service.Unauthenticated)
}

// TestP7RecallEnds: a query's caller is asked about again at once if this server knows that its
// rights have changed (P7).
func TestP7RecallEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(g *fixture, token *db.Token)
		code service.ErrorCode
	}{
		"revoked": {func(g *fixture, token *db.Token) {
			_, err := g.Revoke(g.t.Context(), g.workspace, token.ID)
			fine(g.t, err)
		}, service.Unauthenticated},
		"deactivated": {func(g *fixture, _ *db.Token) { g.deactivate(); g.withdrawAll() }, service.Unauthenticated},
		"promoted":    {func(g *fixture, _ *db.Token) { g.promote(); g.withdrawAll() }, ""},
		"expired":     {func(g *fixture, _ *db.Token) { g.clockAhead.Store(int64(time.Hour)) }, service.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newFixture(t)
			start := time.Now()
			g.Now = func() time.Time { return start.Add(time.Duration(g.clockAhead.Load())) }
			secret, token := g.issue(db.ScopeAgent, time.Hour)
			g.clockAhead.Store(int64(time.Hour - time.Millisecond))
			g.recalls("while the token is valid", secret, true, "")
			g.recalls("once more", secret, false, "")
			c.end(g, token)
			g.recalls("afterwards", secret, true, c.code)
		})
	}
}

// withdrawAll passes the whole log to Withdraw, as the feed does.
func (g *fixture) withdrawAll() {
	g.t.Helper()
	events, err := g.db.ForWorkspace(g.workspace).EventsAfter(g.t.Context(), 0, 100)
	fine(g.t, err)
	g.Withdraw(events)
}
