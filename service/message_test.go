package service

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/db"
)

// What is said in conversations. Which verb is refused when is the table of TestStates.

// sends replies to a contact.
func (w *world) sends(a Actor, c *db.Conversation) *Outcome {
	w.t.Helper()
	return w.ok(w.SendMessage(w.ctx(), a, SendMessageInput{ConversationID: c.ID, Body: "Hello!"}))
}

// notes adds a note.
func (w *world) notes(a Actor, c *db.Conversation) *Outcome {
	w.t.Helper()
	return w.ok(w.AddNote(w.ctx(), a, AddNoteInput{ConversationID: c.ID, Body: "Third time this week"}))
}

// reads marks a conversation as read.
func (w *world) reads(a Actor, c *db.Conversation) *Outcome {
	w.t.Helper()
	return w.ok(w.MarkRead(w.ctx(), a, MarkReadInput{ConversationID: c.ID}))
}

// hears lets the contact write.
func (w *world) hears(c *db.Conversation) *Outcome {
	w.t.Helper()
	return w.ok(w.givenMessage(w.ctx(), w.manager, c.ID, db.Inbound, "Hello?"))
}

// messages tells a conversation's messages, oldest first.
func (w *world) messages(c *db.Conversation) (told []string) {
	w.t.Helper()
	lists, err := w.MessagesOf(w.ctx(), w.manager, []db.ConversationID{c.ID}, PageInput{First: new(100)})
	fine(w.t, err)
	for _, m := range lists[0].Rows {
		told = append(told, fmt.Sprint(m.Kind, " ", m.Body))
	}
	return told
}

// unread is how many messages of a conversation each of these has not read. The list
// that is filtered by it must say the same.
func (w *world) unread(c *db.Conversation, of ...Actor) string {
	w.t.Helper()
	var counts []string
	for _, a := range of {
		n, err := w.UnreadCounts(w.ctx(), a, []db.ConversationID{c.ID})
		fine(w.t, err)
		for _, is := range []bool{true, false} {
			listed := false
			for _, view := range []db.View{db.ViewAll, db.ViewClosed, db.ViewBlocked} {
				listed = listed || slices.Contains(w.list(a, InboxInput{View: view, Filter: &db.InboxFilter{Unread: &is}}), c.ID)
			}
			equal(w.t, fmt.Sprint("listed as unread: ", is), listed, n[0] > 0 == is)
		}
		counts = append(counts, fmt.Sprint(n[0]))
	}
	return strings.Join(counts, " ")
}

