package service_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// Tests of messages and business events that arrive. TestComeback has the table of what each does
// to the conversation; these tests go through the verbs.

// message returns the message that was received.
func (w *world) message(o *service.Outcome) *db.Message {
	w.T.Helper()
	for _, e := range o.Events {
		if e.Data.MessageID != nil {
			rows, err := w.MessagesByID(w.Context(), w.Manager, []db.MessageID{*e.Data.MessageID})
			servicetest.Fine(w.T, err)
			return rows[0]
		}
	}
	w.T.Fatal("no message came in")
	return nil
}

func TestReceivedMessages(t *testing.T) {
	hold(t, []rule{
		{"S6 a message joins the open conversation, whatever the policy", func(t *testing.T, w *world) {
			w.Policies(db.ReopenNew, db.OwnerUnassign)
			ada := w.Agent("Ada")
			c := w.Open(ada)
			all := w.watch(ada, db.ViewAll)
			o := w.Receives(c.ContactID)
			servicetest.Lines(t, w.Story(o.Events), "MESSAGE_RECEIVED by the contact v3->v3")
			servicetest.Equal(t, "the message's conversation", *w.message(o).ConversationID, c.ID)
			servicetest.Equal(t, "its author", w.message(o).Author, c.ContactID.Ref())
			servicetest.Equal(t, "its channel", w.message(o).Channel, "chat")
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
			servicetest.Equal(t, "ALL", all(), "UPDATED MESSAGE_RECEIVED")
			now := w.Read(c)
			servicetest.Equal(t, "last message", *now.LastMessageID, w.message(o).ID)
			servicetest.Equal(t, "last activity", now.LastActivityAt, w.message(o).CreatedAt)
		}},
		{"S6 REOPEN: it brings the latest back", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			c := w.Closed(ada)
			mine, closed := w.watch(ada, db.ViewMine), w.watch(ada, db.ViewClosed)
			o := w.Receives(c.ContactID)
			servicetest.Lines(t, w.Story(o.Events), "MESSAGE_RECEIVED by the contact v4->v4", "CONVERSATION_REOPENED MESSAGE by the contact v4->v5")
			servicetest.Equal(t, "conversation", o.Conversation.ID, c.ID)
			servicetest.Equal(t, "channel", w.Read(c).Channel, "email")
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
			servicetest.Equal(t, "CLOSED", closed(), "UPDATED MESSAGE_RECEIVED")
			servicetest.Equal(t, "CLOSED", closed(), "LEFT CONVERSATION_REOPENED")
			servicetest.Equal(t, "MINE", mine(), "ENTERED CONVERSATION_REOPENED")
			servicetest.Equal(t, "counts", w.counts(ada), "mine 1, unassigned 0, all 1, closed 0, blocked 0")
		}},
		{"S6 NEW: it starts a new one", func(t *testing.T, w *world) {
			w.Policies(db.ReopenNew, db.OwnerKeep)
			ada := w.Agent("Ada")
			c := w.Closed(ada)
			all := w.watch(ada, db.ViewAll)
			o := w.Receives(c.ContactID)
			servicetest.Lines(t, w.Story(o.Events), "MESSAGE_RECEIVED by the contact", "CONVERSATION_OPENED MESSAGE by the contact new->v5")
			servicetest.Equal(t, "channel", o.Conversation.Channel, "chat")
			servicetest.Equal(t, "the first event's conversation", *o.Events[0].ConversationID, o.Conversation.ID)
			servicetest.Equal(t, "owner", w.Owner(o.Conversation), "Ada")
			servicetest.Equal(t, "the older is the latest", w.Read(c).Latest, false)
			servicetest.Equal(t, "ALL", all(), "ENTERED CONVERSATION_OPENED")
			servicetest.Equal(t, "counts", w.counts(ada), "mine 1, unassigned 0, all 1, closed 1, blocked 0")
		}},
		{"S6 REOPEN_WITHIN: by the server's clock, not by sentAt", func(t *testing.T, w *world) {
			w.Policies(db.ReopenWithin, db.OwnerKeep)
			for after, same := range map[time.Duration]bool{0: true, 7*24*time.Hour - time.Minute: true, 7*24*time.Hour + time.Minute: false} {
				c := w.Closed()
				w.Clock = w.Clock.Add(after)
				for _, sent := range []time.Duration{-after, after} {
					at := w.Clock.Add(sent)
					o := w.Receives(c.ContactID, func(in *service.ReceiveMessageInput) { in.SentAt = new(at.Format(time.RFC3339Nano)) })
					servicetest.Equal(t, fmt.Sprint("the same after ", after), o.Conversation.ID == c.ID, same)
					servicetest.Equal(t, "sent", w.message(o).SentAt.Equal(at), true)
				}
			}
		}},
		{"S6 a contact without any conversation gets its first", func(t *testing.T, w *world) {
			contact := w.Contact("Cora")
			o := w.Receives(contact.ID)
			servicetest.Lines(t, w.Story(o.Events), "MESSAGE_RECEIVED by the contact", "CONVERSATION_OPENED MESSAGE by the contact new->v2")
			servicetest.Equal(t, "latest", o.Conversation.Latest, true)
		}},
		{"S6 an automated message brings nothing back", func(t *testing.T, w *world) {
			c := w.Closed()
			o := w.Receives(c.ContactID, servicetest.Automated)
			servicetest.Lines(t, w.Story(o.Events), "MESSAGE_RECEIVED by the contact v3->v3")
			servicetest.Equal(t, "the message's conversation", *w.message(o).ConversationID, c.ID)
			servicetest.Equal(t, "status", w.Read(c).Status, db.StatusClosed)
			o = w.Receives(w.Contact("Nora").ID, servicetest.Automated)
			servicetest.Equal(t, "events", servicetest.Types(o.Events), "MESSAGE_RECEIVED")
			if o.Conversation != nil || w.message(o).ConversationID != nil || o.Events[0].ConversationID != nil {
				t.Error("of a contact without any conversation it is in one")
			}
		}},
		{"I3 the first unanswered message starts the wait, none that a machine wrote", func(t *testing.T, w *world) {
			c := w.Open()
			w.Receives(c.ContactID, servicetest.Automated)
			if w.Read(c).WaitingSince != nil {
				t.Error("somebody waits for an answer to a machine")
			}
			w.Clock = w.Clock.Add(time.Hour)
			first := w.message(w.Receives(c.ContactID)).CreatedAt
			w.Clock = w.Clock.Add(time.Hour)
			w.Receives(c.ContactID)
			servicetest.Equal(t, "waiting since the first", w.Read(c).WaitingSince.Equal(first), true)
			w.Closes(c)
			w.Clock = w.Clock.Add(time.Hour)
			o := w.Receives(c.ContactID)
			servicetest.Equal(t, "waiting since what brought it back", w.Read(c).WaitingSince.Equal(w.message(o).CreatedAt), true)
		}},
		{"I3 messages are in the order of the log, whatever the clocks of the servers say", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Open()
			w.Receives(c.ContactID)
			w.reads(ada, c)
			w.Clock = w.Clock.Add(-time.Hour)
			last := w.message(w.Receives(c.ContactID))
			lists, err := w.MessagesOf(w.Context(), ada, []db.ConversationID{c.ID}, service.PageInput{})
			servicetest.Fine(t, err)
			servicetest.Equal(t, "the last one", lists[0].Rows[1].ID, last.ID)
			servicetest.Equal(t, "last activity", w.Read(c).LastActivityAt, last.CreatedAt)
			unread, err := w.UnreadCounts(w.Context(), ada, []db.ConversationID{c.ID})
			servicetest.Fine(t, err)
			servicetest.Equal(t, "unread", unread[0], 1)
		}},
		{"S9 of a blocked contact it is kept as withheld and moves nothing", testWithheld},
		{"S8 UNASSIGN: a conversation that comes back is unassigned", func(t *testing.T, w *world) {
			w.Policies(db.Reopen, db.OwnerUnassign)
			c := w.Closed(w.Agent("Ada"))
			servicetest.Lines(t, w.Story(w.Receives(c.ContactID).Events),
				"MESSAGE_RECEIVED by the contact v4->v4",
				"CONVERSATION_UNASSIGNED Ada->nobody OWNER_POLICY by the contact v4->v5",
				"CONVERSATION_REOPENED MESSAGE by the contact v5->v6")
			servicetest.Equal(t, "owner", w.Owner(c), servicetest.Nobody)
		}},
		{"S8 UNASSIGN_IF_UNAVAILABLE: away and offline are unavailable", func(t *testing.T, w *world) {
			w.Policies(db.Reopen, db.OwnerUnassignIfUnavailable)
			ada := w.Agent("Ada")
			for availability, owner := range map[db.Availability]string{db.Online: "Ada", db.Away: servicetest.Nobody, db.Offline: servicetest.Nobody} {
				c := w.Closed(ada)
				w.Sets(ada, availability)
				w.Receives(c.ContactID)
				servicetest.Equal(t, string(availability), w.Owner(c), owner)
			}
		}},
		{"A7 A8 an inactive owner counts as none, on the latest until then", func(t *testing.T, w *world) {
			w.Policies(db.ReopenNew, db.OwnerKeep)
			zoe := w.Agent("Zoe")
			c := w.Closed(zoe)
			w.Deactivate(zoe)
			o := w.Receives(c.ContactID)
			servicetest.Lines(t, w.Story(o.Events),
				"MESSAGE_RECEIVED by the contact",
				"CONVERSATION_UNASSIGNED Zoe->nobody OWNER_POLICY by the contact v4->v5",
				"CONVERSATION_OPENED MESSAGE by the contact new->v6")
			servicetest.Equal(t, "conversation of the unassignment", *o.Events[1].ConversationID, c.ID)
			servicetest.Equal(t, "owner", w.Owner(o.Conversation), servicetest.Nobody)
		}},
		{"I5 an unknown identity makes a contact, first of all (A8)", func(t *testing.T, w *world) {
			sender := service.SenderInput{Channel: "twitter", ExternalID: "@cora", Name: service.Text("Cora"), Email: service.Text("cora@customer.example")}
			o := w.ReceivesFrom(sender)
			servicetest.Lines(t, w.Story(o.Events), "CONTACT_CREATED by a program new->v1", "MESSAGE_RECEIVED by the contact", "CONVERSATION_OPENED MESSAGE by the contact new->v2")
			servicetest.Equal(t, "name", o.Contact.Name, "Cora")
			servicetest.Equal(t, "channel", o.Conversation.Channel, "twitter")
			again := w.ReceivesFrom(sender)
			servicetest.Equal(t, "events", servicetest.Types(again.Events), "MESSAGE_RECEIVED")
			servicetest.Equal(t, "contact", again.Contact.ID, o.Contact.ID)
			sender.Channel = "email"
			servicetest.Equal(t, "the same on another channel", w.ReceivesFrom(sender).Contact.ID == o.Contact.ID, false)
		}},
		{"I5 empty fields are filled, none is overwritten", func(t *testing.T, w *world) {
			sender := service.SenderInput{Channel: "twitter", ExternalID: "@cora"}
			o := w.ReceivesFrom(sender)
			servicetest.Equal(t, "without a name it is called", o.Contact.Name, "@cora")
			sender.Name, sender.Email = service.Text("Cora"), service.Text("cora@customer.example")
			o = w.ReceivesFrom(sender)
			servicetest.Equal(t, "events", servicetest.Types(o.Events), "CONTACT_UPDATED + MESSAGE_RECEIVED")
			servicetest.Equal(t, "fields", fmt.Sprint(len(o.Events[0].Data.Changes), o.Events[0].Data.Changes[0].Field, o.Events[0].Data.Changes[1].Field), "2nameemail")
			sender.Name, sender.Email, sender.Phone = service.Text("Eve"), service.Text("eve@customer.example"), service.Text("555 123")
			o = w.ReceivesFrom(sender)
			servicetest.Equal(t, "events", servicetest.Types(o.Events), "CONTACT_UPDATED + MESSAGE_RECEIVED")
			c := w.ReadContact(o.Contact.ID)
			servicetest.Equal(t, "contact", fmt.Sprint(c.Name, " ", *c.Email, " ", *c.Phone), "Cora cora@customer.example 555 123")
			sender.Name, sender.Email = service.Text(" "), service.Text("")
			servicetest.Equal(t, "events", servicetest.Types(w.ReceivesFrom(sender).Events), "MESSAGE_RECEIVED")
		}},
	})
}

