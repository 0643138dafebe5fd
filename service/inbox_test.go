package service

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/db"
)

// watch subscribes to a view; each call of what it gives waits for the next step.
func (w *world) watch(a Actor, view db.View) func() string {
	w.t.Helper()
	return w.watchFiltered(a, view, nil)
}

func (w *world) watchFiltered(a Actor, view db.View, filter *db.InboxFilter) func() string {
	w.t.Helper()
	s, err := w.WatchInbox(w.ctx(), a, view, filter, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.Close)
	return func() string {
		w.t.Helper()
		c, err := await(w.ctx(), s)
		if err != nil {
			w.t.Fatal(err)
		}
		return string(c.Kind) + " " + string(c.Event.Type)
	}
}

func countsText(c Counts) string {
	return fmt.Sprintf("mine %d, unassigned %d, all %d, closed %d, blocked %d", c.Mine, c.Unassigned, c.All, c.Closed, c.Blocked)
}

// counts gives an agent's counts.
func (w *world) counts(a Actor) string {
	w.t.Helper()
	c, err := w.InboxCounts(w.ctx(), a)
	if err != nil {
		w.t.Fatal(err)
	}
	return countsText(c)
}

// inbox reads one page of a view.
func (w *world) inbox(a Actor, in InboxInput) *InboxList {
	w.t.Helper()
	l, err := w.Inbox(w.ctx(), a, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// list gives the ids on one page of a view.
func (w *world) list(a Actor, in InboxInput) []db.ConversationID {
	w.t.Helper()
	return ids(w.inbox(a, in).Rows)
}

func ids(rows []*db.Conversation) (ids []db.ConversationID) {
	for _, c := range rows {
		ids = append(ids, c.ID)
	}
	return ids
}

// contactsIn gives the names of the contacts of a page, in its order.
func (w *world) contactsIn(a Actor, in InboxInput) string {
	w.t.Helper()
	var names []string
	for _, c := range w.inbox(a, in).Rows {
		names = append(names, w.readContact(c.ContactID).Name)
	}
	return strings.Join(names, " ")
}

func TestViews(t *testing.T) {
	hold(t, []rule{
		{"S10 the filter channels asks for the conversation's channel and for that of the last inbound message", func(t *testing.T, w *world) {
			c := w.open() // on email
			list := func(channel string) string {
				return w.contactsIn(w.manager, InboxInput{View: db.ViewAll, Filter: &db.InboxFilter{Channels: []string{channel}}})
			}
			onChat := w.watchFiltered(w.manager, db.ViewAll, &db.InboxFilter{Channels: []string{"chat"}})
			onEmail := w.watchFiltered(w.manager, db.ViewAll, &db.InboxFilter{Channels: []string{"email"}})
			for _, channel := range []string{"chat", "sms"} {
				w.receives(c.ContactID, func(in *ReceiveMessageInput) { in.Channel = ptr(channel) })
				equal(t, "on "+channel, list(channel) == list("email"), true)
				equal(t, "live, on email", onEmail(), "UPDATED MESSAGE_RECEIVED")
			}
			equal(t, "live, on chat", onChat(), "ENTERED MESSAGE_RECEIVED")
			equal(t, "live, no more on chat", onChat(), "LEFT MESSAGE_RECEIVED")
			equal(t, "no more on chat", list("chat"), "")
		}},
		{"I1 each conversation is in the views that it belongs to", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			mine, bens, free, closed := w.open(ada), w.open(ben), w.open(), w.closed(ada)
			blockedOpen, blockedClosed := w.open(ada), w.closed(ada)
			older, newer := w.older(ada)
			for _, c := range []*db.Conversation{blockedOpen, blockedClosed, newer} {
				w.block(c)
			}
			for view, want := range map[db.View][]*db.Conversation{
				db.ViewMine: {mine}, db.ViewUnassigned: {free}, db.ViewAll: {mine, bens, free},
				db.ViewClosed: {closed, older}, db.ViewBlocked: {blockedOpen, blockedClosed, newer},
			} {
				got := w.list(ada, InboxInput{View: view})
				slices.SortFunc(got, func(a, b db.ConversationID) int { return strings.Compare(a.String(), b.String()) })
				equal(t, string(view), fmt.Sprint(got), fmt.Sprint(ids(want)))
			}
			equal(t, "counts", w.counts(ada), "mine 1, unassigned 1, all 3, closed 2, blocked 3")
		}},
		{"I1 filters: assignee, several and none", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			mine, bens, free := w.open(ada), w.open(ben), w.open()
			everyday := w.list(ada, InboxInput{View: db.ViewAll, Filter: &db.InboxFilter{Assignees: []*db.AgentID{ada.Agent, nil}}})
			equal(t, "[me, none]", fmt.Sprint(everyday), fmt.Sprint([]db.ConversationID{free.ID, mine.ID}))
			equal(t, "Ben", fmt.Sprint(w.list(ada, InboxInput{View: db.ViewAll, Filter: &db.InboxFilter{Assignees: []*db.AgentID{ben.Agent}}})), fmt.Sprint(ids([]*db.Conversation{bens})))
			unknown := db.AgentID{UUID: db.NewUUID()}
			equal(t, "unknown", len(w.list(ada, InboxInput{View: db.ViewAll, Filter: &db.InboxFilter{Assignees: []*db.AgentID{&unknown}}})), 0)
		}},
		{"I1 filters: channel, category, waiting, opened and closed between", testFilters},
		{"I1 search: name, e-mail and phone; accents and typos forgiven", testSearch},
		{"I1 order and keyset pages in both directions", testPages},
		{"I2 list, counts and live view never disagree", testAgreement},
		{"I2 counts are pushed at once, then when they change", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			c := w.open()
			s, err := w.WatchCounts(w.ctx(), ada)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			next := func() string {
				counts, err := await(w.ctx(), s)
				if err != nil {
					t.Fatal(err)
				}
				return countsText(counts)
			}
			equal(t, "at once", next(), "mine 0, unassigned 1, all 1, closed 0, blocked 0")
			w.contact("Changes nothing")
			w.assign(c, ada)
			equal(t, "then", next(), "mine 1, unassigned 0, all 1, closed 0, blocked 0")
		}},
	})
}

