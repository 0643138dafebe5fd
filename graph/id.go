package graph

import (
	"context"

	"switchboard/db"
)

// Node is any object with an id: a row of db/, or an Event.
type Node any

// unmarshaler is a typed id that can be read from text.
type unmarshaler[T any] interface {
	*T
	UnmarshalGQL(any) error
}

// decode reads a typed id; the error is BAD_USER_INPUT.
func decode[T any, P unmarshaler[T]](text string) (id T, err error) {
	err = P(&id).UnmarshalGQL(text)
	return id, err
}

// decodeOptional is decode for an id that may be left out.
func decodeOptional[T any, P unmarshaler[T]](text *string) (*T, error) {
	if text == nil {
		return nil, nil
	}
	id, err := decode[T, P](*text)
	return &id, err
}

// loadNode loads whatever a typed id names; nil if there is nothing.
func (r *Resolver) loadNode(ctx context.Context, text string) (Node, error) {
	prefix, id, err := db.ParseID(text)
	if err != nil {
		return nil, err
	}
	l := loadersOf(ctx)
	switch prefix {
	case db.AgentPrefix:
		return known(l.agents.Load(ctx, db.AgentID{UUID: id}))
	case db.ContactPrefix:
		return known(l.contacts.Load(ctx, db.ContactID{UUID: id}))
	case db.ConversationPrefix:
		return known(l.conversations.Load(ctx, db.ConversationID{UUID: id}))
	case db.MessagePrefix:
		return known(l.messages.Load(ctx, db.MessageID{UUID: id}))
	case db.TokenPrefix:
		return known(l.tokens.Load(ctx, db.TokenID{UUID: id}))
	case db.EventPrefix:
		row, err := l.events.Load(ctx, db.EventID{UUID: id})
		if row == nil {
			return nil, err
		}
		return toEvent(row), nil
	case db.WorkspacePrefix:
		// A caller sees one workspace: their own.
		own, err := r.service.Workspace(ctx, actorOf(ctx))
		if err != nil || own.ID.UUID != id {
			return nil, err
		}
		return own, nil
	}
	return nil, &db.IDError{Message: "there are no objects with ids of this kind"}
}