func testWithheld(t *testing.T, w *world) {
	ada := w.Agent("Ada")
	for _, c := range []*db.Conversation{w.Open(ada), w.Closed(ada)} {
		w.Block(c)
		before, counts := w.Read(c), w.counts(ada)
		o := w.Receives(c.ContactID)
		servicetest.Equal(t, "events", servicetest.Types(o.Events), "MESSAGE_RECEIVED")
		servicetest.Equal(t, "withheld", w.message(o).Withheld, true)
		servicetest.Equal(t, "the message's conversation", *w.message(o).ConversationID, c.ID)
		now := w.Read(c)
		servicetest.Equal(t, "facets", servicetest.FacetsText(now.Facets()), servicetest.FacetsText(before.Facets()))
		servicetest.Equal(t, "last activity", now.LastActivityAt, before.LastActivityAt)
		servicetest.Equal(t, "last message", now.LastMessageID, before.LastMessageID)
		servicetest.Equal(t, "counts", w.counts(ada), counts)
		unread, err := w.UnreadCounts(w.Context(), ada, []db.ConversationID{c.ID})
		servicetest.Fine(t, err)
		servicetest.Equal(t, "unread", unread[0], 0)
		servicetest.Equal(t, "events that require action", servicetest.Types(w.Happens(c.ContactID, true).Events), "BUSINESS_EVENT_RECORDED")
		timeline, err := w.ConversationTimelines(w.Context(), ada, []db.ConversationID{c.ID}, service.PageInput{})
		servicetest.Fine(t, err)
		servicetest.Equal(t, "the end of the timeline", servicetest.Types(timeline[0].Rows[len(timeline[0].Rows)-2:]), "MESSAGE_RECEIVED + BUSINESS_EVENT_RECORDED")
		w.Unblock(c)
		servicetest.Equal(t, "last activity after the block", w.Read(c).LastActivityAt, before.LastActivityAt)
	}
	nobody := w.Contact("Nora")
	w.OK(w.BlockContact(w.Context(), ada, service.BlockContactInput{ContactID: nobody.ID}))
	o := w.Receives(nobody.ID)
	if o.Conversation != nil || w.message(o).ConversationID != nil || !w.message(o).Withheld {
		t.Errorf("of a blocked contact without any conversation: %+v in %+v", w.message(o), o.Conversation)
	}
}

