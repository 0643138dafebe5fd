package service_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// watch subscribes to a view; each call of the returned function waits for the next change.
func (w *world) watch(a service.Actor, view db.View) func() string {
	w.T.Helper()
	return w.watchFiltered(a, view, nil)
}

func (w *world) watchFiltered(a service.Actor, view db.View, filter *db.InboxFilter) func() string {
	w.T.Helper()
	s, err := w.WatchInbox(w.Context(), a, view, filter, nil, nil)
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(s.Close)
	return func() string {
		w.T.Helper()
		c, err := servicetest.Await(w.Context(), s)
		if err != nil {
			w.T.Fatal(err)
		}
		return string(c.Kind) + " " + string(c.Event.Type)
	}
}

func countsText(c service.Counts) string {
	return fmt.Sprintf("mine %d, unassigned %d, all %d, closed %d, blocked %d", c.Mine, c.Unassigned, c.All, c.Closed, c.Blocked)
}

// counts returns an agent's counts.
func (w *world) counts(a service.Actor) string {
	w.T.Helper()
	c, err := w.InboxCounts(w.Context(), a)
	if err != nil {
		w.T.Fatal(err)
	}
	return countsText(c)
}

// inbox reads one page of a view.
func (w *world) inbox(a service.Actor, in service.InboxInput) *service.InboxList {
	w.T.Helper()
	l, err := w.Inbox(w.Context(), a, in)
	if err != nil {
		w.T.Fatal(err)
	}
	return l
}

// list returns the ids on one page of a view.
func (w *world) list(a service.Actor, in service.InboxInput) []db.ConversationID {
	w.T.Helper()
	return ids(w.inbox(a, in).Rows)
}

func ids(rows []*db.Conversation) (ids []db.ConversationID) {
	for _, c := range rows {
		ids = append(ids, c.ID)
	}
	return ids
}

// contactsIn returns the names of the contacts of a page, in its order.
func (w *world) contactsIn(a service.Actor, in service.InboxInput) string {
	w.T.Helper()
	var names []string
	for _, c := range w.inbox(a, in).Rows {
		names = append(names, w.ReadContact(c.ContactID).Name)
	}
	return strings.Join(names, " ")
}

