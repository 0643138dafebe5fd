package service_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// Tests of messages and notes. TestStates has the table of when each verb is refused.

// sends replies to a contact.
func (w *world) sends(a service.Actor, c *db.Conversation) *service.Outcome {
	w.T.Helper()
	return w.OK(w.SendMessage(w.Context(), a, service.SendMessageInput{ConversationID: c.ID, Body: "Hello!"}))
}

// notes adds a note.
func (w *world) notes(a service.Actor, c *db.Conversation) *service.Outcome {
	w.T.Helper()
	return w.OK(w.AddNote(w.Context(), a, service.AddNoteInput{ConversationID: c.ID, Body: "Third time this week"}))
}

// reads marks a conversation as read.
func (w *world) reads(a service.Actor, c *db.Conversation) *service.Outcome {
	w.T.Helper()
	return w.OK(w.MarkRead(w.Context(), a, service.MarkReadInput{ConversationID: c.ID}))
}

// hears adds a message from the contact.
func (w *world) hears(c *db.Conversation) *service.Outcome {
	w.T.Helper()
	return w.OK(w.PutMessage(w.Context(), w.Manager, c.ID, db.Inbound, "Hello?"))
}

// messages returns one line for each message of a conversation, oldest first.
func (w *world) messages(c *db.Conversation) (told []string) {
	w.T.Helper()
	lists, err := w.MessagesOf(w.Context(), w.Manager, []db.ConversationID{c.ID}, service.PageInput{First: new(100)})
	servicetest.Fine(w.T, err)
	for _, m := range lists[0].Rows {
		told = append(told, fmt.Sprint(m.Kind, " ", m.Body))
	}
	return told
}

// unread returns how many messages of a conversation each of the agents has not read, and checks
// that the list filtered by it agrees.
func (w *world) unread(c *db.Conversation, of ...service.Actor) string {
	w.T.Helper()
	var counts []string
	for _, a := range of {
		n, err := w.UnreadCounts(w.Context(), a, []db.ConversationID{c.ID})
		servicetest.Fine(w.T, err)
		for _, is := range []bool{true, false} {
			listed := false
			for _, view := range []db.View{db.ViewAll, db.ViewClosed, db.ViewBlocked} {
				listed = listed || slices.Contains(w.list(a, service.InboxInput{View: view, Filter: &db.InboxFilter{Unread: &is}}), c.ID)
			}
			servicetest.Equal(w.T, fmt.Sprint("listed as unread: ", is), listed, n[0] > 0 == is)
		}
		counts = append(counts, fmt.Sprint(n[0]))
	}
	return strings.Join(counts, " ")
}

