package auth

import (
	"cmp"
	"context"
	"strings"
	"time"

	"switchboard/db"
)

// Issue makes an API token in a workspace and gives its secret, which is nowhere to be
// found afterwards. agent is set for the scope of an agent only; expires 0
// is never, and without a name it is called after its scope.
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

// Revoke ends a token, on live sockets within two seconds, and says whether there was a
// valid one.
func (a *Authenticator) Revoke(ctx context.Context, workspace db.WorkspaceKey, id db.TokenID) (bool, error) {
	return a.db.ForWorkspace(workspace).RevokeToken(ctx, id, a.now())
}

// List gives the workspace's tokens, without their secrets, the newest first.
func (a *Authenticator) List(ctx context.Context, workspace db.WorkspaceKey) ([]*db.Token, error) {
	return a.db.ForWorkspace(workspace).Tokens(ctx)
}
