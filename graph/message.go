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

// conversationPayloadRelations are the relations of payloads of mutations of one conversation.
type conversationPayloadRelations struct{ *reads }

// Message reads the messages that the mutations wrote; nil where they wrote none.
func (r conversationPayloadRelations) Message(ctx context.Context, rows []*ConversationPayload) ([]*db.Message, []error) {
	return refer(ctx, r.messages, rows, (*ConversationPayload).messageID)
}

// messageRelations are the relations of Message.
type messageRelations struct{ *reads }

func (r messageRelations) Author(ctx context.Context, rows []*db.Message) ([]Author, []error) {
	authors, errs := actors(ctx, r.reads, rows, func(m *db.Message) db.ActorRef { return m.Author })
	return derive(len(rows), errs, func(i int) Author { return authors[i] })
}
