package graph

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

func (r mutationResolver) RecordBusinessEvent(ctx context.Context, input service.RecordBusinessEventInput) (*ConversationPayload, error) {
	return conversationPayload(r.service.RecordBusinessEvent(ctx, actorOf(ctx), input))
}

// BusinessEventRecorded is something that happened outside.
type BusinessEventRecorded struct{ event }

// Type is what happened.
func (e BusinessEventRecorded) Type() string { return e.Data.BusinessEvent.Type }

// Payload is more about it, as JSON; nil for nothing.
func (e BusinessEventRecorded) Payload() *string { return e.Data.BusinessEvent.Payload }

// RequiresAction is whether somebody has to look at it.
func (e BusinessEventRecorded) RequiresAction() bool { return e.Data.BusinessEvent.RequiresAction }

// BusinessEventSenderInput is the contact to whom something happened; one field is set.
type BusinessEventSenderInput struct {
	Contact   *service.SenderInput
	ContactID *db.ContactID
}

// Sender puts the contact into the input of the service.
func (recordBusinessEventInputResolver) Sender(_ context.Context, in *service.RecordBusinessEventInput, v *BusinessEventSenderInput) error {
	in.Contact, in.ContactID = v.Contact, v.ContactID
	return nil
}