func testFilters(t *testing.T, w *world) {
	morning := w.clock
	for _, channel := range []string{"email", "chat"} {
		w.clock = w.clock.Add(time.Hour)
		o := w.ok(w.OpenConversation(w.ctx(), w.manager, OpenConversationInput{ContactID: w.contact(channel).ID, Channel: channel}))
		w.clock = w.clock.Add(time.Hour)
		if channel == "chat" {
			w.receives(o.Contact.ID, func(in *ReceiveMessageInput) { in.Channel = Text("SMS") })
		}
		w.ok(w.CloseConversation(w.ctx(), w.manager, CloseConversationInput{ConversationID: o.Conversation.ID,
			Note: &ClosingNoteInput{Category: Text(map[string]string{"email": "Question", "chat": "Other"}[channel])}}))
	}
	at := func(hours int) *time.Time { return new(morning.Add(time.Duration(hours) * time.Hour)) }
	for _, row := range []struct {
		filter db.InboxFilter
		want   string
	}{
		{db.InboxFilter{}, "chat email"},
		{db.InboxFilter{Channels: []string{"email", "fax"}}, "email"},
		{db.InboxFilter{Channels: []string{"EMAIL"}}, "email"},
		{db.InboxFilter{Channels: []string{"sms"}}, "chat"}, // S10 the contact's last message came by it
		{db.InboxFilter{ClosingCategories: []string{"Other"}}, "chat"},
		{db.InboxFilter{Waiting: new(true)}, ""},
		{db.InboxFilter{Waiting: new(false)}, "chat email"},
		{db.InboxFilter{OpenedAfter: at(1), OpenedBefore: at(3)}, "email"},
		{db.InboxFilter{OpenedAfter: at(3)}, "chat"},
		{db.InboxFilter{ClosedBefore: at(4)}, "email"},
		{db.InboxFilter{ClosedAfter: at(4), Channels: []string{"email"}}, ""},
	} {
		in := InboxInput{View: db.ViewClosed, Filter: &row.filter}
		equal(t, fmt.Sprintf("%+v", row.filter), w.contactsIn(w.manager, in), row.want)
		total, capped, err := w.InboxTotal(w.ctx(), w.manager, w.inbox(w.manager, in))
		equal(t, "total", fmt.Sprint(total, capped, err), fmt.Sprint(len(strings.Fields(row.want)), false, nil))
	}
}

