package db

import (
	"database/sql/driver"
	"fmt"

	"github.com/google/uuid"
)

// ActorRef refers to the cause of an event: an agent, a contact, an integration or a workflow. It
// is stored as a typed id. The zero value, stored as NULL, is the system.
type ActorRef struct {
	Prefix string
	ID     uuid.UUID
}

// Ref returns the agent as an actor.
func (id AgentID) Ref() ActorRef { return ActorRef{AgentPrefix, id.UUID} }

// Ref returns the contact as an actor.
func (id ContactID) Ref() ActorRef { return ActorRef{ContactPrefix, id.UUID} }

// Ref returns the integration that owns the token as an actor.
func (id TokenID) Ref() ActorRef { return ActorRef{TokenPrefix, id.UUID} }

// Ref returns the workflow as an actor.
func (id WorkflowID) Ref() ActorRef { return ActorRef{WorkflowPrefix, id.UUID} }

// IsZero reports whether the actor is the system.
func (r ActorRef) IsZero() bool { return r.Prefix == "" }

// String returns the typed id; empty for the system.
func (r ActorRef) String() string {
	if r.IsZero() {
		return ""
	}
	return format(r.Prefix, r.ID)
}

// Value returns the typed id as the database stores it.
func (r ActorRef) Value() (driver.Value, error) {
	if r.IsZero() {
		return nil, nil
	}
	return r.String(), nil
}

// Scan reads a stored typed id.
func (r *ActorRef) Scan(src any) (err error) {
	switch text := src.(type) {
	case nil:
		*r = ActorRef{}
	case string:
		r.Prefix, r.ID, err = ParseID(text)
	case []byte:
		r.Prefix, r.ID, err = ParseID(string(text))
	default:
		err = fmt.Errorf("an actor cannot be read from %T", src)
	}
	return err
}
