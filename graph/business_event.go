package graph

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

func (r mutationResolver) RecordBusinessEvent(ctx context.Context, input service.RecordBusinessEventInput) (*ConversationPayload, error) {
	return conversationPayload(r.service.RecordBusinessEvent(ctx, actorOf(ctx), input))
}

// BusinessEventRecorded is the event for something that happened in another system, such as an
// order.
type BusinessEventRecorded struct{ event }

// Type is the kind of business event, such as order.placed.
func (e BusinessEventRecorded) Type() string { return e.Data.BusinessEvent.Type }

// Payload is the data of the business event as JSON; nil if it has none.
func (e BusinessEventRecorded) Payload() *string { return e.Data.BusinessEvent.Payload }

// RequiresAction reports whether an agent has to look at it.
func (e BusinessEventRecorded) RequiresAction() bool { return e.Data.BusinessEvent.RequiresAction }

// BusinessEventSenderInput names the contact that a business event is about; exactly one field is
// set.
type BusinessEventSenderInput struct {
	Contact   *service.SenderInput
	ContactID *db.ContactID
}

// Sender puts the contact into the input of the service.
func (recordBusinessEventInputResolver) Sender(_ context.Context, in *service.RecordBusinessEventInput, v *BusinessEventSenderInput) error {
	in.Contact, in.ContactID = v.Contact, v.ContactID
	return nil
}
