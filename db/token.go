package db

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// TokenScope is what an API token may be used for.
type TokenScope string

// The scopes of API tokens.
const (
	ScopeAgent       TokenScope = "AGENT"       // acts as an agent
	ScopeIntegration TokenScope = "INTEGRATION" // a program of its own
	ScopeRead        TokenScope = "READ"        // queries and subscriptions only
)

// Token is an API token; only the hash of its secret is kept.
type Token struct {
	bun.BaseModel `bun:"table:tokens,alias:token"`

	WorkspaceID WorkspaceKey `bun:",pk"`
	ID          TokenID      `bun:",pk"`
	Scope       TokenScope
	AgentID     *AgentID // of scope AGENT
	Name        string   // what it is for
	Hash        []byte   // SHA-256 of the whole token
	CreatedAt   time.Time
	ExpiresAt   *time.Time
	RevokedAt   *time.Time
}

// TokenOwner is a token with the agent it acts as.
type TokenOwner struct {
	Token  `bun:",extend"`
	Role   *Role // of the agent
	Active *bool // the agent
	AsOf   Seq   // number of the last event of the workspace when this was read
}

// TokensByHash finds tokens, whatever their workspace, by the hashes of their secrets:
// this is how a caller's workspace becomes known. Unknown ones are left out.
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

// HasTokens reports whether there is any token, whatever its workspace.
func (d *DB) HasTokens(ctx context.Context) (some bool, err error) {
	var rows []struct{ Some bool }
	err = d.ForWorkspace(0).query(ctx, &rows, "SELECT EXISTS (SELECT FROM tokens) AS some")
	return err == nil && rows[0].Some, err
}

// Tokens lists the workspace's tokens, the newest first.
func (w ForWorkspace) Tokens(ctx context.Context) ([]*Token, error) {
	var rows []*Token
	err := w.bun.NewSelect().Model(&rows).Where("workspace_id = ?", w.Key).Order("created_at DESC", "id DESC").Scan(ctx)
	return rows, err
}

// ProgramTokens reads the tokens with these ids that belong to programs, in no order;
// unknown ones and those of agents are left out.
func (w ForWorkspace) ProgramTokens(ctx context.Context, ids []TokenID) ([]*Token, error) {
	var rows []*Token
	err := w.query(ctx, &rows, `SELECT workspace_id, id, scope, agent_id, name, created_at, expires_at, revoked_at
		FROM tokens WHERE workspace_id = $1 AND id = ANY ($2) AND agent_id IS NULL`, w.Key, ids)
	return rows, err
}

// InsertToken adds a token. Tokens are no part of the log.
func (w ForWorkspace) InsertToken(ctx context.Context, t *Token) error {
	t.WorkspaceID = w.Key
	_, err := w.bun.NewInsert().Model(t).Returning("NULL").Exec(ctx)
	return err
}

// RevokeToken marks a token as revoked and says whether there was one to revoke.
func (w ForWorkspace) RevokeToken(ctx context.Context, id TokenID, at time.Time) (bool, error) {
	n, err := w.exec(ctx, `UPDATE tokens SET revoked_at = $3
		WHERE workspace_id = $1 AND id = $2 AND revoked_at IS NULL`, w.Key, id, at)
	return n > 0, err
}