func TestMessages(t *testing.T) {
	hold(t, []rule{
		{"S10 a reply goes out on the channel of the contact's last message", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			c := w.Open(ada)
			servicetest.Equal(t, "before there is one", w.message(w.sends(ada, c)).Channel, "email")
			w.Receives(c.ContactID, func(in *service.ReceiveMessageInput) { in.Channel = service.Text("SMS") })
			servicetest.Equal(t, "last inbound channel", *w.Read(c).LastInboundChannel, "sms")
			servicetest.Equal(t, "reply", w.message(w.sends(ada, c)).Channel, "sms")
			servicetest.Equal(t, "a note stays with the conversation", w.message(w.notes(ada, c)).Channel, "email")
			w.Receives(c.ContactID, func(in *service.ReceiveMessageInput) { in.Channel = service.Text("chat") })
			servicetest.Equal(t, "the next reply", w.message(w.sends(ada, c)).Channel, "chat")
		}},
		{"S10 unless it names one of the contact's channels", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			contact := w.OK(w.CreateContact(w.Context(), ada, service.CreateContactInput{Name: "Cora", Identities: []*service.ContactIdentityInput{{"WhatsApp", "1"}, {"email", "cora@customer.example"}}})).Contact
			c := w.Opens(contact)
			on := func(channel string) (*service.Outcome, error) {
				return w.SendMessage(w.Context(), ada, service.SendMessageInput{ConversationID: c.ID, Body: "Hello!", Channel: &channel})
			}
			servicetest.Equal(t, "reply", w.message(w.OK(on("WHATSAPP"))).Channel, "whatsapp")
			w.Unchanged("another channel", func() {
				for _, unknown := range []string{"fax", "", "\x00"} {
					_, err := on(unknown)
					servicetest.Refused(t, err, service.UnknownChannel)
				}
			})
		}},
		{"A5 a reply on an unassigned open conversation assigns it: first the message, then the assignment", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Open()
			mine, unassigned := w.watch(ada, db.ViewMine), w.watch(ada, db.ViewUnassigned)
			o := w.sends(ada, c)
			servicetest.Lines(t, w.Story(o.Events), "MESSAGE_SENT by Ada v2->v2", "CONVERSATION_ASSIGNED nobody->Ada REPLY by Ada v2->v3")
			servicetest.Equal(t, "numbers", o.Events[1].Seq-o.Events[0].Seq, 1)
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
			servicetest.Equal(t, "UNASSIGNED", unassigned()+", "+unassigned(), "UPDATED MESSAGE_SENT, LEFT CONVERSATION_ASSIGNED")
			servicetest.Equal(t, "MINE", mine(), "ENTERED CONVERSATION_ASSIGNED")
		}},
		{"A5 a reply never takes a conversation from somebody", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			c := w.Open(ada)
			for _, caller := range []service.Actor{ben, ada} {
				servicetest.Equal(t, "events", servicetest.Types(w.sends(caller, c).Events), "MESSAGE_SENT")
			}
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
			servicetest.Equal(t, "version", w.Read(c).Version, 3)
		}},
		{"A5 a note assigns nobody", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Open()
			servicetest.Lines(t, w.Story(w.notes(ada, c).Events), "NOTE_ADDED by Ada v2->v2")
			servicetest.Equal(t, "owner", w.Owner(c), servicetest.Nobody)
		}},
		{"A5, A7 a deactivated caller cannot become responsible, so nothing is sent", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Open()
			w.Deactivate(ada)
			w.Unchanged("replying", func() {
				_, err := w.SendMessage(w.Context(), ada, service.SendMessageInput{ConversationID: c.ID, Body: "Hello!"})
				servicetest.Failed(t, err, service.Forbidden)
			})
			servicetest.Equal(t, "messages", len(w.messages(c)), 0)
		}},
		{"S5 CONTACT_BLOCKED before NOT_OPEN before STALE_REPLY; the conversation comes along", testReplyRefused},
		{"STALE_REPLY when another agent's reply is newer than what the sender saw", testStaleReply},
		{"S10 notes are always possible, and change nothing but the last activity", testNotes},
		{"I3 waitingSince is cleared by a reply, not by a note", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Open()
			w.hears(c)
			since := w.Clock
			for _, row := range []struct {
				what    string
				do      func()
				waiting bool
			}{
				{"a second message", func() { w.hears(c) }, true}, {"a note", func() { w.notes(ada, c) }, true}, {"reading", func() { w.reads(ada, c) }, true},
				{"a reply", func() { w.sends(ada, c) }, false}, {"another reply", func() { w.sends(ada, c) }, false},
			} {
				w.Clock = w.Clock.Add(time.Minute)
				row.do()
				now := w.Read(c).WaitingSince
				servicetest.Equal(t, "waiting after "+row.what, now != nil, row.waiting)
				if now != nil {
					servicetest.Equal(t, "since", now.UTC(), since)
				}
			}
		}},
		{"I3 unread, per agent: the contact's messages after the mark, which a reply and markRead set", testUnread},
		{"I3 marks are not part of the log", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Open()
			w.hears(c)
			before := w.Read(c)
			w.Unchanged("reading", func() {
				o := w.reads(ada, c)
				servicetest.Equal(t, "events", len(o.Events), 0)
				servicetest.Equal(t, "conversation", o.Conversation.ID, c.ID)
			})
			servicetest.Equal(t, "last activity", w.Read(c).LastActivityAt, before.LastActivityAt)
		}},
		{"I3 a message is unread to whom read before it, though clocks differ", func(t *testing.T, w *world) {
			ada, ben, c := w.Agent("Ada"), w.Agent("Ben"), w.Open()
			w.hears(c)
			w.reads(ada, c)
			w.sends(ben, c)
			w.Clock = w.Clock.Add(-time.Hour) // of another server
			w.Closes(c)
			w.Reopens(c)
			w.hears(c)
			servicetest.Equal(t, "unread", w.unread(c, ada, ben), "1 1")
			servicetest.Lines(t, w.messages(c), "INBOUND Hello?", "OUTBOUND Hello!", "INBOUND Hello?")
			w.reads(ada, c)
			servicetest.Equal(t, "unread", w.unread(c, ada, ben), "0 1")
		}},
		{"I3 a mark is never set back", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Open()
			before := w.Read(c).LastActivityAt
			w.hears(c)
			w.reads(ada, c)
			// A call that was overtaken by another one does this.
			servicetest.Fine(t, w.DB.Transact(w.Context(), w.Manager.Workspace, func(tx db.Tx) error {
				return tx.SaveReadMarks(w.Context(), []*db.ReadMark{{AgentID: *ada.Agent, ConversationID: c.ID, ReadAt: before}})
			}))
			servicetest.Equal(t, "unread", w.unread(c, ada), "0")
		}},
		{"S9 withheld messages count as unread nowhere", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Open()
			w.hears(c)
			w.Block(c)
			w.Clock = w.Clock.Add(time.Minute)
			servicetest.Fine(t, w.DB.Transact(w.Context(), w.Manager.Workspace, func(tx db.Tx) error {
				return tx.InsertMessages(w.Context(), []*db.Message{{ID: db.MessageID{UUID: db.NewUUID()}, ConversationID: &c.ID, ContactID: c.ContactID,
					Kind: db.Inbound, Body: "Let me in", Channel: c.Channel, Withheld: true, CreatedAt: w.Clock}})
			}))
			servicetest.Equal(t, "unread", w.unread(c, ada), "1")
			w.reads(ada, c)
			servicetest.Equal(t, "unread", w.unread(c, ada), "0")
		}},
		{"P6 a reply is sent once, and a repetition marks nothing", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Open()
			in := service.SendMessageInput{ConversationID: c.ID, Body: "Hello!", Keyed: keyed("k")}
			was := w.OK(w.SendMessage(w.Context(), ada, in))
			w.hears(c)
			w.Closes(c)
			w.Unchanged("repeated", func() {
				servicetest.Lines(t, eventIDs(w.OK(w.SendMessage(w.Context(), ada, in)).Events), eventIDs(was.Events)...)
			})
			servicetest.Lines(t, w.messages(c), "OUTBOUND Hello!", "INBOUND Hello?")
			servicetest.Equal(t, "unread", w.unread(c, ada), "1")
			in.Body = "Goodbye!"
			_, err := w.SendMessage(w.Context(), ada, in)
			servicetest.Refused(t, err, service.KeyReused)
		}},
	})
}

