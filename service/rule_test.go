package service_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// Tests of what the verbs do. TestStates has the table of when each verb is refused.

func TestAssignment(t *testing.T) {
	hold(t, []rule{
		{"A1 any agent assigns to any active agent", func(t *testing.T, w *world) {
			ada, ben, c := w.Agent("Ada"), w.Agent("Ben"), w.Open()
			o := w.OK(w.AssignConversation(w.Context(), ada, service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *ben.Agent}))
			servicetest.Lines(t, w.Story(o.Events), "CONVERSATION_ASSIGNED nobody->Ben MANUAL by Ada v2->v3")
			o = w.OK(w.AssignConversation(w.Context(), w.Program(service.RoleIntegration), service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *ada.Agent}))
			servicetest.Lines(t, w.Story(o.Events), "CONVERSATION_ASSIGNED Ben->Ada MANUAL by a program v3->v4")
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
		}},
		{"A1 the list to pick from is searchable, online agents first, with their load", testAgentsToPick},
		{"A2 unassigning moves an open conversation to UNASSIGNED in a single event", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			c := w.Open(ada)
			mine, unassigned := w.watch(ada, db.ViewMine), w.watch(ada, db.ViewUnassigned)
			o := w.Unassign(c)
			servicetest.Lines(t, w.Story(o.Events), "CONVERSATION_UNASSIGNED Ada->nobody MANUAL by Mia Manager v3->v4")
			servicetest.Equal(t, "MINE", mine(), "LEFT CONVERSATION_UNASSIGNED")
			servicetest.Equal(t, "UNASSIGNED", unassigned(), "ENTERED CONVERSATION_UNASSIGNED")
			w.Unchanged("again", func() { w.Unassign(c) })
		}},
		{"A2 from the contact, with a conversation open, closed or none", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			none := w.Contact("Unassigned")
			w.OK(w.AssignContact(w.Context(), ada, service.AssignContactInput{ContactID: none.ID, AssigneeID: *ada.Agent}))
			for _, contact := range []db.ContactID{w.Open(ada).ContactID, w.Closed(ada).ContactID, none.ID} {
				o := w.OK(w.UnassignContact(w.Context(), ada, service.UnassignContactInput{ContactID: contact}))
				servicetest.Equal(t, "events", servicetest.Types(o.Events), "CONVERSATION_UNASSIGNED")
				servicetest.Equal(t, "owner", w.Named(w.ReadContact(contact).AssigneeID), servicetest.Nobody)
			}
		}},
		{"A3 assign to me takes an unassigned open conversation", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Open()
			o := w.OK(w.AssignToMe(w.Context(), ada, service.AssignToMeInput{ConversationID: c.ID}))
			servicetest.Lines(t, w.Story(o.Events), "CONVERSATION_ASSIGNED nobody->Ada SELF by Ada v2->v3")
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
			w.Unchanged("on one's own", func() { w.OK(w.AssignToMe(w.Context(), ada, service.AssignToMeInput{ConversationID: c.ID})) })
		}},
		{"A3 who comes second gets ALREADY_ASSIGNED and sees the winner", func(t *testing.T, w *world) {
			ada, ben, c := w.Agent("Ada"), w.Agent("Ben"), w.Open()
			w.OK(w.AssignToMe(w.Context(), ada, service.AssignToMeInput{ConversationID: c.ID}))
			o, err := w.AssignToMe(w.Context(), ben, service.AssignToMeInput{ConversationID: c.ID})
			servicetest.Refused(t, err, service.AlreadyAssigned)
			servicetest.Equal(t, "owner in the answer", w.Named(o.Conversation.AssigneeID), "Ada")
			o = w.OK(w.AssignConversation(w.Context(), ben, service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *ben.Agent}))
			servicetest.Lines(t, w.Story(o.Events), "CONVERSATION_ASSIGNED Ada->Ben MANUAL by Ben v3->v4")
		}},
		{"A3 a deactivated caller takes nothing", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Open()
			w.Deactivate(ada)
			w.Unchanged("taking", func() {
				_, err := w.AssignToMe(w.Context(), ada, service.AssignToMeInput{ConversationID: c.ID})
				servicetest.Failed(t, err, service.Forbidden)
			})
		}},
		{"A6 assigning to the owner records nothing", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			c := w.Open(ada)
			w.Unchanged("again", func() { servicetest.Equal(t, "events", len(w.Assign(c, ada).Events), 0) })
			servicetest.Equal(t, "version", w.Read(c).Version, 3)
		}},
		{"A6 with none open it sets the owner of the contact and of its latest conversation", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Closed()
			all := w.counts(ada)
			o := w.OK(w.AssignContact(w.Context(), ada, service.AssignContactInput{ContactID: c.ContactID, AssigneeID: *ada.Agent}))
			servicetest.Lines(t, w.Story(o.Events), "CONVERSATION_ASSIGNED nobody->Ada MANUAL by Ada v3->v4")
			servicetest.Equal(t, "the event's conversation", *o.Events[0].ConversationID, c.ID)
			servicetest.Equal(t, "status", w.Read(c).Status, db.StatusClosed)
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
			servicetest.Equal(t, "counts", w.counts(ada), all)
		}},
		{"A6 the event's conversation is null only if there never was any", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Contact("Cora")
			o := w.OK(w.AssignContact(w.Context(), ada, service.AssignContactInput{ContactID: c.ID, AssigneeID: *ada.Agent}))
			servicetest.Lines(t, w.Story(o.Events), "CONVERSATION_ASSIGNED nobody->Ada MANUAL by Ada v1->v2")
			if o.Conversation != nil || o.Events[0].ConversationID != nil {
				t.Error("there is a conversation")
			}
			servicetest.Equal(t, "owner of the first one", w.Owner(w.Opens(c)), "Ada")
		}},
		{"A6 the older conversation keeps the owner it had", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			older, newer := w.Older(ada)
			w.Assign(newer, ben)
			servicetest.Equal(t, "owner of the older", w.Owner(older), "Ada")
			servicetest.Equal(t, "version of the older", w.Read(older).Version, older.Version)
			_, err := w.AssignConversation(w.Context(), ada, service.AssignConversationInput{ConversationID: older.ID, AssigneeID: *ben.Agent})
			servicetest.Refused(t, err, service.NotLatest)
		}},
	})
}

