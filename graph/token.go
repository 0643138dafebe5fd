package graph

import (
	"context"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// The connections and edges of tokens and of the audit.
type (
	TokenConnection      = Connection[*db.Token]
	TokenEdge            = Edge[*db.Token]
	AuditEventConnection = Connection[Event]
	AuditEventEdge       = Edge[Event]
)

// TokenPayload is the payload of revokeToken.
type TokenPayload struct {
	payload
	Token *db.Token
}

// CreateTokenPayload is the payload of createToken.
type CreateTokenPayload struct {
	payload
	Token  *db.Token
	Secret *string
}

func (r mutationResolver) CreateToken(ctx context.Context, input service.CreateTokenInput) (*CreateTokenPayload, error) {
	o, err := r.service.CreateToken(ctx, actorOf(ctx), input)
	p, err := payloadOf(o, err)
	if err != nil {
		return nil, err
	}
	created := &CreateTokenPayload{payload: p, Token: o.Token}
	if o.Secret != "" {
		created.Secret = &o.Secret
	}
	return created, nil
}

func (r mutationResolver) RevokeToken(ctx context.Context, input service.RevokeTokenInput) (*TokenPayload, error) {
	o, err := r.service.RevokeToken(ctx, actorOf(ctx), input)
	p, err := payloadOf(o, err)
	if err != nil {
		return nil, err
	}
	return &TokenPayload{p, o.Token}, nil
}

// CreateTokenInput reads the fields of CreateTokenInput.
func (r *Resolver) CreateTokenInput() CreateTokenInputResolver { return createTokenInputResolver{r} }

type createTokenInputResolver struct{ *Resolver }

// ExpiresAt sets when the token expires; null stands for never.
func (createTokenInputResolver) ExpiresAt(ctx context.Context, in *service.CreateTokenInput, at *time.Time) error {
	in.ExpiresAt, in.Never = at, at == nil && sent(ctx, "expiresAt")
	return nil
}

func (r queryResolver) Tokens(ctx context.Context, first *int, after *string, last *int, before *string) (*TokenConnection, error) {
	l, err := r.service.Tokens(ctx, actorOf(ctx), service.PageInput{First: first, After: after, Last: last, Before: before})
	if err != nil {
		return nil, err
	}
	return rootConnection(l, l.Total), nil
}

func (r queryResolver) AuditEvents(ctx context.Context, first *int, after *string, last *int, before *string) (*AuditEventConnection, error) {
	l, err := r.service.AuditEvents(ctx, actorOf(ctx), service.PageInput{First: first, After: after, Last: last, Before: before})
	if err != nil {
		return nil, err
	}
	c := connect(l, toEvent)
	c.count = once(l.Total)
	return c, nil
}

// tokenRelations are the relations of Token.
type tokenRelations struct{ *reads }

// Agent reads the agents that tokens act as; nil for programs' tokens.
func (r tokenRelations) Agent(ctx context.Context, rows []*db.Token) ([]*db.Agent, []error) {
	return refer(ctx, r.agents, rows, func(t *db.Token) *db.AgentID { return t.AgentID })
}

// tokenEvent is an event about a token.
type tokenEvent struct{ event }

// tokenEventRelations are the relations of events about tokens.
type tokenEventRelations struct{ *reads }

func (r tokenEventRelations) Token(ctx context.Context, rows []tokenEvent) ([]*db.Token, []error) {
	return refer(ctx, r.allTokens, rows, func(e tokenEvent) *db.TokenID { return e.Data.TokenID })
}
