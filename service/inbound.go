package service

import (
	"context"

	"switchboard/db"
)

// ReceiveMessageInput is a message from a contact, who is named in one of two ways.
type ReceiveMessageInput struct {
	Contact           *SenderInput
	ContactID         *db.ContactID // with Channel
	Channel           *string
	Body              string  // not empty; beyond 100,000 characters it is cut
	Automated         bool    // a machine wrote it
	SentAt            *string // RFC 3339; what is not is left out
	ExternalMessageID *string // on the channel; the same one from the same contact again returns the first outcome
	Keyed
}

// ReceiveMessage takes in a message from a contact (integrations only). It joins the
// contact's open conversation or brings one back by the workspace's policies (S6, S8).
// That of a blocked contact is withheld (S9); an automated one brings nothing back.
// Fields beside the message that cannot be used do not refuse it; the outcome's Ignored
// names them. Refusals: EXTERNAL_ID_REUSED.
func (s *Service) ReceiveMessage(ctx context.Context, actor Actor, in ReceiveMessageInput) (*Outcome, error) {
	if err := mayIntegrate(actor); err != nil {
		return nil, err
	}
	var take intake
	sender, channel, err := in.from(&take)
	if err != nil {
		return nil, err
	}
	if in.Body == "" {
		return nil, NewBadInput("body must not be empty")
	}
	body, truncated := inboundBody(in.Body)
	id := take.externalID("externalMessageId", in.ExternalMessageID)
	m := &db.Message{
		ID: db.MessageID{UUID: db.NewUUID()}, Kind: db.Inbound, Body: body, Truncated: truncated,
		Channel: db.FoldChannel(channel), Automated: in.Automated, SentAt: take.sentAt(in.SentAt),
	}
	return s.Write(ctx, actor, "receiveMessage", &in, func(w *Writer) (Changes, error) {
		w.Outcome.Ignored = take.ignored
		t, known, err := w.findSender(ctx, in.ContactID, sender)
		if err != nil {
			return nil, err
		}
		m.ContactID, m.Author, m.ConversationID = t.Contact.ID, t.Contact.ID.Ref(), nil
		return w.once(ctx, messageDelivery(m, channel, id), nil, func() (Changes, error) {
			events, err := w.meet(ctx, t, known, sender)
			if err != nil {
				return nil, err
			}
			came, err := w.OnBehalfOf(m.Author).Arrive(ctx, t, Received(m))
			if err != nil {
				return nil, err
			}
			return append(events, came...), w.InsertMessages(ctx, []*db.Message{m})
		})
	})
}

// from takes whom a message is from, nil if they are named by id, and on which channel, in
// the form in which it was sent.
func (in ReceiveMessageInput) from(take *intake) (*sender, string, error) {
	sender, err := take.senderOf(in.ContactID, in.Contact)
	switch {
	case err != nil:
		return nil, "", err
	case sender != nil && in.Channel != nil:
		return nil, "", NewBadInput("channel belongs to contactId; contact has its own")
	case sender != nil:
		return sender, in.Contact.Channel, nil
	case in.Channel == nil:
		return nil, "", NewBadInput("say on which channel the message came: channel is missing")
	}
	_, err = CheckChannel("sender.known.channel", *in.Channel)
	return nil, *in.Channel, err
}
