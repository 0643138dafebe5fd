package service_test

import (
	"testing"

	"switchboard/service"
	"switchboard/service/servicetest"
)

// receivedID is the external id of a message.
func receivedID(id string) func(*service.ReceiveMessageInput) {
	return func(in *service.ReceiveMessageInput) { in.ExternalMessageID = &id }
}

func says(body string) func(*service.ReceiveMessageInput) {
	return func(in *service.ReceiveMessageInput) { in.Body = body }
}

// delivers tries to take in a message from an identity.
func (w *world) delivers(sender service.SenderInput, change ...func(*service.ReceiveMessageInput)) (*service.Outcome, error) {
	in := service.ReceiveMessageInput{Contact: &sender, Body: "Hello?"}
	for _, f := range change {
		f(&in)
	}
	return w.ReceiveMessage(w.Context(), w.Program(service.RoleIntegration), in)
}

// forgetsSenders changes the stored messages and events to those of a server version without
// senders.
func (w *world) forgetsSenders() {
	w.T.Helper()
	_, err := w.DB.ExecContext(w.Context(), "DELETE FROM deliveries")
	servicetest.Fine(w.T, err)
}

// legacy changes the rows that a server version without senders wrote.
func (w *world) legacy(change string) {
	w.T.Helper()
	_, err := w.DB.ExecContext(w.Context(), "UPDATE external_ids SET "+change)
	servicetest.Fine(w.T, err)
}

