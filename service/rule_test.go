package service

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/db"
)

// rule is a sentence of the product's description with the test that holds it.
type rule struct {
	name string
	test func(t *testing.T, w *world)
}

// hold tests each rule in a world of its own.
func hold(t *testing.T, rules []rule) {
	t.Parallel()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.test(t, newWorld(t))
		})
	}
}

// Which verb is refused when is the table of TestStates; here is what they do.

func TestAssignment(t *testing.T) {
	hold(t, []rule{
		{"A1 any agent assigns to any active agent", func(t *testing.T, w *world) {
			ada, ben, c := w.agent("Ada"), w.agent("Ben"), w.open()
			o := w.ok(w.AssignConversation(w.ctx(), ada, AssignConversationInput{ConversationID: c.ID, AssigneeID: *ben.Agent}))
			lines(t, w.story(o.Events), "CONVERSATION_ASSIGNED nobody->Ben MANUAL by Ada v2->v3")
			o = w.ok(w.AssignConversation(w.ctx(), w.program(RoleIntegration), AssignConversationInput{ConversationID: c.ID, AssigneeID: *ada.Agent}))
			lines(t, w.story(o.Events), "CONVERSATION_ASSIGNED Ben->Ada MANUAL by a program v3->v4")
			equal(t, "owner", w.owner(c), "Ada")
		}},
		{"A1 the list to pick from is searchable, online agents first, with their load", testAgentsToPick},
		{"A2 unassigning moves an open conversation to UNASSIGNED in a single event", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			c := w.open(ada)
			mine, unassigned := w.watch(ada, db.ViewMine), w.watch(ada, db.ViewUnassigned)
			o := w.unassign(c)
			lines(t, w.story(o.Events), "CONVERSATION_UNASSIGNED Ada->nobody MANUAL by Mia Manager v3->v4")
			equal(t, "MINE", mine(), "LEFT CONVERSATION_UNASSIGNED")
			equal(t, "UNASSIGNED", unassigned(), "ENTERED CONVERSATION_UNASSIGNED")
			w.unchanged("again", func() { w.unassign(c) })
		}},
		{"A2 from the contact, with a conversation open, closed or none", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			none := w.contact("Nobody's")
			w.ok(w.AssignContact(w.ctx(), ada, AssignContactInput{ContactID: none.ID, AssigneeID: *ada.Agent}))
			for _, contact := range []db.ContactID{w.open(ada).ContactID, w.closed(ada).ContactID, none.ID} {
				o := w.ok(w.UnassignContact(w.ctx(), ada, UnassignContactInput{ContactID: contact}))
				equal(t, "events", types(o.Events), "CONVERSATION_UNASSIGNED")
				equal(t, "owner", w.named(w.readContact(contact).AssigneeID), nobody)
			}
		}},
		{"A3 assign to me takes an unassigned open conversation", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.open()
			o := w.ok(w.AssignToMe(w.ctx(), ada, AssignToMeInput{ConversationID: c.ID}))
			lines(t, w.story(o.Events), "CONVERSATION_ASSIGNED nobody->Ada SELF by Ada v2->v3")
			equal(t, "owner", w.owner(c), "Ada")
			w.unchanged("on one's own", func() { w.ok(w.AssignToMe(w.ctx(), ada, AssignToMeInput{ConversationID: c.ID})) })
		}},
		{"A3 who comes second gets ALREADY_ASSIGNED and sees the winner", func(t *testing.T, w *world) {
			ada, ben, c := w.agent("Ada"), w.agent("Ben"), w.open()
			w.ok(w.AssignToMe(w.ctx(), ada, AssignToMeInput{ConversationID: c.ID}))
			o, err := w.AssignToMe(w.ctx(), ben, AssignToMeInput{ConversationID: c.ID})
			refused(t, err, AlreadyAssigned)
			equal(t, "owner in the answer", w.named(o.Conversation.AssigneeID), "Ada")
			o = w.ok(w.AssignConversation(w.ctx(), ben, AssignConversationInput{ConversationID: c.ID, AssigneeID: *ben.Agent}))
			lines(t, w.story(o.Events), "CONVERSATION_ASSIGNED Ada->Ben MANUAL by Ben v3->v4")
		}},
		{"A3 a deactivated caller takes nothing", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.open()
			w.deactivate(ada)
			w.unchanged("taking", func() {
				_, err := w.AssignToMe(w.ctx(), ada, AssignToMeInput{ConversationID: c.ID})
				failed(t, err, Forbidden)
			})
		}},
		{"A6 assigning to the owner records nothing", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			c := w.open(ada)
			w.unchanged("again", func() { equal(t, "events", len(w.assign(c, ada).Events), 0) })
			equal(t, "version", w.read(c).Version, 3)
		}},
		{"A6 with none open it sets the owner of the contact and of its latest conversation", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.closed()
			all := w.counts(ada)
			o := w.ok(w.AssignContact(w.ctx(), ada, AssignContactInput{ContactID: c.ContactID, AssigneeID: *ada.Agent}))
			lines(t, w.story(o.Events), "CONVERSATION_ASSIGNED nobody->Ada MANUAL by Ada v3->v4")
			equal(t, "the event's conversation", *o.Events[0].ConversationID, c.ID)
			equal(t, "status", w.read(c).Status, db.StatusClosed)
			equal(t, "owner", w.owner(c), "Ada")
			equal(t, "counts", w.counts(ada), all)
		}},
		{"A6 the event's conversation is null only if there never was any", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.contact("Cora")
			o := w.ok(w.AssignContact(w.ctx(), ada, AssignContactInput{ContactID: c.ID, AssigneeID: *ada.Agent}))
			lines(t, w.story(o.Events), "CONVERSATION_ASSIGNED nobody->Ada MANUAL by Ada v1->v2")
			if o.Conversation != nil || o.Events[0].ConversationID != nil {
				t.Error("there is a conversation")
			}
			equal(t, "owner of the first one", w.owner(w.opens(c)), "Ada")
		}},
		{"A6 the older conversation keeps the owner it had", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			older, newer := w.older(ada)
			w.assign(newer, ben)
			equal(t, "owner of the older", w.owner(older), "Ada")
			equal(t, "version of the older", w.read(older).Version, older.Version)
			_, err := w.AssignConversation(w.ctx(), ada, AssignConversationInput{ConversationID: older.ID, AssigneeID: *ben.Agent})
			refused(t, err, NotLatest)
		}},
	})
}