func TestBusinessEvents(t *testing.T) {
	hold(t, []rule{
		{"S7 one that requires action brings the conversation back", func(t *testing.T, w *world) {
			c := w.Closed(w.Agent("Ada"))
			o := w.Happens(c.ContactID, true)
			servicetest.Lines(t, w.Story(o.Events), "BUSINESS_EVENT_RECORDED by a program v4->v4", "CONVERSATION_REOPENED BUSINESS_EVENT by a program v4->v5")
			servicetest.Equal(t, "payload", *w.Since(o.Events[0].Seq - 1)[0].Data.BusinessEvent.Payload, `{"order":4711}`)
			if w.Read(c).WaitingSince != nil {
				t.Error("the contact waits for an answer to an event")
			}
		}},
		{"S7 by the same policy", func(t *testing.T, w *world) {
			w.Policies(db.ReopenNew, db.OwnerUnassign)
			c := w.Closed(w.Agent("Ada"))
			o := w.Happens(c.ContactID, true)
			servicetest.Lines(t, w.Story(o.Events),
				"BUSINESS_EVENT_RECORDED by a program",
				"CONVERSATION_UNASSIGNED Ada->nobody OWNER_POLICY by a program v4->v5",
				"CONVERSATION_OPENED BUSINESS_EVENT by a program new->v6")
			servicetest.Equal(t, "channel", o.Conversation.Channel, "email")
		}},
		{"S7 one that does not only appears in the timeline", func(t *testing.T, w *world) {
			for _, c := range []*db.Conversation{w.Open(), w.Closed()} {
				w.Clock = w.Clock.Add(time.Hour)
				before := w.Read(c)
				servicetest.Equal(t, "events", servicetest.Types(w.Happens(c.ContactID, false).Events), "BUSINESS_EVENT_RECORDED")
				servicetest.Equal(t, "facets", servicetest.FacetsText(w.Read(c).Facets()), servicetest.FacetsText(before.Facets()))
				servicetest.Equal(t, "last activity", w.Read(c).LastActivityAt, before.LastActivityAt)
			}
		}},
		{"S7 it appears in the contact's timeline, too, with a conversation or none", func(t *testing.T, w *world) {
			contact := w.Contact("Cora")
			w.Happens(contact.ID, false)
			w.Happens(contact.ID, true)
			l, err := w.ContactTimelines(w.Context(), w.Manager, []db.ContactID{contact.ID}, service.PageInput{})
			servicetest.Fine(t, err)
			servicetest.Equal(t, "timeline", servicetest.Types(l[0].Rows), "CONTACT_CREATED + BUSINESS_EVENT_RECORDED + BUSINESS_EVENT_RECORDED + CONVERSATION_OPENED")
		}},
		{"S7 a first conversation is where the contact is known, else nowhere in particular", func(t *testing.T, w *world) {
			known := w.OK(w.CreateContact(w.Context(), w.Manager, service.CreateContactInput{Name: "Cora", Identities: []*service.ContactIdentityInput{{"sms", "1"}}})).Contact
			servicetest.Equal(t, "channel", w.Happens(known.ID, true).Conversation.Channel, "sms")
			servicetest.Equal(t, "channel", w.Happens(w.Contact("Nora").ID, true).Conversation.Channel, "other")
			o := w.OK(w.RecordBusinessEvent(w.Context(), w.Program(service.RoleIntegration), service.RecordBusinessEventInput{
				Contact: &service.SenderInput{Channel: "shop", ExternalID: "1"}, Type: "order.placed", RequiresAction: true}))
			servicetest.Equal(t, "channel", o.Conversation.Channel, "shop")
			servicetest.Equal(t, "events", servicetest.Types(o.Events), "CONTACT_CREATED + BUSINESS_EVENT_RECORDED + CONVERSATION_OPENED")
		}},
		{"WatchConversation and the live view tell of it", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Open()
			all := w.watch(ada, db.ViewAll)
			s, err := w.WatchConversations(w.Context(), ada, []db.ConversationID{c.ID}, nil)
			servicetest.Fine(t, err)
			defer s.Close()
			w.Happens(c.ContactID, false)
			e, err := servicetest.Await(w.Context(), s)
			servicetest.Fine(t, err)
			servicetest.Equal(t, "event", e.Data.BusinessEvent.Type, "order.placed")
			servicetest.Equal(t, "ALL", all(), "UPDATED BUSINESS_EVENT_RECORDED")
		}},
	})
}

