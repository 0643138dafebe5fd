package service_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/apitoken"
	"switchboard/service/servicetest"
)

func TestTokens(t *testing.T) {
	hold(t, []rule{
		{"a secret is shown once and only its hash is stored", testSecretOnce},
		{"an agent's token expires after 90 days and a program's never, unless said otherwise", testExpiry},
		{"input that makes no token is refused", testTokenInput},
		{"an agent's tokens are revoked with the agent", testTokensEndWithAgent},
		{"a token is revoked once", func(t *testing.T, w *world) {
			token := w.OK(w.CreateToken(w.Context(), w.Manager, service.CreateTokenInput{Name: "shop", Scope: db.ScopeIntegration})).Token
			in := service.RevokeTokenInput{TokenID: token.ID}
			o := w.OK(w.RevokeToken(w.Context(), w.Manager, in))
			servicetest.Equal(t, "events", servicetest.Types(o.Events), "TOKEN_REVOKED")
			servicetest.Equal(t, "revoked", o.Token.RevokedAt.Equal(w.Clock), true)
			w.Unchanged("again", func() { w.OK(w.RevokeToken(w.Context(), w.Manager, in)) })
		}},
		{"the audit has who may do what, for managers", testAudit},
	})
}

func testSecretOnce(t *testing.T, w *world) {
	in := service.CreateTokenInput{Name: "shop", Scope: db.ScopeIntegration, Keyed: service.Keyed{IdempotencyKey: new("once")}}
	o := w.OK(w.CreateToken(w.Context(), w.Manager, in))
	servicetest.Equal(t, "events", servicetest.Types(o.Events), "TOKEN_CREATED")
	if !apitoken.IsWellFormed(o.Secret) {
		t.Errorf("the secret is %q", o.Secret)
	}
	again := w.OK(w.CreateToken(w.Context(), w.Manager, in))
	servicetest.Equal(t, "secret of a repeated call", again.Secret, "")
	servicetest.Equal(t, "token of a repeated call", again.Token.ID, o.Token.ID)
	owners, err := w.DB.TokensByHash(w.Context(), [][]byte{o.Token.Hash})
	servicetest.Fine(t, err)
	hash := apitoken.DigestOf(o.Secret)
	if len(owners) != 1 || !bytes.Equal(owners[0].Hash, hash[:]) {
		t.Errorf("the stored token is %v", owners)
	}
	for table, text := range w.dump() {
		if strings.Contains(text, o.Secret) || strings.Contains(text, o.Secret[8:40]) {
			t.Errorf("%s has the secret", table)
		}
	}
	listed, err := w.Tokens(w.Context(), w.Manager, service.PageInput{})
	servicetest.Fine(t, err)
	servicetest.Equal(t, "listed", len(listed.Rows), 1)
	if listed.Rows[0].Hash != nil {
		t.Error("a list has a hash")
	}
}

// dump returns the rows of each table as JSON.
func (w *world) dump() map[string]string {
	w.T.Helper()
	var tables []string
	servicetest.Fine(w.T, w.DB.NewRaw("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").Scan(w.Context(), &tables))
	dump := map[string]string{}
	for _, table := range tables {
		var rows string
		servicetest.Fine(w.T, w.DB.NewRaw("SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')::text FROM "+table+" AS t").Scan(w.Context(), &rows))
		dump[table] = rows
	}
	return dump
}

func testExpiry(t *testing.T, w *world) {
	ada, soon := w.Agent("Ada"), w.Clock.Add(time.Hour)
	for name, c := range map[string]struct {
		in   service.CreateTokenInput
		want *time.Time
	}{
		"agent":                 {service.CreateTokenInput{Scope: db.ScopeAgent, AgentID: ada.Agent}, new(w.Clock.AddDate(0, 0, 90))},
		"agent, never":          {service.CreateTokenInput{Scope: db.ScopeAgent, AgentID: ada.Agent, Never: true}, nil},
		"agent, in an hour":     {service.CreateTokenInput{Scope: db.ScopeAgent, AgentID: ada.Agent, ExpiresAt: &soon}, &soon},
		"integration":           {service.CreateTokenInput{Scope: db.ScopeIntegration}, nil},
		"read":                  {service.CreateTokenInput{Scope: db.ScopeRead}, nil},
		"dashboard, in an hour": {service.CreateTokenInput{Scope: db.ScopeDashboard, ExpiresAt: &soon}, &soon},
	} {
		got := w.OK(w.CreateToken(w.Context(), w.Manager, c.in)).Token.ExpiresAt
		if (got == nil) != (c.want == nil) || got != nil && !got.Equal(*c.want) {
			t.Errorf("%s expires at %v instead of %v", name, got, c.want)
		}
	}
}

