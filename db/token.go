package db

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// TokenScope is the permission of an API token.
type TokenScope string

// The scopes of API tokens.
const (
	ScopeAgent       TokenScope = "AGENT"       // acts as an agent, with the agent's role
	ScopeIntegration TokenScope = "INTEGRATION" // acts as an integration
	ScopeRead        TokenScope = "READ"        // queries and subscriptions only
)

// Token is an API token; only the hash of its secret is kept.
type Token struct {
	bun.BaseModel `bun:"table:tokens,alias:token"`

	WorkspaceID WorkspaceKey `bun:",pk"`
	ID          TokenID      `bun:",pk"`
	Scope       TokenScope
	AgentID     *AgentID // the agent it acts as; only for the scope AGENT
	Name        string   // its purpose, for people
	Hash        []byte   // SHA-256 of the whole token
	CreatedAt   time.Time
	ExpiresAt   *time.Time
	RevokedAt   *time.Time
}

// TokenOwner is a token with the agent it acts as.
type TokenOwner struct {
	Token  `bun:",extend"`
	Role   *Role // role of the agent
	Active *bool // whether the agent is active
	AsOf   Seq   // number of the last event of the workspace when this was read
}

// TokensByHash returns the tokens with these hashes, in all workspaces, since the token determines
// the caller's workspace. Unknown hashes are omitted.
func (d *DB) TokensByHash(ctx context.Context, hashes [][]byte) ([]*TokenOwner, error) {
	var rows []*TokenOwner
	err := d.ForWorkspace(0).query(ctx, &rows, `
		SELECT token.workspace_id, token.id, scope, agent_id, token.name, hash, token.created_at, expires_at, revoked_at, role, active,
			COALESCE(head.seq, 0) AS as_of
		FROM tokens AS token LEFT JOIN agents ON agents.workspace_id = token.workspace_id AND agents.id = token.agent_id
		LEFT JOIN event_heads AS head ON head.workspace_id = token.workspace_id
		WHERE hash = ANY ($1)`, hashes)
	return rows, err
}

// HasTokens reports whether any workspace has a token.
func (d *DB) HasTokens(ctx context.Context) (exists bool, err error) {
	var rows []struct{ Found bool }
	err = d.ForWorkspace(0).query(ctx, &rows, "SELECT EXISTS (SELECT FROM tokens) AS found")
	return err == nil && rows[0].Found, err
}

// Tokens returns the workspace's tokens, newest first.
func (w ForWorkspace) Tokens(ctx context.Context) ([]*Token, error) {
	var rows []*Token
	err := w.bun.NewSelect().Model(&rows).Where("workspace_id = ?", w.Key).Order("created_at DESC", "id DESC").Scan(ctx)
	return rows, err
}

// ProgramTokens returns the tokens with these ids that do not act as an agent, in no order. Unknown
// ids are omitted.
func (w ForWorkspace) ProgramTokens(ctx context.Context, ids []TokenID) ([]*Token, error) {
	var rows []*Token
	err := w.query(ctx, &rows, `SELECT workspace_id, id, scope, agent_id, name, created_at, expires_at, revoked_at
		FROM tokens WHERE workspace_id = $1 AND id = ANY ($2) AND agent_id IS NULL`, w.Key, ids)
	return rows, err
}

// InsertToken adds a token. The log does not record it.
func (w ForWorkspace) InsertToken(ctx context.Context, t *Token) error {
	t.WorkspaceID = w.Key
	_, err := w.bun.NewInsert().Model(t).Returning("NULL").Exec(ctx)
	return err
}

// RevokeToken marks a token as revoked. It reports whether the token exists and was not revoked
// yet.
func (w ForWorkspace) RevokeToken(ctx context.Context, id TokenID, at time.Time) (bool, error) {
	n, err := w.exec(ctx, `UPDATE tokens SET revoked_at = $3
		WHERE workspace_id = $1 AND id = $2 AND revoked_at IS NULL`, w.Key, id, at)
	return n > 0, err
}
