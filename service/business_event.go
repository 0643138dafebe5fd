package service

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"switchboard/db"
)

// RecordBusinessEventInput is something that happened to a contact in another system, such as an
// order. The contact is named either by Contact or by ContactID.
type RecordBusinessEventInput struct {
	Contact         *SenderInput
	ContactID       *db.ContactID
	Type            string  // 1 to 100 characters, such as order.placed
	Payload         *string // JSON, up to 16 KiB
	RequiresAction  bool    // an agent has to handle it
	ExternalEventID *string // a repetition by the same integration with the same type returns the first outcome
	Keyed
}

// RecordBusinessEvent records an event of another system (integrations only). If it requires action
// and no conversation is open, it reopens or opens one by the workspace's policies; otherwise it
// only appears in the timeline (S7, S8). Invalid fields of the contact do not cause a refusal: the
// outcome's Ignored lists them. Refusals: EXTERNAL_ID_REUSED.
func (s *Service) RecordBusinessEvent(ctx context.Context, actor Actor, in RecordBusinessEventInput) (*Outcome, error) {
	if err := Permit(actor, "recordBusinessEvent"); err != nil {
		return nil, err
	}
	var fields intake
	sender, err := fields.senderOf(in.ContactID, in.Contact)
	if err != nil {
		return nil, err
	}
	if err := CheckText("type", in.Type, 1, 100); err != nil {
		return nil, err
	}
	payload, err := sanitizePayload(in.Payload)
	if err != nil {
		return nil, err
	}
	happened := &db.BusinessEvent{Type: in.Type, Payload: payload, RequiresAction: in.RequiresAction}
	delivery := eventDelivery(actor, fields.externalID("externalEventId", in.ExternalEventID), happened)
	const name = "recordBusinessEvent"
	r := &reception{delivery: delivery, ignored: fields.ignored}
	r.alone = func() (*Outcome, error) {
		return s.Write(ctx, actor, name, &in, func(w *Writer) (Changes, error) {
			w.Outcome.Ignored = r.ignored
			contact := func() (*db.ContactID, error) { return w.contactOf(ctx, in.ContactID, sender) }
			return w.once(ctx, delivery, contact, func() (Changes, error) {
				t, known, err := w.findSender(ctx, in.ContactID, sender)
				if err != nil {
					return nil, err
				}
				return w.arrive(ctx, t, known, sender, recording(happened, sender))
			})
		})
	}
	return s.receive(ctx, actor, name, &in, in.ContactID, sender, recording(happened, sender), r)
}

// recording is the verb by which a business event arrives.
func recording(e *db.BusinessEvent, s *sender) Verb {
	return Verb{
		needs: func(contact *db.Contact) Needs {
			needs := needsComeback(contact)
			needs.Identities = s == nil
			return needs
		},
		do: func(a *Act, t *Thread) (Changes, error) {
			return a.arrive(a.Recorder, t, Recorded(e, a.usualChannel(t, s)))
		},
	}
}

// usualChannel returns the channel of a conversation that a business event opens, as the event
// itself has none: that of the latest conversation, else that of the sender's identity, else that
// of any identity of the contact, else "other".
func (a *Act) usualChannel(t *Thread, s *sender) string {
	switch {
	case t.Latest != nil:
		return t.Latest.Channel
	case s != nil:
		return s.identity.Channel
	}
	for _, known := range a.identities(t.Contact.ID) {
		return known.Channel
	}
	return "other"
}

const maxPayload = 16 << 10 // bytes

// sanitizePayload refuses a payload that is too long or is not JSON. Characters that cannot be
// stored are replaced by U+FFFD; a payload without any is returned byte for byte.
func sanitizePayload(payload *string) (*string, error) {
	if payload == nil {
		return nil, nil
	}
	if len(*payload) > maxPayload {
		return nil, NewBadInput(fmt.Sprintf("payload has %d bytes; at most %d are allowed", len(*payload), maxPayload))
	}
	if jsontext.Value(*payload).IsValid() && !strings.Contains(*payload, `\u0000`) {
		return payload, nil
	}
	var sanitized strings.Builder
	in := jsontext.NewDecoder(strings.NewReader(*payload), jsontext.AllowInvalidUTF8(true))
	out := jsontext.NewEncoder(&sanitized)
	for values := 0; ; {
		token, err := in.ReadToken()
		if err == io.EOF && values == 1 {
			text := strings.TrimSuffix(sanitized.String(), "\n")
			return &text, nil
		}
		if err == nil && token.Kind() == '"' {
			token = jsontext.String(sanitize(token.String()))
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