func testAgentsToPick(t *testing.T, w *world) {
	ada, ben := w.Agent("Ada"), w.Agent("Bén")
	w.Open(ada)
	w.Open(ada)
	w.Block(w.Open(ada)) // belongs to no load (S4)
	w.Closed(ada)
	w.OK(w.SetAvailability(w.Context(), ben, service.SetAvailabilityInput{Availability: db.Away}))
	list := func(in service.AgentsInput) string {
		l, err := w.Agents(w.Context(), ada, in)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, a := range l.Rows {
			load, err := w.OpenConversations(w.Context(), ada, []db.AgentID{a.ID})
			if err != nil {
				t.Fatal(err)
			}
			said = append(said, fmt.Sprint(a.Name, " ", a.Availability, " ", load[0]))
		}
		return strings.Join(said, ", ")
	}
	servicetest.Equal(t, "everybody", list(service.AgentsInput{}), "Ada ONLINE 2, Bén AWAY 0, Mia Manager OFFLINE 0")
	servicetest.Equal(t, "search", list(service.AgentsInput{Search: service.Text("ben@acme")}), "Bén AWAY 0")
	servicetest.Equal(t, "search", list(service.AgentsInput{Search: service.Text("ben")}), "Bén AWAY 0")
	servicetest.Equal(t, "search by e-mail", list(service.AgentsInput{Search: service.Text("mia@acme.exa")}), "Mia Manager OFFLINE 0")
}

