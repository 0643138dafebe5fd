package graph

import (
	"context"
	"slices"
	"time"

	"switchboard/db"
	"switchboard/graph/limit"
	"switchboard/service"
)

// Session describes the caller and the token.
type Session struct{ actor service.Actor }

// SessionLimits are the limits for a caller.
type SessionLimits struct{ Subscriptions, Sockets, DocumentBytes, Cost int }

func (r queryResolver) Session(ctx context.Context) (*Session, error) {
	return &Session{actorOf(ctx)}, nil
}

// Role returns the caller's role.
func (s *Session) Role() service.Role { return s.actor.Role }

// Scope returns the token's scope.
func (s *Session) Scope() db.TokenScope { return s.actor.Scope() }

// ExpiresAt returns when the token expires; nil if never.
func (s *Session) ExpiresAt() *time.Time { return s.actor.Expires }

// Limits returns the limits for the caller.
func (s *Session) Limits() *SessionLimits {
	return &SessionLimits{Subscriptions: operationsPerConnection, Sockets: mostConnections(s.actor), DocumentBytes: limit.Bytes, Cost: limit.Cost}
}

// sessionRelations are the relations of Session.
type sessionRelations struct{ *reads }

// Agent reads the calling agent; nil for a program.
func (r sessionRelations) Agent(ctx context.Context, rows []*Session) ([]*db.Agent, []error) {
	return refer(ctx, r.agents, rows, func(s *Session) *db.AgentID { return s.actor.Agent })
}

// Workspace reads the caller's workspace.
func (r sessionRelations) Workspace(ctx context.Context, rows []*Session) ([]*db.Workspace, []error) {
	workspace, err := r.service.Workspace(ctx, rows[0].actor)
	if err != nil {
		return nil, failures(len(rows), err)
	}
	return slices.Repeat([]*db.Workspace{workspace}, len(rows)), nil
}
