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

// Lock returns the number of the advisory lock that guards the id, whoever the sender is: in
// external_ids two senders with the same id share a row.
func (d *Delivery) Lock(workspace WorkspaceKey) int64 {
	return advisoryLock(workspace, " ", d.Kind, " ", FoldChannel(d.legacyChannel()), " ", d.ExternalID)
}

// LockDeliveries adds the locking of the deliveries' ids for the transaction. free reports for each
// whether it is locked now, or if it is not, that another transaction has it.
func (b *Batch) LockDeliveries(all []*Delivery, free *[]bool) {
	if len(all) == 0 {
		return
	}
	locks := make([]int64, len(all))
	for i, d := range all {
		locks[i] = d.Lock(b.tx.Key)
	}
	b.takeLocks(locks, false, free)
}

// deliveryValues are the values of several deliveries, one slice per column.
func deliveryValues(all []*Delivery) []any {
	kinds, senders, scopes := make([]DeliveryKind, len(all)), make([]ActorRef, len(all)), make([]string, len(all))
	channels, ids := make([]string, len(all)), make([]string, len(all))
	for i, d := range all {
		kinds[i], senders[i], scopes[i], channels[i], ids[i] = d.Kind, d.Sender, d.Scope, d.legacyChannel(), d.ExternalID
	}
	return []any{kinds, senders, scopes, channels, ids}
}

const unnestedDeliveries = "unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]"

// KnowDeliveries adds the reading whether each of the deliveries' ids is known already, perhaps
// from another sender.
func (b *Batch) KnowDeliveries(all []*Delivery, known *[]bool) {
	if len(all) == 0 {
		return
	}
	collectValues(b, known, `SELECT EXISTS (SELECT FROM deliveries AS d WHERE d.workspace_id = $1
				AND d.kind = new.kind AND d.sender = new.sender AND d.scope = new.scope AND d.external_id = new.external_id)
			OR EXISTS (SELECT FROM external_ids AS d WHERE d.workspace_id = $1
				AND d.kind = new.kind AND d.channel = new.channel AND d.external_id = new.external_id)
		FROM `+unnestedDeliveries+`) WITH ORDINALITY AS new (kind, sender, scope, channel, external_id, n) ORDER BY n`,
		append([]any{b.tx.Key}, deliveryValues(all)...)...)
}

// InsertDeliveries adds the storing of deliveries with their results.
func (b *Batch) InsertDeliveries(all []*Delivery) {
	if len(all) == 0 {
		return
	}
	contents, outcomes := make([][]byte, len(all)), make([]string, len(all))
	for i, d := range all {
		contents[i], outcomes[i] = d.Content, string(d.Outcome)
	}
	b.exec(`WITH new AS (
			SELECT * FROM `+unnestedDeliveries+`, $7::bytea[], $8::text[]) AS new (kind, sender, scope, channel, external_id, content, outcome)
		), legacy AS (
			INSERT INTO external_ids (workspace_id, kind, channel, external_id, outcome)
			SELECT $1, kind, channel, external_id, outcome::jsonb FROM new
		)
		INSERT INTO deliveries (workspace_id, kind, sender, scope, external_id, content, outcome)
		SELECT $1, kind, sender, scope, external_id, content, outcome::jsonb FROM new`,
		append(append([]any{b.tx.Key}, deliveryValues(all)...), contents, outcomes)...)
}

// ClaimDelivery claims the delivery's id for this transaction: once for its sender, and once for
// all senders in external_ids, where servers of the previous version look for it. It reports for
// each whether the claim succeeded. If another transaction holds a claim, it waits until that one
// has ended; Delivered and LegacyOutcome then return the earlier result.
func (tx Tx) ClaimDelivery(ctx context.Context, d *Delivery) (ours, legacyOurs bool, err error) {
	var free []bool
	if err := tx.send(ctx, func(b *Batch) { b.takeLocks([]int64{d.Lock(tx.Key)}, true, &free) }); err != nil {
		return false, false, err
	}
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
