package service

import (
	"context"

	"switchboard/db"
	"switchboard/service/projection"
)

// Kept reads the rows to which the conversations of a page refer: from memory if the open
// conversations are there, and otherwise by SQL. They are not older than the page. Its methods read
// by id, in no order, and leave out unknown ids.
type Kept struct {
	service *Service
	find    func(ctx context.Context) (*projection.Kept, error)

	turn  chan struct{}    // a mutex that can be waited for with a context
	tried bool             // guarded by turn
	found *projection.Kept // the same; nil if nothing is in memory
}

// keptOf returns the rows to which a page refers; find returns those in memory, or nil, and is called
// when the first of them is asked for.
func (s *Service) keptOf(find func(ctx context.Context) (*projection.Kept, error)) *Kept {
	return &Kept{service: s, find: find, turn: make(chan struct{}, 1)}
}

// inMemory returns the rows in memory. If they cannot be found, SQL may do better.
func (k *Kept) inMemory(ctx context.Context) *projection.Kept {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return nil
	}
	if !k.tried {
		k.found, _ = k.find(ctx)
		k.tried = true
	}
	return k.found
}

// AgentsByID returns agents.
func (k *Kept) AgentsByID(ctx context.Context, actor Actor, ids []db.AgentID) ([]*db.Agent, error) {
	if err := Permit(actor, "agent"); err != nil {
		return nil, err
	}
	if rows := k.inMemory(ctx); rows != nil {
		return rows.Agents(ctx, ids)
	}
	return k.service.AgentsByID(ctx, actor, ids)
}

// ContactsByID returns contacts.
func (k *Kept) ContactsByID(ctx context.Context, actor Actor, ids []db.ContactID) ([]*db.Contact, error) {
	if err := Permit(actor, "contact"); err != nil {
		return nil, err
	}
	if rows := k.inMemory(ctx); rows != nil {
		return rows.Contacts(ctx, ids)
	}
	return k.service.ContactsByID(ctx, actor, ids)
}

// MessagesByID returns messages.
func (k *Kept) MessagesByID(ctx context.Context, actor Actor, ids []db.MessageID) ([]*db.Message, error) {
	if err := Permit(actor, "conversation"); err != nil {
		return nil, err
	}
	if rows := k.inMemory(ctx); rows != nil {
		return rows.Messages(ctx, ids)
	}
	return k.service.MessagesByID(ctx, actor, ids)
}
