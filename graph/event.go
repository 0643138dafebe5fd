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
	isMessageEvent()
}

// event is what all types of events have.
type event struct{ *db.Event }

func (e event) row() *db.Event { return e.Event }

// OccurredAt is when the event was recorded.
func (e event) OccurredAt() time.Time { return e.CreatedAt }

// eventRelations are the relations of all types of events.
type eventRelations struct{ *reads }

// Actor reads the actors who caused the events; nil for the system.
func (r eventRelations) Actor(ctx context.Context, rows []event) ([]Actor, []error) {
	return actors(ctx, r.reads, rows, func(e event) db.ActorRef { return e.Event.Actor })
}

// Via reads the integrations that acted for the actors; nil where the actor called the API.
func (r eventRelations) Via(ctx context.Context, rows []event) ([]*db.Token, []error) {
	return refer(ctx, r.tokens, rows, func(e event) *db.TokenID {
		if e.Event.Via.Prefix != db.TokenPrefix {
			return nil
		}
		return &db.TokenID{UUID: e.Event.Via.ID}
	})
}

// Conversation reads the current state of the events' conversations.
func (r eventRelations) Conversation(ctx context.Context, rows []event) ([]*db.Conversation, []error) {
	return refer(ctx, r.conversations, rows, func(e event) *db.ConversationID { return e.ConversationID })
}

// Contact reads the current state of the events' contacts.
func (r eventRelations) Contact(ctx context.Context, rows []event) ([]*db.Contact, []error) {
	return refer(ctx, r.contacts, rows, func(e event) *db.ContactID { return e.ContactID })
}

// Run reads the runs of workflows that caused the events; nil where none did.
func (r eventRelations) Run(ctx context.Context, rows []event) ([]*db.WorkflowRun, []error) {
	return refer(ctx, r.runs, rows, func(e event) *db.RunID {
		if e.Data.Run == nil {
			return nil
		}
		return &e.Data.Run.ID
	})
}

// IdempotencyKey returns the idempotency keys of mutations to the caller who sent them; nil to
// others.
func (r eventRelations) IdempotencyKey(ctx context.Context, rows []event) ([]*string, []error) {
	own := actorOf(ctx).Ref()
	return derive(len(rows), nil, func(i int) *string {
		if caller := rows[i].Caller(); caller.IsZero() || caller != own {
			return nil
		}
		return rows[i].Event.Origin
	})
}

// messageEvent is an event about a message.
type messageEvent struct{ event }

func (messageEvent) isMessageEvent() {}

// messageEventRelations are the relations of events about messages.
type messageEventRelations struct{ *reads }

func (r messageEventRelations) Message(ctx context.Context, rows []messageEvent) ([]*db.Message, []error) {
	return refer(ctx, r.messages, rows, func(e messageEvent) *db.MessageID { return e.Data.MessageID })
}

// assignmentEvent is an event that changes a conversation's assignee.
type assignmentEvent struct{ event }

// assignmentEventRelations are the relations of events that change a conversation's assignee.
type assignmentEventRelations struct{ *reads }

// From reads the assignees before the events; nil where there was none.
func (r assignmentEventRelations) From(ctx context.Context, rows []assignmentEvent) ([]*db.Agent, []error) {
	return refer(ctx, r.agents, rows, func(e assignmentEvent) *db.AgentID { return e.Before.Assignee })
}

// To reads the assignees after the events; nil where there is none.
func (r assignmentEventRelations) To(ctx context.Context, rows []assignmentEvent) ([]*db.Agent, []error) {
	return refer(ctx, r.agents, rows, func(e assignmentEvent) *db.AgentID { return e.After.Assignee })
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

// agentEventRelations are the relations of events about agents.
type agentEventRelations struct{ *reads }

func (r agentEventRelations) Agent(ctx context.Context, rows []agentEvent) ([]*db.Agent, []error) {
	return refer(ctx, r.agents, rows, func(e agentEvent) *db.AgentID { return e.Data.AgentID })
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
	TokenCreated           struct{ tokenEvent }
	TokenRevoked           struct{ tokenEvent }
	IdentityLinked         struct{ agentEvent }
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
	case db.TokenCreated:
		return TokenCreated{tokenEvent{base}}
	case db.TokenRevoked:
		return TokenRevoked{tokenEvent{base}}
	case db.IdentityLinked:
		return IdentityLinked{agentEvent{base}}
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
