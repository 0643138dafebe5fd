package graph

import (
	"context"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// Session is what is known of a caller.
type Session struct{ actor service.Actor }

// SessionLimits are the limits within which a caller is served.
type SessionLimits struct{ Subscriptions, Sockets, DocumentBytes int }

func (r queryResolver) Session(ctx context.Context) (*Session, error) {
	return &Session{actorOf(ctx)}, nil
}

// Agent loads the agent who is calling; nil for a program.
func (s *Session) Agent(ctx context.Context) (*db.Agent, error) {
	return loadOptional(ctx, loadersOf(ctx).agents, s.actor.Agent)
}

// Role is what the caller may do.
func (s *Session) Role() service.Role { return s.actor.Role }

// Scope is what the token may be used for.
func (s *Session) Scope() db.TokenScope { return s.actor.Scope() }

// ExpiresAt is when the token expires; nil if it does not.
func (s *Session) ExpiresAt() *time.Time { return s.actor.Expires }

// Workspace loads the caller's workspace.
func (r sessionResolver) Workspace(ctx context.Context, s *Session) (*db.Workspace, error) {
	return r.service.Workspace(ctx, s.actor)
}

// Limits are the limits within which the caller is served.
func (s *Session) Limits() *SessionLimits {
	return &SessionLimits{Subscriptions: operationsPerConnection, Sockets: mostConnections(s.actor), DocumentBytes: documentLimit}
}