func testSearch(t *testing.T, w *world) {
	for _, in := range []CreateContactInput{
		{Name: "Zoë Nováková", Email: Text("zoe@example.com"), Phone: Text("+420 603 123 456")},
		{Name: "Bob 100%", Email: Text("bob@shop.example")},
	} {
		w.opens(w.ok(w.CreateContact(w.ctx(), w.manager, in)).Contact)
	}
	for term, want := range map[string]string{
		"novakova": "Zoë Nováková", "NOVÁK": "Zoë Nováková", "novkova": "Zoë Nováková", "zoe@exam": "Zoë Nováková",
		"603123": "Zoë Nováková", "603 123": "Zoë Nováková", "zo": "Zoë Nováková", "ov": "", "bob shop": "Bob 100%",
		"100%": "Bob 100%", "1%0": "", "b_b": "Bob 100%", "_o_": "", "  ": "Bob 100% Zoë Nováková", "nobody": "",
	} {
		equal(t, "search "+term, w.contactsIn(w.manager, InboxInput{View: db.ViewAll, Search: &term}), want)
		l, err := w.Contacts(w.ctx(), w.manager, ContactsInput{Search: &term})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "contacts "+term, len(l.Rows), strings.Count(want, "Zoë")+strings.Count(want, "Bob"))
	}
}

func testPages(t *testing.T, w *world) {
	for i := range 7 {
		w.clock = w.clock.Add(time.Minute)
		w.opens(w.contact(fmt.Sprint(i)))
	}
	// Two of them wait: 4 longer than 1.
	if _, err := w.DB.ExecContext(w.ctx(), `UPDATE conversations SET waiting_since = opened_at - (contacts.name::int * '1 hour'::interval)
		FROM contacts WHERE contacts.id = contact_id AND contacts.name IN ('1', '4')`); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		field     db.InboxOrderField
		direction Direction
		want      string
	}{
		{db.LastActivity, Ascending, "0 1 2 3 4 5 6"}, {db.LastActivity, Descending, "6 5 4 3 2 1 0"},
		{db.OpenedAt, Ascending, "0 1 2 3 4 5 6"}, {db.OpenedAt, Descending, "6 5 4 3 2 1 0"},
		{db.WaitingSince, Ascending, "4 1 0 2 3 5 6"}, {db.WaitingSince, Descending, "1 4 6 5 3 2 0"},
	} {
		in := InboxInput{View: db.ViewAll, OrderBy: &InboxOrder{row.field, row.direction}}
		forward, backward := w.pages(in)
		equal(t, fmt.Sprint(row.field, " ", row.direction), forward, row.want)
		equal(t, fmt.Sprint(row.field, " ", row.direction, ", backward"), backward, row.want)
	}
}

// pages reads a list page by page, from its beginning and from its end.
func (w *world) pages(in InboxInput) (forward, backward string) {
	w.t.Helper()
	var ahead, back []string
	for in.PageInput = (PageInput{First: new(3)}); ; {
		l := w.inbox(w.manager, in)
		ahead = append(ahead, w.contactsIn(w.manager, in))
		if !l.HasNext {
			break
		}
		in.After = new(l.Cursor(l.Rows[len(l.Rows)-1]))
	}
	for in.PageInput = (PageInput{Last: new(3)}); ; {
		l := w.inbox(w.manager, in)
		back = append(back, w.contactsIn(w.manager, in))
		if !l.HasPrevious {
			break
		}
		in.Before = new(l.Cursor(l.Rows[0]))
	}
	slices.Reverse(back)
	return strings.Join(ahead, " "), strings.Join(back, " ")
}

