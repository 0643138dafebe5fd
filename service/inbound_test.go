package service

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/db"
)

// What comes in from outside: messages and business events. Which way each goes is the
// table of TestComeback; here is what that looks like through the verbs.

// receives takes in a message from a contact by its id.
func (w *world) receives(contact db.ContactID, change ...func(*ReceiveMessageInput)) *Outcome {
	w.t.Helper()
	in := ReceiveMessageInput{ContactID: &contact, Channel: Text("chat"), Body: "Hello?"}
	for _, f := range change {
		f(&in)
	}
	return w.ok(w.ReceiveMessage(w.ctx(), w.program(RoleIntegration), in))
}

// receivesFrom takes in a message from an identity.
func (w *world) receivesFrom(sender SenderInput, change ...func(*ReceiveMessageInput)) *Outcome {
	w.t.Helper()
	in := ReceiveMessageInput{Contact: &sender, Body: "Hello?"}
	for _, f := range change {
		f(&in)
	}
	return w.ok(w.ReceiveMessage(w.ctx(), w.program(RoleIntegration), in))
}

// message reads the one that came in.
func (w *world) message(o *Outcome) *db.Message {
	w.t.Helper()
	for _, e := range o.Events {
		if e.Data.MessageID != nil {
			rows, err := w.MessagesByID(w.ctx(), w.manager, []db.MessageID{*e.Data.MessageID})
			fine(w.t, err)
			return rows[0]
		}
	}
	w.t.Fatal("no message came in")
	return nil
}

func automated(in *ReceiveMessageInput) { in.Automated = true }

// happens records a business event of a contact.
func (w *world) happens(contact db.ContactID, requiresAction bool) *Outcome {
	w.t.Helper()
	return w.ok(w.RecordBusinessEvent(w.ctx(), w.program(RoleIntegration), RecordBusinessEventInput{
		ContactID: &contact, Type: "order.placed", Payload: Text(`{"order":4711}`), RequiresAction: requiresAction}))
}

// policies sets the workspace's.
func (w *world) policies(reopen db.ReopenPolicy, owner db.OwnerPolicy) {
	w.t.Helper()
	w.ok(w.UpdateWorkspace(w.ctx(), w.manager, UpdateWorkspaceInput{ReopenPolicy: &reopen, OwnerPolicy: &owner, ReopenWithinDays: new(7)}))
}

func (w *world) sets(a Actor, availability db.Availability) {
	w.t.Helper()
	w.ok(w.SetAvailability(w.ctx(), a, SetAvailabilityInput{Availability: availability}))
}