func TestMessages(t *testing.T) {
	hold(t, []rule{
		{"S10 a reply goes out on the channel of the contact's last message", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			c := w.open(ada)
			equal(t, "before there is one", w.message(w.sends(ada, c)).Channel, "email")
			w.receives(c.ContactID, func(in *ReceiveMessageInput) { in.Channel = Text("SMS") })
			equal(t, "last inbound channel", *w.read(c).LastInboundChannel, "sms")
			equal(t, "reply", w.message(w.sends(ada, c)).Channel, "sms")
			equal(t, "a note stays with the conversation", w.message(w.notes(ada, c)).Channel, "email")
			w.receives(c.ContactID, func(in *ReceiveMessageInput) { in.Channel = Text("chat") })
			equal(t, "the next reply", w.message(w.sends(ada, c)).Channel, "chat")
		}},
		{"S10 unless it names one of the contact's channels", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			contact := w.ok(w.CreateContact(w.ctx(), ada, CreateContactInput{Name: "Cora", Identities: []*ContactIdentityInput{{"WhatsApp", "1"}, {"email", "cora@customer.example"}}})).Contact
			c := w.opens(contact)
			on := func(channel string) (*Outcome, error) {
				return w.SendMessage(w.ctx(), ada, SendMessageInput{ConversationID: c.ID, Body: "Hello!", Channel: &channel})
			}
			equal(t, "reply", w.message(w.ok(on("WHATSAPP"))).Channel, "whatsapp")
			w.unchanged("another channel", func() {
				for _, unknown := range []string{"fax", "", "\x00"} {
					_, err := on(unknown)
					refused(t, err, UnknownChannel)
				}
			})
		}},
		{"A5 a reply on an unassigned open conversation assigns it: first the message, then the assignment", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.open()
			mine, unassigned := w.watch(ada, db.ViewMine), w.watch(ada, db.ViewUnassigned)
			o := w.sends(ada, c)
			lines(t, w.story(o.Events), "MESSAGE_SENT by Ada v2->v2", "CONVERSATION_ASSIGNED nobody->Ada REPLY by Ada v2->v3")
			equal(t, "numbers", o.Events[1].Seq-o.Events[0].Seq, 1)
			equal(t, "owner", w.owner(c), "Ada")
			equal(t, "UNASSIGNED", unassigned()+", "+unassigned(), "UPDATED MESSAGE_SENT, LEFT CONVERSATION_ASSIGNED")
			equal(t, "MINE", mine(), "ENTERED CONVERSATION_ASSIGNED")
		}},
		{"A5 a reply never takes a conversation from somebody", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			c := w.open(ada)
			for _, caller := range []Actor{ben, ada} {
				equal(t, "events", types(w.sends(caller, c).Events), "MESSAGE_SENT")
			}
			equal(t, "owner", w.owner(c), "Ada")
			equal(t, "version", w.read(c).Version, 3)
		}},
		{"A5 a note assigns nobody", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.open()
			lines(t, w.story(w.notes(ada, c).Events), "NOTE_ADDED by Ada v2->v2")
			equal(t, "owner", w.owner(c), nobody)
		}},
		{"A5, A7 a deactivated caller cannot become responsible, so nothing is sent", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.open()
			w.deactivate(ada)
			w.unchanged("replying", func() {
				_, err := w.SendMessage(w.ctx(), ada, SendMessageInput{ConversationID: c.ID, Body: "Hello!"})
				failed(t, err, Forbidden)
			})
			equal(t, "messages", len(w.messages(c)), 0)
		}},
		{"S5 CONTACT_BLOCKED before NOT_OPEN before STALE_REPLY; the conversation comes along", testReplyRefused},
		{"STALE_REPLY when another agent's reply is newer than what the sender saw", testStaleReply},
		{"S10 notes are always possible, and change nothing but the last activity", testNotes},
		{"I3 waitingSince is cleared by a reply, not by a note", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.open()
			w.hears(c)
			since := w.clock
			for _, row := range []struct {
				what    string
				do      func()
				waiting bool
			}{
				{"a second message", func() { w.hears(c) }, true}, {"a note", func() { w.notes(ada, c) }, true}, {"reading", func() { w.reads(ada, c) }, true},
				{"a reply", func() { w.sends(ada, c) }, false}, {"another reply", func() { w.sends(ada, c) }, false},
			} {
				w.clock = w.clock.Add(time.Minute)
				row.do()
				now := w.read(c).WaitingSince
				equal(t, "waiting after "+row.what, now != nil, row.waiting)
				if now != nil {
					equal(t, "since", now.UTC(), since)
				}
			}
		}},
		{"I3 unread, per agent: the contact's messages after the mark, which a reply and markRead set", testUnread},
		{"I3 marks are not part of the log", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.open()
			w.hears(c)
			before := w.read(c)
			w.unchanged("reading", func() {
				o := w.reads(ada, c)
				equal(t, "events", len(o.Events), 0)
				equal(t, "conversation", o.Conversation.ID, c.ID)
			})
			equal(t, "last activity", w.read(c).LastActivityAt, before.LastActivityAt)
		}},
		{"I3 a message is unread to whom read before it, though clocks differ", func(t *testing.T, w *world) {
			ada, ben, c := w.agent("Ada"), w.agent("Ben"), w.open()
			w.hears(c)
			w.reads(ada, c)
			w.sends(ben, c)
			w.clock = w.clock.Add(-time.Hour) // another server's
			w.closes(c)
			w.reopens(c)
			w.hears(c)
			equal(t, "unread", w.unread(c, ada, ben), "1 1")
			lines(t, w.messages(c), "INBOUND Hello?", "OUTBOUND Hello!", "INBOUND Hello?")
			w.reads(ada, c)
			equal(t, "unread", w.unread(c, ada, ben), "0 1")
		}},
		{"I3 a mark is never set back", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.open()
			before := w.read(c).LastActivityAt
			w.hears(c)
			w.reads(ada, c)
			fine(t, w.DB.Transact(w.ctx(), w.manager.Workspace, func(tx db.Tx) error { // by a call that was overtaken
				return tx.SaveReadMarks(w.ctx(), []*db.ReadMark{{AgentID: *ada.Agent, ConversationID: c.ID, ReadAt: before}})
			}))
			equal(t, "unread", w.unread(c, ada), "0")
		}},
		{"S9 withheld messages count as unread nowhere", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.open()
			w.hears(c)
			w.block(c)
			w.clock = w.clock.Add(time.Minute)
			fine(t, w.DB.Transact(w.ctx(), w.manager.Workspace, func(tx db.Tx) error {
				return tx.InsertMessages(w.ctx(), []*db.Message{{ID: db.MessageID{UUID: db.NewUUID()}, ConversationID: &c.ID, ContactID: c.ContactID,
					Kind: db.Inbound, Body: "Let me in", Channel: c.Channel, Withheld: true, CreatedAt: w.clock}})
			}))
			equal(t, "unread", w.unread(c, ada), "1")
			w.reads(ada, c)
			equal(t, "unread", w.unread(c, ada), "0")
		}},
		{"P6 a reply is sent once, and a repetition marks nothing", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.open()
			in := SendMessageInput{ConversationID: c.ID, Body: "Hello!", Keyed: keyed("k")}
			was := w.ok(w.SendMessage(w.ctx(), ada, in))
			w.hears(c)
			w.closes(c)
			w.unchanged("repeated", func() {
				lines(t, eventIDs(w.ok(w.SendMessage(w.ctx(), ada, in)).Events), eventIDs(was.Events)...)
			})
			lines(t, w.messages(c), "OUTBOUND Hello!", "INBOUND Hello?")
			equal(t, "unread", w.unread(c, ada), "1")
			in.Body = "Goodbye!"
			_, err := w.SendMessage(w.ctx(), ada, in)
			refused(t, err, KeyReused)
		}},
	})
}

