package db

import (
	"context"
	"encoding/json"

	"github.com/uptrace/bun"
)

// ExternalKind is what an external id names.
type ExternalKind string

// What can come in under an id of elsewhere.
const (
	ExternalMessage ExternalKind = "MESSAGE"
	ExternalEvent   ExternalKind = "BUSINESS_EVENT"
)

// ExternalID is the id that something which came in has where it comes from, with what
// came of it.
type ExternalID struct {
	bun.BaseModel `bun:"table:external_ids,alias:external_id"`

	WorkspaceID int64
	Kind        ExternalKind
	Channel     string // of a message; empty for a business event
	ExternalID  string
	Outcome     json.RawMessage `bun:"type:jsonb"`
}

// ClaimExternalID takes an id for this transaction; true if it is ours. It waits for
// another transaction that holds the same id; once that has committed the id is taken,
// and its outcome is set.
func (tx Tx) ClaimExternalID(ctx context.Context, id *ExternalID) (bool, error) {
	n, err := tx.exec(ctx, `INSERT INTO external_ids (workspace_id, kind, channel, external_id)
		VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, tx.Key, id.Kind, id.Channel, id.ExternalID)
	if n > 0 || err != nil {
		return n > 0, err
	}
	return false, tx.bun.NewSelect().Model(id).Where("workspace_id = ?", tx.Key).Where("kind = ?", id.Kind).
		Where("channel = ?", id.Channel).Where("external_id = ?", id.ExternalID).Scan(ctx)
}

// SettleExternalID records what came of an id.
func (tx Tx) SettleExternalID(ctx context.Context, id *ExternalID) error {
	_, err := tx.exec(ctx, `UPDATE external_ids SET outcome = $5::text::jsonb
		WHERE workspace_id = $1 AND kind = $2 AND channel = $3 AND external_id = $4`,
		tx.Key, id.Kind, id.Channel, id.ExternalID, string(id.Outcome))
	return err
}