func testAgentsToPick(t *testing.T, w *world) {
	ada, ben := w.agent("Ada"), w.agent("Bén")
	w.open(ada)
	w.open(ada)
	w.block(w.open(ada)) // is in no load (S4)
	w.closed(ada)
	w.ok(w.SetAvailability(w.ctx(), ben, SetAvailabilityInput{Availability: db.Away}))
	list := func(in AgentsInput) string {
		l, err := w.Agents(w.ctx(), ada, in)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, a := range l.Rows {
			load, err := w.OpenConversations(w.ctx(), ada, []db.AgentID{a.ID})
			if err != nil {
				t.Fatal(err)
			}
			said = append(said, fmt.Sprint(a.Name, " ", a.Availability, " ", load[0]))
		}
		return strings.Join(said, ", ")
	}
	equal(t, "everybody", list(AgentsInput{}), "Ada ONLINE 2, Bén AWAY 0, Mia Manager OFFLINE 0")
	equal(t, "search", list(AgentsInput{Search: Text("ben@acme")}), "Bén AWAY 0")
	equal(t, "search", list(AgentsInput{Search: Text("ben")}), "Bén AWAY 0")
	equal(t, "search by e-mail", list(AgentsInput{Search: Text("mia@acme.exa")}), "Mia Manager OFFLINE 0")
}