func TestReceivedMessages(t *testing.T) {
	hold(t, []rule{
		{"S6 a message joins the open conversation, whatever the policy", func(t *testing.T, w *world) {
			w.policies(db.ReopenNew, db.OwnerUnassign)
			ada := w.agent("Ada")
			c := w.open(ada)
			all := w.watch(ada, db.ViewAll)
			o := w.receives(c.ContactID)
			lines(t, w.story(o.Events), "MESSAGE_RECEIVED by the contact v3->v3")
			equal(t, "the message's conversation", *w.message(o).ConversationID, c.ID)
			equal(t, "its author", w.message(o).Author, c.ContactID.Ref())
			equal(t, "its channel", w.message(o).Channel, "chat")
			equal(t, "owner", w.owner(c), "Ada")
			equal(t, "ALL", all(), "UPDATED MESSAGE_RECEIVED")
			now := w.read(c)
			equal(t, "last message", *now.LastMessageID, w.message(o).ID)
			equal(t, "last activity", now.LastActivityAt, w.message(o).CreatedAt)
		}},
		{"S6 REOPEN: it brings the latest back", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			c := w.closed(ada)
			mine, closed := w.watch(ada, db.ViewMine), w.watch(ada, db.ViewClosed)
			o := w.receives(c.ContactID)
			lines(t, w.story(o.Events), "MESSAGE_RECEIVED by the contact v4->v4", "CONVERSATION_REOPENED MESSAGE by the contact v4->v5")
			equal(t, "conversation", o.Conversation.ID, c.ID)
			equal(t, "channel", w.read(c).Channel, "email")
			equal(t, "owner", w.owner(c), "Ada")
			equal(t, "CLOSED", closed(), "UPDATED MESSAGE_RECEIVED")
			equal(t, "CLOSED", closed(), "LEFT CONVERSATION_REOPENED")
			equal(t, "MINE", mine(), "ENTERED CONVERSATION_REOPENED")
			equal(t, "counts", w.counts(ada), "mine 1, unassigned 0, all 1, closed 0, blocked 0")
		}},
		{"S6 NEW: it starts a new one", func(t *testing.T, w *world) {
			w.policies(db.ReopenNew, db.OwnerKeep)
			ada := w.agent("Ada")
			c := w.closed(ada)
			all := w.watch(ada, db.ViewAll)
			o := w.receives(c.ContactID)
			lines(t, w.story(o.Events), "MESSAGE_RECEIVED by the contact", "CONVERSATION_OPENED MESSAGE by the contact new->v5")
			equal(t, "channel", o.Conversation.Channel, "chat")
			equal(t, "the first event's conversation", *o.Events[0].ConversationID, o.Conversation.ID)
			equal(t, "owner", w.owner(o.Conversation), "Ada")
			equal(t, "the older is the latest", w.read(c).Latest, false)
			equal(t, "ALL", all(), "ENTERED CONVERSATION_OPENED")
			equal(t, "counts", w.counts(ada), "mine 1, unassigned 0, all 1, closed 1, blocked 0")
		}},
		{"S6 REOPEN_WITHIN: by the server's clock, not by sentAt", func(t *testing.T, w *world) {
			w.policies(db.ReopenWithin, db.OwnerKeep)
			for after, same := range map[time.Duration]bool{0: true, 7*24*time.Hour - time.Minute: true, 7*24*time.Hour + time.Minute: false} {
				c := w.closed()
				w.clock = w.clock.Add(after)
				for _, sent := range []time.Duration{-after, after} {
					at := w.clock.Add(sent)
					o := w.receives(c.ContactID, func(in *ReceiveMessageInput) { in.SentAt = ptr(at.Format(time.RFC3339Nano)) })
					equal(t, fmt.Sprint("the same after ", after), o.Conversation.ID == c.ID, same)
					equal(t, "sent", w.message(o).SentAt.Equal(at), true)
				}
			}
		}},
		{"S6 a contact without any conversation gets its first", func(t *testing.T, w *world) {
			contact := w.contact("Cora")
			o := w.receives(contact.ID)
			lines(t, w.story(o.Events), "MESSAGE_RECEIVED by the contact", "CONVERSATION_OPENED MESSAGE by the contact new->v2")
			equal(t, "latest", o.Conversation.Latest, true)
		}},
		{"S6 an automated message brings nothing back", func(t *testing.T, w *world) {
			c := w.closed()
			o := w.receives(c.ContactID, automated)
			lines(t, w.story(o.Events), "MESSAGE_RECEIVED by the contact v3->v3")
			equal(t, "the message's conversation", *w.message(o).ConversationID, c.ID)
			equal(t, "status", w.read(c).Status, db.StatusClosed)
			o = w.receives(w.contact("Nora").ID, automated)
			equal(t, "events", types(o.Events), "MESSAGE_RECEIVED")
			if o.Conversation != nil || w.message(o).ConversationID != nil || o.Events[0].ConversationID != nil {
				t.Error("of a contact without any conversation it is in one")
			}
		}},
		{"I3 the first unanswered message starts the wait, none that a machine wrote", func(t *testing.T, w *world) {
			c := w.open()
			w.receives(c.ContactID, automated)
			if w.read(c).WaitingSince != nil {
				t.Error("somebody waits for an answer to a machine")
			}
			w.clock = w.clock.Add(time.Hour)
			first := w.message(w.receives(c.ContactID)).CreatedAt
			w.clock = w.clock.Add(time.Hour)
			w.receives(c.ContactID)
			equal(t, "waiting since the first", w.read(c).WaitingSince.Equal(first), true)
			w.closes(c)
			w.clock = w.clock.Add(time.Hour)
			o := w.receives(c.ContactID)
			equal(t, "waiting since what brought it back", w.read(c).WaitingSince.Equal(w.message(o).CreatedAt), true)
		}},
		{"I3 messages are in the order of the log, whatever the clocks of the servers say", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.open()
			w.receives(c.ContactID)
			w.reads(ada, c)
			w.clock = w.clock.Add(-time.Hour)
			last := w.message(w.receives(c.ContactID))
			lists, err := w.MessagesOf(w.ctx(), ada, []db.ConversationID{c.ID}, PageInput{})
			fine(t, err)
			equal(t, "the last one", lists[0].Rows[1].ID, last.ID)
			equal(t, "last activity", w.read(c).LastActivityAt, last.CreatedAt)
			unread, err := w.UnreadCounts(w.ctx(), ada, []db.ConversationID{c.ID})
			fine(t, err)
			equal(t, "unread", unread[0], 1)
		}},
		{"S9 of a blocked contact it is kept as withheld and moves nothing", testWithheld},
		{"S8 UNASSIGN: what comes back is nobody's", func(t *testing.T, w *world) {
			w.policies(db.Reopen, db.OwnerUnassign)
			c := w.closed(w.agent("Ada"))
			lines(t, w.story(w.receives(c.ContactID).Events),
				"MESSAGE_RECEIVED by the contact v4->v4",
				"CONVERSATION_UNASSIGNED Ada->nobody OWNER_POLICY by the contact v4->v5",
				"CONVERSATION_REOPENED MESSAGE by the contact v5->v6")
			equal(t, "owner", w.owner(c), nobody)
		}},
		{"S8 UNASSIGN_IF_UNAVAILABLE: away and offline are unavailable", func(t *testing.T, w *world) {
			w.policies(db.Reopen, db.OwnerUnassignIfUnavailable)
			ada := w.agent("Ada")
			for availability, owner := range map[db.Availability]string{db.Online: "Ada", db.Away: nobody, db.Offline: nobody} {
				c := w.closed(ada)
				w.sets(ada, availability)
				w.receives(c.ContactID)
				equal(t, string(availability), w.owner(c), owner)
			}
		}},
		{"A7 A8 an inactive owner counts as none, on the latest until then", func(t *testing.T, w *world) {
			w.policies(db.ReopenNew, db.OwnerKeep)
			zoe := w.agent("Zoe")
			c := w.closed(zoe)
			w.deactivate(zoe)
			o := w.receives(c.ContactID)
			lines(t, w.story(o.Events),
				"MESSAGE_RECEIVED by the contact",
				"CONVERSATION_UNASSIGNED Zoe->nobody OWNER_POLICY by the contact v4->v5",
				"CONVERSATION_OPENED MESSAGE by the contact new->v6")
			equal(t, "conversation of the unassignment", *o.Events[1].ConversationID, c.ID)
			equal(t, "owner", w.owner(o.Conversation), nobody)
		}},
		{"I5 an unknown identity makes a contact, first of all (A8)", func(t *testing.T, w *world) {
			sender := SenderInput{Channel: "twitter", ExternalID: "@cora", Name: Text("Cora"), Email: Text("cora@customer.example")}
			o := w.receivesFrom(sender)
			lines(t, w.story(o.Events), "CONTACT_CREATED by a program new->v1", "MESSAGE_RECEIVED by the contact", "CONVERSATION_OPENED MESSAGE by the contact new->v2")
			equal(t, "name", o.Contact.Name, "Cora")
			equal(t, "channel", o.Conversation.Channel, "twitter")
			again := w.receivesFrom(sender)
			equal(t, "events", types(again.Events), "MESSAGE_RECEIVED")
			equal(t, "contact", again.Contact.ID, o.Contact.ID)
			sender.Channel = "email"
			equal(t, "the same on another channel", w.receivesFrom(sender).Contact.ID == o.Contact.ID, false)
		}},
		{"I5 empty fields are filled, none is overwritten", func(t *testing.T, w *world) {
			sender := SenderInput{Channel: "twitter", ExternalID: "@cora"}
			o := w.receivesFrom(sender)
			equal(t, "without a name it is called", o.Contact.Name, "@cora")
			sender.Name, sender.Email = Text("Cora"), Text("cora@customer.example")
			o = w.receivesFrom(sender)
			equal(t, "events", types(o.Events), "CONTACT_UPDATED + MESSAGE_RECEIVED")
			equal(t, "fields", fmt.Sprint(len(o.Events[0].Data.Changes), o.Events[0].Data.Changes[0].Field, o.Events[0].Data.Changes[1].Field), "2nameemail")
			sender.Name, sender.Email, sender.Phone = Text("Eve"), Text("eve@customer.example"), Text("555 123")
			o = w.receivesFrom(sender)
			equal(t, "events", types(o.Events), "CONTACT_UPDATED + MESSAGE_RECEIVED")
			c := w.readContact(o.Contact.ID)
			equal(t, "contact", fmt.Sprint(c.Name, " ", *c.Email, " ", *c.Phone), "Cora cora@customer.example 555 123")
			sender.Name, sender.Email = Text(" "), Text("")
			equal(t, "events", types(w.receivesFrom(sender).Events), "MESSAGE_RECEIVED")
		}},
	})
}

