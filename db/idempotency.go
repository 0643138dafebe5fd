package db

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
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

// Lock returns the number of the advisory lock that guards the key.
func (k *IdempotencyKey) Lock(workspace WorkspaceKey) int64 {
	return advisoryLock(workspace, " ", k.Caller, " ", k.Key)
}

// LockKeys adds the locking of keys for the transaction: another one with the same key waits until
// this one has ended. free reports for each key whether it is locked now; with wait, which is for
// one key only, it always is.
func (b *Batch) LockKeys(keys []*IdempotencyKey, wait bool, free *[]bool) {
	locks := make([]int64, len(keys))
	for i, k := range keys {
		locks[i] = k.Lock(b.tx.Key)
	}
	b.takeLocks(locks, wait, free)
}

// Keys adds the reading of those of the keys that have a result and were created since a time.
func (b *Batch) Keys(keys []*IdempotencyKey, since time.Time, into *[]*IdempotencyKey) {
	callers, texts := make([]ActorRef, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		callers[i], texts[i] = k.Caller, k.Key
	}
	collect(b, into, `SELECT found.* FROM unnest($2::text[], $3::text[]) AS asked (caller, key) CROSS JOIN LATERAL (
			SELECT caller, key, request, outcome FROM idempotency_keys AS k WHERE k.workspace_id = $1
			AND k.caller = asked.caller AND k.key = asked.key AND k.created_at >= $4 AND k.outcome IS NOT NULL OFFSET 0) AS found`, b.tx.Key, callers, texts, since)
}

// errKeyTaken is the error of InsertKeys if a key has a result already. Only a server of a version
// that does not lock keys can be the cause; the transaction finds that result when it runs again.
var errKeyTaken = errors.New("the result of an idempotency key was stored meanwhile")

// InsertKeys adds the storing of keys with their results, in the order of caller and key. A key
// created before the limit is replaced.
func (b *Batch) InsertKeys(keys []*IdempotencyKey, limit time.Time) {
	if len(keys) == 0 {
		return
	}
	keys = slices.SortedFunc(slices.Values(keys), func(a, b *IdempotencyKey) int {
		return cmp.Or(cmp.Compare(a.Caller.String(), b.Caller.String()), cmp.Compare(a.Key, b.Key))
	})
	callers, texts := make([]ActorRef, len(keys)), make([]string, len(keys))
	requests, outcomes, times := make([][]byte, len(keys)), make([]string, len(keys)), make([]time.Time, len(keys))
	for i, k := range keys {
		callers[i], texts[i], requests[i], outcomes[i], times[i] = k.Caller, k.Key, k.Request, string(k.Outcome), k.CreatedAt
	}
	b.exec(`INSERT INTO idempotency_keys AS k (workspace_id, caller, key, request, outcome, created_at)
		SELECT $1, new.caller, new.key, new.request, new.outcome::jsonb, new.created_at
		FROM unnest($2::text[], $3::text[], $4::bytea[], $5::text[], $6::timestamptz[]) AS new (caller, key, request, outcome, created_at)
		ON CONFLICT (workspace_id, caller, key) DO UPDATE SET request = excluded.request, outcome = excluded.outcome,
			created_at = excluded.created_at
		WHERE k.created_at < $7`, b.tx.Key, callers, texts, requests, outcomes, times, limit).Exec(func(done pgconn.CommandTag) error {
		if int(done.RowsAffected()) < len(keys) {
			return errKeyTaken
		}
		return nil
	})
}

// ForgetKeys deletes the keys of all workspaces that were claimed before a time.
func (d *DB) ForgetKeys(ctx context.Context, before time.Time) error {
	_, err := d.NewDelete().Model((*IdempotencyKey)(nil)).
		Where("workspace_id IS NOT NULL").Where("created_at < ?", before).Exec(ctx)
	return err
}
