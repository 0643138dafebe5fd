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

// messageID names what a mutation wrote, of which its first event tells; nil if it wrote nothing.
func (p *ConversationPayload) messageID() *db.MessageID {
	if len(p.Events) == 0 {
		return nil
	}
	return p.Events[0].row().Data.MessageID
}

// Message loads what the mutation wrote; nil if it wrote nothing.
func (p *ConversationPayload) Message(ctx context.Context) (*db.Message, error) {
	return loadOptional(ctx, loadersOf(ctx).messages, p.messageID())
}

func (r messageResolver) Author(ctx context.Context, m *db.Message) (Author, error) {
	return loadActor(ctx, m.Author)
}