func testReplyRefused(t *testing.T, w *world) {
	ada, ben, c := w.Agent("Ada"), w.Agent("Ben"), w.Open()
	seen := w.hears(c).Events[0].Data.MessageID
	reply := func(want service.RefusalCode) *service.Outcome {
		t.Helper()
		var o *service.Outcome
		w.Unchanged(string(want), func() {
			var err error
			o, err = w.SendMessage(w.Context(), ada, service.SendMessageInput{ConversationID: c.ID, Body: "Hello!", OnlyIfLastMessageID: seen})
			servicetest.Refused(t, err, want)
		})
		return o
	}
	theirs := w.sends(ben, c).Events[0].Data.MessageID
	servicetest.Equal(t, "last message", *reply(service.StaleReply).Conversation.LastMessageID, *theirs)
	w.Closes(c)
	servicetest.Equal(t, "status", reply(service.NotOpen).Conversation.Status, db.StatusClosed)
	w.Block(c)
	servicetest.Equal(t, "blocked", reply(service.ContactBlocked).Conversation.Blocked, true)
	servicetest.Equal(t, "messages", len(w.messages(c)), 2)
	servicetest.Equal(t, "unread", w.unread(c, ada), "1")
}

func testStaleReply(t *testing.T, w *world) {
	ada, ben, c := w.Agent("Ada"), w.Agent("Ben"), w.Open()
	reply := func(seen *db.MessageID) error {
		_, err := w.SendMessage(w.Context(), ada, service.SendMessageInput{ConversationID: c.ID, Body: "Hello!", OnlyIfLastMessageID: seen})
		return err
	}
	question := w.hears(c).Events[0].Data.MessageID
	servicetest.Fine(t, reply(question))
	servicetest.Fine(t, reply(question)) // the agent's own reply does not count
	w.hears(c)
	w.notes(ben, c)
	servicetest.Fine(t, reply(question)) // and neither does a note
	answer := w.sends(ben, c).Events[0].Data.MessageID
	servicetest.Refused(t, reply(question), service.StaleReply)
	servicetest.Fine(t, reply(answer))
	servicetest.Fine(t, reply(nil))

	elsewhere := w.hears(w.Open()).Events[0].Data.MessageID
	for _, id := range []*db.MessageID{elsewhere, {UUID: db.NewUUID()}} {
		w.Unchanged("a message of another conversation", func() { servicetest.Failed(t, reply(id), service.NotFound) })
	}
}