func TestDeliveries(t *testing.T) {
	a, b := service.SenderInput{Channel: "telegram", ExternalID: "A"}, service.SenderInput{Channel: "telegram", ExternalID: "B"}
	hold(t, []rule{
		{"the same id from another sender is another message", func(t *testing.T, w *world) {
			first := w.ReceivesFrom(a, receivedID("42"), says("from A"))
			second := w.ReceivesFrom(b, receivedID("42"), says("from B"))
			servicetest.Equal(t, "B's contact", second.Contact.ID == first.Contact.ID, false)
			servicetest.Equal(t, "B's message", w.message(second).Body, "from B")
			byID := w.Receives(w.Open().ContactID, receivedID("42"), says("by id"), func(in *service.ReceiveMessageInput) { in.Channel = service.Text("telegram") })
			servicetest.Equal(t, "C's message", w.message(byID).Body, "by id")
		}},
		{"a sender is the same however named", func(t *testing.T, w *world) {
			was := w.ReceivesFrom(a, receivedID("42"))
			w.Unchanged("again", func() {
				again := w.Receives(was.Contact.ID, receivedID("42"), func(in *service.ReceiveMessageInput) { in.Channel = service.Text("Telegram") })
				servicetest.Equal(t, "message", w.message(again).ID, w.message(was).ID)
			})
		}},
		{"a redelivery fills in nothing", func(t *testing.T, w *world) {
			w.ReceivesFrom(a, receivedID("42"))
			named := a
			named.Name = service.Text("Ada")
			w.Unchanged("again", func() { w.ReceivesFrom(named, receivedID("42")) })
		}},
		{"the same id with another body is refused, with the contact as it is", func(t *testing.T, w *world) {
			was := w.ReceivesFrom(a, receivedID("42"))
			for _, key := range []*string{nil, service.Text("k"), service.Text("k")} {
				w.Unchanged("another body", func() {
					o, err := w.delivers(a, receivedID("42"), says("Something else"), func(in *service.ReceiveMessageInput) { in.IdempotencyKey = key })
					servicetest.Refused(t, err, service.ExternalIDReused)
					servicetest.Equal(t, "contact", o.Contact.ID, was.Contact.ID)
				})
			}
			servicetest.Equal(t, "the first again", w.message(w.ReceivesFrom(a, receivedID("42"))).ID, w.message(was).ID)
		}},
		{"what counts is the body as it is stored", func(t *testing.T, w *world) {
			w.ReceivesFrom(a, receivedID("42"), says("a\x00b"))
			w.Unchanged("again", func() { w.ReceivesFrom(a, receivedID("42"), says("a\uFFFDb")) })
		}},
		{"a business event's sender is the integration and its type, its content the payload", func(t *testing.T, w *world) {
			contact, shop := w.Open().ContactID, w.Program(service.RoleIntegration)
			record := func(by service.Actor, kind, payload string) (*service.Outcome, error) {
				return w.RecordBusinessEvent(w.Context(), by, service.RecordBusinessEventInput{ContactID: &contact, Type: kind, Payload: &payload, ExternalEventID: service.Text("1")})
			}
			was := w.OK(record(shop, "order.placed", `{"a":1,"b":[2]}`))
			w.Unchanged("again", func() { // canonical JSON
				servicetest.Lines(t, eventIDs(w.OK(record(shop, "order.placed", `{ "b": [2.0], "a": 1 }`)).Events), eventIDs(was.Events)...)
			})
			w.Unchanged("another payload", func() {
				_, err := record(shop, "order.placed", `{"a":2,"b":[2]}`)
				servicetest.Refused(t, err, service.ExternalIDReused)
			})
			servicetest.Equal(t, "another type", servicetest.Types(w.OK(record(shop, "order.paid", `{}`)).Events), "BUSINESS_EVENT_RECORDED")
			servicetest.Equal(t, "another integration", servicetest.Types(w.OK(record(w.Program(service.RoleIntegration), "order.placed", `{}`)).Events), "BUSINESS_EVENT_RECORDED")
		}},
		{"a business event about another contact is never answered as a success", func(t *testing.T, w *world) {
			shop := w.Program(service.RoleIntegration)
			record := func(in service.RecordBusinessEventInput) (*service.Outcome, error) {
				in.Type, in.ExternalEventID = "payment.failed", service.Text("1001")
				return w.RecordBusinessEvent(w.Context(), shop, in)
			}
			was := w.OK(record(service.RecordBusinessEventInput{Contact: &a}))
			w.Unchanged("the same contact, however named", func() {
				w.OK(record(service.RecordBusinessEventInput{Contact: &a}))
				w.OK(record(service.RecordBusinessEventInput{ContactID: &was.Contact.ID}))
			})
			other := w.Open().ContactID
			for _, in := range []service.RecordBusinessEventInput{{Contact: &b}, {ContactID: &other}} {
				w.Unchanged("another contact", func() {
					_, err := record(in)
					servicetest.Refused(t, err, service.ExternalIDReused)
				})
			}
		}},
		{"rows from before are given the sender and content that their outcome names", func(t *testing.T, w *world) {
			shouting := a
			shouting.Channel = "Telegram" // as a server of the version before stored it
			was := w.ReceivesFrom(shouting, receivedID("42"))
			for range 2 { // the second time it has been given
				w.Unchanged("again", func() {
					servicetest.Equal(t, "message", w.message(w.ReceivesFrom(shouting, receivedID("42"))).ID, w.message(was).ID)
				})
				w.forgetsSenders()
			}
			w.Unchanged("another body", func() {
				_, err := w.delivers(shouting, receivedID("42"), says("Something else"))
				servicetest.Refused(t, err, service.ExternalIDReused)
			})
			servicetest.Equal(t, "another sender", w.message(w.ReceivesFrom(b, receivedID("42"), says("from B"))).Body, "from B")
		}},
		{"a redelivery names only its own unusable fields", func(t *testing.T, w *world) {
			withEmail := a
			withEmail.Email = service.Text("not an address")
			servicetest.Equal(t, "ignored at first", len(w.ReceivesFrom(withEmail, receivedID("42")).Ignored), 1)
			servicetest.Equal(t, "ignored again", len(w.ReceivesFrom(a, receivedID("42")).Ignored), 0)
		}},
		{"where the outcome names nothing they hold for all", func(t *testing.T, w *world) {
			w.ReceivesFrom(a, receivedID("42"))
			w.forgetsSenders()
			w.legacy("outcome = '{}'")
			w.Unchanged("the same", func() { w.ReceivesFrom(a, receivedID("42")) })
			w.Unchanged("somebody new", func() { w.ReceivesFrom(b, receivedID("42"), says("from B")) })
		}},
		{"of business events from before the same holds", func(t *testing.T, w *world) {
			contact, shop := w.Open().ContactID, w.Program(service.RoleIntegration)
			record := func(by service.Actor, kind string) (*service.Outcome, error) {
				return w.RecordBusinessEvent(w.Context(), by, service.RecordBusinessEventInput{ContactID: &contact, Type: kind, ExternalEventID: service.Text("1")})
			}
			w.OK(record(shop, "order.placed"))
			w.forgetsSenders()
			w.Unchanged("again", func() { w.OK(record(shop, "order.placed")) })
			servicetest.Equal(t, "another type", servicetest.Types(w.OK(record(shop, "order.paid")).Events), "BUSINESS_EVENT_RECORDED")
			w.forgetsSenders()
			servicetest.Equal(t, "another integration", servicetest.Types(w.OK(record(w.Program(service.RoleIntegration), "order.placed")).Events), "BUSINESS_EVENT_RECORDED")
		}},
		{"a server of the version before finds what has come in since", func(t *testing.T, w *world) {
			was := w.ReceivesFrom(a, receivedID("42"))
			var rows []struct{ Outcome string }
			servicetest.Fine(t, w.DB.NewRaw("SELECT outcome ->> 'contact' AS outcome FROM external_ids WHERE kind = 'MESSAGE' AND channel = 'telegram' AND external_id = '42'").Scan(w.Context(), &rows))
			servicetest.Equal(t, "outcome", rows[0].Outcome, was.Contact.ID.UUID.String())
		}},
	})
}
