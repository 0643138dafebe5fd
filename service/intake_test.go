package service_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// A customer's message is never refused because of another field (S6): an invalid field is left
// out, cut or replaced, and the outcome names it.

// arrival is a message from a new contact, with one field of the sender changed.
func (w *world) arrives(change func(*service.SenderInput)) *service.Outcome {
	w.T.Helper()
	sender := service.SenderInput{Channel: "whatsapp", ExternalID: "id " + time.Now().String()}
	change(&sender)
	return w.ReceivesFrom(sender)
}

// ignored lists the fields that the outcome names as left out, cut or replaced.
func ignored(o *service.Outcome) string {
	var fields []string
	for _, i := range o.Ignored {
		fields = append(fields, string(i.Code)+" "+strings.Join(i.Field, "."))
	}
	return strings.Join(fields, ", ")
}

func value(s *string) string {
	if s == nil {
		return "none"
	}
	return *s
}

func TestIntake(t *testing.T) {
	hold(t, []rule{
		{"S6 an unusable e-mail address is left out", func(t *testing.T, w *world) {
			for _, bad := range append(badTexts, "aaa..bbb@docomo.example", "a.@docomo.example", `"a b"@example.org`, "Ada <ada@example.org>", "ada", strings.Repeat("a", 218)+"@example.org") {
				o := w.arrives(func(in *service.SenderInput) { in.Email, in.Name = &bad, service.Text("Ada") })
				servicetest.Equal(t, "ignored", ignored(o), "INVALID_FIELD sender.contact.email")
				servicetest.Equal(t, "email", value(o.Contact.Email), "none")
				servicetest.Equal(t, "name", o.Contact.Name, "Ada")
				servicetest.Equal(t, "message", w.message(o).Body, "Hello?")
			}
		}},
		{"S6 so are an address of a picture and a phone number", func(t *testing.T, w *world) {
			for _, bad := range append(badTexts, "http://example.org/a.png", "javascript:alert(1)", "https://example.org/"+strings.Repeat("a", 2000)) {
				o := w.arrives(func(in *service.SenderInput) { in.AvatarURL = &bad })
				servicetest.Equal(t, "ignored", ignored(o), "INVALID_FIELD sender.contact.avatarUrl")
				servicetest.Equal(t, "picture", value(o.Contact.AvatarURL), "none")
			}
			for _, bad := range append(badTexts, strings.Repeat("1", 201)) {
				o := w.arrives(func(in *service.SenderInput) { in.Phone = &bad })
				servicetest.Equal(t, "ignored", ignored(o), "INVALID_FIELD sender.contact.phone")
				servicetest.Equal(t, "phone", value(o.Contact.Phone), "none")
			}
		}},
		{"S6 they do not keep the good ones from being filled in later", func(t *testing.T, w *world) {
			sender := service.SenderInput{Channel: "whatsapp", ExternalID: "x", Email: service.Text("aaa..bbb@docomo.example")}
			w.ReceivesFrom(sender)
			sender.Phone = service.Text("555 123")
			o := w.ReceivesFrom(sender)
			servicetest.Equal(t, "ignored", ignored(o), "INVALID_FIELD sender.contact.email")
			servicetest.Equal(t, "phone", value(w.ReadContact(o.Contact.ID).Phone), "555 123")
		}},
		{"S6 a name is cut, and its strange characters are replaced", func(t *testing.T, w *world) {
			for sent, kept := range map[string]string{
				strings.Repeat("ř", 201): strings.Repeat("ř", 200),
				"A\x00da":                "A\uFFFDda",
				"Ada \xed\xa0\xbd":       "Ada \uFFFD",
			} {
				o := w.arrives(func(in *service.SenderInput) { in.Name = &sent })
				servicetest.Equal(t, "ignored", ignored(o), "INVALID_FIELD sender.contact.name")
				servicetest.Equal(t, "name", o.Contact.Name, kept)
			}
		}},
		{"S6 a name that shows nothing counts as none: then the identity is the name", func(t *testing.T, w *world) {
			for _, nothing := range []string{"", " ", "\u200b", "\u3164", "\u2800", "\u200b \u2800\u00ad\ufe0f"} {
				o := w.ReceivesFrom(service.SenderInput{Channel: "whatsapp", ExternalID: "+49 30 1", Name: &nothing})
				servicetest.Equal(t, "ignored", ignored(o), "")
				servicetest.Equal(t, "name", o.Contact.Name, "+49 30 1")
			}
		}},
		{"S6 an id that is too long is hashed and keeps its contact", func(t *testing.T, w *world) {
			long := service.SenderInput{Channel: "whatsapp", ExternalID: strings.Repeat("ř", 201)}
			first, second := w.ReceivesFrom(long), w.ReceivesFrom(long)
			servicetest.Equal(t, "ignored", ignored(first), "INVALID_FIELD sender.contact.externalId")
			servicetest.Equal(t, "contact", second.Contact.ID, first.Contact.ID)
			identities, err := w.ContactIdentities(w.Context(), w.Manager, []db.ContactID{first.Contact.ID})
			servicetest.Fine(t, err)
			servicetest.Equal(t, "identity", identities[0][0].ExternalID, "sha256:7e53e7bb95d718bc3f6b314830a9639fe407a52b112363cb4eac1b1b7b6b2269")
			long.ExternalID += "x"
			servicetest.Equal(t, "another", w.ReceivesFrom(long).Contact.ID == first.Contact.ID, false)
		}},
		{"S6 what is strange in an id is replaced", func(t *testing.T, w *world) {
			o := w.ReceivesFrom(service.SenderInput{Channel: "whatsapp", ExternalID: "a\x00b"})
			servicetest.Equal(t, "ignored", ignored(o), "INVALID_FIELD sender.contact.externalId")
			servicetest.Equal(t, "name", o.Contact.Name, "a\uFFFDb")
		}},
		{"S6 the id of a message is hashed, mended or left out", func(t *testing.T, w *world) {
			contact := w.Open().ContactID
			for _, sent := range []string{strings.Repeat("ř", 201), "a\x00b"} {
				with := func(in *service.ReceiveMessageInput) { in.ExternalMessageID = &sent }
				was := w.Receives(contact, with)
				servicetest.Equal(t, "ignored", ignored(was), "INVALID_FIELD externalMessageId")
				w.Unchanged("again", func() { servicetest.Equal(t, "message", w.message(w.Receives(contact, with)).ID, w.message(was).ID) })
			}
			for _, nothing := range []string{"", " ", "\u200b"} {
				o := w.Receives(contact, func(in *service.ReceiveMessageInput) { in.ExternalMessageID = &nothing })
				servicetest.Equal(t, "ignored", ignored(o), "INVALID_FIELD externalMessageId")
			}
		}},
		{"S6 a time of sending that no calendar has is left out", func(t *testing.T, w *world) {
			for _, at := range []string{"yesterday", "", "1764300000", "2026-01-01T00:00:00", "2016-12-31T23:59:60Z", "0000-01-01T00:00:00Z"} {
				o := w.Receives(w.Open().ContactID, func(in *service.ReceiveMessageInput) { in.SentAt = &at })
				servicetest.Equal(t, "ignored", ignored(o), "INVALID_FIELD sentAt")
				servicetest.Equal(t, "left out", w.message(o).SentAt == nil, true)
			}
		}},
		{"S6 a body is kept up to 100,000 characters, and cut beyond", func(t *testing.T, w *world) {
			contact := w.Open().ContactID
			for length, truncated := range map[int]bool{16_001: false, 100_000: false, 100_001: true} {
				m := w.message(w.Receives(contact, func(in *service.ReceiveMessageInput) { in.Body = strings.Repeat("ř", length) }))
				servicetest.Equal(t, "body", m.Body == strings.Repeat("ř", min(length, 100_000)), true)
				servicetest.Equal(t, "truncated", m.Truncated, truncated)
			}
			for sent, kept := range map[string]string{"a\x00b": "a\uFFFDb", "\x00": "\uFFFD", "half an emoji \xed\xa0\xbd!": "half an emoji \uFFFD!", "\xff": "\uFFFD"} {
				servicetest.Equal(t, "body", w.message(w.Receives(contact, func(in *service.ReceiveMessageInput) { in.Body = sent })).Body, kept)
			}
		}},
		{"S6 a page of messages ends early once its bodies exceed 2 MiB, in both directions", func(t *testing.T, w *world) {
			c := w.Open()
			for range 12 { // each of 300,000 bytes
				w.Receives(c.ContactID, says(strings.Repeat("₿", 100_000)))
			}
			walk := func(next func(*service.List[*db.Message]) service.PageInput, in service.PageInput) (sizes []int) {
				for {
					lists, err := w.MessagesOf(w.Context(), w.Manager, []db.ConversationID{c.ID}, in)
					servicetest.Fine(t, err)
					l := lists[0]
					for _, m := range l.Rows {
						servicetest.Equal(t, "length of a body", len(m.Body), 300_000)
					}
					if sizes = append(sizes, len(l.Rows)); !l.HasNext && in.Last == nil || !l.HasPrevious && in.Last != nil {
						return sizes
					}
					in = next(l)
				}
			}
			forward := walk(func(l *service.List[*db.Message]) service.PageInput {
				return service.PageInput{After: service.Text(l.Cursor(l.Rows[len(l.Rows)-1]))}
			}, service.PageInput{})
			// Seven rows are the fewest that exceed the limit.
			servicetest.Equal(t, "pages forward", fmt.Sprint(forward), "[7 5]")
			backward := walk(func(l *service.List[*db.Message]) service.PageInput {
				return service.PageInput{Last: new(50), Before: service.Text(l.Cursor(l.Rows[0]))}
			}, service.PageInput{Last: new(50)})
			servicetest.Equal(t, "pages backward", fmt.Sprint(backward), "[7 5]")
		}},
		{"S6 a repeated call names the same fields", func(t *testing.T, w *world) {
			in := service.SenderInput{Channel: "whatsapp", ExternalID: "x", Email: service.Text("nonsense")}
			for _, change := range []func(*service.ReceiveMessageInput){
				func(in *service.ReceiveMessageInput) { in.IdempotencyKey = service.Text("k") },
				func(in *service.ReceiveMessageInput) { in.ExternalMessageID = service.Text("m") },
			} {
				for range 2 {
					servicetest.Equal(t, "ignored", ignored(w.ReceivesFrom(in, change)), "INVALID_FIELD sender.contact.email")
				}
			}
		}},
		{"S7 of a business event too, and of its payload the texts are mended", func(t *testing.T, w *world) {
			for sent, kept := range map[string]string{`{ "a\u0000": ["\ud83d", 1.50] }`: "{\"a\uFFFD\":[\"\uFFFD\",1.50]}", "\"\xff\"": "\"\uFFFD\"", `"\ud800"`: "\"\uFFFD\""} {
				o := w.OK(w.RecordBusinessEvent(w.Context(), w.Program(service.RoleIntegration), service.RecordBusinessEventInput{
					Contact: &service.SenderInput{Channel: "shop", ExternalID: "7", Email: service.Text("nonsense")}, Type: "order.placed", Payload: &sent}))
				servicetest.Equal(t, "ignored", ignored(o), "INVALID_FIELD sender.contact.email")
				events := w.Since(o.Events[len(o.Events)-1].Seq - 1)
				servicetest.Equal(t, "payload", *events[0].Data.BusinessEvent.Payload, kept)
			}
		}},
	})
}