func TestVersions(t *testing.T) {
	hold(t, []rule{
		{"A4 a new contact begins with 1, a new conversation with the next", func(t *testing.T, w *world) {
			contact := w.contact("Cora")
			equal(t, "contact", contact.Version, 1)
			c := w.opens(contact)
			equal(t, "first conversation", c.Version, 2)
			w.closes(c)
			equal(t, "second conversation", w.opens(contact).Version, 4)
			equal(t, "contact", w.readContact(contact.ID).Version, 4)
			equal(t, "older conversation", w.read(c).Version, 3)
		}},
		{"A4 it grows with nothing else", func(t *testing.T, w *world) {
			c := w.open()
			o := w.ok(w.UpdateContact(w.ctx(), w.manager, UpdateContactInput{ContactID: c.ContactID, Name: Text("Cornelia")}))
			lines(t, w.story(o.Events), "CONTACT_UPDATED by Mia Manager v2->v2")
			equal(t, "version", w.read(c).Version, 2)
		}},
		{"A4 who believes in an older version gets CONFLICT with the current state", func(t *testing.T, w *world) {
			ada, ben, c := w.agent("Ada"), w.agent("Ben"), w.open()
			w.assign(c, ben)
			in := AssignConversationInput{ConversationID: c.ID, AssigneeID: *ada.Agent, ExpectedVersion: &c.Version}
			w.unchanged("refused", func() {
				o, err := w.AssignConversation(w.ctx(), ada, in)
				refused(t, err, Conflict)
				equal(t, "version in the answer", o.Conversation.Version, 3)
				equal(t, "owner in the answer", w.named(o.Conversation.AssigneeID), "Ben")
				equal(t, "owner of the contact in the answer", w.named(o.Contact.AssigneeID), "Ben")
			})
			in.ExpectedVersion = new(3)
			w.ok(w.AssignConversation(w.ctx(), ada, in))
			in.ExpectedVersion = new(5)
			_, err := w.AssignConversation(w.ctx(), ada, in)
			refused(t, err, Conflict)
		}},
		{"A4 latest is by openedAt, whatever the clocks of the servers say", func(t *testing.T, w *world) {
			c := w.open()
			w.closes(c)
			w.clock = w.clock.Add(-time.Hour)
			newer := w.opens(w.readContact(c.ContactID))
			lists, err := w.ConversationsOf(w.ctx(), w.manager, []db.ContactID{c.ContactID}, PageInput{})
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "first of the contact's conversations", lists[0].Rows[0].ID, newer.ID)
		}},
	})
}

func TestEventsOfAssignment(t *testing.T) {
	hold(t, []rule{
		{"A8 from A to B is one event with from, to, actor and reason", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			c := w.open(ada)
			head := w.head()
			w.ok(w.AssignConversation(w.ctx(), ada, AssignConversationInput{ConversationID: c.ID, AssigneeID: *ben.Agent}))
			lines(t, w.story(w.since(head)), "CONVERSATION_ASSIGNED Ada->Ben MANUAL by Ada v3->v4")
		}},
		{"A8 an inactive owner is unassigned before an opening, on the latest until then", func(t *testing.T, w *world) {
			zoe := w.agent("Zoe")
			c := w.closed(zoe)
			w.deactivate(zoe)
			head := w.head()
			o := w.ok(w.OpenConversation(w.ctx(), w.manager, OpenConversationInput{ContactID: c.ContactID, Channel: "chat"}))
			lines(t, w.story(o.Events),
				"CONVERSATION_UNASSIGNED Zoe->nobody OWNER_POLICY by Mia Manager v4->v5",
				"CONVERSATION_OPENED AGENT by Mia Manager new->v6")
			lines(t, w.story(w.since(head)), w.story(o.Events)...)
			equal(t, "conversation of the unassignment", *o.Events[0].ConversationID, c.ID)
			equal(t, "conversation of the opening", *o.Events[1].ConversationID, o.Conversation.ID)
			equal(t, "owner", w.owner(o.Conversation), nobody)
			equal(t, "owner of the older", w.owner(c), nobody)
			equal(t, "version of the older", w.read(c).Version, 5)
		}},
		{"A8 the same before a reopening", func(t *testing.T, w *world) {
			zoe := w.agent("Zoe")
			c := w.closed(zoe)
			w.deactivate(zoe)
			lines(t, w.story(w.reopens(c).Events),
				"CONVERSATION_UNASSIGNED Zoe->nobody OWNER_POLICY by Mia Manager v4->v5",
				"CONVERSATION_REOPENED AGENT by Mia Manager v5->v6")
			equal(t, "owner", w.owner(c), nobody)
		}},
		{"A8 the same for a contact that never had any", func(t *testing.T, w *world) {
			zoe, contact := w.agent("Zoe"), w.contact("Cora")
			w.ok(w.AssignContact(w.ctx(), zoe, AssignContactInput{ContactID: contact.ID, AssigneeID: *zoe.Agent}))
			w.deactivate(zoe)
			o := w.ok(w.OpenConversation(w.ctx(), w.program(RoleIntegration), OpenConversationInput{ContactID: contact.ID, Channel: "chat"}))
			lines(t, w.story(o.Events),
				"CONVERSATION_UNASSIGNED Zoe->nobody OWNER_POLICY by a program v2->v3",
				"CONVERSATION_OPENED INTEGRATION by a program new->v4")
			if o.Events[0].ConversationID != nil {
				t.Error("the unassignment names a conversation")
			}
		}},
	})
}