func testWithheld(t *testing.T, w *world) {
	ada := w.agent("Ada")
	for _, c := range []*db.Conversation{w.open(ada), w.closed(ada)} {
		w.block(c)
		before, counts := w.read(c), w.counts(ada)
		o := w.receives(c.ContactID)
		equal(t, "events", types(o.Events), "MESSAGE_RECEIVED")
		equal(t, "withheld", w.message(o).Withheld, true)
		equal(t, "the message's conversation", *w.message(o).ConversationID, c.ID)
		now := w.read(c)
		equal(t, "facets", facetsText(now.Facets()), facetsText(before.Facets()))
		equal(t, "last activity", now.LastActivityAt, before.LastActivityAt)
		equal(t, "last message", now.LastMessageID, before.LastMessageID)
		equal(t, "counts", w.counts(ada), counts)
		unread, err := w.UnreadCounts(w.ctx(), ada, []db.ConversationID{c.ID})
		fine(t, err)
		equal(t, "unread", unread[0], 0)
		equal(t, "events that require action", types(w.happens(c.ContactID, true).Events), "BUSINESS_EVENT_RECORDED")
		timeline, err := w.ConversationTimelines(w.ctx(), ada, []db.ConversationID{c.ID}, PageInput{})
		fine(t, err)
		equal(t, "the end of the timeline", types(timeline[0].Rows[len(timeline[0].Rows)-2:]), "MESSAGE_RECEIVED + BUSINESS_EVENT_RECORDED")
		w.unblock(c)
		equal(t, "last activity after the block", w.read(c).LastActivityAt, before.LastActivityAt)
	}
	nobody := w.contact("Nora")
	w.ok(w.BlockContact(w.ctx(), ada, BlockContactInput{ContactID: nobody.ID}))
	o := w.receives(nobody.ID)
	if o.Conversation != nil || w.message(o).ConversationID != nil || !w.message(o).Withheld {
		t.Errorf("of a blocked contact without any conversation: %+v in %+v", w.message(o), o.Conversation)
	}
}