func TestExternalIDs(t *testing.T) {
	hold(t, []rule{
		{"a message is received once, no matter who delivers it and how often", func(t *testing.T, w *world) {
			c := w.Closed()
			id := func(in *service.ReceiveMessageInput) { in.ExternalMessageID = service.Text("m1") }
			was := w.Receives(c.ContactID, id)
			w.Closes(c)
			w.Clock = w.Clock.Add(100 * 24 * time.Hour)
			w.Unchanged("again", func() {
				for _, key := range []*string{nil, service.Text("k1"), service.Text("k1"), service.Text("k2")} {
					again := w.Receives(c.ContactID, id, func(in *service.ReceiveMessageInput) { in.IdempotencyKey, in.Automated = key, true })
					servicetest.Lines(t, eventIDs(again.Events), eventIDs(was.Events)...)
					servicetest.Equal(t, "message", w.message(again).ID, w.message(was).ID)
					servicetest.Equal(t, "text", w.message(again).Body, "Hello?")
					servicetest.Equal(t, "conversation, as it now is", again.Conversation.Status, db.StatusClosed)
				}
			})
			w.Receives(c.ContactID, id, func(in *service.ReceiveMessageInput) { in.Channel = service.Text("sms") })
			servicetest.Equal(t, "on another channel it is another", w.Read(c).Status, db.StatusOpen)
		}},
		{"a business event is recorded once", func(t *testing.T, w *world) {
			c := w.Closed()
			in := service.RecordBusinessEventInput{ContactID: &c.ContactID, Type: "order.placed", RequiresAction: true, ExternalEventID: service.Text("e1")}
			shop := w.Program(service.RoleIntegration)
			was := w.OK(w.RecordBusinessEvent(w.Context(), shop, in))
			w.Unchanged("again", func() {
				again := w.OK(w.RecordBusinessEvent(w.Context(), shop, in))
				servicetest.Lines(t, eventIDs(again.Events), eventIDs(was.Events)...)
			})
			servicetest.Equal(t, "a message with the same id", servicetest.Types(w.Receives(c.ContactID, func(in *service.ReceiveMessageInput) { in.ExternalMessageID = service.Text("e1") }).Events), "MESSAGE_RECEIVED")
		}},
		{"what failed did not come in", func(t *testing.T, w *world) {
			in := service.ReceiveMessageInput{ContactID: &db.ContactID{UUID: db.NewUUID()}, Channel: service.Text("chat"), Body: "Hello?", ExternalMessageID: service.Text("m1")}
			_, err := w.ReceiveMessage(w.Context(), w.Program(service.RoleIntegration), in)
			servicetest.Failed(t, err, service.NotFound)
			servicetest.Equal(t, "events", servicetest.Types(w.Receives(w.Open().ContactID, func(in *service.ReceiveMessageInput) { in.ExternalMessageID = service.Text("m1") }).Events), "MESSAGE_RECEIVED")
		}},
		{"they belong to one workspace, and so do identities", func(t *testing.T, w *world) {
			other := w.neighbour()
			sender := service.SenderInput{Channel: "twitter", ExternalID: "@cora"}
			id := func(in *service.ReceiveMessageInput) { in.ExternalMessageID = service.Text("m1") }
			here, there := w.ReceivesFrom(sender, id), other.ReceivesFrom(sender, id)
			servicetest.Equal(t, "events", servicetest.Types(there.Events), "CONTACT_CREATED + MESSAGE_RECEIVED + CONVERSATION_OPENED")
			servicetest.Equal(t, "the same contact", here.Contact.ID == there.Contact.ID, false)
		}},
		{"the same message many times at once comes in once", func(t *testing.T, w *world) {
			sender := service.SenderInput{Channel: "twitter", ExternalID: "@cora"}
			outcomes := w.atOnce(12, func(int) *service.Outcome {
				return w.ReceivesFrom(sender, func(in *service.ReceiveMessageInput) { in.ExternalMessageID = service.Text("m1") })
			})
			for _, o := range outcomes {
				servicetest.Lines(t, eventIDs(o.Events), eventIDs(outcomes[0].Events)...)
				servicetest.Equal(t, "message", w.message(o).ID, w.message(outcomes[0]).ID)
			}
			servicetest.Equal(t, "events", servicetest.Types(outcomes[0].Events), "CONTACT_CREATED + MESSAGE_RECEIVED + CONVERSATION_OPENED")
		}},
		{"many messages at once of somebody unknown make one contact with one conversation", func(t *testing.T, w *world) {
			head := w.Head()
			outcomes := w.atOnce(12, func(i int) *service.Outcome {
				return w.ReceivesFrom(service.SenderInput{Channel: "twitter", ExternalID: "@cora"}, func(in *service.ReceiveMessageInput) { in.ExternalMessageID = service.Text(fmt.Sprint(i)) })
			})
			for _, o := range outcomes {
				servicetest.Equal(t, "contact", o.Contact.ID, outcomes[0].Contact.ID)
				servicetest.Equal(t, "conversation", o.Conversation.ID, outcomes[0].Conversation.ID)
			}
			servicetest.Equal(t, "events", w.Head()-head, 12+2)
			lists, err := w.MessagesOf(w.Context(), w.Manager, []db.ConversationID{outcomes[0].Conversation.ID}, service.PageInput{})
			servicetest.Fine(t, err)
			servicetest.Equal(t, "messages", len(lists[0].Rows), 12)
			servicetest.Equal(t, "the last one", lists[0].Rows[11].ID, *w.Read(outcomes[0].Conversation).LastMessageID)
		}},
	})
}

