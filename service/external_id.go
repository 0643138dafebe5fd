package service

import (
	"context"
	"encoding/json"

	"switchboard/db"
)

// externalID checks the id that something has where it comes from; nil if it has none.
func externalID(field string, kind db.ExternalKind, channel string, id *string) (*db.ExternalID, error) {
	if id == nil {
		return nil, nil
	}
	return &db.ExternalID{Kind: kind, Channel: channel, ExternalID: *id}, checkText(field, *id, 1, maxName)
}

// once carries out what comes in under an external id, or, if the same came in before,
// gives the outcome that it had then. Unlike idempotency keys these ids belong to
// nobody in particular and are never forgotten: connectors deliver again after days.
func (w *writer) once(ctx context.Context, id *db.ExternalID, do func() (changes, error)) (changes, error) {
	if id == nil {
		return do()
	}
	ours, err := w.ClaimExternalID(ctx, id)
	if err != nil {
		return nil, err
	}
	if !ours {
		var before remembered
		if err := json.Unmarshal(id.Outcome, &before); err != nil {
			return nil, err
		}
		return unchanged, recall(ctx, w.Tx, before, w.outcome)
	}
	events, err := do()
	if err != nil {
		return nil, err
	}
	w.outcome.Events = events
	if id.Outcome, err = json.Marshal(keep(w.outcome, nil)); err != nil {
		return nil, err
	}
	return events, w.SettleExternalID(ctx, id)
}