func TestViews(t *testing.T) {
	hold(t, []rule{
		{"S10 the filter channels asks for the conversation's channel and for that of the last inbound message", func(t *testing.T, w *world) {
			c := w.Open() // on email
			list := func(channel string) string {
				return w.contactsIn(w.Manager, service.InboxInput{View: db.ViewAll, Filter: &db.InboxFilter{Channels: []string{channel}}})
			}
			onChat := w.watchFiltered(w.Manager, db.ViewAll, &db.InboxFilter{Channels: []string{"chat"}})
			onEmail := w.watchFiltered(w.Manager, db.ViewAll, &db.InboxFilter{Channels: []string{"email"}})
			for _, channel := range []string{"chat", "sms"} {
				w.Receives(c.ContactID, func(in *service.ReceiveMessageInput) { in.Channel = new(channel) })
				servicetest.Equal(t, "on "+channel, list(channel) == list("email"), true)
				servicetest.Equal(t, "live, on email", onEmail(), "UPDATED MESSAGE_RECEIVED")
			}
			servicetest.Equal(t, "live, on chat", onChat(), "ENTERED MESSAGE_RECEIVED")
			servicetest.Equal(t, "live, no more on chat", onChat(), "LEFT MESSAGE_RECEIVED")
			servicetest.Equal(t, "no more on chat", list("chat"), "")
		}},
		{"I1 each conversation is in the views that it belongs to", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			mine, bens, free, closed := w.Open(ada), w.Open(ben), w.Open(), w.Closed(ada)
			blockedOpen, blockedClosed := w.Open(ada), w.Closed(ada)
			older, newer := w.Older(ada)
			for _, c := range []*db.Conversation{blockedOpen, blockedClosed, newer} {
				w.Block(c)
			}
			for view, want := range map[db.View][]*db.Conversation{
				db.ViewMine: {mine}, db.ViewUnassigned: {free}, db.ViewAll: {mine, bens, free},
				db.ViewClosed: {closed, older}, db.ViewBlocked: {blockedOpen, blockedClosed, newer},
			} {
				got := w.list(ada, service.InboxInput{View: view})
				slices.SortFunc(got, func(a, b db.ConversationID) int { return strings.Compare(a.String(), b.String()) })
				servicetest.Equal(t, string(view), fmt.Sprint(got), fmt.Sprint(ids(want)))
			}
			servicetest.Equal(t, "counts", w.counts(ada), "mine 1, unassigned 1, all 3, closed 2, blocked 3")
		}},
		{"I1 filters: assignee, several and none", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			mine, bens, free := w.Open(ada), w.Open(ben), w.Open()
			everyday := w.list(ada, service.InboxInput{View: db.ViewAll, Filter: &db.InboxFilter{Assignees: []*db.AgentID{ada.Agent, nil}}})
			servicetest.Equal(t, "[me, none]", fmt.Sprint(everyday), fmt.Sprint([]db.ConversationID{free.ID, mine.ID}))
			servicetest.Equal(t, "Ben", fmt.Sprint(w.list(ada, service.InboxInput{View: db.ViewAll, Filter: &db.InboxFilter{Assignees: []*db.AgentID{ben.Agent}}})), fmt.Sprint(ids([]*db.Conversation{bens})))
			unknown := db.AgentID{UUID: db.NewUUID()}
			servicetest.Equal(t, "unknown", len(w.list(ada, service.InboxInput{View: db.ViewAll, Filter: &db.InboxFilter{Assignees: []*db.AgentID{&unknown}}})), 0)
		}},
		{"I1 filters: channel, category, waiting, opened and closed between", testFilters},
		{"I1 search: name, e-mail and phone; accents and typos forgiven", testSearch},
		{"I1 order and keyset pages in both directions", testPages},
		{"I2 list, counts and live view never disagree", testAgreement},
		{"I2 counts are pushed at once, then when they change", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			c := w.Open()
			s, err := w.WatchCounts(w.Context(), ada)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			next := func() string {
				counts, err := servicetest.Await(w.Context(), s)
				if err != nil {
					t.Fatal(err)
				}
				return countsText(counts)
			}
			servicetest.Equal(t, "at once", next(), "mine 0, unassigned 1, all 1, closed 0, blocked 0")
			w.Contact("Changes nothing")
			w.Assign(c, ada)
			servicetest.Equal(t, "then", next(), "mine 1, unassigned 0, all 1, closed 0, blocked 0")
		}},
	})
}

func testFilters(t *testing.T, w *world) {
	morning := w.Clock
	for _, channel := range []string{"email", "chat"} {
		w.Clock = w.Clock.Add(time.Hour)
		o := w.OK(w.OpenConversation(w.Context(), w.Manager, service.OpenConversationInput{ContactID: w.Contact(channel).ID, Channel: channel}))
		w.Clock = w.Clock.Add(time.Hour)
		if channel == "chat" {
			w.Receives(o.Contact.ID, func(in *service.ReceiveMessageInput) { in.Channel = service.Text("SMS") })
		}
		w.OK(w.CloseConversation(w.Context(), w.Manager, service.CloseConversationInput{ConversationID: o.Conversation.ID,
			Note: &service.ClosingNoteInput{Category: service.Text(map[string]string{"email": "Question", "chat": "Other"}[channel])}}))
	}
	at := func(hours int) *time.Time { return new(morning.Add(time.Duration(hours) * time.Hour)) }
	for _, row := range []struct {
		filter db.InboxFilter
		want   string
	}{
		{db.InboxFilter{}, "chat email"},
		{db.InboxFilter{Channels: []string{"email", "fax"}}, "email"},
		{db.InboxFilter{Channels: []string{"EMAIL"}}, "email"},
		{db.InboxFilter{Channels: []string{"sms"}}, "chat"}, // the contact's last message arrived on it (S10)
		{db.InboxFilter{ClosingCategories: []string{"Other"}}, "chat"},
		{db.InboxFilter{Waiting: new(true)}, ""},
		{db.InboxFilter{Waiting: new(false)}, "chat email"},
		{db.InboxFilter{OpenedAfter: at(1), OpenedBefore: at(3)}, "email"},
		{db.InboxFilter{OpenedAfter: at(3)}, "chat"},
		{db.InboxFilter{ClosedBefore: at(4)}, "email"},
		{db.InboxFilter{ClosedAfter: at(4), Channels: []string{"email"}}, ""},
	} {
		in := service.InboxInput{View: db.ViewClosed, Filter: &row.filter}
		servicetest.Equal(t, fmt.Sprintf("%+v", row.filter), w.contactsIn(w.Manager, in), row.want)
		total, capped, err := w.InboxTotal(w.Context(), w.Manager, w.inbox(w.Manager, in))
		servicetest.Equal(t, "total", fmt.Sprint(total, capped, err), fmt.Sprint(len(strings.Fields(row.want)), false, nil))
	}
}