func TestOpenAndClose(t *testing.T) {
	hold(t, []rule{
		{"S1 closing archives: it leaves every open view and appears in CLOSED", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			c := w.open(ada)
			equal(t, "before", w.counts(ada), "mine 1, unassigned 0, all 1, closed 0, blocked 0")
			mine, all, closed := w.watch(ada, db.ViewMine), w.watch(ada, db.ViewAll), w.watch(ada, db.ViewClosed)
			w.closes(c)
			equal(t, "MINE", mine(), "LEFT CONVERSATION_CLOSED")
			equal(t, "ALL", all(), "LEFT CONVERSATION_CLOSED")
			equal(t, "CLOSED", closed(), "ENTERED CONVERSATION_CLOSED")
			equal(t, "after", w.counts(ada), "mine 0, unassigned 0, all 0, closed 1, blocked 0")
		}},
		{"S1 a closing note is kept and searchable", testClosingNote},
		{"S2 the contact stays assigned after closing", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			c := w.open(ada)
			o := w.closes(c)
			lines(t, w.story(o.Events), "CONVERSATION_CLOSED by Mia Manager v3->v4")
			equal(t, "owner", w.owner(c), "Ada")
		}},
		{"S3 opening starts a new conversation, owned by the contact's assignee", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			older := w.closed(ada)
			w.clock = w.clock.Add(time.Hour)
			o := w.ok(w.OpenConversation(w.ctx(), ada, OpenConversationInput{ContactID: older.ContactID, Channel: "chat"}))
			lines(t, w.story(o.Events), "CONVERSATION_OPENED AGENT by Ada new->v5")
			c := w.read(o.Conversation)
			equal(t, "owner", w.owner(c), "Ada")
			equal(t, "channel", c.Channel, "chat")
			equal(t, "opened", c.OpenedAt.UTC(), w.clock)
			equal(t, "opened by", c.OpenedBy, ada.Agent.Ref())
			equal(t, "latest", fmt.Sprint(c.Latest, w.read(older).Latest), "true false")
		}},
		{"S3 reopening clears the closing; openedAt stays and the timeline keeps the note", testReopening},
		{"S4 blocked: in no view but BLOCKED and in no load; unblocked, all is as before", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			c := w.open(ada)
			before := w.counts(ada)
			mine, blocked := w.watch(ada, db.ViewMine), w.watch(ada, db.ViewBlocked)
			lines(t, w.story(w.block(c).Events), "CONTACT_BLOCKED by Mia Manager v3->v4")
			equal(t, "MINE", mine(), "LEFT CONTACT_BLOCKED")
			equal(t, "BLOCKED", blocked(), "ENTERED CONTACT_BLOCKED")
			equal(t, "blocked", w.counts(ada), "mine 0, unassigned 0, all 0, closed 0, blocked 1")
			equal(t, "blocked at", w.readContact(c.ContactID).BlockedAt.UTC(), w.clock)
			w.unblock(c)
			equal(t, "unblocked", w.counts(ada), before)
			equal(t, "owner and status", w.owner(c)+" "+string(w.read(c).Status), "Ada OPEN")
		}},
		{"S4 assigning a blocked contact stays possible", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.open()
			w.block(c)
			w.ok(w.AssignToMe(w.ctx(), ada, AssignToMeInput{ConversationID: c.ID}))
			equal(t, "owner", w.owner(c), "Ada")
		}},
		{"S5 ALREADY_CLOSED and ALREADY_OPEN come with the conversation", func(t *testing.T, w *world) {
			open, closed := w.open(), w.closed()
			o, err := w.CloseConversation(w.ctx(), w.manager, CloseConversationInput{ConversationID: closed.ID})
			refused(t, err, AlreadyClosed)
			equal(t, "conversation", o.Conversation.ID, closed.ID)
			o, err = w.OpenConversation(w.ctx(), w.manager, OpenConversationInput{ContactID: open.ContactID, Channel: "chat"})
			refused(t, err, AlreadyOpen)
			equal(t, "conversation", o.Conversation.ID, open.ID)
			o, err = w.ReopenConversation(w.ctx(), w.manager, ReopenConversationInput{ConversationID: open.ID})
			refused(t, err, AlreadyOpen)
			equal(t, "conversation", o.Conversation.ID, open.ID)
		}},
	})
}