// liveView is a view kept from a subscription.
type liveView struct {
	stream *Stream[InboxChange]
	held   map[db.ConversationID]bool
	counts string
	seq    db.Seq
}

// follow goes on until the log is at a place and gives what is held then.
func (v *liveView) follow(ctx context.Context, t *testing.T, upTo db.Seq) {
	for v.seq < upTo {
		c, err := await(ctx, v.stream)
		if err != nil {
			t.Fatal(err)
		}
		v.seq = c.Event.Seq
		if c.Counts != nil { // not of what was before the subscription
			v.counts = countsText(*c.Counts)
		}
		id := *c.Event.ConversationID
		switch {
		case c.Kind == Entered && !v.held[id]:
			v.held[id] = true
		case c.Kind == Left && v.held[id]:
			delete(v.held, id)
		case c.Kind == Updated && v.held[id]:
		default:
			t.Errorf("%s although held is %t", c.Kind, v.held[id])
		}
	}
}

// testAgreement makes random calls and compares, after each one that is carried out, the
// list, the counts and the live view at the same cursor.
func testAgreement(t *testing.T, w *world) {
	ada, ben := w.agent("Ada"), w.agent("Ben")
	live := map[db.View]*liveView{}
	for _, view := range db.Views {
		s, err := w.WatchInbox(w.ctx(), ada, view, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		live[view] = &liveView{stream: s, held: map[db.ConversationID]bool{}}
	}
	var known []*db.Conversation
	for range 4 {
		known = append(known, w.open())
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		c := known[random.IntN(len(known))]
		v := verbs[random.IntN(10)]
		agent := []Actor{ada, ben}[random.IntN(2)]
		o, _ := v.in(w, agent, target{conversation: c.ID, contact: c.ContactID, agent: *agent.Agent})
		if v.name == "openConversation" && len(o.Events) > 0 {
			known = append(known, o.Conversation)
		}
		if len(o.Events) > 0 {
			agree(t, w, ada, live)
		}
	}
}

func agree(t *testing.T, w *world, a Actor, live map[db.View]*liveView) {
	t.Helper()
	counts, err := w.InboxCounts(w.ctx(), a)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "counts as of", counts.AsOf.Seq, w.head())
	for view, v := range live {
		l := w.inbox(a, InboxInput{View: view})
		equal(t, "list as of", l.AsOf.Seq, counts.AsOf.Seq)
		equal(t, string(view)+": count and list", counts.Of(view), len(l.Rows))
		last := v.seq
		for _, e := range w.since(last) {
			if membership(e, func(f *db.Facets) bool { return view.Holds(f, a.Agent) }) != "" {
				last = e.Seq
			}
		}
		v.follow(w.ctx(), t, last)
		equal(t, string(view)+": live view and list", len(v.held), len(l.Rows))
		for _, c := range l.Rows {
			equal(t, string(view)+": held", v.held[c.ID], true)
		}
		if last == counts.AsOf.Seq {
			equal(t, "live counts", v.counts, countsText(counts))
		}
	}
}