func TestVersions(t *testing.T) {
	hold(t, []rule{
		{"A4 a new contact begins with 1, a new conversation with the next", func(t *testing.T, w *world) {
			contact := w.Contact("Cora")
			servicetest.Equal(t, "contact", contact.Version, 1)
			c := w.Opens(contact)
			servicetest.Equal(t, "first conversation", c.Version, 2)
			w.Closes(c)
			servicetest.Equal(t, "second conversation", w.Opens(contact).Version, 4)
			servicetest.Equal(t, "contact", w.ReadContact(contact.ID).Version, 4)
			servicetest.Equal(t, "older conversation", w.Read(c).Version, 3)
		}},
		{"A4 it grows with nothing else", func(t *testing.T, w *world) {
			c := w.Open()
			o := w.OK(w.UpdateContact(w.Context(), w.Manager, service.UpdateContactInput{ContactID: c.ContactID, Name: service.Text("Cornelia")}))
			servicetest.Lines(t, w.Story(o.Events), "CONTACT_UPDATED by Mia Manager v2->v2")
			servicetest.Equal(t, "version", w.Read(c).Version, 2)
		}},
		{"A4 who believes in an older version gets CONFLICT with the current state", func(t *testing.T, w *world) {
			ada, ben, c := w.Agent("Ada"), w.Agent("Ben"), w.Open()
			w.Assign(c, ben)
			in := service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *ada.Agent, ExpectedVersion: &c.Version}
			w.Unchanged("refused", func() {
				o, err := w.AssignConversation(w.Context(), ada, in)
				servicetest.Refused(t, err, service.Conflict)
				servicetest.Equal(t, "version in the answer", o.Conversation.Version, 3)
				servicetest.Equal(t, "owner in the answer", w.Named(o.Conversation.AssigneeID), "Ben")
				servicetest.Equal(t, "owner of the contact in the answer", w.Named(o.Contact.AssigneeID), "Ben")
			})
			in.ExpectedVersion = new(3)
			w.OK(w.AssignConversation(w.Context(), ada, in))
			in.ExpectedVersion = new(5)
			_, err := w.AssignConversation(w.Context(), ada, in)
			servicetest.Refused(t, err, service.Conflict)
		}},
		{"A4 latest is by openedAt, whatever the clocks of the servers say", func(t *testing.T, w *world) {
			c := w.Open()
			w.Closes(c)
			w.Clock = w.Clock.Add(-time.Hour)
			newer := w.Opens(w.ReadContact(c.ContactID))
			lists, err := w.ConversationsOf(w.Context(), w.Manager, []db.ContactID{c.ContactID}, service.PageInput{})
			if err != nil {
				t.Fatal(err)
			}
			servicetest.Equal(t, "first of the contact's conversations", lists[0].Rows[0].ID, newer.ID)
		}},
	})
}

