package graph

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

func (r mutationResolver) ReceiveMessage(ctx context.Context, input service.ReceiveMessageInput) (*ConversationPayload, error) {
	return conversationPayload(r.service.ReceiveMessage(ctx, actorOf(ctx), input))
}

// MessageSenderInput names the sender of a message; exactly one field is set.
type MessageSenderInput struct {
	Contact *service.SenderInput
	Known   *KnownSenderInput
}

// KnownSenderInput names an existing contact and the channel of its message.
type KnownSenderInput struct {
	ContactID db.ContactID
	Channel   string
}

// Sender puts the sender into the input of the service.
func (receiveMessageInputResolver) Sender(_ context.Context, in *service.ReceiveMessageInput, v *MessageSenderInput) error {
	if in.Contact = v.Contact; v.Known != nil {
		in.ContactID, in.Channel = &v.Known.ContactID, &v.Known.Channel
	}
	return nil
}