func TestBusinessEvents(t *testing.T) {
	hold(t, []rule{
		{"S7 one that requires action brings the conversation back", func(t *testing.T, w *world) {
			c := w.closed(w.agent("Ada"))
			o := w.happens(c.ContactID, true)
			lines(t, w.story(o.Events), "BUSINESS_EVENT_RECORDED by a program v4->v4", "CONVERSATION_REOPENED BUSINESS_EVENT by a program v4->v5")
			equal(t, "payload", *w.since(o.Events[0].Seq - 1)[0].Data.BusinessEvent.Payload, `{"order":4711}`)
			if w.read(c).WaitingSince != nil {
				t.Error("the contact waits for an answer to an event")
			}
		}},
		{"S7 by the same policy", func(t *testing.T, w *world) {
			w.policies(db.ReopenNew, db.OwnerUnassign)
			c := w.closed(w.agent("Ada"))
			o := w.happens(c.ContactID, true)
			lines(t, w.story(o.Events),
				"BUSINESS_EVENT_RECORDED by a program",
				"CONVERSATION_UNASSIGNED Ada->nobody OWNER_POLICY by a program v4->v5",
				"CONVERSATION_OPENED BUSINESS_EVENT by a program new->v6")
			equal(t, "channel", o.Conversation.Channel, "email")
		}},
		{"S7 one that does not only appears in the timeline", func(t *testing.T, w *world) {
			for _, c := range []*db.Conversation{w.open(), w.closed()} {
				w.clock = w.clock.Add(time.Hour)
				before := w.read(c)
				equal(t, "events", types(w.happens(c.ContactID, false).Events), "BUSINESS_EVENT_RECORDED")
				equal(t, "facets", facetsText(w.read(c).Facets()), facetsText(before.Facets()))
				equal(t, "last activity", w.read(c).LastActivityAt, before.LastActivityAt)
			}
		}},
		{"S7 it appears in the contact's timeline, too, with a conversation or none", func(t *testing.T, w *world) {
			contact := w.contact("Cora")
			w.happens(contact.ID, false)
			w.happens(contact.ID, true)
			l, err := w.ContactTimelines(w.ctx(), w.manager, []db.ContactID{contact.ID}, PageInput{})
			fine(t, err)
			equal(t, "timeline", types(l[0].Rows), "CONTACT_CREATED + BUSINESS_EVENT_RECORDED + BUSINESS_EVENT_RECORDED + CONVERSATION_OPENED")
		}},
		{"S7 a first conversation is where the contact is known, else nowhere in particular", func(t *testing.T, w *world) {
			known := w.ok(w.CreateContact(w.ctx(), w.manager, CreateContactInput{Name: "Cora", Identities: []*ContactIdentityInput{{"sms", "1"}}})).Contact
			equal(t, "channel", w.happens(known.ID, true).Conversation.Channel, "sms")
			equal(t, "channel", w.happens(w.contact("Nora").ID, true).Conversation.Channel, "other")
			o := w.ok(w.RecordBusinessEvent(w.ctx(), w.program(RoleIntegration), RecordBusinessEventInput{
				Contact: &SenderInput{Channel: "shop", ExternalID: "1"}, Type: "order.placed", RequiresAction: true}))
			equal(t, "channel", o.Conversation.Channel, "shop")
			equal(t, "events", types(o.Events), "CONTACT_CREATED + BUSINESS_EVENT_RECORDED + CONVERSATION_OPENED")
		}},
		{"WatchConversation and the live view tell of it", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.open()
			all := w.watch(ada, db.ViewAll)
			s, err := w.WatchConversation(w.ctx(), ada, c.ID, nil)
			fine(t, err)
			defer s.Close()
			w.happens(c.ContactID, false)
			e, err := await(w.ctx(), s)
			fine(t, err)
			equal(t, "event", e.Data.BusinessEvent.Type, "order.placed")
			equal(t, "ALL", all(), "UPDATED BUSINESS_EVENT_RECORDED")
		}},
	})
}

