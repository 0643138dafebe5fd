package graph

import (
	"context"
	"fmt"
	"time"

	"switchboard/db"
)

// Event is an event of the log as a type of the schema.
type Event interface{ row() *db.Event }

// AssignmentEvent is an event that changes who is responsible.
type AssignmentEvent interface {
	Event
	Reason() db.AssignmentReason
}

// StatusEvent is an event that changes a conversation's status.
type StatusEvent interface {
	Event
	Source() *db.ConversationSource
}

// MessageEvent is an event about a message.
type MessageEvent interface {
	Event
	Message(context.Context) (*db.Message, error)
}

// event resolves the fields that all types of events have.
type event struct{ *db.Event }

func (e event) row() *db.Event { return e.Event }

// OccurredAt is when the event was recorded.
func (e event) OccurredAt() time.Time { return e.CreatedAt }

// Actor loads the actor who caused the event; nil for the system.
func (e event) Actor(ctx context.Context) (Actor, error) { return loadActor(ctx, e.Event.Actor) }

// Via loads the integration that acted for the actor; nil if the actor called the API.
func (e event) Via(ctx context.Context) (*db.Token, error) {
	if e.Event.Via.Prefix != db.TokenPrefix {
		return nil, nil
	}
	return loadersOf(ctx).tokens.Load(ctx, db.TokenID{UUID: e.Event.Via.ID})
}

// Conversation loads the current state of the event's conversation; nil if it has none.
func (e event) Conversation(ctx context.Context) (*db.Conversation, error) {
	return loadOptional(ctx, loadersOf(ctx).conversations, e.ConversationID)
}

// Contact loads the current state of the event's contact; nil if it has none.
func (e event) Contact(ctx context.Context) (*db.Contact, error) {
	return loadOptional(ctx, loadersOf(ctx).contacts, e.ContactID)
}

// IdempotencyKey returns the idempotency key of the mutation to the caller who sent it; nil to
// others.
func (e event) IdempotencyKey(ctx context.Context) *string {
	if caller := e.Caller(); caller.IsZero() || caller != actorOf(ctx).Ref() {
		return nil
	}
	return e.Event.Origin
}

// messageEvent is an event about a message.
type messageEvent struct{ event }

// Message loads the message.
func (e messageEvent) Message(ctx context.Context) (*db.Message, error) {
	return loadOptional(ctx, loadersOf(ctx).messages, e.Data.MessageID)
}

// assignmentEvent is an event that changes a conversation's assignee.
type assignmentEvent struct{ event }

// From loads the assignee before the event; nil if there was none.
func (e assignmentEvent) From(ctx context.Context) (*db.Agent, error) {
	return loadOptional(ctx, loadersOf(ctx).agents, e.Before.Assignee)
}

// To loads the assignee after the event; nil if there is none.
func (e assignmentEvent) To(ctx context.Context) (*db.Agent, error) {
	return loadOptional(ctx, loadersOf(ctx).agents, e.After.Assignee)
}

// Reason returns the reason of the assignment.
func (e assignmentEvent) Reason() db.AssignmentReason { return e.Data.Reason }

// statusEvent is an event that changes a conversation's status.
type statusEvent struct{ event }

// Source returns the source that opened or reopened the conversation; nil for ConversationClosed.
func (e statusEvent) Source() *db.ConversationSource {
	if e.Type == db.ConversationClosed {
		return nil
	}
	return &e.Data.Source
}

// ClosingNote returns the note of ConversationClosed; nil for other events. It is stored in the
// event because the conversation loses its note when it is reopened.
func (e statusEvent) ClosingNote() *db.ClosingNote { return e.Data.ClosingNote }

// agentEvent is an event about an agent.
type agentEvent struct{ event }

// Agent loads the agent.
func (e agentEvent) Agent(ctx context.Context) (*db.Agent, error) {
	return loadOptional(ctx, loadersOf(ctx).agents, e.Data.AgentID)
}

// changedFields returns the changes of an event; the list is never nil.
func changedFields(e *db.Event) []*db.FieldChange {
	changes := make([]*db.FieldChange, len(e.Data.Changes))
	for i := range e.Data.Changes {
		changes[i] = &e.Data.Changes[i]
	}
	return changes
}