func TestEventsOfAssignment(t *testing.T) {
	hold(t, []rule{
		{"A8 from A to B is one event with from, to, actor and reason", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			c := w.Open(ada)
			head := w.Head()
			w.OK(w.AssignConversation(w.Context(), ada, service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *ben.Agent}))
			servicetest.Lines(t, w.Story(w.Since(head)), "CONVERSATION_ASSIGNED Ada->Ben MANUAL by Ada v3->v4")
		}},
		{"A8 an inactive owner is unassigned before an opening, on the latest until then", func(t *testing.T, w *world) {
			zoe := w.Agent("Zoe")
			c := w.Closed(zoe)
			w.Deactivate(zoe)
			head := w.Head()
			o := w.OK(w.OpenConversation(w.Context(), w.Manager, service.OpenConversationInput{ContactID: c.ContactID, Channel: "chat"}))
			servicetest.Lines(t, w.Story(o.Events),
				"CONVERSATION_UNASSIGNED Zoe->nobody OWNER_POLICY by Mia Manager v4->v5",
				"CONVERSATION_OPENED AGENT by Mia Manager new->v6")
			servicetest.Lines(t, w.Story(w.Since(head)), w.Story(o.Events)...)
			servicetest.Equal(t, "conversation of the unassignment", *o.Events[0].ConversationID, c.ID)
			servicetest.Equal(t, "conversation of the opening", *o.Events[1].ConversationID, o.Conversation.ID)
			servicetest.Equal(t, "owner", w.Owner(o.Conversation), servicetest.Nobody)
			servicetest.Equal(t, "owner of the older", w.Owner(c), servicetest.Nobody)
			servicetest.Equal(t, "version of the older", w.Read(c).Version, 5)
		}},
		{"A8 the same before a reopening", func(t *testing.T, w *world) {
			zoe := w.Agent("Zoe")
			c := w.Closed(zoe)
			w.Deactivate(zoe)
			servicetest.Lines(t, w.Story(w.Reopens(c).Events),
				"CONVERSATION_UNASSIGNED Zoe->nobody OWNER_POLICY by Mia Manager v4->v5",
				"CONVERSATION_REOPENED AGENT by Mia Manager v5->v6")
			servicetest.Equal(t, "owner", w.Owner(c), servicetest.Nobody)
		}},
		{"A8 the same for a contact that never had any", func(t *testing.T, w *world) {
			zoe, contact := w.Agent("Zoe"), w.Contact("Cora")
			w.OK(w.AssignContact(w.Context(), zoe, service.AssignContactInput{ContactID: contact.ID, AssigneeID: *zoe.Agent}))
			w.Deactivate(zoe)
			o := w.OK(w.OpenConversation(w.Context(), w.Program(service.RoleIntegration), service.OpenConversationInput{ContactID: contact.ID, Channel: "chat"}))
			servicetest.Lines(t, w.Story(o.Events),
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
			ada := w.Agent("Ada")
			c := w.Open(ada)
			servicetest.Equal(t, "before", w.counts(ada), "mine 1, unassigned 0, all 1, closed 0, blocked 0")
			mine, all, closed := w.watch(ada, db.ViewMine), w.watch(ada, db.ViewAll), w.watch(ada, db.ViewClosed)
			w.Closes(c)
			servicetest.Equal(t, "MINE", mine(), "LEFT CONVERSATION_CLOSED")
			servicetest.Equal(t, "ALL", all(), "LEFT CONVERSATION_CLOSED")
			servicetest.Equal(t, "CLOSED", closed(), "ENTERED CONVERSATION_CLOSED")
			servicetest.Equal(t, "after", w.counts(ada), "mine 0, unassigned 0, all 0, closed 1, blocked 0")
		}},
		{"S1 a closing note is kept and searchable", testClosingNote},
		{"S2 the contact stays assigned after closing", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			c := w.Open(ada)
			o := w.Closes(c)
			servicetest.Lines(t, w.Story(o.Events), "CONVERSATION_CLOSED by Mia Manager v3->v4")
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
		}},
		{"S3 opening starts a new conversation, owned by the contact's assignee", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			older := w.Closed(ada)
			w.Clock = w.Clock.Add(time.Hour)
			o := w.OK(w.OpenConversation(w.Context(), ada, service.OpenConversationInput{ContactID: older.ContactID, Channel: "chat"}))
			servicetest.Lines(t, w.Story(o.Events), "CONVERSATION_OPENED AGENT by Ada new->v5")
			c := w.Read(o.Conversation)
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
			servicetest.Equal(t, "channel", c.Channel, "chat")
			servicetest.Equal(t, "opened", c.OpenedAt.UTC(), w.Clock)
			servicetest.Equal(t, "opened by", c.OpenedBy, ada.Agent.Ref())
			servicetest.Equal(t, "latest", fmt.Sprint(c.Latest, w.Read(older).Latest), "true false")
		}},
		{"S3 reopening clears the closing; openedAt stays and the timeline keeps the note", testReopening},
		{"S4 blocked: in no view but BLOCKED and in no load; unblocked, all is as before", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			c := w.Open(ada)
			before := w.counts(ada)
			mine, blocked := w.watch(ada, db.ViewMine), w.watch(ada, db.ViewBlocked)
			servicetest.Lines(t, w.Story(w.Block(c).Events), "CONTACT_BLOCKED by Mia Manager v3->v4")
			servicetest.Equal(t, "MINE", mine(), "LEFT CONTACT_BLOCKED")
			servicetest.Equal(t, "BLOCKED", blocked(), "ENTERED CONTACT_BLOCKED")
			servicetest.Equal(t, "blocked", w.counts(ada), "mine 0, unassigned 0, all 0, closed 0, blocked 1")
			servicetest.Equal(t, "blocked at", w.ReadContact(c.ContactID).BlockedAt.UTC(), w.Clock)
			w.Unblock(c)
			servicetest.Equal(t, "unblocked", w.counts(ada), before)
			servicetest.Equal(t, "owner and status", w.Owner(c)+" "+string(w.Read(c).Status), "Ada OPEN")
		}},
		{"S4 assigning a blocked contact stays possible", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Open()
			w.Block(c)
			w.OK(w.AssignToMe(w.Context(), ada, service.AssignToMeInput{ConversationID: c.ID}))
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
		}},
		{"S5 ALREADY_CLOSED and ALREADY_OPEN come with the conversation", func(t *testing.T, w *world) {
			open, closed := w.Open(), w.Closed()
			o, err := w.CloseConversation(w.Context(), w.Manager, service.CloseConversationInput{ConversationID: closed.ID})
			servicetest.Refused(t, err, service.AlreadyClosed)
			servicetest.Equal(t, "conversation", o.Conversation.ID, closed.ID)
			o, err = w.OpenConversation(w.Context(), w.Manager, service.OpenConversationInput{ContactID: open.ContactID, Channel: "chat"})
			servicetest.Refused(t, err, service.AlreadyOpen)
			servicetest.Equal(t, "conversation", o.Conversation.ID, open.ID)
			o, err = w.ReopenConversation(w.Context(), w.Manager, service.ReopenConversationInput{ConversationID: open.ID})
			servicetest.Refused(t, err, service.AlreadyOpen)
			servicetest.Equal(t, "conversation", o.Conversation.ID, open.ID)
		}},
	})
}

