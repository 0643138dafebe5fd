package service

import (
	"context"

	"switchboard/db"
	"switchboard/service/projection"
)

// Kept are the rows in memory to which the conversations of a page refer. Its methods read by id,
// in no order, and leave out unknown ids.
type Kept struct{ *projection.Kept }

// keptIn returns what is nil for no rows.
func keptIn(rows *projection.Kept) *Kept {
	if rows == nil {
		return nil
	}
	return &Kept{rows}
}

// AgentsByID returns agents.
func (k *Kept) AgentsByID(ctx context.Context, actor Actor, ids []db.AgentID) ([]*db.Agent, error) {
	if err := Permit(actor, "agent"); err != nil {
		return nil, err
	}
	return k.Agents(ctx, ids)
}

// ContactsByID returns contacts.
func (k *Kept) ContactsByID(ctx context.Context, actor Actor, ids []db.ContactID) ([]*db.Contact, error) {
	if err := Permit(actor, "contact"); err != nil {
		return nil, err
	}
	return k.Contacts(ctx, ids)
}

// MessagesByID returns messages.
func (k *Kept) MessagesByID(ctx context.Context, actor Actor, ids []db.MessageID) ([]*db.Message, error) {
	if err := Permit(actor, "conversation"); err != nil {
		return nil, err
	}
	return k.Messages(ctx, ids)
}
