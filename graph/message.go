package graph

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

func (r mutationResolver) SendMessage(ctx context.Context, input service.SendMessageInput) (*ConversationPayload, error) {
	return conversationPayload(r.service.SendMessage(ctx, actorOf(ctx), input))
}

func (r mutationResolver) AddNote(ctx context.Context, input service.AddNoteInput) (*ConversationPayload, error) {
	return conversationPayload(r.service.AddNote(ctx, actorOf(ctx), input))
}

func (r mutationResolver) MarkRead(ctx context.Context, input service.MarkReadInput) (*ConversationPayload, error) {
	return conversationPayload(r.service.MarkRead(ctx, actorOf(ctx), input))
}

// messageID returns the id of the message that a mutation wrote, from its events; nil if it wrote
// none.
func (p *ConversationPayload) messageID() *db.MessageID {
	for _, e := range p.Events {
		if id := e.row().Data.MessageID; id != nil {
			return id
		}
	}
	return nil
}

// Message loads the message that the mutation wrote; nil if it wrote none.
func (p *ConversationPayload) Message(ctx context.Context) (*db.Message, error) {
	return loadOptional(ctx, loadersOf(ctx).messages, p.messageID())
}

func (r messageResolver) Author(ctx context.Context, m *db.Message) (Author, error) {
	return loadActor(ctx, m.Author)
}
