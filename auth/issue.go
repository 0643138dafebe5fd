package auth

import (
	"cmp"
	"context"
	"strings"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/apitoken"
)

// Issue creates an API token without an event, for tests and benchmarks, and returns its secret. The
// verb is service.CreateToken. agent is
// set only for an agent's token. If expires is 0 the token does not expire; if name is empty it is
// named after its scope.
func (a *Authenticator) Issue(ctx context.Context, workspace db.WorkspaceKey, scope db.TokenScope, agent *db.AgentID, name string, expires time.Duration) (secret string, token *db.Token, err error) {
	secret = apitoken.New()
	hash := digestOf(secret)
	now := a.Now().UTC().Truncate(time.Microsecond)
	token = &db.Token{ID: db.TokenID{UUID: db.NewUUID()}, Scope: scope, AgentID: agent, Hash: hash[:], CreatedAt: now}
	token.Name = cmp.Or(name, strings.ToLower(string(scope)))
	if expires > 0 {
		at := now.Add(expires)
		token.ExpiresAt = &at
	}
	return secret, token, a.db.ForWorkspace(workspace).InsertToken(ctx, token)
}

// Revoke revokes a token without an event, as a server of the version before does, and reports whether a valid one existed. Live sockets are closed within
// two seconds.
func (a *Authenticator) Revoke(ctx context.Context, workspace db.WorkspaceKey, id db.TokenID) (bool, error) {
	defer a.forget(func(actor service.Actor) bool { return actor.Workspace == workspace && actor.Token == id })
	var revoked *db.Token
	err := a.db.Transact(ctx, workspace, func(tx db.Tx) (err error) {
		revoked, err = tx.RevokeToken(ctx, id, a.Now())
		return err
	})
	return revoked != nil, err
}

// List returns the workspace's tokens, newest first, without their secrets.
func (a *Authenticator) List(ctx context.Context, workspace db.WorkspaceKey) ([]*db.Token, error) {
	return a.db.ForWorkspace(workspace).Tokens(ctx)
}