func testSearch(t *testing.T, w *world) {
	for _, in := range []service.CreateContactInput{
		{Name: "Zoë Nováková", Email: service.Text("zoe@example.com"), Phone: service.Text("+420 603 123 456")},
		{Name: "Bob 100%", Email: service.Text("bob@shop.example")},
	} {
		w.Opens(w.OK(w.CreateContact(w.Context(), w.Manager, in)).Contact)
	}
	for term, want := range map[string]string{
		"novakova": "Zoë Nováková", "NOVÁK": "Zoë Nováková", "novkova": "Zoë Nováková", "zoe@exam": "Zoë Nováková",
		"603123": "Zoë Nováková", "603 123": "Zoë Nováková", "zo": "Zoë Nováková", "ov": "", "bob shop": "Bob 100%",
		"100%": "Bob 100%", "1%0": "", "b_b": "Bob 100%", "_o_": "", "  ": "Bob 100% Zoë Nováková", "nobody": "",
	} {
		servicetest.Equal(t, "search "+term, w.contactsIn(w.Manager, service.InboxInput{View: db.ViewAll, Search: &term}), want)
		l, err := w.Contacts(w.Context(), w.Manager, service.ContactsInput{Search: &term})
		if err != nil {
			t.Fatal(err)
		}
		servicetest.Equal(t, "contacts "+term, len(l.Rows), strings.Count(want, "Zoë")+strings.Count(want, "Bob"))
	}
}

func testPages(t *testing.T, w *world) {
	for i := range 7 {
		w.Clock = w.Clock.Add(time.Minute)
		w.Opens(w.Contact(fmt.Sprint(i)))
	}
	// Two of the contacts wait: 4 longer than 1.
	w.Unlogged()
	if _, err := w.DB.ExecContext(w.Context(), `UPDATE conversations SET waiting_since = opened_at - (contacts.name::int * '1 hour'::interval)
		FROM contacts WHERE contacts.id = contact_id AND contacts.name IN ('1', '4')`); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		field     db.InboxOrderField
		direction service.Direction
		want      string
	}{
		{db.LastActivity, service.Ascending, "0 1 2 3 4 5 6"}, {db.LastActivity, service.Descending, "6 5 4 3 2 1 0"},
		{db.OpenedAt, service.Ascending, "0 1 2 3 4 5 6"}, {db.OpenedAt, service.Descending, "6 5 4 3 2 1 0"},
		{db.WaitingSince, service.Ascending, "4 1 0 2 3 5 6"}, {db.WaitingSince, service.Descending, "1 4 6 5 3 2 0"},
	} {
		in := service.InboxInput{View: db.ViewAll, OrderBy: &service.InboxOrder{row.field, row.direction}}
		forward, backward := w.pages(in)
		servicetest.Equal(t, fmt.Sprint(row.field, " ", row.direction), forward, row.want)
		servicetest.Equal(t, fmt.Sprint(row.field, " ", row.direction, ", backward"), backward, row.want)
	}
}