func testReplyRefused(t *testing.T, w *world) {
	ada, ben, c := w.agent("Ada"), w.agent("Ben"), w.open()
	seen := w.hears(c).Events[0].Data.MessageID
	reply := func(want RefusalCode) *Outcome {
		t.Helper()
		var o *Outcome
		w.unchanged(string(want), func() {
			var err error
			o, err = w.SendMessage(w.ctx(), ada, SendMessageInput{ConversationID: c.ID, Body: "Hello!", OnlyIfLastMessageID: seen})
			refused(t, err, want)
		})
		return o
	}
	theirs := w.sends(ben, c).Events[0].Data.MessageID
	equal(t, "last message", *reply(StaleReply).Conversation.LastMessageID, *theirs)
	w.closes(c)
	equal(t, "status", reply(NotOpen).Conversation.Status, db.StatusClosed)
	w.block(c)
	equal(t, "blocked", reply(ContactBlocked).Conversation.Blocked, true)
	equal(t, "messages", len(w.messages(c)), 2)
	equal(t, "unread", w.unread(c, ada), "1")
}

func testStaleReply(t *testing.T, w *world) {
	ada, ben, c := w.agent("Ada"), w.agent("Ben"), w.open()
	reply := func(seen *db.MessageID) error {
		_, err := w.SendMessage(w.ctx(), ada, SendMessageInput{ConversationID: c.ID, Body: "Hello!", OnlyIfLastMessageID: seen})
		return err
	}
	question := w.hears(c).Events[0].Data.MessageID
	fine(t, reply(question))
	fine(t, reply(question)) // one's own reply is no news
	w.hears(c)
	w.notes(ben, c)
	fine(t, reply(question)) // nor is anything that is no reply
	answer := w.sends(ben, c).Events[0].Data.MessageID
	refused(t, reply(question), StaleReply)
	fine(t, reply(answer))
	fine(t, reply(nil))

	elsewhere := w.hears(w.open()).Events[0].Data.MessageID
	for _, id := range []*db.MessageID{elsewhere, {UUID: db.NewUUID()}} {
		w.unchanged("a message of another conversation", func() { failed(t, reply(id), NotFound) })
	}
}

