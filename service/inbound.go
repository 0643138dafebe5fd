package service

import (
	"context"

	"switchboard/db"
)

// ReceiveMessageInput is a message from a contact, which is named either by Contact or by
// ContactID.
type ReceiveMessageInput struct {
	Contact           *SenderInput
	ContactID         *db.ContactID // with Channel
	Channel           *string
	Body              string  // not empty; cut after 100,000 characters
	Automated         bool    // written by a machine, such as an out-of-office reply
	SentAt            *string // RFC 3339; ignored if malformed
	ExternalMessageID *string // the channel's own id; a repetition by the same contact returns the first outcome
	Keyed
}

// ReceiveMessage receives a message from a contact (integrations only). It is added to the
// contact's open conversation, or else reopens or opens one by the workspace's policies (S6, S8).
// The message of a blocked contact is withheld (S9); an automated one reopens and opens nothing.
// Other fields that are invalid do not cause a refusal: the outcome's Ignored lists them. Refusals:
// EXTERNAL_ID_REUSED.
func (s *Service) ReceiveMessage(ctx context.Context, actor Actor, in ReceiveMessageInput) (*Outcome, error) {
	if err := Permit(actor, "receiveMessage"); err != nil {
		return nil, err
	}
	var fields intake
	sender, channel, err := in.from(&fields)
	if err != nil {
		return nil, err
	}
	if in.Body == "" {
		return nil, NewBadInput("body must not be empty")
	}
	body, truncated := inboundBody(in.Body)
	id := fields.externalID("externalMessageId", in.ExternalMessageID)
	m := &db.Message{
		ID: db.MessageID{UUID: db.NewUUID()}, Kind: db.Inbound, Body: body, Truncated: truncated,
		Channel: db.FoldChannel(channel), Automated: in.Automated, SentAt: fields.sentAt(in.SentAt),
	}
	const name = "receiveMessage"
	r := &reception{delivery: messageDelivery(m, channel, id), ignored: fields.ignored}
	r.alone = func() (*Outcome, error) {
		return s.Write(ctx, actor, name, &in, func(w *Writer) (Changes, error) {
			w.Outcome.Ignored = r.ignored
			t, known, err := w.findSender(ctx, in.ContactID, sender)
			if err != nil {
				return nil, err
			}
			return w.once(ctx, r.from(t.Contact.ID), nil, func() (Changes, error) {
				return w.arrive(ctx, t, known, sender, receiving(m))
			})
		})
	}
	return s.receive(ctx, actor, name, &in, in.ContactID, sender, receiving(m), r)
}

// receiving is the verb by which a message arrives from the thread's contact.
func receiving(m *db.Message) Verb {
	return Verb{needs: needsComeback, do: func(a *Act, t *Thread) (Changes, error) {
		received := *m
		received.ContactID, received.Author = t.Contact.ID, t.Contact.ID.Ref()
		return a.arrive(a.OnBehalfOf(received.Author), t, Received(&received))
	}}
}

// arrive creates or completes the contact, and carries out the verb by which something arrives.
func (w *Writer) arrive(ctx context.Context, t *Thread, known bool, s *sender, v Verb) (Changes, error) {
	events, err := w.ensureContact(ctx, t, known, s)
	if err != nil {
		return nil, err
	}
	received, err := w.CarryOut(ctx, t, v)
	return append(events, received...), err
}

// from returns the sender of a message, nil if the contact is named by its id, and the channel as
// the connector sent it.
func (in ReceiveMessageInput) from(fields *intake) (*sender, string, error) {
	sender, err := fields.senderOf(in.ContactID, in.Contact)
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