func testClosingNote(t *testing.T, w *world) {
	c, other := w.open(), w.closed()
	o := w.ok(w.CloseConversation(w.ctx(), w.manager, CloseConversationInput{ConversationID: c.ID,
		Note: &ClosingNoteInput{Category: Text(" Problem "), Text: Text("Refunded the crème brûlée")}}))
	for _, note := range []*db.ClosingNote{o.Conversation.ClosingNote(), w.read(c).ClosingNote(), o.Events[0].Data.ClosingNote} {
		equal(t, "note", *note.Category+": "+*note.Text, "Problem: Refunded the crème brûlée")
	}
	equal(t, "category of the event", *o.Events[0].After.Category, "Problem")
	for _, term := range []string{"refunded", "brulee", "refnded", "Problem"} {
		equal(t, "found by "+term, fmt.Sprint(w.list(w.manager, InboxInput{View: db.ViewClosed, Search: &term})), fmt.Sprint([]db.ConversationID{c.ID}))
	}
	blank := w.open()
	w.ok(w.CloseConversation(w.ctx(), w.manager, CloseConversationInput{ConversationID: blank.ID, Note: &ClosingNoteInput{Category: Text(""), Text: Text("  ")}}))
	for _, without := range []*db.Conversation{blank, other} {
		if w.read(without).ClosingNote() != nil {
			t.Error("a note came from nothing")
		}
	}
}

func testReopening(t *testing.T, w *world) {
	c := w.open()
	opened := w.clock
	w.clock = w.clock.Add(time.Hour)
	w.ok(w.CloseConversation(w.ctx(), w.manager, CloseConversationInput{ConversationID: c.ID,
		Note: &ClosingNoteInput{Category: Text("Other"), Text: Text("done")}}))
	closed := w.read(c)
	equal(t, "closed", closed.ClosedAt.UTC(), w.clock)
	equal(t, "closed by", closed.ClosedBy, w.manager.Agent.Ref())
	w.clock = w.clock.Add(time.Hour)
	lines(t, w.story(w.reopens(c).Events), "CONVERSATION_REOPENED AGENT by Mia Manager v3->v4")
	now := w.read(c)
	if now.Status != db.StatusOpen || now.ClosedAt != nil || !now.ClosedBy.IsZero() || now.ClosingNote() != nil {
		t.Errorf("something of the closing is left: %+v", now)
	}
	equal(t, "opened", now.OpenedAt.UTC(), opened)
	timeline, err := w.ConversationTimelines(w.ctx(), w.manager, []db.ConversationID{c.ID}, PageInput{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "timeline", types(timeline[0].Rows), "CONVERSATION_OPENED + CONVERSATION_CLOSED + CONVERSATION_REOPENED")
	equal(t, "note in the timeline", *timeline[0].Rows[1].Data.ClosingNote.Text, "done")
	if w.list(w.manager, InboxInput{View: db.ViewAll, Search: Text("done")}) != nil {
		t.Error("the cleared note is still found")
	}
	w.closes(c)
	if !slices.Contains(w.list(w.manager, InboxInput{View: db.ViewClosed}), c.ID) {
		t.Error("it cannot be closed again")
	}
}
