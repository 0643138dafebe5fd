package service

import (
	"testing"
)

// receivedID is the external id of a message.
func receivedID(id string) func(*ReceiveMessageInput) {
	return func(in *ReceiveMessageInput) { in.ExternalMessageID = &id }
}

func says(body string) func(*ReceiveMessageInput) {
	return func(in *ReceiveMessageInput) { in.Body = body }
}

// delivers tries to take in a message from an identity.
func (w *world) delivers(sender SenderInput, change ...func(*ReceiveMessageInput)) (*Outcome, error) {
	in := ReceiveMessageInput{Contact: &sender, Body: "Hello?"}
	for _, f := range change {
		f(&in)
	}
	return w.ReceiveMessage(w.ctx(), w.program(RoleIntegration), in)
}

// forgets makes what came in look as if a server that knows no senders had taken it in.
func (w *world) forgetsSenders() {
	w.t.Helper()
	_, err := w.DB.ExecContext(w.ctx(), "DELETE FROM deliveries")
	fine(w.t, err)
}

// was changes what is stored about all that a server that knows no senders took in.
func (w *world) legacy(change string) {
	w.t.Helper()
	_, err := w.DB.ExecContext(w.ctx(), "UPDATE external_ids SET "+change)
	fine(w.t, err)
}

func TestDeliveries(t *testing.T) {
	a, b := SenderInput{Channel: "telegram", ExternalID: "A"}, SenderInput{Channel: "telegram", ExternalID: "B"}
	hold(t, []rule{
		{"the same id from another sender is another message", func(t *testing.T, w *world) {
			first := w.receivesFrom(a, receivedID("42"), says("from A"))
			second := w.receivesFrom(b, receivedID("42"), says("from B"))
			equal(t, "B's contact", second.Contact.ID == first.Contact.ID, false)
			equal(t, "B's message", w.message(second).Body, "from B")
			byID := w.receives(w.open().ContactID, receivedID("42"), says("by id"), func(in *ReceiveMessageInput) { in.Channel = Text("telegram") })
			equal(t, "C's message", w.message(byID).Body, "by id")
		}},
		{"a sender is the same however named", func(t *testing.T, w *world) {
			was := w.receivesFrom(a, receivedID("42"))
			w.unchanged("again", func() {
				again := w.receives(was.Contact.ID, receivedID("42"), func(in *ReceiveMessageInput) { in.Channel = Text("Telegram") })
				equal(t, "message", w.message(again).ID, w.message(was).ID)
			})
		}},
		{"a redelivery fills in nothing", func(t *testing.T, w *world) {
			w.receivesFrom(a, receivedID("42"))
			named := a
			named.Name = Text("Ada")
			w.unchanged("again", func() { w.receivesFrom(named, receivedID("42")) })
		}},
		{"the same id with another body is refused, with the contact as it is", func(t *testing.T, w *world) {
			was := w.receivesFrom(a, receivedID("42"))
			for _, key := range []*string{nil, Text("k"), Text("k")} {
				w.unchanged("another body", func() {
					o, err := w.delivers(a, receivedID("42"), says("Something else"), func(in *ReceiveMessageInput) { in.IdempotencyKey = key })
					refused(t, err, ExternalIDReused)
					equal(t, "contact", o.Contact.ID, was.Contact.ID)
				})
			}
			equal(t, "the first again", w.message(w.receivesFrom(a, receivedID("42"))).ID, w.message(was).ID)
		}},
		{"what counts is the body as it is stored", func(t *testing.T, w *world) {
			w.receivesFrom(a, receivedID("42"), says("a\x00b"))
			w.unchanged("again", func() { w.receivesFrom(a, receivedID("42"), says("a\uFFFDb")) })
		}},
		{"a business event's sender is the integration and its type, its content the payload", func(t *testing.T, w *world) {
			contact, shop := w.open().ContactID, w.program(RoleIntegration)
			record := func(by Actor, kind, payload string) (*Outcome, error) {
				return w.RecordBusinessEvent(w.ctx(), by, RecordBusinessEventInput{ContactID: &contact, Type: kind, Payload: &payload, ExternalEventID: Text("1")})
			}
			was := w.ok(record(shop, "order.placed", `{"a":1,"b":[2]}`))
			w.unchanged("again", func() { // canonical JSON
				lines(t, eventIDs(w.ok(record(shop, "order.placed", `{ "b": [2.0], "a": 1 }`)).Events), eventIDs(was.Events)...)
			})
			w.unchanged("another payload", func() {
				_, err := record(shop, "order.placed", `{"a":2,"b":[2]}`)
				refused(t, err, ExternalIDReused)
			})
			equal(t, "another type", types(w.ok(record(shop, "order.paid", `{}`)).Events), "BUSINESS_EVENT_RECORDED")
			equal(t, "another integration", types(w.ok(record(w.program(RoleIntegration), "order.placed", `{}`)).Events), "BUSINESS_EVENT_RECORDED")
		}},
		{"a business event about another contact is never answered as a success", func(t *testing.T, w *world) {
			shop := w.program(RoleIntegration)
			record := func(in RecordBusinessEventInput) (*Outcome, error) {
				in.Type, in.ExternalEventID = "payment.failed", Text("1001")
				return w.RecordBusinessEvent(w.ctx(), shop, in)
			}
			was := w.ok(record(RecordBusinessEventInput{Contact: &a}))
			w.unchanged("the same contact, however named", func() {
				w.ok(record(RecordBusinessEventInput{Contact: &a}))
				w.ok(record(RecordBusinessEventInput{ContactID: &was.Contact.ID}))
			})
			other := w.open().ContactID
			for _, in := range []RecordBusinessEventInput{{Contact: &b}, {ContactID: &other}} {
				w.unchanged("another contact", func() {
					_, err := record(in)
					refused(t, err, ExternalIDReused)
				})
			}
		}},
		{"rows from before are given the sender and content that their outcome names", func(t *testing.T, w *world) {
			shouting := a
			shouting.Channel = "Telegram" // as a server of the version before stores it
			was := w.receivesFrom(shouting, receivedID("42"))
			for range 2 { // the second time it has been given
				w.unchanged("again", func() {
					equal(t, "message", w.message(w.receivesFrom(shouting, receivedID("42"))).ID, w.message(was).ID)
				})
				w.forgetsSenders()
			}
			w.unchanged("another body", func() {
				_, err := w.delivers(shouting, receivedID("42"), says("Something else"))
				refused(t, err, ExternalIDReused)
			})
			equal(t, "another sender", w.message(w.receivesFrom(b, receivedID("42"), says("from B"))).Body, "from B")
		}},
		{"where the outcome names nothing they hold for all", func(t *testing.T, w *world) {
			w.receivesFrom(a, receivedID("42"))
			w.forgetsSenders()
			w.legacy("outcome = '{}'")
			w.unchanged("the same", func() { w.receivesFrom(a, receivedID("42")) })
			w.unchanged("somebody new", func() { w.receivesFrom(b, receivedID("42"), says("from B")) })
		}},
		{"of business events from before the same holds", func(t *testing.T, w *world) {
			contact, shop := w.open().ContactID, w.program(RoleIntegration)
			record := func(by Actor, kind string) (*Outcome, error) {
				return w.RecordBusinessEvent(w.ctx(), by, RecordBusinessEventInput{ContactID: &contact, Type: kind, ExternalEventID: Text("1")})
			}
			w.ok(record(shop, "order.placed"))
			w.forgetsSenders()
			w.unchanged("again", func() { w.ok(record(shop, "order.placed")) })
			equal(t, "another type", types(w.ok(record(shop, "order.paid")).Events), "BUSINESS_EVENT_RECORDED")
			w.forgetsSenders()
			equal(t, "another integration", types(w.ok(record(w.program(RoleIntegration), "order.placed")).Events), "BUSINESS_EVENT_RECORDED")
		}},
		{"a server of the version before finds what has come in since", func(t *testing.T, w *world) {
			was := w.receivesFrom(a, receivedID("42"))
			var rows []struct{ Outcome string }
			fine(t, w.DB.NewRaw("SELECT outcome ->> 'contact' AS outcome FROM external_ids WHERE kind = 'MESSAGE' AND channel = 'telegram' AND external_id = '42'").Scan(w.ctx(), &rows))
			equal(t, "outcome", rows[0].Outcome, was.Contact.ID.UUID.String())
		}},
	})
}
