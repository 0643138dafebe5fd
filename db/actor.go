package db

import (
	"database/sql/driver"
	"fmt"

	"github.com/google/uuid"
)

// ActorRef names whoever did something: an agent, a contact, an integration or a workflow.
// It is stored as the typed id; the zero value, NULL in the database, is the system.
type ActorRef struct {
	Prefix string
	ID     uuid.UUID
}

// Ref gives the agent as an actor.
func (id AgentID) Ref() ActorRef { return ActorRef{AgentPrefix, id.UUID} }

// Ref gives the contact as an actor.
func (id ContactID) Ref() ActorRef { return ActorRef{ContactPrefix, id.UUID} }

// Ref gives the integration that calls with the token as an actor.
func (id TokenID) Ref() ActorRef { return ActorRef{TokenPrefix, id.UUID} }

// Ref gives the workflow as an actor.
func (id WorkflowID) Ref() ActorRef { return ActorRef{WorkflowPrefix, id.UUID} }

// IsZero says whether it is the system.
func (r ActorRef) IsZero() bool { return r.Prefix == "" }

// String gives the typed id; empty for the system.
func (r ActorRef) String() string {
	if r.IsZero() {
		return ""
	}
	return format(r.Prefix, r.ID)
}

// Value stores the typed id.
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
