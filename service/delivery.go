package service

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"

	"switchboard/db"
)

// Connectors deliver again what may not have arrived, even after days. What has an id
// where it comes from is taken in once for each sender. Unlike idempotency keys these ids
// are never forgotten.

// messageDelivery is a contact's message on a channel, which was sent in this form; nil if
// it has no id there.
func messageDelivery(m *db.Message, sentChannel string, id *string) *db.Delivery {
	if id == nil {
		return nil
	}
	return &db.Delivery{
		Kind: db.MessageDelivery, Sender: m.ContactID.Ref(), Scope: m.Channel, ExternalID: *id,
		Content: messageContent(m.Body), SentChannel: sentChannel,
	}
}

// eventDelivery is a business event of an integration; nil if it has no id there.
func eventDelivery(from Actor, id *string, e *db.BusinessEvent) *db.Delivery {
	if id == nil {
		return nil
	}
	return &db.Delivery{
		Kind: db.EventDelivery, Sender: from.Ref(), Scope: e.Type, ExternalID: *id, Content: eventContent(e),
	}
}

// messageContent is the content of a message: its body as it is stored.
func messageContent(body string) []byte {
	sum := sha256.Sum256([]byte(body))
	return sum[:]
}

// eventContent is the content of a business event: its type and its payload, however
// that was written.
func eventContent(e *db.BusinessEvent) []byte {
	payload := jsontext.Value("null")
	if e.Payload != nil {
		payload = jsontext.Value(*e.Payload).Clone()
	}
	_ = payload.Canonicalize(jsontext.CanonicalizeRawInts(false)) // it is valid
	name, _ := json.Marshal(e.Type)                               // texts always can be
	sum := sha256.Sum256(append(append(name, '\n'), payload...))
	return sum[:]
}

// once carries out what comes in under an external id, or returns the outcome that it had
// when the sender delivered it before. Refusals: EXTERNAL_ID_REUSED, if that was
// something else or about another contact than who returns; who is nil if the sender is the contact.
func (w *Writer) once(ctx context.Context, d *db.Delivery, who func() (*db.ContactID, error), do func() (Changes, error)) (Changes, error) {
	if d == nil {
		return do()
	}
	before, err := w.deliveredBefore(ctx, d)
	if err != nil {
		return nil, err
	}
	if before != nil {
		return Unchanged, w.deliverAgain(ctx, d, before, who)
	}
	events, err := do()
	if err != nil {
		return nil, err
	}
	w.Outcome.Events = events
	if d.Outcome, err = json.Marshal(keep(w.Outcome, nil)); err != nil {
		return nil, err
	}
	return events, w.SettleDelivery(ctx, d)
}

// deliveredBefore claims a delivery, and returns the earlier one of the same sender with
// the same id; nil if there is none.
func (w *Writer) deliveredBefore(ctx context.Context, d *db.Delivery) (*db.Delivery, error) {
	ours, legacyOurs, err := w.ClaimDelivery(ctx, d)
	switch {
	case err != nil:
		return nil, err
	case !ours:
		return w.Delivered(ctx, d)
	case legacyOurs:
		return nil, nil
	}
	before, err := w.legacyDelivery(ctx, d)
	if before == nil || err != nil {
		return nil, err
	}
	return before, w.SettleDelivery(ctx, before)
}

// deliverAgain returns the outcome of the earlier delivery, as it now is.
func (w *Writer) deliverAgain(ctx context.Context, d, before *db.Delivery, who func() (*db.ContactID, error)) error {
	var outcome remembered
	if err := json.Unmarshal(before.Outcome, &outcome); err != nil {
		return err
	}
	if err := recall(ctx, w.Tx, outcome, w.Outcome); err != nil {
		return err
	}
	same := before.Content == nil || bytes.Equal(before.Content, d.Content)
	if same && who != nil && outcome.Contact != nil {
		contact, err := who()
		if err != nil {
			return err
		}
		same = contact != nil && *contact == *outcome.Contact
	}
	if same {
		return nil
	}
	field := map[db.DeliveryKind]string{db.MessageDelivery: "externalMessageId", db.EventDelivery: "externalEventId"}[d.Kind]
	return Refuse(ExternalIDReused, "something else came in under this id; give each message and each event an id of its own", field)
}

// legacyDelivery returns what came in under the id when ids were kept without a sender;
// nil if it came from another one. Sender and content are those that its outcome names.
// Where it names no sender, it holds for all; where it names no content, for any.
func (w *Writer) legacyDelivery(ctx context.Context, d *db.Delivery) (*db.Delivery, error) {
	kept, err := w.LegacyOutcome(ctx, d)
	if err != nil {
		return nil, err
	}
	var outcome remembered
	if err := json.Unmarshal(kept, &outcome); err != nil {
		return nil, err
	}
	events, err := w.Events(ctx, outcome.Events)
	if err != nil {
		return nil, err
	}
	was := &db.Delivery{}
	if d.Kind == db.MessageDelivery && outcome.Contact != nil {
		was.Sender = outcome.Contact.Ref()
	}
	for _, e := range events {
		if err := w.readDelivery(ctx, was, e); err != nil {
			return nil, err
		}
	}
	if !was.Sender.IsZero() && was.Sender != d.Sender || was.Scope != "" && was.Scope != d.Scope {
		return nil, nil
	}
	before := *d
	before.Content, before.Outcome = was.Content, kept
	return &before, nil
}

// readDelivery takes sender, scope and content from the event that recorded a delivery.
func (w *Writer) readDelivery(ctx context.Context, d *db.Delivery, e *db.Event) error {
	switch e.Type {
	case db.MessageReceived:
		messages, err := w.Messages(ctx, []db.MessageID{*e.Data.MessageID})
		if m := First(messages); m != nil {
			d.Sender, d.Scope, d.Content = m.ContactID.Ref(), db.FoldChannel(m.Channel), messageContent(m.Body)
		}
		return err
	case db.BusinessEventRecorded:
		d.Sender, d.Scope, d.Content = e.Caller(), e.Data.BusinessEvent.Type, eventContent(e.Data.BusinessEvent)
	}
	return nil
}
