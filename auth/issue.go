package auth

import (
	"cmp"
	"context"
	"strings"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// Issue creates an API token in a workspace and returns its secret, which is not stored. agent is
// set only for an agent's token. If expires is 0 the token does not expire; if name is empty it is
// named after its scope.
func (a *Authenticator) Issue(ctx context.Context, workspace db.WorkspaceKey, scope db.TokenScope, agent *db.AgentID, name string, expires time.Duration) (secret string, token *db.Token, err error) {
	secret = newSecret()
	hash := digestOf(secret)
	now := a.now().UTC().Truncate(time.Microsecond)
	token = &db.Token{ID: db.TokenID{UUID: db.NewUUID()}, Scope: scope, AgentID: agent, Hash: hash[:], CreatedAt: now}
	token.Name = cmp.Or(name, strings.ToLower(string(scope)))
	if expires > 0 {
		at := now.Add(expires)
		token.ExpiresAt = &at
	}
	return secret, token, a.db.ForWorkspace(workspace).InsertToken(ctx, token)
}

// Revoke revokes a token and reports whether a valid one existed. Live sockets are closed within
// two seconds.
func (a *Authenticator) Revoke(ctx context.Context, workspace db.WorkspaceKey, id db.TokenID) (bool, error) {
	defer a.forget(func(actor service.Actor) bool { return actor.Workspace == workspace && actor.Token == id })
	return a.db.ForWorkspace(workspace).RevokeToken(ctx, id, a.now())
}

// List returns the workspace's tokens, newest first, without their secrets.
func (a *Authenticator) List(ctx context.Context, workspace db.WorkspaceKey) ([]*db.Token, error) {
	return a.db.ForWorkspace(workspace).Tokens(ctx)
}