func testClosingNote(t *testing.T, w *world) {
	c, other := w.Open(), w.Closed()
	o := w.OK(w.CloseConversation(w.Context(), w.Manager, service.CloseConversationInput{ConversationID: c.ID,
		Note: &service.ClosingNoteInput{Category: service.Text(" Problem "), Text: service.Text("Refunded the crème brûlée")}}))
	for _, note := range []*db.ClosingNote{o.Conversation.ClosingNote(), w.Read(c).ClosingNote(), o.Events[0].Data.ClosingNote} {
		servicetest.Equal(t, "note", *note.Category+": "+*note.Text, "Problem: Refunded the crème brûlée")
	}
	servicetest.Equal(t, "category of the event", *o.Events[0].After.Category, "Problem")
	for _, term := range []string{"refunded", "brulee", "refnded", "Problem"} {
		servicetest.Equal(t, "found by "+term, fmt.Sprint(w.list(w.Manager, service.InboxInput{View: db.ViewClosed, Search: &term})), fmt.Sprint([]db.ConversationID{c.ID}))
	}
	blank := w.Open()
	w.OK(w.CloseConversation(w.Context(), w.Manager, service.CloseConversationInput{ConversationID: blank.ID, Note: &service.ClosingNoteInput{Category: service.Text(""), Text: service.Text("  ")}}))
	for _, without := range []*db.Conversation{blank, other} {
		if w.Read(without).ClosingNote() != nil {
			t.Error("a note came from nothing")
		}
	}
}

func testReopening(t *testing.T, w *world) {
	c := w.Open()
	opened := w.Clock
	w.Clock = w.Clock.Add(time.Hour)
	w.OK(w.CloseConversation(w.Context(), w.Manager, service.CloseConversationInput{ConversationID: c.ID,
		Note: &service.ClosingNoteInput{Category: service.Text("Other"), Text: service.Text("done")}}))
	closed := w.Read(c)
	servicetest.Equal(t, "closed", closed.ClosedAt.UTC(), w.Clock)
	servicetest.Equal(t, "closed by", closed.ClosedBy, w.Manager.Agent.Ref())
	w.Clock = w.Clock.Add(time.Hour)
	servicetest.Lines(t, w.Story(w.Reopens(c).Events), "CONVERSATION_REOPENED AGENT by Mia Manager v3->v4")
	now := w.Read(c)
	if now.Status != db.StatusOpen || now.ClosedAt != nil || !now.ClosedBy.IsZero() || now.ClosingNote() != nil {
		t.Errorf("something of the closing is left: %+v", now)
	}
	servicetest.Equal(t, "opened", now.OpenedAt.UTC(), opened)
	timeline, err := w.ConversationTimelines(w.Context(), w.Manager, []db.ConversationID{c.ID}, service.PageInput{})
	if err != nil {
		t.Fatal(err)
	}
	servicetest.Equal(t, "timeline", servicetest.Types(timeline[0].Rows), "CONVERSATION_OPENED + CONVERSATION_CLOSED + CONVERSATION_REOPENED")
	servicetest.Equal(t, "note in the timeline", *timeline[0].Rows[1].Data.ClosingNote.Text, "done")
	if w.list(w.Manager, service.InboxInput{View: db.ViewAll, Search: service.Text("done")}) != nil {
		t.Error("the cleared note is still found")
	}
	w.Closes(c)
	if !slices.Contains(w.list(w.Manager, service.InboxInput{View: db.ViewClosed}), c.ID) {
		t.Error("it cannot be closed again")
	}
}
