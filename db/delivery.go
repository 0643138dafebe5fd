package db

import (
	"context"
	"encoding/json"

	"github.com/uptrace/bun"
)

// DeliveryKind is what a delivery brings.
type DeliveryKind string

// What can be delivered under an id of elsewhere.
const (
	MessageDelivery DeliveryKind = "MESSAGE"
	EventDelivery   DeliveryKind = "BUSINESS_EVENT"
)

// Delivery is something that came in under the id that it has where it comes from.
type Delivery struct {
	bun.BaseModel `bun:"table:deliveries,alias:delivery"`

	WorkspaceID WorkspaceKey
	Kind        DeliveryKind
	Sender      ActorRef // the contact of a message, the integration of a business event
	Scope       string   // the channel of a message, the type of a business event
	ExternalID  string
	Content     []byte          // SHA-256 of what was delivered; nil if it is not known
	Outcome     json.RawMessage `bun:"type:jsonb"` // what came of it
	SentChannel string          `bun:"-"`          // of a message: the channel as it was sent
}

// legacyChannel is the channel under which servers of the version before look for a
// delivery in external_ids, which knows no senders.
func (d *Delivery) legacyChannel() string {
	if d.Kind == MessageDelivery {
		return d.SentChannel
	}
	return ""
}

// ClaimDelivery takes a sender's id for this transaction, and the same id for all senders
// in external_ids, where servers of the version before look for it. It reports for each
// whether it is ours. It waits for other transactions that hold them; once those have
// committed, Delivered and LegacyOutcome read them.
func (tx Tx) ClaimDelivery(ctx context.Context, d *Delivery) (ours, legacyOurs bool, err error) {
	var rows []struct{ Ours, LegacyOurs bool }
	err = tx.query(ctx, &rows, `
		WITH ours AS (
			INSERT INTO deliveries (workspace_id, kind, sender, scope, external_id, content)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING TRUE
		), legacy AS (
			INSERT INTO external_ids (workspace_id, kind, channel, external_id)
			VALUES ($1, $2, $7, $5) ON CONFLICT DO NOTHING RETURNING TRUE
		)
		SELECT EXISTS (SELECT FROM ours) AS ours, EXISTS (SELECT FROM legacy) AS legacy_ours`,
		tx.Key, d.Kind, d.Sender.String(), d.Scope, d.ExternalID, d.Content, d.legacyChannel())
	if err != nil {
		return false, false, err
	}
	return rows[0].Ours, rows[0].LegacyOurs, nil
}

// Delivered reads the earlier delivery of the same sender with the same id.
func (tx Tx) Delivered(ctx context.Context, d *Delivery) (*Delivery, error) {
	before := *d
	err := tx.bun.NewSelect().Model(&before).Column("content", "outcome").
		Where("workspace_id = ?", tx.Key).Where("kind = ?", d.Kind).Where("sender = ?", d.Sender.String()).
		Where("scope = ?", d.Scope).Where("external_id = ?", d.ExternalID).Scan(ctx)
	return &before, err
}

// LegacyOutcome reads what external_ids says came of an id.
func (tx Tx) LegacyOutcome(ctx context.Context, d *Delivery) (json.RawMessage, error) {
	var rows []struct{ Outcome json.RawMessage }
	err := tx.query(ctx, &rows, `SELECT outcome FROM external_ids
		WHERE workspace_id = $1 AND kind = $2 AND channel = $3 AND external_id = $4`,
		tx.Key, d.Kind, d.legacyChannel(), d.ExternalID)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0].Outcome, nil
}

// SettleDelivery records what came of a delivery; in external_ids too if nobody else has
// done so before.
func (tx Tx) SettleDelivery(ctx context.Context, d *Delivery) error {
	_, err := tx.exec(ctx, `
		WITH settled AS (
			UPDATE deliveries SET content = $6, outcome = $7::text::jsonb
			WHERE workspace_id = $1 AND kind = $2 AND sender = $3 AND scope = $4 AND external_id = $5
		)
		UPDATE external_ids SET outcome = $7::text::jsonb
		WHERE workspace_id = $1 AND kind = $2 AND channel = $8 AND external_id = $5 AND outcome IS NULL`,
		tx.Key, d.Kind, d.Sender.String(), d.Scope, d.ExternalID, d.Content, string(d.Outcome), d.legacyChannel())
	return err
}