// atOnce makes n concurrent calls and returns their outcomes.
func (w *world) atOnce(n int, call func(i int) *service.Outcome) []*service.Outcome {
	outcomes := make([]*service.Outcome, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { outcomes[i] = call(i) })
	}
	all.Wait()
	return outcomes
}

// TestBadArrivals: invalid input of messages and business events is refused and changes nothing.
func TestBadArrivals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	contact, program := w.Open().ContactID, w.Program(service.RoleIntegration)
	message := func(change func(*service.ReceiveMessageInput)) error {
		in := service.ReceiveMessageInput{ContactID: &contact, Channel: service.Text("chat"), Body: "Hello?"}
		change(&in)
		return fail(w.ReceiveMessage(w.Context(), program, in))
	}
	event := func(change func(*service.RecordBusinessEventInput)) error {
		in := service.RecordBusinessEventInput{ContactID: &contact, Type: "order.placed"}
		change(&in)
		return fail(w.RecordBusinessEvent(w.Context(), program, in))
	}
	sender := func(change func(*service.SenderInput)) error {
		return message(func(in *service.ReceiveMessageInput) {
			in.ContactID, in.Channel, in.Contact = nil, nil, &service.SenderInput{Channel: "chat", ExternalID: fmt.Sprint("id ", w.Head())}
			change(in.Contact)
		})
	}
	for _, field := range []struct {
		name string
		most int
		call func(s string) error
	}{
		{"channel", 50, func(s string) error { return message(func(in *service.ReceiveMessageInput) { in.Channel = &s }) }},
		{"sender's channel", 50, func(s string) error { return sender(func(in *service.SenderInput) { in.Channel = s }) }},
		{"type", 100, func(s string) error { return event(func(in *service.RecordBusinessEventInput) { in.Type = s }) }},
	} {
		for _, bad := range append(badTexts, "", strings.Repeat("ř", field.most+1)) {
			w.refuses(field.name, func() error { return field.call(bad) })
		}
		if err := field.call(strings.Repeat("ř", field.most)); err != nil {
			t.Errorf("%s: %d characters are refused: %v", field.name, field.most, err)
		}
	}
	w.refuses("empty body", func() error { return message(func(in *service.ReceiveMessageInput) { in.Body = "" }) })
	// Folding removes the last one completely.
	for _, nothing := range []string{"", " ", "\u200b", "\u3164\u2800", "\u0640"} {
		w.refuses("blank id", func() error { return sender(func(in *service.SenderInput) { in.ExternalID = nothing }) })
		w.refuses("blank channel", func() error { return sender(func(in *service.SenderInput) { in.Channel = nothing }) })
	}
	w.refuses("nobody", func() error { return message(func(in *service.ReceiveMessageInput) { in.ContactID = nil }) })
	w.refuses("two", func() error {
		return event(func(in *service.RecordBusinessEventInput) {
			in.Contact = &service.SenderInput{Channel: "chat", ExternalID: "1"}
		})
	})
	w.refuses("no channel", func() error { return message(func(in *service.ReceiveMessageInput) { in.Channel = nil }) })
	w.refuses("two channels", func() error {
		return message(func(in *service.ReceiveMessageInput) {
			in.ContactID, in.Contact = nil, &service.SenderInput{Channel: "chat", ExternalID: "1"}
		})
	})
	for _, year := range []int{1, 1969, 9999} {
		at := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		if err := message(func(in *service.ReceiveMessageInput) { in.SentAt = new(at.Format(time.RFC3339Nano)) }); err != nil {
			t.Errorf("the year %d is refused: %v", year, err)
		}
	}
	for _, bad := range []string{"", " ", "{", "1 2", `{"a":1,"a":2}`, `{"\u0000":1,"\ufffd":2}`, `"` + strings.Repeat("x", 16<<10) + `"`} {
		w.refuses("payload "+bad[:min(len(bad), 20)], func() error { return event(func(in *service.RecordBusinessEventInput) { in.Payload = &bad }) })
	}
	for _, good := range []string{"null", `"\\u0000"`, "[1e400,-0.10,123456789012345678901234567890]", `{"b":1,"a":{"ř":[true]}}`, `"` + strings.Repeat("x", 16<<10-2) + `"`} {
		o, err := w.RecordBusinessEvent(w.Context(), program, service.RecordBusinessEventInput{ContactID: &contact, Type: "order.placed", Payload: &good})
		if err != nil {
			t.Errorf("%.20s is refused: %v", good, err)
			continue
		}
		servicetest.Equal(t, "payload", *w.Since(o.Events[0].Seq - 1)[0].Data.BusinessEvent.Payload, good)
	}
}