func testTokenInput(t *testing.T, w *world) {
	ada := w.Agent("Ada")
	for name, in := range map[string]service.CreateTokenInput{
		"unknown scope":          {Scope: "EVERYTHING"},
		"agent without agent":    {Scope: db.ScopeAgent},
		"program with agent":     {Scope: db.ScopeRead, AgentID: ada.Agent},
		"expired from the start": {Scope: db.ScopeRead, ExpiresAt: &w.Clock},
		"long name":              {Scope: db.ScopeRead, Name: strings.Repeat("x", 201)},
	} {
		w.Unchanged(name, func() {
			_, err := w.CreateToken(w.Context(), w.Manager, in)
			servicetest.Failed(t, err, service.BadInput)
		})
	}
	w.Deactivate(ada)
	w.Unchanged("deactivated", func() {
		_, err := w.CreateToken(w.Context(), w.Manager, service.CreateTokenInput{Scope: db.ScopeAgent, AgentID: ada.Agent})
		servicetest.Refused(t, err, service.AgentInactive)
	})
}

func testTokensEndWithAgent(t *testing.T, w *world) {
	ada, ben := w.Agent("Ada"), w.Agent("Ben")
	create := func(a service.Actor) db.TokenID {
		return w.OK(w.CreateToken(w.Context(), w.Manager, service.CreateTokenInput{Scope: db.ScopeAgent, AgentID: a.Agent})).Token.ID
	}
	first, second, other := create(ada), create(ada), create(ben)
	w.OK(w.RevokeToken(w.Context(), w.Manager, service.RevokeTokenInput{TokenID: first}))
	third := create(ada)
	o := w.OK(w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: *ada.Agent}))
	servicetest.Equal(t, "events", servicetest.Types(o.Events), "AGENT_DEACTIVATED + TOKEN_REVOKED + TOKEN_REVOKED")
	servicetest.Equal(t, "whose", [2]db.TokenID{*o.Events[1].Data.TokenID, *o.Events[2].Data.TokenID}, [2]db.TokenID{second, third})
	w.OK(w.ReactivateAgent(w.Context(), w.Manager, service.ReactivateAgentInput{AgentID: *ada.Agent}))
	tokens, err := w.AllTokensByID(w.Context(), w.Manager, []db.TokenID{second, other})
	servicetest.Fine(t, err)
	for _, token := range tokens {
		servicetest.Equal(t, "revoked", token.RevokedAt != nil, token.ID == second)
	}
}

func testAudit(t *testing.T, w *world) {
	ada := w.Agent("Ada")
	w.Open(ada)
	token := w.OK(w.CreateToken(w.Context(), w.Manager, service.CreateTokenInput{Scope: db.ScopeAgent, AgentID: ada.Agent}))
	w.OK(w.UpdateAgent(w.Context(), w.Manager, service.UpdateAgentInput{AgentID: *ada.Agent, Role: new(db.RoleManager)}))
	w.OK(w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: *ada.Agent}))
	l, err := w.AuditEvents(w.Context(), w.Manager, service.PageInput{})
	servicetest.Fine(t, err)
	servicetest.Equal(t, "audit", servicetest.Types(l.Rows), "TOKEN_REVOKED + AGENT_DEACTIVATED + AGENT_UPDATED + TOKEN_CREATED + AGENT_CREATED + AGENT_CREATED")
	servicetest.Equal(t, "who created the token", l.Rows[3].Actor, w.Manager.Agent.Ref())
	for reader, seen := range map[service.Role]int{service.RoleManager: 1, service.RoleReader: 0} {
		events, err := w.EventsByID(w.Context(), w.Program(reader), []db.EventID{token.Events[0].ID})
		servicetest.Fine(t, err)
		servicetest.Equal(t, string(reader)+" by id", len(events), seen)
	}
}
