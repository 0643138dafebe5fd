package graph

import (
	"context"

	"github.com/google/uuid"

	"switchboard/db"
)

// Node is any object with an id: a row of db/, or an Event.
type Node any

// unmarshaler is a typed id that can be parsed.
type unmarshaler[T any] interface {
	*T
	UnmarshalGQL(any) error
}

// decode parses a typed id; the error is BAD_USER_INPUT.
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

// loadNode loads the object with this typed id; nil if there is none.
func loadNode(ctx context.Context, text string) (Node, error) {
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
	case db.WorkflowPrefix:
		return known(l.workflows.Load(ctx, db.WorkflowID{UUID: id}))
	case db.RunPrefix:
		return known(l.runs.Load(ctx, db.RunID{UUID: id}))
	case db.WorkspacePrefix:
		return known(l.workspaces.Load(ctx, db.WorkspaceID{UUID: id}))
	}
	return nil, &db.IDError{Message: "there are no objects with ids of this kind"}
}

// readNodes reads ahead the objects with these ids, each kind in one statement.
func readNodes(ctx context.Context, texts []string) error {
	ids := map[string][]uuid.UUID{}
	for _, text := range texts {
		prefix, id, err := db.ParseID(text)
		if err != nil {
			return err
		}
		ids[prefix] = append(ids[prefix], id)
	}
	l := loadersOf(ctx)
	l.agents.ahead(ctx, typed(ids[db.AgentPrefix], func(id uuid.UUID) db.AgentID { return db.AgentID{UUID: id} }))
	l.contacts.ahead(ctx, typed(ids[db.ContactPrefix], func(id uuid.UUID) db.ContactID { return db.ContactID{UUID: id} }))
	l.conversations.ahead(ctx, typed(ids[db.ConversationPrefix], func(id uuid.UUID) db.ConversationID { return db.ConversationID{UUID: id} }))
	l.messages.ahead(ctx, typed(ids[db.MessagePrefix], func(id uuid.UUID) db.MessageID { return db.MessageID{UUID: id} }))
	l.events.ahead(ctx, typed(ids[db.EventPrefix], func(id uuid.UUID) db.EventID { return db.EventID{UUID: id} }))
	l.tokens.ahead(ctx, typed(ids[db.TokenPrefix], func(id uuid.UUID) db.TokenID { return db.TokenID{UUID: id} }))
	l.workflows.ahead(ctx, typed(ids[db.WorkflowPrefix], func(id uuid.UUID) db.WorkflowID { return db.WorkflowID{UUID: id} }))
	l.runs.ahead(ctx, typed(ids[db.RunPrefix], func(id uuid.UUID) db.RunID { return db.RunID{UUID: id} }))
	l.workspaces.ahead(ctx, typed(ids[db.WorkspacePrefix], func(id uuid.UUID) db.WorkspaceID { return db.WorkspaceID{UUID: id} }))
	return nil
}

func typed[K any](ids []uuid.UUID, of func(uuid.UUID) K) []K {
	keys := make([]K, len(ids))
	for i, id := range ids {
		keys[i] = of(id)
	}
	return keys
}
