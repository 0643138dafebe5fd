package service

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"

	"switchboard/db"
)

// Connectors retry a delivery if they are not sure that it succeeded, even after days. A message or
// event with an external id is therefore processed once for each sender. Unlike idempotency keys,
// these ids never expire.

// messageDelivery returns the delivery of a message without its sender, the contact; nil without an
// external id. sentChannel is the channel as the connector sent it.
func messageDelivery(m *db.Message, sentChannel string, id *string) *db.Delivery {
	if id == nil {
		return nil
	}
	return &db.Delivery{
		Kind: db.MessageDelivery, Scope: m.Channel, ExternalID: *id,
		Content: messageContent(m.Body), SentChannel: sentChannel,
	}
}

// eventDelivery returns the delivery of an integration's business event; nil without an external
// id.
func eventDelivery(from Actor, id *string, e *db.BusinessEvent) *db.Delivery {
	if id == nil {
		return nil
	}
	return &db.Delivery{
		Kind: db.EventDelivery, Sender: from.Ref(), Scope: e.Type, ExternalID: *id, Content: eventContent(e),
	}
}

// messageContent returns the hash of a message's stored body.
func messageContent(body string) []byte {
	sum := sha256.Sum256([]byte(body))
	return sum[:]
}

// eventContent returns the hash of a business event's type and of its payload in canonical JSON, so
// that two spellings of the same payload are equal.
func eventContent(e *db.BusinessEvent) []byte {
	payload := jsontext.Value("null")
	if e.Payload != nil {
		payload = jsontext.Value(*e.Payload).Clone()
	}
	_ = payload.Canonicalize(jsontext.CanonicalizeRawInts(false)) // it is valid
	name, _ := json.Marshal(e.Type)                               // a string can always be encoded
	sum := sha256.Sum256(append(append(name, '\n'), payload...))
	return sum[:]
}

// once calls do for the first delivery with an external id, and fills in the first outcome for a
// repetition. contact returns the contact of this delivery; it is nil if the sender is the contact.
// Refusals: EXTERNAL_ID_REUSED, if the first delivery had another content or contact.
func (w *Writer) once(ctx context.Context, d *db.Delivery, contact func() (*db.ContactID, error), do func() (Changes, error)) (Changes, error) {
	if d == nil {
		return do()
	}
	before, err := w.deliveredBefore(ctx, d)
	if err != nil {
		return nil, err
	}
	if before != nil {
		return Unchanged, w.recallDelivery(ctx, d, before, contact)
	}
	events, err := do()
	if err != nil {
		return nil, err
	}
	w.Outcome.Events = events
	if d.Outcome, err = json.Marshal(newRemembered(w.Outcome, nil)); err != nil {
		return nil, err
	}
	return events, w.SettleDelivery(ctx, d)
}

// deliveredBefore claims a delivery, and returns the earlier one of the same sender with the same
// id; nil if there is none.
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

// recallDelivery fills in the outcome of the earlier delivery with the present state of its
// objects. It refuses if the two deliveries differ.
func (w *Writer) recallDelivery(ctx context.Context, d, before *db.Delivery, contact func() (*db.ContactID, error)) error {
	var outcome remembered
	if err := json.Unmarshal(before.Outcome, &outcome); err != nil {
		return err
	}
	ignored := w.Outcome.Ignored // of this delivery, which may differ in other fields
	if err := recall(ctx, w.ForWorkspace, outcome, w.Outcome); err != nil {
		return err
	}
	w.Outcome.Ignored = ignored
	same := before.Content == nil || bytes.Equal(before.Content, d.Content)
	if same && contact != nil && outcome.Contact != nil {
		id, err := contact()
		if err != nil {
			return err
		}
		same = id != nil && *id == *outcome.Contact
	}
	if same {
		return nil
	}
	field := map[db.DeliveryKind]string{db.MessageDelivery: "externalMessageId", db.EventDelivery: "externalEventId"}[d.Kind]
	return Refuse(ExternalIDReused, "something else came in under this id; give each message and each event an id of its own", field)
}

// legacyDelivery returns the delivery with the same external id from the time when ids were stored
// without a sender; nil if another sender delivered it. Its sender and content are read from the
// events of its outcome. Without a sender there, it matches every sender; without a content, every
// content.
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

// readDelivery sets a delivery's sender, scope and content from the event that recorded it.
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