func TestExternalIDs(t *testing.T) {
	hold(t, []rule{
		{"a message comes in once, whoever delivers it and however often", func(t *testing.T, w *world) {
			c := w.closed()
			id := func(in *ReceiveMessageInput) { in.ExternalMessageID = Text("m1") }
			was := w.receives(c.ContactID, id)
			w.closes(c)
			w.clock = w.clock.Add(100 * 24 * time.Hour)
			w.unchanged("again", func() {
				for _, key := range []*string{nil, Text("k1"), Text("k1"), Text("k2")} {
					again := w.receives(c.ContactID, id, func(in *ReceiveMessageInput) { in.IdempotencyKey, in.Automated = key, true })
					lines(t, eventIDs(again.Events), eventIDs(was.Events)...)
					equal(t, "message", w.message(again).ID, w.message(was).ID)
					equal(t, "text", w.message(again).Body, "Hello?")
					equal(t, "conversation, as it now is", again.Conversation.Status, db.StatusClosed)
				}
			})
			w.receives(c.ContactID, id, func(in *ReceiveMessageInput) { in.Channel = Text("sms") })
			equal(t, "on another channel it is another", w.read(c).Status, db.StatusOpen)
		}},
		{"a business event is recorded once", func(t *testing.T, w *world) {
			c := w.closed()
			in := RecordBusinessEventInput{ContactID: &c.ContactID, Type: "order.placed", RequiresAction: true, ExternalEventID: Text("e1")}
			shop := w.program(RoleIntegration)
			was := w.ok(w.RecordBusinessEvent(w.ctx(), shop, in))
			w.unchanged("again", func() {
				again := w.ok(w.RecordBusinessEvent(w.ctx(), shop, in))
				lines(t, eventIDs(again.Events), eventIDs(was.Events)...)
			})
			equal(t, "a message with the same id", types(w.receives(c.ContactID, func(in *ReceiveMessageInput) { in.ExternalMessageID = Text("e1") }).Events), "MESSAGE_RECEIVED")
		}},
		{"what failed did not come in", func(t *testing.T, w *world) {
			in := ReceiveMessageInput{ContactID: &db.ContactID{UUID: db.NewUUID()}, Channel: Text("chat"), Body: "Hello?", ExternalMessageID: Text("m1")}
			_, err := w.ReceiveMessage(w.ctx(), w.program(RoleIntegration), in)
			failed(t, err, NotFound)
			equal(t, "events", types(w.receives(w.open().ContactID, func(in *ReceiveMessageInput) { in.ExternalMessageID = Text("m1") }).Events), "MESSAGE_RECEIVED")
		}},
		{"they belong to one workspace, and so do identities", func(t *testing.T, w *world) {
			other := w.neighbour()
			sender := SenderInput{Channel: "twitter", ExternalID: "@cora"}
			id := func(in *ReceiveMessageInput) { in.ExternalMessageID = Text("m1") }
			here, there := w.receivesFrom(sender, id), other.receivesFrom(sender, id)
			equal(t, "events", types(there.Events), "CONTACT_CREATED + MESSAGE_RECEIVED + CONVERSATION_OPENED")
			equal(t, "the same contact", here.Contact.ID == there.Contact.ID, false)
		}},
		{"the same message many times at once comes in once", func(t *testing.T, w *world) {
			sender := SenderInput{Channel: "twitter", ExternalID: "@cora"}
			outcomes := w.atOnce(12, func(int) *Outcome {
				return w.receivesFrom(sender, func(in *ReceiveMessageInput) { in.ExternalMessageID = Text("m1") })
			})
			for _, o := range outcomes {
				lines(t, eventIDs(o.Events), eventIDs(outcomes[0].Events)...)
				equal(t, "message", w.message(o).ID, w.message(outcomes[0]).ID)
			}
			equal(t, "events", types(outcomes[0].Events), "CONTACT_CREATED + MESSAGE_RECEIVED + CONVERSATION_OPENED")
		}},
		{"many messages at once of somebody unknown make one contact with one conversation", func(t *testing.T, w *world) {
			head := w.head()
			outcomes := w.atOnce(12, func(i int) *Outcome {
				return w.receivesFrom(SenderInput{Channel: "twitter", ExternalID: "@cora"}, func(in *ReceiveMessageInput) { in.ExternalMessageID = Text(fmt.Sprint(i)) })
			})
			for _, o := range outcomes {
				equal(t, "contact", o.Contact.ID, outcomes[0].Contact.ID)
				equal(t, "conversation", o.Conversation.ID, outcomes[0].Conversation.ID)
			}
			equal(t, "events", w.head()-head, 12+2)
			lists, err := w.MessagesOf(w.ctx(), w.manager, []db.ConversationID{outcomes[0].Conversation.ID}, PageInput{})
			fine(t, err)
			equal(t, "messages", len(lists[0].Rows), 12)
			equal(t, "the last one", lists[0].Rows[11].ID, *w.read(outcomes[0].Conversation).LastMessageID)
		}},
	})
}

