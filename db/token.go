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
	ScopeDashboard   TokenScope = "DASHBOARD"   // counts and the dashboard only
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
	LastUsedAt  *time.Time // exact to UseInterval
}

// UseInterval is how exactly the last use of a token is recorded.
const UseInterval = time.Hour

// IsStale reports whether a use of the token at this time has to be recorded.
func (t *Token) IsStale(at time.Time) bool {
	return t.LastUsedAt == nil || at.Sub(*t.LastUsedAt) >= UseInterval
}

// TokenOwner is a token with the agent it acts as.
type TokenOwner struct {
	Token  `bun:",extend"`
	Role   *Role       // role of the agent
	Active *bool       // whether the agent is active
	InID   WorkspaceID // id of the workspace
	AsOf   Seq         // number of the last event of the workspace when this was read
}

// TokensByHash returns the tokens with these hashes, in all workspaces, since the token determines
// the caller's workspace. Unknown hashes are omitted.
func (d *DB) TokensByHash(ctx context.Context, hashes [][]byte) ([]*TokenOwner, error) {
	var rows []*TokenOwner
	err := d.ForWorkspace(0).query(ctx, &rows, `
		SELECT token.workspace_id, token.id, scope, agent_id, token.name, hash, token.created_at, expires_at, revoked_at, last_used_at, role, active,
			workspace.id AS in_id, COALESCE(head.seq, 0) AS as_of
		FROM tokens AS token JOIN workspaces AS workspace ON workspace.key = token.workspace_id
		LEFT JOIN agents ON agents.workspace_id = token.workspace_id AND agents.id = token.agent_id
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
	q := w.bun.NewSelect().Model(&rows).Where("workspace_id = ?", w.Key).Order("created_at DESC", "id DESC")
	err := w.sharing(ctx, func() error { return q.Scan(ctx) })
	return rows, err
}

const tokenColumns = "workspace_id, id, scope, agent_id, name, created_at, expires_at, revoked_at, last_used_at"

// TokenOrder lists tokens, the latest first.
var TokenOrder = Order{Name: "tokens", Columns: []string{"created_at", "id"}, Desc: true}

// Key returns the token's position in TokenOrder.
func (t *Token) Key() Key { return Key{timeKey(t.CreatedAt), t.ID.UUID.String()} }

// TokenPage returns one page of the tokens, without their hashes, and whether rows follow and
// precede it.
func (w ForWorkspace) TokenPage(ctx context.Context, p Page) ([]*Token, bool, bool, error) {
	var rows []*Token
	q := w.bun.NewSelect().Model(&rows).ExcludeColumn("hash").Where("workspace_id = ?", w.Key)
	if err := p.apply(q, TokenOrder).Scan(ctx); err != nil {
		return nil, false, false, err
	}
	rows, next, previous := Trim(rows, p)
	return rows, next, previous, nil
}

// TokenCount counts tokens up to a limit.
func (w ForWorkspace) TokenCount(ctx context.Context, limit int) (int, error) {
	return w.count(ctx, w.bun.NewSelect().Model((*Token)(nil)).Where("workspace_id = ?", w.Key), limit)
}

// ValidTokenCount counts the tokens that are valid at a time, up to a limit.
func (w ForWorkspace) ValidTokenCount(ctx context.Context, at time.Time, limit int) (int, error) {
	return w.count(ctx, w.bun.NewSelect().Model((*Token)(nil)).Where("workspace_id = ?", w.Key).
		Where("revoked_at IS NULL").Where("expires_at IS NULL OR expires_at > ?", at), limit)
}

// TokensByID returns the tokens with these ids, without their hashes, in no order. Unknown ids are
// omitted.
func (w ForWorkspace) TokensByID(ctx context.Context, ids []TokenID) ([]*Token, error) {
	var rows []*Token
	err := w.query(ctx, &rows, "SELECT "+tokenColumns+" FROM tokens WHERE workspace_id = $1 AND id = ANY ($2)", w.Key, ids)
	return rows, err
}

// RecordUses records that tokens are used now, in all workspaces, as the caller of a token is known
// before the workspace is. A use within UseInterval of the recorded one is not written.
func (d *DB) RecordUses(ctx context.Context, hashes [][]byte, now time.Time) error {
	_, err := d.ForWorkspace(0).exec(ctx, `UPDATE tokens SET last_used_at = $2
		WHERE hash = ANY ($1) AND (last_used_at IS NULL OR last_used_at <= $3)`, hashes, now, now.Add(-UseInterval))
	return err
}

// ProgramTokens returns the tokens with these ids that do not act as an agent, in no order. Unknown
// ids are omitted.
func (w ForWorkspace) ProgramTokens(ctx context.Context, ids []TokenID) ([]*Token, error) {
	var rows []*Token
	err := w.query(ctx, &rows, "SELECT "+tokenColumns+` FROM tokens WHERE workspace_id = $1 AND id = ANY ($2) AND agent_id IS NULL`, w.Key, ids)
	return rows, err
}

// InsertToken adds a token. The log does not record it.
func (w ForWorkspace) InsertToken(ctx context.Context, t *Token) error {
	t.WorkspaceID = w.Key
	return w.sharing(ctx, func() error {
		_, err := w.bun.NewInsert().Model(t).Returning("NULL").Exec(ctx)
		return err
	})
}

// RevokeToken marks a token as revoked and returns it; nil if it does not exist or was revoked
// before.
func (tx Tx) RevokeToken(ctx context.Context, id TokenID, at time.Time) (*Token, error) {
	var rows []*Token
	err := tx.query(ctx, &rows, `UPDATE tokens SET revoked_at = $3
		WHERE workspace_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING `+tokenColumns, tx.Key, id, at)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// RevokeTokensOf marks all tokens of an agent as revoked. It returns those that were not revoked
// before, in no order.
func (tx Tx) RevokeTokensOf(ctx context.Context, agent AgentID, at time.Time) ([]*Token, error) {
	var rows []*Token
	err := tx.query(ctx, &rows, `UPDATE tokens SET revoked_at = $3
		WHERE workspace_id = $1 AND agent_id = $2 AND revoked_at IS NULL RETURNING `+tokenColumns, tx.Key, agent, at)
	return rows, err
}
