package db

import (
	"context"
	"encoding/json"

	"github.com/uptrace/bun"
)

// DeliveryKind is the kind of object that a delivery creates.
type DeliveryKind string

// The kinds of deliveries.
const (
	MessageDelivery DeliveryKind = "MESSAGE"
	EventDelivery   DeliveryKind = "BUSINESS_EVENT"
)

// Delivery is a message or business event received from outside, with the id that its sender gave
// it.
type Delivery struct {
	bun.BaseModel `bun:"table:deliveries,alias:delivery"`

	WorkspaceID WorkspaceKey
	Kind        DeliveryKind
	Sender      ActorRef // the contact of a message, the integration of a business event
	Scope       string   // the channel of a message, the type of a business event
	ExternalID  string
	Content     []byte          // SHA-256 of the delivered content; nil if unknown
	Outcome     json.RawMessage `bun:"type:jsonb"` // the result
	SentChannel string          `bun:"-"`          // of a message: the channel as it was sent
}

// legacyChannel is the channel by which servers of the previous version look up a delivery in
// external_ids, which has no senders.
func (d *Delivery) legacyChannel() string {
	if d.Kind == MessageDelivery {
		return d.SentChannel
	}
	return ""
}

// ClaimDelivery claims the delivery's id for this transaction: once for its sender, and once for
// all senders in external_ids, where servers of the previous version look for it. It reports for
// each whether the claim succeeded. If another transaction holds a claim, it waits until that one
// has ended; Delivered and LegacyOutcome then return the earlier result.
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

// Delivered returns the earlier delivery of the same sender with the same id.
func (tx Tx) Delivered(ctx context.Context, d *Delivery) (*Delivery, error) {
	before := *d
	err := tx.bun.NewSelect().Model(&before).Column("content", "outcome").
		Where("workspace_id = ?", tx.Key).Where("kind = ?", d.Kind).Where("sender = ?", d.Sender.String()).
		Where("scope = ?", d.Scope).Where("external_id = ?", d.ExternalID).Scan(ctx)
	return &before, err
}

// LegacyOutcome returns the result that external_ids holds for an id.
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

// SettleDelivery records the result of a delivery. In external_ids it does so only if no result is
// recorded yet.
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
