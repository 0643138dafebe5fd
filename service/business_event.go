package service

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"switchboard/db"
)

// RecordBusinessEventInput is something that happened outside to a contact, who is named
// in one of two ways.
type RecordBusinessEventInput struct {
	Contact         *SenderInput
	ContactID       *db.ContactID
	Type            string  // 1 to 100 characters, such as order.placed
	Payload         *string // JSON, up to 16 KiB
	RequiresAction  bool    // somebody has to look at it
	ExternalEventID *string // the same one from the same integration with the same type again returns the first outcome
	Keyed
}

// RecordBusinessEvent records something that happened outside (integrations only). If it
// requires action it brings a conversation back by the workspace's policies; else it only
// appears in the timeline (S7, S8). Fields of the contact that cannot be used do not refuse
// it; the outcome's Ignored names them. Refusals: EXTERNAL_ID_REUSED.
func (s *Service) RecordBusinessEvent(ctx context.Context, actor Actor, in RecordBusinessEventInput) (*Outcome, error) {
	if err := mayIntegrate(actor); err != nil {
		return nil, err
	}
	var take intake
	sender, err := take.senderOf(in.ContactID, in.Contact)
	if err != nil {
		return nil, err
	}
	if err := CheckText("type", in.Type, 1, 100); err != nil {
		return nil, err
	}
	payload, err := mendPayload(in.Payload)
	if err != nil {
		return nil, err
	}
	happened := &db.BusinessEvent{Type: in.Type, Payload: payload, RequiresAction: in.RequiresAction}
	delivery := eventDelivery(actor, take.externalID("externalEventId", in.ExternalEventID), happened)
	return s.Write(ctx, actor, "recordBusinessEvent", &in, func(w *Writer) (Changes, error) {
		w.Outcome.Ignored = take.ignored
		who := func() (*db.ContactID, error) { return w.contactOf(ctx, in.ContactID, sender) }
		return w.once(ctx, delivery, who, func() (Changes, error) {
			t, known, err := w.findSender(ctx, in.ContactID, sender)
			if err != nil {
				return nil, err
			}
			events, err := w.meet(ctx, t, known, sender)
			if err != nil {
				return nil, err
			}
			channel, err := w.usualChannel(ctx, t, sender)
			if err != nil {
				return nil, err
			}
			came, err := w.Arrive(ctx, t, Recorded(happened, channel))
			return append(events, came...), err
		})
	})
}

// usualChannel returns the channel on which to talk to a contact about what did not come
// by a channel: that of the last conversation, else the one that the sender named, else
// one on which the contact is known, else nowhere in particular.
func (w *Writer) usualChannel(ctx context.Context, t *Thread, s *sender) (string, error) {
	switch {
	case t.Latest != nil:
		return t.Latest.Channel, nil
	case s != nil:
		return s.identity.Channel, nil
	}
	identities, err := w.ContactIdentities(ctx, []db.ContactID{t.Contact.ID})
	if err != nil || len(identities) == 0 {
		return "other", err
	}
	return identities[0].Channel, nil
}

const maxPayload = 16 << 10 // bytes

// mendPayload refuses what is too long or not JSON. In its texts U+FFFD is put for what
// cannot be stored; then, and only then, it is written anew.
func mendPayload(payload *string) (*string, error) {
	if payload == nil {
		return nil, nil
	}
	if len(*payload) > maxPayload {
		return nil, NewBadInput(fmt.Sprintf("payload has %d bytes; at most %d are allowed", len(*payload), maxPayload))
	}
	if jsontext.Value(*payload).IsValid() && !strings.Contains(*payload, `\u0000`) {
		return payload, nil
	}
	var mended strings.Builder
	in := jsontext.NewDecoder(strings.NewReader(*payload), jsontext.AllowInvalidUTF8(true))
	out := jsontext.NewEncoder(&mended)
	for values := 0; ; {
		token, err := in.ReadToken()
		if err == io.EOF && values == 1 {
			text := strings.TrimSuffix(mended.String(), "\n")
			return &text, nil
		}
		if err == nil && token.Kind() == '"' {
			token = jsontext.String(mend(token.String()))
		}
		if err == nil {
			err = out.WriteToken(token)
		}
		if err != nil {
			return nil, NewBadInput("payload is not valid JSON")
		}
		if in.StackDepth() == 0 {
			values++
		}
	}
}