// pages reads a list page by page, forward from its beginning and backward from its end.
func (w *world) pages(in service.InboxInput) (forward, backward string) {
	w.T.Helper()
	var ahead, back []string
	for in.PageInput = (service.PageInput{First: new(3)}); ; {
		l := w.inbox(w.Manager, in)
		ahead = append(ahead, w.contactsIn(w.Manager, in))
		if !l.HasNext {
			break
		}
		in.After = new(l.Cursor(l.Rows[len(l.Rows)-1]))
	}
	for in.PageInput = (service.PageInput{Last: new(3)}); ; {
		l := w.inbox(w.Manager, in)
		back = append(back, w.contactsIn(w.Manager, in))
		if !l.HasPrevious {
			break
		}
		in.Before = new(l.Cursor(l.Rows[0]))
	}
	slices.Reverse(back)
	return strings.Join(ahead, " "), strings.Join(back, " ")
}

// liveView is a view maintained from a subscription.
type liveView struct {
	stream *service.Stream[service.InboxChange]
	held   map[db.ConversationID]bool
	counts string
	seq    db.Seq
}

// follow applies changes up to a position in the log and returns the conversations in the view.
func (v *liveView) follow(ctx context.Context, t *testing.T, upTo db.Seq) {
	for v.seq < upTo {
		c, err := servicetest.Await(ctx, v.stream)
		if err != nil {
			t.Fatal(err)
		}
		v.seq = c.Event.Seq
		if c.Counts != nil { // not of events before the subscription
			v.counts = countsText(*c.Counts)
		}
		id := *c.Event.ConversationID
		switch {
		case c.Kind == service.Entered && !v.held[id]:
			v.held[id] = true
		case c.Kind == service.Left && v.held[id]:
			delete(v.held, id)
		case c.Kind == service.Updated && v.held[id]:
		default:
			t.Errorf("%s although held is %t", c.Kind, v.held[id])
		}
	}
}

