package service

import (
	"context"
	"sync"

	"switchboard/db"
	"switchboard/service/projection"
)

// Kept reads the rows to which the conversations of a page refer: from memory if the open
// conversations are there, and otherwise by SQL. They are not older than the page. Its methods read
// by id, in no order, and leave out unknown ids.
type Kept struct {
	service *Service
	find    func(ctx context.Context) (*projection.Kept, error)

	mu    sync.Mutex
	tried bool
	found *projection.Kept // nil if nothing is in memory
}

// keptOf returns the rows to which a page refers; find returns those in memory, or nil, and is called
// when the first of them is asked for.
func (s *Service) keptOf(find func(ctx context.Context) (*projection.Kept, error)) *Kept {
	return &Kept{service: s, find: find}
}

// inMemory returns the rows in memory. If they cannot be found, SQL may do better.
func (k *Kept) inMemory(ctx context.Context) *projection.Kept {
	k.mu.Lock()
	defer k.mu.Unlock()
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
