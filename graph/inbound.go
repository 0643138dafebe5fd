package graph

import (
	"context"

	"switchboard/service"
)

func (r mutationResolver) ReceiveMessage(ctx context.Context, input service.ReceiveMessageInput) (*ConversationPayload, error) {
	return conversationPayload(r.service.ReceiveMessage(ctx, actorOf(ctx), input))
}