// testAgreement makes random calls and, after each that succeeds, compares the list, the counts and
// the live view at the same cursor.
func testAgreement(t *testing.T, w *world) {
	ada, ben := w.Agent("Ada"), w.Agent("Ben")
	live := map[db.View]*liveView{}
	for _, view := range db.Views {
		s, err := w.WatchInbox(w.Context(), ada, view, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		live[view] = &liveView{stream: s, held: map[db.ConversationID]bool{}}
	}
	var known []*db.Conversation
	for range 4 {
		known = append(known, w.Open())
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		c := known[random.IntN(len(known))]
		v := verbs[random.IntN(10)]
		agent := []service.Actor{ada, ben}[random.IntN(2)]
		o, _ := v.in(w, agent, target{conversation: c.ID, contact: c.ContactID, agent: *agent.Agent})
		if v.name == "openConversation" && len(o.Events) > 0 {
			known = append(known, o.Conversation)
		}
		if len(o.Events) > 0 {
			agree(t, w, ada, live)
		}
	}
}

func agree(t *testing.T, w *world, a service.Actor, live map[db.View]*liveView) {
	t.Helper()
	counts, err := w.InboxCounts(w.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	servicetest.Equal(t, "counts as of", counts.AsOf.Seq, w.Head())
	for view, v := range live {
		l := w.inbox(a, service.InboxInput{View: view})
		servicetest.Equal(t, "list as of", l.AsOf.Seq, counts.AsOf.Seq)
		servicetest.Equal(t, string(view)+": count and list", counts.Of(view), len(l.Rows))
		last := v.seq
		for _, e := range w.Since(last) {
			if service.Membership(e, func(f *db.Facets) bool { return view.Holds(f, a.Agent) }) != "" {
				last = e.Seq
			}
		}
		v.follow(w.Context(), t, last)
		servicetest.Equal(t, string(view)+": live view and list", len(v.held), len(l.Rows))
		for _, c := range l.Rows {
			servicetest.Equal(t, string(view)+": held", v.held[c.ID], true)
		}
		if last == counts.AsOf.Seq {
			servicetest.Equal(t, "live counts", v.counts, countsText(counts))
		}
	}
}

func TestAgentsAndContacts(t *testing.T) {
	hold(t, []rule{
		{"I4 agents: search, availability, skill and active, with their load", func(t *testing.T, w *world) {
			ada, zoe := w.Agent("Ada"), w.Agent("Zoé")
			w.OK(w.UpdateAgent(w.Context(), w.Manager, service.UpdateAgentInput{AgentID: *ada.Agent, Skills: []string{"billing", "french"}}))
			w.Open(ada)
			w.Deactivate(zoe)
			for _, row := range []struct {
				in   service.AgentsInput
				want string
			}{
				{service.AgentsInput{}, "Ada Mia Manager Zoé"},
				{service.AgentsInput{Active: new(true)}, "Ada Mia Manager"},
				{service.AgentsInput{Active: new(false)}, "Zoé"},
				{service.AgentsInput{Skill: service.Text("french")}, "Ada"},
				{service.AgentsInput{Availability: []db.Availability{db.Online, db.Away}}, "Ada"},
				{service.AgentsInput{Search: service.Text("zoe")}, "Zoé"},
				{service.AgentsInput{Search: service.Text("mangaer")}, "Mia Manager"},
				{service.AgentsInput{Search: service.Text("ada@acme")}, "Ada"},
				{service.AgentsInput{Search: service.Text(" ")}, "Ada Mia Manager Zoé"},
				{service.AgentsInput{PageInput: service.PageInput{Last: new(1)}}, "Zoé"},
			} {
				l, err := w.Agents(w.Context(), ada, row.in)
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, a := range l.Rows {
					names = append(names, a.Name)
				}
				servicetest.Equal(t, "agents", strings.Join(names, " "), row.want)
			}
			loads, err := w.OpenConversations(w.Context(), ada, []db.AgentID{*zoe.Agent, *ada.Agent})
			servicetest.Equal(t, "loads", fmt.Sprint(loads, err), "[0 1] <nil>")
		}},
		{"I5 contacts: list, filter, order and the history of conversations", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			older, newer := w.Older(ada)
			w.Block(newer)
			w.Contact("Árpád")
			for _, row := range []struct {
				in   service.ContactsInput
				want string
			}{
				{service.ContactsInput{}, "Árpád Cora"},
				{service.ContactsInput{OrderBy: &service.ContactOrder{service.ContactName, service.Descending}}, "Cora Árpád"},
				{service.ContactsInput{OrderBy: &service.ContactOrder{service.ContactCreatedAt, service.Ascending}}, "Cora Árpád"},
				{service.ContactsInput{Filter: &service.ContactFilter{Blocked: new(true)}}, "Cora"},
				{service.ContactsInput{Filter: &service.ContactFilter{Assignees: []*db.AgentID{nil}}}, "Árpád"},
				{service.ContactsInput{Filter: &service.ContactFilter{Assignees: []*db.AgentID{ada.Agent}}}, "Cora"},
				{service.ContactsInput{Search: service.Text("arpad")}, "Árpád"},
			} {
				l, err := w.Contacts(w.Context(), ada, row.in)
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, c := range l.Rows {
					names = append(names, c.Name)
				}
				servicetest.Equal(t, "contacts", strings.Join(names, " "), row.want)
			}
			history, err := w.ConversationsOf(w.Context(), ada, []db.ContactID{older.ContactID}, service.PageInput{})
			servicetest.Equal(t, "history", fmt.Sprint(ids(history[0].Rows), err), fmt.Sprint([]db.ConversationID{newer.ID, older.ID}, nil))
		}},
		{"I5 identities are unique in the workspace; e-mail and phone are not", func(t *testing.T, w *world) {
			known := []*service.ContactIdentityInput{{"chat", "42"}}
			ada := w.OK(w.CreateContact(w.Context(), w.Manager, service.CreateContactInput{Name: "Ada", Email: service.Text("a@b.example"), Identities: known})).Contact
			bob := w.OK(w.CreateContact(w.Context(), w.Manager, service.CreateContactInput{Name: "Bob", Email: service.Text("a@b.example")})).Contact
			w.Unchanged("taken", func() {
				_, err := w.CreateContact(w.Context(), w.Manager, service.CreateContactInput{Name: "Cy", Identities: known})
				servicetest.Refused(t, err, service.IdentityTaken)
				o, err := w.UpdateContact(w.Context(), w.Manager, service.UpdateContactInput{ContactID: bob.ID, Name: service.Text("Bobby"), Identities: known})
				servicetest.Refused(t, err, service.IdentityTaken)
				servicetest.Equal(t, "name in the answer, as it now is", o.Contact.Name, "Bob")
			})
			o := w.OK(w.UpdateContact(w.Context(), w.Manager, service.UpdateContactInput{ContactID: ada.ID, Identities: []*service.ContactIdentityInput{}}))
			servicetest.Equal(t, "changed", o.Events[0].Data.Changes[0].Field, "identities")
			w.OK(w.UpdateContact(w.Context(), w.Manager, service.UpdateContactInput{ContactID: bob.ID, Identities: known}))
			w.Unchanged("same", func() {
				w.OK(w.UpdateContact(w.Context(), w.Manager, service.UpdateContactInput{ContactID: bob.ID, Identities: known, Name: service.Text("Bob ")}))
			})
		}},
	})
}

// TestFilteredCounts: each live item shows how many conversations meet the filter right after its
// event, as a list and inboxCounts would count them (I2).
func TestFilteredCounts(t *testing.T) {
	t.Parallel()
	w, start := today(t)
	a := w.Team("A")[0]
	one, other := w.Open(), w.Open()
	filter := &db.InboxFilter{Assignees: []*db.AgentID{a.Agent, nil}}
	live, err := w.WatchInbox(t.Context(), w.Manager, db.ViewAll, filter, nil, nil)
	servicetest.Fine(t, err)
	defer live.Close()
	count := func() int {
		t.Helper()
		counts, err := w.FilteredCounts(t.Context(), w.Manager, filter)
		servicetest.Fine(t, err)
		if listed := len(w.list(w.Manager, service.InboxInput{View: db.ViewAll, Filter: filter})); listed != counts.All {
			t.Errorf("counted %d, listed %d", counts.All, listed)
		}
		return counts.All
	}
	for i, change := range []func() (*service.Outcome, error){
		func() (*service.Outcome, error) {
			return w.AssignConversation(t.Context(), w.Manager, service.AssignConversationInput{ConversationID: one.ID, AssigneeID: *w.Manager.Agent})
		},
		func() (*service.Outcome, error) {
			return w.AssignConversation(t.Context(), w.Manager, service.AssignConversationInput{ConversationID: one.ID, AssigneeID: *a.Agent})
		},
		func() (*service.Outcome, error) {
			return w.AddNote(t.Context(), w.Manager, service.AddNoteInput{ConversationID: one.ID, Body: "hm"})
		},
		func() (*service.Outcome, error) {
			return w.BlockContact(t.Context(), w.Manager, service.BlockContactInput{ContactID: other.ContactID})
		},
		func() (*service.Outcome, error) {
			return w.CloseConversation(t.Context(), w.Manager, service.CloseConversationInput{ConversationID: one.ID})
		},
	} {
		_, err := change()
		servicetest.Fine(t, err)
		change := next(t, live)
		if want := count(); change.FilteredCount == nil || *change.FilteredCount != want {
			t.Errorf("change %d, %s: counted %v, not %d", i, change.Kind, change.FilteredCount, want)
		}
	}
	if got := count(); got != 0 {
		t.Errorf("%d are left", got)
	}
	replayed, err := w.WatchInbox(t.Context(), w.Manager, db.ViewAll, filter, nil, &start)
	servicetest.Fine(t, err)
	defer replayed.Close()
	if change := next(t, replayed); change.FilteredCount != nil {
		t.Errorf("counted %d in replay", *change.FilteredCount)
	}
}