func testNotes(t *testing.T, w *world) {
	ada := w.agent("Ada")
	older, newer := w.older(ada)
	blocked := w.open(ada)
	w.block(blocked)
	for name, c := range map[string]*db.Conversation{"open": w.open(), "closed": w.closed(ada), "older": older, "newer": newer, "blocked": blocked} {
		before, contact := w.read(c), w.readContact(c.ContactID)
		latest, err := w.LatestConversations(w.ctx(), ada, []db.ContactID{c.ContactID})
		fine(t, err)
		w.clock = w.clock.Add(time.Minute)
		o := w.notes(ada, c)
		e := o.Events[0]
		equal(t, name+": the event's conversation", *e.ConversationID, c.ID)
		equal(t, name+": the event's facets", facetsText(e.Before)+facetsText(e.After), facetsText(before.Facets())+facetsText(before.Facets()))
		equal(t, name+": the answer's conversation", o.Conversation.ID, c.ID)
		after := w.read(c)
		equal(t, name+": last activity", after.LastActivityAt.UTC(), w.clock)
		equal(t, name+": last message", *after.LastMessageID, *e.Data.MessageID)
		equal(t, name+": facets", facetsText(after.Facets()), facetsText(before.Facets()))
		equal(t, name+": contact's version", w.readContact(c.ContactID).Version, contact.Version)
		if latest[0].ID != c.ID {
			equal(t, name+": the latest one's last activity", w.read(latest[0]).LastActivityAt, latest[0].LastActivityAt)
		}
		timelines, err := w.ConversationTimelines(w.ctx(), ada, []db.ConversationID{c.ID}, PageInput{Last: new(1)})
		fine(t, err)
		equal(t, name+": timeline", types(timelines[0].Rows), "NOTE_ADDED")
	}
}

func testUnread(t *testing.T, w *world) {
	ada, ben, c := w.agent("Ada"), w.agent("Ben"), w.open()
	minute := func() { w.clock = w.clock.Add(time.Minute) }
	expect := func(what, want string, of ...Actor) {
		t.Helper()
		equal(t, what, w.unread(c, of...), want)
		minute()
	}
	minute()
	expect("nothing was written", "0 0", ada, ben)
	w.hears(c)
	w.hears(c)
	expect("two messages", "2 2", ada, ben)
	zoe := w.agent("Zoe")
	expect("who came later", "0", zoe)
	w.notes(ada, c)
	expect("a note reads nothing and is not unread", "2 2 0", ada, ben, zoe)
	w.sends(ada, c)
	expect("a reply reads, and is not unread", "0 2 0", ada, ben, zoe)
	w.hears(c)
	expect("a third message", "1 3 1", ada, ben, zoe)
	w.reads(ben, c)
	expect("Ben reads", "1 0 1", ada, ben, zoe)
	w.reads(ben, c)
	w.closes(c)
	expect("closed", "1 0 1", ada, ben, zoe)
	w.reopens(c)
	w.block(c)
	expect("blocked", "1 0 1", ada, ben, zoe)
	w.reads(zoe, c)
	expect("Zoe reads while blocked", "1 0 0", ada, ben, zoe)
	other := w.open()
	w.hears(other)
	expect("another conversation", "1 0 0", ada, ben, zoe)
	counts, err := w.UnreadCounts(w.ctx(), ben, []db.ConversationID{other.ID, c.ID, other.ID})
	fine(t, err)
	equal(t, "in the order of the ids", fmt.Sprint(counts), "[1 0 1]")
	counts, err = w.UnreadCounts(w.ctx(), w.program(RoleReader), []db.ConversationID{c.ID})
	fine(t, err)
	equal(t, "a program has none", counts[0], 0)
	_, err = w.Inbox(w.ctx(), w.program(RoleReader), InboxInput{View: db.ViewAll, Filter: &db.InboxFilter{Unread: new(true)}})
	failed(t, err, BadInput)
}

// TestOneReplyTakes is rule A5 under load: of 64 agents who reply to the same unassigned
// conversation at once every one is heard, and the first becomes responsible.
func TestOneReplyTakes(t *testing.T) {
	slow(t)
	t.Parallel()
	const agents = 64
	w := newWorld(t)
	callers := make([]Actor, agents)
	for i := range callers {
		callers[i] = w.agent(fmt.Sprint("Agent", i))
	}
	c := w.open()
	head := w.head()
	var replying sync.WaitGroup
	for _, caller := range callers {
		replying.Go(func() {
			_, err := w.SendMessage(w.ctx(), caller, SendMessageInput{ConversationID: c.ID, Body: "Hello!"})
			fine(t, err)
		})
	}
	replying.Wait()
	events := w.since(head)
	equal(t, "the first two events", types(events[:2]), "MESSAGE_SENT + CONVERSATION_ASSIGNED")
	equal(t, "reason", events[1].Data.Reason, db.ReasonReply)
	equal(t, "who takes it is who replied first", events[1].After.Assignee.Ref(), events[0].Actor)
	equal(t, "owner", w.owner(c), w.named(events[1].After.Assignee))
	equal(t, "all others", types(events[2:]), strings.Repeat("MESSAGE_SENT + ", agents-2)+"MESSAGE_SENT")
	equal(t, "version", w.read(c).Version, c.Version+1)
	equal(t, "messages", len(w.messages(c)), agents)
	w.checkWorkspace()
}