func TestAgentsAndContacts(t *testing.T) {
	hold(t, []rule{
		{"I4 agents: search, availability, skill and active, with their load", func(t *testing.T, w *world) {
			ada, zoe := w.agent("Ada"), w.agent("Zoé")
			w.ok(w.UpdateAgent(w.ctx(), w.manager, UpdateAgentInput{AgentID: *ada.Agent, Skills: []string{"billing", "french"}}))
			w.open(ada)
			w.deactivate(zoe)
			for _, row := range []struct {
				in   AgentsInput
				want string
			}{
				{AgentsInput{}, "Ada Mia Manager Zoé"},
				{AgentsInput{Active: new(true)}, "Ada Mia Manager"},
				{AgentsInput{Active: new(false)}, "Zoé"},
				{AgentsInput{Skill: Text("french")}, "Ada"},
				{AgentsInput{Availability: []db.Availability{db.Online, db.Away}}, "Ada"},
				{AgentsInput{Search: Text("zoe")}, "Zoé"},
				{AgentsInput{Search: Text("mangaer")}, "Mia Manager"},
				{AgentsInput{Search: Text("ada@acme")}, "Ada"},
				{AgentsInput{Search: Text(" ")}, "Ada Mia Manager Zoé"},
				{AgentsInput{PageInput: PageInput{Last: new(1)}}, "Zoé"},
			} {
				l, err := w.Agents(w.ctx(), ada, row.in)
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, a := range l.Rows {
					names = append(names, a.Name)
				}
				equal(t, "agents", strings.Join(names, " "), row.want)
			}
			loads, err := w.OpenConversations(w.ctx(), ada, []db.AgentID{*zoe.Agent, *ada.Agent})
			equal(t, "loads", fmt.Sprint(loads, err), "[0 1] <nil>")
		}},
		{"I5 contacts: list, filter, order and the history of conversations", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			older, newer := w.older(ada)
			w.block(newer)
			w.contact("Árpád")
			for _, row := range []struct {
				in   ContactsInput
				want string
			}{
				{ContactsInput{}, "Árpád Cora"},
				{ContactsInput{OrderBy: &ContactOrder{ContactName, Descending}}, "Cora Árpád"},
				{ContactsInput{OrderBy: &ContactOrder{ContactCreatedAt, Ascending}}, "Cora Árpád"},
				{ContactsInput{Filter: &ContactFilter{Blocked: new(true)}}, "Cora"},
				{ContactsInput{Filter: &ContactFilter{Assignees: []*db.AgentID{nil}}}, "Árpád"},
				{ContactsInput{Filter: &ContactFilter{Assignees: []*db.AgentID{ada.Agent}}}, "Cora"},
				{ContactsInput{Search: Text("arpad")}, "Árpád"},
			} {
				l, err := w.Contacts(w.ctx(), ada, row.in)
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, c := range l.Rows {
					names = append(names, c.Name)
				}
				equal(t, "contacts", strings.Join(names, " "), row.want)
			}
			history, err := w.ConversationsOf(w.ctx(), ada, []db.ContactID{older.ContactID}, PageInput{})
			equal(t, "history", fmt.Sprint(ids(history[0].Rows), err), fmt.Sprint([]db.ConversationID{newer.ID, older.ID}, nil))
		}},
		{"I5 identities are unique in the workspace; e-mail and phone are not", func(t *testing.T, w *world) {
			known := []*ContactIdentityInput{{"chat", "42"}}
			ada := w.ok(w.CreateContact(w.ctx(), w.manager, CreateContactInput{Name: "Ada", Email: Text("a@b.example"), Identities: known})).Contact
			bob := w.ok(w.CreateContact(w.ctx(), w.manager, CreateContactInput{Name: "Bob", Email: Text("a@b.example")})).Contact
			w.unchanged("taken", func() {
				_, err := w.CreateContact(w.ctx(), w.manager, CreateContactInput{Name: "Cy", Identities: known})
				refused(t, err, IdentityTaken)
				o, err := w.UpdateContact(w.ctx(), w.manager, UpdateContactInput{ContactID: bob.ID, Name: Text("Bobby"), Identities: known})
				refused(t, err, IdentityTaken)
				equal(t, "name in the answer, as it now is", o.Contact.Name, "Bob")
			})
			o := w.ok(w.UpdateContact(w.ctx(), w.manager, UpdateContactInput{ContactID: ada.ID, Identities: []*ContactIdentityInput{}}))
			equal(t, "changed", o.Events[0].Data.Changes[0].Field, "identities")
			w.ok(w.UpdateContact(w.ctx(), w.manager, UpdateContactInput{ContactID: bob.ID, Identities: known}))
			w.unchanged("same", func() {
				w.ok(w.UpdateContact(w.ctx(), w.manager, UpdateContactInput{ContactID: bob.ID, Identities: known, Name: Text("Bob ")}))
			})
		}},
	})
}
