package service

import (
	"context"
	"time"

	"switchboard/db"
)

// ReceiveMessageInput is a message from a contact, who is named in one of two ways.
type ReceiveMessageInput struct {
	Contact           *SenderInput
	ContactID         *db.ContactID // with Channel
	Channel           *string
	Body              string // 1 to 16,000 characters
	Automated         bool   // a machine wrote it
	SentAt            *time.Time
	ExternalMessageID *string // on the channel; the same one again returns the first outcome
	Keyed
}

// ReceiveMessage takes in a message from a contact (integrations only). It joins the
// contact's open conversation or brings one back by the workspace's policies (S6, S8).
// That of a blocked contact is withheld (S9); an automated one brings nothing back.
func (s *Service) ReceiveMessage(ctx context.Context, actor Actor, in ReceiveMessageInput) (*Outcome, error) {
	if err := mayIntegrate(actor); err != nil {
		return nil, err
	}
	sender, channel, err := in.from()
	if err != nil {
		return nil, err
	}
	external, err := externalID("externalMessageId", db.ExternalMessage, channel, in.ExternalMessageID)
	if err != nil {
		return nil, err
	}
	if err := checkText("body", in.Body, 1, maxBody); err != nil {
		return nil, err
	}
	sentAt, err := sentAt(in.SentAt)
	if err != nil {
		return nil, err
	}
	return s.write(ctx, actor, "receiveMessage", &in, func(w *writer) (changes, error) {
		return w.once(ctx, external, func() (changes, error) {
			t, events, err := w.sender(ctx, in.ContactID, sender)
			if err != nil {
				return nil, err
			}
			m := &db.Message{
				ID: db.MessageID{UUID: db.NewUUID()}, ContactID: t.contact.ID, Kind: db.Inbound, Author: t.contact.ID.Ref(),
				Body: in.Body, Channel: channel, Automated: in.Automated, SentAt: sentAt, CreatedAt: w.at,
			}
			came, err := w.arrive(ctx, t, received(m))
			if err != nil {
				return nil, err
			}
			return append(events, came...), w.InsertMessages(ctx, []*db.Message{m})
		})
	})
}

// from says whom a message is from, nil if they are named by id, and on which channel.
func (in ReceiveMessageInput) from() (*SenderInput, string, error) {
	sender, err := checkSender(in.ContactID, in.Contact)
	switch {
	case err != nil:
		return nil, "", err
	case sender != nil && in.Channel != nil:
		return nil, "", badInput("channel belongs to contactId; contact has its own")
	case sender != nil:
		return sender, sender.Channel, nil
	case in.Channel == nil:
		return nil, "", badInput("say on which channel the message came: channel is missing")
	}
	return nil, *in.Channel, checkText("channel", *in.Channel, 1, maxChannel)
}

// sentAt takes the time at which a message was sent, as exactly as it can be kept. Any
// year of four digits will do, as it is only shown (S6).
func sentAt(at *time.Time) (*time.Time, error) {
	if at == nil {
		return nil, nil
	}
	kept := at.UTC().Truncate(time.Microsecond)
	if kept.Year() < 1 || kept.Year() > 9999 {
		return nil, badInput("sentAt must lie between the years 1 and 9999")
	}
	return &kept, nil
}
