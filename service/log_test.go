package service

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"switchboard/db"
)

func TestLog(t *testing.T) {
	hold(t, []rule{
		{"P1 no change without its event", func(t *testing.T, w *world) {
			c := w.open()
			if _, err := w.DB.ExecContext(w.ctx(), "ALTER TABLE events ADD CHECK (type <> 'CONVERSATION_CLOSED') NOT VALID"); err != nil {
				t.Fatal(err)
			}
			w.unchanged("the log is broken", func() {
				_, err := w.CloseConversation(w.ctx(), w.manager, CloseConversationInput{ConversationID: c.ID, Keyed: keyed("k")})
				failed(t, err, Internal)
			})
			equal(t, "status", w.read(c).Status, db.StatusOpen)
			if _, err := w.DB.ExecContext(w.ctx(), "ALTER TABLE events DROP CONSTRAINT events_type_check"); err != nil {
				t.Fatal(err)
			}
			w.ok(w.CloseConversation(w.ctx(), w.manager, CloseConversationInput{ConversationID: c.ID, Keyed: keyed("k")}))
		}},
		{"P1 no event without its change", func(t *testing.T, w *world) {
			c := w.open()
			if _, err := w.DB.ExecContext(w.ctx(), "ALTER TABLE conversations ADD CHECK (status = 'OPEN')"); err != nil {
				t.Fatal(err)
			}
			w.unchanged("the table is broken", func() {
				_, err := w.CloseConversation(w.ctx(), w.manager, CloseConversationInput{ConversationID: c.ID})
				failed(t, err, Internal)
			})
		}},
		{"P1 every verb's events are in the log as they were returned", func(t *testing.T, w *world) {
			for _, v := range verbs {
				x, head := w.ready(v), db.Seq(0)
				head = w.head()
				o := w.ok(v.in(w, w.caller(v), x))
				lines(t, eventIDs(w.since(head)), eventIDs(o.Events)...)
				lines(t, w.story(w.since(head)), w.story(o.Events)...)
			}
		}},
		{"P2 all events of a mutation carry the number of its last one", func(t *testing.T, w *world) {
			c := w.open()
			replied := w.sends(w.agent("Ada"), c)
			w.closes(c)
			for _, e := range replied.Events {
				equal(t, "change as returned", e.ChangeEnd(), replied.Events[1].Seq)
			}
			events := w.since(replied.Events[0].Seq - 1)
			last := len(events) - 1
			for i, end := range []int{last - 1, last - 1, last} { // message and assignment, then the close
				equal(t, "change as read", events[last-2+i].ChangeEnd(), events[end].Seq)
			}
		}},
		{"P2 an event from before changes was a change of its own", func(t *testing.T, w *world) {
			equal(t, "end", (&db.Event{Seq: 7}).ChangeEnd(), 7)
		}},
		{"A4 the revision grows with every change of the row, a note included", func(t *testing.T, w *world) {
			c := w.open()
			ada := w.agent("Ada")
			grown := func(what string, conversation, contact int) {
				t.Helper()
				now := w.read(c)
				equal(t, "conversation's revision after "+what, now.Revision, conversation)
				equal(t, "contact's revision after "+what, w.readContact(now.ContactID).Revision, contact)
			}
			grown("opening", 1, 2) // createContact, then openConversation
			w.notes(ada, c)
			grown("a note", 2, 2)
			o := w.assign(c, ada)
			grown("an assignment", 3, 3)
			equal(t, "revision as returned", o.Conversation.Revision, 3)
			w.reads(ada, c)
			grown("a read mark", 3, 3)
			w.ok(w.UpdateContact(w.ctx(), ada, UpdateContactInput{ContactID: c.ContactID, Name: new("Ada Novak")}))
			grown("a change of the contact", 3, 4)
		}},
		{"P2 numbers follow the commits without gaps, whoever writes", testGaplessLog},
		{"P3 each subscription gets its own events, in order", testStreams},
		{"P4 load, then subscribe after its asOf: no hole", testLoadThenSubscribe},
	})
}