func testNotes(t *testing.T, w *world) {
	ada := w.Agent("Ada")
	older, newer := w.Older(ada)
	blocked := w.Open(ada)
	w.Block(blocked)
	for name, c := range map[string]*db.Conversation{"open": w.Open(), "closed": w.Closed(ada), "older": older, "newer": newer, "blocked": blocked} {
		before, contact := w.Read(c), w.ReadContact(c.ContactID)
		latest, err := w.LatestConversations(w.Context(), ada, []db.ContactID{c.ContactID})
		servicetest.Fine(t, err)
		w.Clock = w.Clock.Add(time.Minute)
		o := w.notes(ada, c)
		e := o.Events[0]
		servicetest.Equal(t, name+": the event's conversation", *e.ConversationID, c.ID)
		servicetest.Equal(t, name+": the event's facets", servicetest.FacetsText(e.Before)+servicetest.FacetsText(e.After), servicetest.FacetsText(before.Facets())+servicetest.FacetsText(before.Facets()))
		servicetest.Equal(t, name+": the answer's conversation", o.Conversation.ID, c.ID)
		after := w.Read(c)
		servicetest.Equal(t, name+": last activity", after.LastActivityAt.UTC(), w.Clock)
		servicetest.Equal(t, name+": last message", *after.LastMessageID, *e.Data.MessageID)
		servicetest.Equal(t, name+": facets", servicetest.FacetsText(after.Facets()), servicetest.FacetsText(before.Facets()))
		servicetest.Equal(t, name+": contact's version", w.ReadContact(c.ContactID).Version, contact.Version)
		if latest[0].ID != c.ID {
			servicetest.Equal(t, name+": the latest one's last activity", w.Read(latest[0]).LastActivityAt, latest[0].LastActivityAt)
		}
		timelines, err := w.ConversationTimelines(w.Context(), ada, []db.ConversationID{c.ID}, service.PageInput{Last: new(1)})
		servicetest.Fine(t, err)
		servicetest.Equal(t, name+": timeline", servicetest.Types(timelines[0].Rows), "NOTE_ADDED")
	}
}

func testUnread(t *testing.T, w *world) {
	ada, ben, c := w.Agent("Ada"), w.Agent("Ben"), w.Open()
	minute := func() { w.Clock = w.Clock.Add(time.Minute) }
	expect := func(what, want string, of ...service.Actor) {
		t.Helper()
		servicetest.Equal(t, what, w.unread(c, of...), want)
		minute()
	}
	minute()
	expect("nothing was written", "0 0", ada, ben)
	w.hears(c)
	w.hears(c)
	expect("two messages", "2 2", ada, ben)
	zoe := w.Agent("Zoe")
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
	w.Closes(c)
	expect("closed", "1 0 1", ada, ben, zoe)
	w.Reopens(c)
	w.Block(c)
	expect("blocked", "1 0 1", ada, ben, zoe)
	w.reads(zoe, c)
	expect("Zoe reads while blocked", "1 0 0", ada, ben, zoe)
	other := w.Open()
	w.hears(other)
	expect("another conversation", "1 0 0", ada, ben, zoe)
	counts, err := w.UnreadCounts(w.Context(), ben, []db.ConversationID{other.ID, c.ID, other.ID})
	servicetest.Fine(t, err)
	servicetest.Equal(t, "in the order of the ids", fmt.Sprint(counts), "[1 0 1]")
	counts, err = w.UnreadCounts(w.Context(), w.Program(service.RoleReader), []db.ConversationID{c.ID})
	servicetest.Fine(t, err)
	servicetest.Equal(t, "a program has none", counts[0], 0)
	_, err = w.Inbox(w.Context(), w.Program(service.RoleReader), service.InboxInput{View: db.ViewAll, Filter: &db.InboxFilter{Unread: new(true)}})
	servicetest.Failed(t, err, service.BadInput)
}

// TestOneReplyTakes is rule A5 under load: when 64 agents reply to the same unassigned conversation
// at once, every reply is sent and the first agent becomes responsible.
func TestOneReplyTakes(t *testing.T) {
	servicetest.Slow(t)
	t.Parallel()
	const agents = 64
	w := newWorld(t)
	callers := make([]service.Actor, agents)
	for i := range callers {
		callers[i] = w.Agent(fmt.Sprint("Agent", i))
	}
	c := w.Open()
	head := w.Head()
	var replying sync.WaitGroup
	for _, caller := range callers {
		replying.Go(func() {
			_, err := w.SendMessage(w.Context(), caller, service.SendMessageInput{ConversationID: c.ID, Body: "Hello!"})
			servicetest.Fine(t, err)
		})
	}
	replying.Wait()
	events := w.Since(head)
	servicetest.Equal(t, "the first two events", servicetest.Types(events[:2]), "MESSAGE_SENT + CONVERSATION_ASSIGNED")
	servicetest.Equal(t, "reason", events[1].Data.Reason, db.ReasonReply)
	servicetest.Equal(t, "who takes it is who replied first", events[1].After.Assignee.Ref(), events[0].Actor)
	servicetest.Equal(t, "owner", w.Owner(c), w.Named(events[1].After.Assignee))
	servicetest.Equal(t, "all others", servicetest.Types(events[2:]), strings.Repeat("MESSAGE_SENT + ", agents-2)+"MESSAGE_SENT")
	servicetest.Equal(t, "version", w.Read(c).Version, c.Version+1)
	servicetest.Equal(t, "messages", len(w.messages(c)), agents)
	w.CheckWorkspace()
}