// The types of events; the schema describes them.
type (
	MessageReceived        struct{ messageEvent }
	MessageSent            struct{ messageEvent }
	NoteAdded              struct{ messageEvent }
	ConversationAssigned   struct{ assignmentEvent }
	ConversationUnassigned struct{ assignmentEvent }
	ConversationOpened     struct{ statusEvent }
	ConversationReopened   struct{ statusEvent }
	ConversationClosed     struct{ statusEvent }
	ConversationImported   struct{ event }
	ContactCreated         struct{ event }
	ContactUpdated         struct{ event }
	ContactBlocked         struct{ event }
	ContactUnblocked       struct{ event }
	AgentCreated           struct{ agentEvent }
	AgentUpdated           struct{ agentEvent }
	AgentDeactivated       struct{ agentEvent }
	AgentReactivated       struct{ agentEvent }
	AvailabilityChanged    struct{ agentEvent }
	WorkspaceUpdated       struct{ event }
)

// Changes are the fields that changed.
func (e ContactUpdated) Changes() []*db.FieldChange { return changedFields(e.Event) }

// Changes returns the fields that changed. The values of identity are left out, because an agent's
// sign-in identity is private.
func (e AgentUpdated) Changes() []*db.FieldChange {
	changes := changedFields(e.Event)
	for i, change := range changes {
		if change.Field == "identity" {
			changes[i] = &db.FieldChange{Field: change.Field}
		}
	}
	return changes
}

// Changes are the fields that changed.
func (e WorkspaceUpdated) Changes() []*db.FieldChange { return changedFields(e.Event) }

// PreviousAvailability returns the agent's availability before the event.
func (e AvailabilityChanged) PreviousAvailability() db.Availability { return e.Data.Availability[0] }

// Availability returns the agent's availability after the event.
func (e AvailabilityChanged) Availability() db.Availability { return e.Data.Availability[1] }

// toEvent returns a row of the log as its type of the schema.
func toEvent(e *db.Event) Event {
	base := event{e}
	switch e.Type {
	case db.MessageReceived:
		return MessageReceived{messageEvent{base}}
	case db.MessageSent:
		return MessageSent{messageEvent{base}}
	case db.NoteAdded:
		return NoteAdded{messageEvent{base}}
	case db.ConversationAssigned:
		return ConversationAssigned{assignmentEvent{base}}
	case db.ConversationUnassigned:
		return ConversationUnassigned{assignmentEvent{base}}
	case db.ConversationOpened:
		return ConversationOpened{statusEvent{base}}
	case db.ConversationReopened:
		return ConversationReopened{statusEvent{base}}
	case db.ConversationClosed:
		return ConversationClosed{statusEvent{base}}
	case db.ConversationImported:
		return ConversationImported{base}
	case db.ContactCreated:
		return ContactCreated{base}
	case db.ContactUpdated:
		return ContactUpdated{base}
	case db.ContactBlocked:
		return ContactBlocked{base}
	case db.ContactUnblocked:
		return ContactUnblocked{base}
	case db.AgentCreated:
		return AgentCreated{agentEvent{base}}
	case db.AgentUpdated:
		return AgentUpdated{agentEvent{base}}
	case db.AgentDeactivated:
		return AgentDeactivated{agentEvent{base}}
	case db.AgentReactivated:
		return AgentReactivated{agentEvent{base}}
	case db.AvailabilityChanged:
		return AvailabilityChanged{agentEvent{base}}
	case db.WorkspaceUpdated:
		return WorkspaceUpdated{base}
	case db.BusinessEventRecorded:
		return BusinessEventRecorded{base}
	}
	if of := toWorkflowEvent(base); of != nil {
		return of
	}
	panic(fmt.Sprintf("the schema has no type for the event %s", e.Type))
}

func toEvents(rows []*db.Event) []Event {
	events := make([]Event, len(rows))
	for i, row := range rows {
		events[i] = toEvent(row)
	}
	return events
}

func toAssignmentEvent(e *db.Event) AssignmentEvent { return toEvent(e).(AssignmentEvent) }

func toStatusEvent(e *db.Event) StatusEvent { return toEvent(e).(StatusEvent) }

// asEvents returns events of one interface as events of any type.
func asEvents[E Event](of []E) []Event {
	events := make([]Event, len(of))
	for i, e := range of {
		events[i] = e
	}
	return events
}