// atOnce makes calls at the same time and gives their outcomes.
func (w *world) atOnce(n int, call func(i int) *Outcome) []*Outcome {
	outcomes := make([]*Outcome, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { outcomes[i] = call(i) })
	}
	all.Wait()
	return outcomes
}

// TestBadArrivals: what comes in is checked, and what is refused changes nothing.
func TestBadArrivals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	contact, program := w.open().ContactID, w.program(RoleIntegration)
	message := func(change func(*ReceiveMessageInput)) error {
		in := ReceiveMessageInput{ContactID: &contact, Channel: Text("chat"), Body: "Hello?"}
		change(&in)
		return fail(w.ReceiveMessage(w.ctx(), program, in))
	}
	event := func(change func(*RecordBusinessEventInput)) error {
		in := RecordBusinessEventInput{ContactID: &contact, Type: "order.placed"}
		change(&in)
		return fail(w.RecordBusinessEvent(w.ctx(), program, in))
	}
	sender := func(change func(*SenderInput)) error {
		return message(func(in *ReceiveMessageInput) {
			in.ContactID, in.Channel, in.Contact = nil, nil, &SenderInput{Channel: "chat", ExternalID: fmt.Sprint("id ", w.head())}
			change(in.Contact)
		})
	}
	for _, field := range []struct {
		name string
		most int
		call func(s string) error
	}{
		{"channel", 50, func(s string) error { return message(func(in *ReceiveMessageInput) { in.Channel = &s }) }},
		{"sender's channel", 50, func(s string) error { return sender(func(in *SenderInput) { in.Channel = s }) }},
		{"type", 100, func(s string) error { return event(func(in *RecordBusinessEventInput) { in.Type = s }) }},
	} {
		for _, bad := range append(badTexts, "", strings.Repeat("ř", field.most+1)) {
			w.refuses(field.name, func() error { return field.call(bad) })
		}
		if err := field.call(strings.Repeat("ř", field.most)); err != nil {
			t.Errorf("%s: %d characters are refused: %v", field.name, field.most, err)
		}
	}
	w.refuses("empty body", func() error { return message(func(in *ReceiveMessageInput) { in.Body = "" }) })
	for _, nothing := range []string{"", " ", "\u200b", "\u3164\u2800"} {
		w.refuses("blank id", func() error { return sender(func(in *SenderInput) { in.ExternalID = nothing }) })
		w.refuses("blank channel", func() error { return sender(func(in *SenderInput) { in.Channel = nothing }) })
	}
	w.refuses("nobody", func() error { return message(func(in *ReceiveMessageInput) { in.ContactID = nil }) })
	w.refuses("two", func() error {
		return event(func(in *RecordBusinessEventInput) { in.Contact = &SenderInput{Channel: "chat", ExternalID: "1"} })
	})
	w.refuses("no channel", func() error { return message(func(in *ReceiveMessageInput) { in.Channel = nil }) })
	w.refuses("two channels", func() error {
		return message(func(in *ReceiveMessageInput) {
			in.ContactID, in.Contact = nil, &SenderInput{Channel: "chat", ExternalID: "1"}
		})
	})
	for _, year := range []int{1, 1969, 9999} {
		at := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		if err := message(func(in *ReceiveMessageInput) { in.SentAt = ptr(at.Format(time.RFC3339Nano)) }); err != nil {
			t.Errorf("the year %d is refused: %v", year, err)
		}
	}
	for _, bad := range []string{"", " ", "{", "1 2", `{"a":1,"a":2}`, `{"\u0000":1,"\ufffd":2}`, `"` + strings.Repeat("x", 16<<10) + `"`} {
		w.refuses("payload "+bad[:min(len(bad), 20)], func() error { return event(func(in *RecordBusinessEventInput) { in.Payload = &bad }) })
	}
	for _, good := range []string{"null", `"\\u0000"`, "[1e400,-0.10,123456789012345678901234567890]", `{"b":1,"a":{"ř":[true]}}`, `"` + strings.Repeat("x", 16<<10-2) + `"`} {
		o, err := w.RecordBusinessEvent(w.ctx(), program, RecordBusinessEventInput{ContactID: &contact, Type: "order.placed", Payload: &good})
		if err != nil {
			t.Errorf("%.20s is refused: %v", good, err)
			continue
		}
		equal(t, "payload", *w.since(o.Events[0].Seq - 1)[0].Data.BusinessEvent.Payload, good)
	}
}
