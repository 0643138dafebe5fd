package service

import (
	"context"
	"fmt"
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
	ExternalEventID *string // the same one again returns the first outcome
	Keyed
}

// RecordBusinessEvent records something that happened outside (integrations only). If it
// requires action it brings a conversation back by the workspace's policies; else it only
// appears in the timeline (S7, S8).
func (s *Service) RecordBusinessEvent(ctx context.Context, actor Actor, in RecordBusinessEventInput) (*Outcome, error) {
	if err := mayIntegrate(actor); err != nil {
		return nil, err
	}
	sender, err := checkSender(in.ContactID, in.Contact)
	if err != nil {
		return nil, err
	}
	external, err := externalID("externalEventId", db.ExternalEvent, "", in.ExternalEventID)
	if err != nil {
		return nil, err
	}
	if err := checkText("type", in.Type, 1, 100); err != nil {
		return nil, err
	}
	if err := checkPayload(in.Payload); err != nil {
		return nil, err
	}
	return s.write(ctx, actor, "recordBusinessEvent", &in, func(w *writer) (changes, error) {
		return w.once(ctx, external, func() (changes, error) {
			t, events, err := w.sender(ctx, in.ContactID, sender)
			if err != nil {
				return nil, err
			}
			channel, err := w.usualChannel(ctx, t)
			if err != nil {
				return nil, err
			}
			happened := &db.BusinessEvent{Type: in.Type, Payload: in.Payload, RequiresAction: in.RequiresAction}
			came, err := w.arrive(ctx, t, recorded(happened, channel))
			return append(events, came...), err
		})
	})
}

// usualChannel is where to talk to a contact about what did not come by a channel: where
// one did last, else where it is known, else nowhere in particular.
func (w *writer) usualChannel(ctx context.Context, t *thread) (string, error) {
	if t.latest != nil {
		return t.latest.Channel, nil
	}
	identities, err := w.ContactIdentities(ctx, []db.ContactID{t.contact.ID})
	if err != nil || len(identities) == 0 {
		return "other", err
	}
	return identities[0].Channel, nil
}

const maxPayload = 16 << 10 // bytes

// checkPayload refuses what is too long, no JSON, or holds text that is none.
func checkPayload(payload *string) error {
	if payload == nil {
		return nil
	}
	if len(*payload) > maxPayload {
		return badInput(fmt.Sprintf("payload has %d bytes; at most %d are allowed", len(*payload), maxPayload))
	}
	if !jsontext.Value(*payload).IsValid() {
		return badInput("payload is not valid JSON")
	}
	for in := jsontext.NewDecoder(strings.NewReader(*payload)); ; {
		token, err := in.ReadToken()
		if err != nil {
			return nil // its end
		}
		if token.Kind() == '"' && strings.ContainsRune(token.String(), 0) {
			return badInput("payload contains characters that are not valid text")
		}
	}
}
