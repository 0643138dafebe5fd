package db

import (
	"context"
	"encoding/json"
	"time"

	"github.com/uptrace/bun"
)

// IdempotencyKey is the key that a caller sent with a mutation, and the result of that mutation.
type IdempotencyKey struct {
	bun.BaseModel `bun:"table:idempotency_keys,alias:idempotency_key"`

	WorkspaceID WorkspaceKey
	Caller      ActorRef
	Key         string
	Request     []byte          // SHA-256 of the mutation and its input
	Outcome     json.RawMessage `bun:"type:jsonb"`
	CreatedAt   time.Time
}

// ClaimKey claims a key for this transaction and reports whether that succeeded. If another
// transaction holds the same key, it waits until that one has ended. A key older than the limit can
// be claimed again.
func (tx Tx) ClaimKey(ctx context.Context, k *IdempotencyKey, limit time.Duration) (bool, error) {
	n, err := tx.exec(ctx, `INSERT INTO idempotency_keys AS k (workspace_id, caller, key, request, created_at)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (workspace_id, caller, key) DO UPDATE SET request = $4, outcome = NULL, created_at = $5
		WHERE k.created_at < $6`, tx.Key, k.Caller, k.Key, k.Request, k.CreatedAt, k.CreatedAt.Add(-limit))
	return n > 0, err
}

// KeyOutcome returns a claimed key with its result.
func (tx Tx) KeyOutcome(ctx context.Context, caller ActorRef, key string) (*IdempotencyKey, error) {
	k := new(IdempotencyKey)
	err := tx.bun.NewSelect().Model(k).Where("workspace_id = ?", tx.Key).
		Where("caller = ?", caller).Where("key = ?", key).Scan(ctx)
	return k, err
}

// SettleKey records the result of a key's mutation.
func (tx Tx) SettleKey(ctx context.Context, k *IdempotencyKey) error {
	_, err := tx.exec(ctx, `UPDATE idempotency_keys SET outcome = $4::text::jsonb
		WHERE workspace_id = $1 AND caller = $2 AND key = $3`, tx.Key, k.Caller, k.Key, string(k.Outcome))
	return err
}

// ForgetKeys deletes the keys of all workspaces that were claimed before a time.
func (d *DB) ForgetKeys(ctx context.Context, before time.Time) error {
	_, err := d.NewDelete().Model((*IdempotencyKey)(nil)).
		Where("workspace_id IS NOT NULL").Where("created_at < ?", before).Exec(ctx)
	return err
}
