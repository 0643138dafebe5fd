package service

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"switchboard/db"
	"switchboard/service/apitoken"
)

// agentTokenLifetime is how long an agent's token is valid unless said otherwise. A program's is
// valid until it is revoked.
const agentTokenLifetime = 90 * 24 * time.Hour

// CreateTokenInput is the data of a new API token.
type CreateTokenInput struct {
	Name      string // empty: the scope
	Scope     db.TokenScope
	AgentID   *db.AgentID // for the scope AGENT, and only for it
	ExpiresAt *time.Time  // nil: after 90 days for an agent's token, never for a program's
	Never     bool        // does not expire; ExpiresAt is nil
	Keyed
}

// CreateToken adds an API token (managers only). The outcome has its secret, which is stored nowhere:
// a repeated call returns the token without it. Refusals: AGENT_INACTIVE, LIMIT_REACHED.
func (s *Service) CreateToken(ctx context.Context, actor Actor, in CreateTokenInput) (*Outcome, error) {
	if err := Permit(actor, "createToken"); err != nil {
		return nil, err
	}
	t, err := s.newToken(in)
	if err != nil {
		return nil, err
	}
	return s.Write(ctx, actor, "createToken", &in, func(w *Writer) (Changes, error) {
		if err := s.checkTokens(ctx, w); err != nil {
			return nil, err
		}
		if t.AgentID != nil {
			a, err := w.ShareAgent(ctx, *t.AgentID)
			if err != nil {
				return nil, err
			}
			if err := FirstOf(CheckActive(a, "agentId")); err != nil {
				return nil, err
			}
		}
		secret := apitoken.New()
		hash := apitoken.DigestOf(secret)
		t.ID, t.Hash, t.CreatedAt = db.TokenID{UUID: db.NewUUID()}, hash[:], w.At
		if err := w.InsertToken(ctx, t); err != nil {
			return nil, err
		}
		w.Outcome.Token, w.Outcome.Secret = t, secret
		return Changes{w.aboutToken(t, db.TokenCreated)}, nil
	})
}

// newToken checks the data of a new token.
func (s *Service) newToken(in CreateTokenInput) (*db.Token, error) {
	name, err := CheckName("name", cmp.Or(in.Name, strings.ToLower(string(in.Scope))))
	if err != nil {
		return nil, err
	}
	isAgents := in.Scope == db.ScopeAgent
	switch _, isPrograms := RoleOf(in.Scope); {
	case !isAgents && !isPrograms:
		return nil, NewBadInput("scope must be AGENT, INTEGRATION, READ or DASHBOARD")
	case isAgents && in.AgentID == nil:
		return nil, NewBadInput("a token with the scope AGENT needs an agentId")
	case !isAgents && in.AgentID != nil:
		return nil, NewBadInput("only a token with the scope AGENT has an agentId; leave it out for a program")
	case in.ExpiresAt != nil && !in.ExpiresAt.After(s.Now()):
		return nil, NewBadInput("expiresAt must be in the future; null stands for never")
	}
	t := &db.Token{Scope: in.Scope, AgentID: in.AgentID, Name: name}
	switch {
	case in.ExpiresAt != nil:
		at := in.ExpiresAt.UTC().Truncate(time.Microsecond)
		t.ExpiresAt = &at
	case isAgents && !in.Never:
		at := s.Now().Add(agentTokenLifetime)
		t.ExpiresAt = &at
	}
	return t, nil
}

// RevokeTokenInput is the token to revoke.
type RevokeTokenInput struct {
	TokenID db.TokenID
	Keyed
}

// RevokeToken ends a token for good (managers only). Its live connections are closed within two
// seconds.
func (s *Service) RevokeToken(ctx context.Context, actor Actor, in RevokeTokenInput) (*Outcome, error) {
	if err := Permit(actor, "revokeToken"); err != nil {
		return nil, err
	}
	return s.Write(ctx, actor, "revokeToken", &in, func(w *Writer) (Changes, error) {
		t, err := w.Tx.RevokeToken(ctx, in.TokenID, w.At)
		if err != nil {
			return nil, err
		}
		if t != nil {
			w.Outcome.Token = t
			return Changes{w.aboutToken(t, db.TokenRevoked)}, nil
		}
		known, err := w.TokensByID(ctx, []db.TokenID{in.TokenID})
		if err == nil && len(known) == 0 {
			err = NewNotFound("token")
		}
		w.Outcome.Token = First(known)
		return Unchanged, err
	})
}

// revokeTokensOf revokes the tokens of an agent, in the order of their ids.
func (w *Writer) revokeTokensOf(ctx context.Context, agent db.AgentID) (Changes, error) {
	tokens, err := w.RevokeTokensOf(ctx, agent, w.At)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(tokens, func(a, b *db.Token) int { return slices.Compare(a.ID.UUID[:], b.ID.UUID[:]) })
	var events Changes
	for _, t := range tokens {
		events = append(events, w.aboutToken(t, db.TokenRevoked))
	}
	return events, nil
}

// aboutToken returns an event about a token.
func (r Recorder) aboutToken(t *db.Token, kind db.EventType) *db.Event {
	return r.Event(kind, db.EventData{TokenID: &t.ID})
}

// Tokens returns one page of the tokens, the latest first, without their secrets (managers only).
func (s *Service) Tokens(ctx context.Context, actor Actor, in PageInput) (*List[*db.Token], error) {
	if err := Permit(actor, "tokens"); err != nil {
		return nil, err
	}
	p, err := CheckPage(actor.Workspace, in, db.TokenOrder)
	if err != nil {
		return nil, err
	}
	w := s.DB.ForWorkspace(actor.Workspace)
	rows, next, previous, err := w.TokenPage(ctx, p)
	if err != nil {
		return nil, BadKey(p, err)
	}
	return &List[*db.Token]{
		Rows: rows, HasNext: next, HasPrevious: previous,
		Cursor: func(t *db.Token) string { return db.TokenOrder.Cursor(actor.Workspace, t.Key()) },
		Total:  TotalOf(w.TokenCount),
	}, nil
}

// AllTokensByID reads tokens of agents and programs, without their secrets (managers only).
func (s *Service) AllTokensByID(ctx context.Context, actor Actor, ids []db.TokenID) ([]*db.Token, error) {
	if err := Permit(actor, "tokens"); err != nil {
		return nil, err
	}
	return s.DB.ForWorkspace(actor.Workspace).TokensByID(ctx, ids)
}