// testGaplessLog reads on at the end of the log while others write: what was once the end
// is followed by the next number, never by one that comes later.
func testGaplessLog(t *testing.T, w *world) {
	const writers, each = 8, 25
	from := w.head()
	var writing sync.WaitGroup
	for range writers {
		writing.Go(func() {
			c := w.open()
			for range each {
				w.closes(c)
				w.reopens(c)
				_, err := w.ReopenConversation(w.ctx(), w.manager, ReopenConversationInput{ConversationID: c.ID})
				refused(t, err, AlreadyOpen) // takes no number
			}
		})
	}
	for seq := from; seq < from+writers*(2+2*each); {
		for _, e := range w.since(seq) {
			if e.Seq != seq+1 {
				t.Fatalf("event %d is followed by %d", seq, e.Seq)
			}
			seq = e.Seq
		}
		if t.Failed() {
			break
		}
	}
	writing.Wait()
	equal(t, "end", w.head()-from, writers*(2+2*each))
}

func testStreams(t *testing.T, w *world) {
	ada, ben := w.agent("Ada"), w.agent("Ben")
	c, other := w.open(), w.open()
	next := func(s *Stream[*db.Event], err error) func() string {
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return func() string {
			e, err := await(w.ctx(), s)
			if err != nil {
				t.Fatal(err)
			}
			return w.told(e)
		}
	}
	adas := next(w.WatchAssignments(w.ctx(), ada, nil, ada.Agent, nil))
	its := next(w.WatchAssignments(w.ctx(), ada, &c.ID, nil, nil))
	status := next(w.WatchStatus(w.ctx(), ada, &c.ID, nil))
	all := next(w.WatchConversation(w.ctx(), ada, c.ID, nil))
	w.assign(other, ben)
	w.closes(other)
	w.assign(c, ben)
	w.assign(c, ada)
	w.assign(c, ben)
	w.closes(c)
	const toBen, toAda = "CONVERSATION_ASSIGNED nobody->Ben MANUAL by Mia Manager v2->v3", "CONVERSATION_ASSIGNED Ben->Ada MANUAL by Mia Manager v3->v4"
	const fromAda, closed = "CONVERSATION_ASSIGNED Ada->Ben MANUAL by Mia Manager v4->v5", "CONVERSATION_CLOSED by Mia Manager v5->v6"
	lines(t, []string{adas(), adas()}, toAda, fromAda)
	lines(t, []string{its(), its(), its()}, toBen, toAda, fromAda)
	lines(t, []string{status()}, closed)
	lines(t, []string{all(), all(), all(), all()}, toBen, toAda, fromAda, closed)
}

// testLoadThenSubscribe loads a view at any moment while others write and follows it to
// the end of the log; then it must be what a load at the end gives.
func testLoadThenSubscribe(t *testing.T, w *world) {
	const clients, calls = 6, 60
	w.clock = time.Now() // the feed measures the age of cursors by the real clock
	ada := w.agent("Ada")
	c := []*db.Conversation{w.open(), w.open(), w.open()}
	views := make([]*liveView, 0, clients)
	for n := range calls {
		w.ok(verbNamed([]string{"assignToMe", "unassignConversation"}[n/3%2]).in(w, ada, target{conversation: c[n%3].ID}))
		if n%(calls/clients) != 0 {
			continue
		}
		asOf := w.asOf()
		w.ok(verbNamed("blockContact").in(w, ada, target{contact: c[0].ContactID}))
		list := w.inbox(ada, InboxInput{View: db.ViewMine})
		w.ok(verbNamed("unblockContact").in(w, ada, target{contact: c[0].ContactID}))
		equal(t, "the list is as of later", list.AsOf.Seq, asOf.Seq+1)
		s, err := w.WatchInbox(w.ctx(), ada, db.ViewMine, nil, &list.AsOf)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		v := &liveView{stream: s, held: map[db.ConversationID]bool{}, seq: list.AsOf.Seq}
		for _, row := range list.Rows {
			v.held[row.ID] = true
		}
		views = append(views, v)
	}
	o := w.ok(verbNamed("assignToMe").in(w, ada, target{conversation: c[0].ID}))
	list := w.inbox(ada, InboxInput{View: db.ViewMine})
	for _, v := range views {
		v.follow(w.ctx(), t, o.Events[0].Seq)
		equal(t, "held", len(v.held), len(list.Rows))
		for _, row := range list.Rows {
			equal(t, fmt.Sprint("holds ", row.ID), v.held[row.ID], true)
		}
	}
}
