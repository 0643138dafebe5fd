package graph

import (
	"context"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// Session describes the caller and the token.
type Session struct{ actor service.Actor }

// SessionLimits are the limits for a caller.
type SessionLimits struct{ Subscriptions, Sockets, DocumentBytes int }

func (r queryResolver) Session(ctx context.Context) (*Session, error) {
	return &Session{actorOf(ctx)}, nil
}

// Agent loads the calling agent; nil for a program.
func (s *Session) Agent(ctx context.Context) (*db.Agent, error) {
	return loadOptional(ctx, loadersOf(ctx).agents, s.actor.Agent)
}

// Role returns the caller's role.
func (s *Session) Role() service.Role { return s.actor.Role }

// Scope returns the token's scope.
func (s *Session) Scope() db.TokenScope { return s.actor.Scope() }

// ExpiresAt returns when the token expires; nil if never.
func (s *Session) ExpiresAt() *time.Time { return s.actor.Expires }

// Workspace loads the caller's workspace.
func (r sessionResolver) Workspace(ctx context.Context, s *Session) (*db.Workspace, error) {
	return r.service.Workspace(ctx, s.actor)
}

// Limits returns the limits for the caller.
func (s *Session) Limits() *SessionLimits {
	return &SessionLimits{Subscriptions: operationsPerConnection, Sockets: mostConnections(s.actor), DocumentBytes: documentLimit}
}
