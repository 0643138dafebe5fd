package service_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

func TestLog(t *testing.T) {
	hold(t, []rule{
		{"P1 no change without its event", func(t *testing.T, w *world) {
			c := w.Open()
			if _, err := w.DB.ExecContext(w.Context(), "ALTER TABLE events ADD CHECK (type <> 'CONVERSATION_CLOSED') NOT VALID"); err != nil {
				t.Fatal(err)
			}
			w.Unchanged("the log is broken", func() {
				_, err := w.CloseConversation(w.Context(), w.Manager, service.CloseConversationInput{ConversationID: c.ID, Keyed: keyed("k")})
				servicetest.Failed(t, err, service.Internal)
			})
			servicetest.Equal(t, "status", w.Read(c).Status, db.StatusOpen)
			if _, err := w.DB.ExecContext(w.Context(), "ALTER TABLE events DROP CONSTRAINT events_type_check"); err != nil {
				t.Fatal(err)
			}
			w.OK(w.CloseConversation(w.Context(), w.Manager, service.CloseConversationInput{ConversationID: c.ID, Keyed: keyed("k")}))
		}},
		{"P1 no event without its change", func(t *testing.T, w *world) {
			c := w.Open()
			if _, err := w.DB.ExecContext(w.Context(), "ALTER TABLE conversations ADD CHECK (status = 'OPEN')"); err != nil {
				t.Fatal(err)
			}
			w.Unchanged("the table is broken", func() {
				_, err := w.CloseConversation(w.Context(), w.Manager, service.CloseConversationInput{ConversationID: c.ID})
				servicetest.Failed(t, err, service.Internal)
			})
		}},
		{"P1 every verb's events are in the log as they were returned", func(t *testing.T, w *world) {
			for _, v := range verbs {
				x, head := w.ready(v), db.Seq(0)
				head = w.Head()
				o := w.OK(v.in(w, w.caller(v), x))
				servicetest.Lines(t, eventIDs(w.Since(head)), eventIDs(o.Events)...)
				servicetest.Lines(t, w.Story(w.Since(head)), w.Story(o.Events)...)
			}
		}},
		{"P2 all events of a mutation carry the number of its last one", func(t *testing.T, w *world) {
			c := w.Open()
			replied := w.sends(w.Agent("Ada"), c)
			w.Closes(c)
			for _, e := range replied.Events {
				servicetest.Equal(t, "change as returned", e.ChangeEnd(), replied.Events[1].Seq)
			}
			events := w.Since(replied.Events[0].Seq - 1)
			last := len(events) - 1
			// The message and the assignment are one change; the closing is the next one.
			for i, end := range []int{last - 1, last - 1, last} {
				servicetest.Equal(t, "change as read", events[last-2+i].ChangeEnd(), events[end].Seq)
			}
		}},
		{"P2 an event from before changes was a change of its own", func(t *testing.T, w *world) {
			servicetest.Equal(t, "end", (&db.Event{Seq: 7}).ChangeEnd(), 7)
		}},
		{"A4 the revision grows with every change of the row, a note included", func(t *testing.T, w *world) {
			c := w.Open()
			ada := w.Agent("Ada")
			grown := func(what string, conversation, contact int) {
				t.Helper()
				now := w.Read(c)
				servicetest.Equal(t, "conversation's revision after "+what, now.Revision, conversation)
				servicetest.Equal(t, "contact's revision after "+what, w.ReadContact(now.ContactID).Revision, contact)
			}
			grown("opening", 1, 2) // createContact, then openConversation
			w.notes(ada, c)
			grown("a note", 2, 2)
			o := w.Assign(c, ada)
			grown("an assignment", 3, 3)
			servicetest.Equal(t, "revision as returned", o.Conversation.Revision, 3)
			w.reads(ada, c)
			grown("a read mark", 3, 3)
			w.OK(w.UpdateContact(w.Context(), ada, service.UpdateContactInput{ContactID: c.ContactID, Name: new("Ada Novak")}))
			grown("a change of the contact", 3, 4)
		}},
		{"P2 numbers follow the commits without gaps, with several writers", testGaplessLog},
		{"P3 each subscription gets its own events, in order", testStreams},
		{"P4 load, then subscribe after its asOf: no hole", testLoadThenSubscribe},
	})
}

// testGaplessLog reads at the end of the log during concurrent writes: the event after an end
// always has the next number.
func testGaplessLog(t *testing.T, w *world) {
	const writers, each = 8, 25
	from := w.Head()
	var writing sync.WaitGroup
	for range writers {
		writing.Go(func() {
			c := w.Open()
			for range each {
				w.Closes(c)
				w.Reopens(c)
				_, err := w.ReopenConversation(w.Context(), w.Manager, service.ReopenConversationInput{ConversationID: c.ID})
				servicetest.Refused(t, err, service.AlreadyOpen) // uses no number
			}
		})
	}
	for seq := from; seq < from+writers*(2+2*each); {
		for _, e := range w.Since(seq) {
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
	servicetest.Equal(t, "end", w.Head()-from, writers*(2+2*each))
}

func testStreams(t *testing.T, w *world) {
	ada, ben := w.Agent("Ada"), w.Agent("Ben")
	c, other := w.Open(), w.Open()
	next := func(s *service.Stream[*db.Event], err error) func() string {
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return func() string {
			e, err := servicetest.Await(w.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			return w.Told(e)
		}
	}
	adas := next(w.WatchAssignments(w.Context(), ada, nil, ada.Agent, nil))
	its := next(w.WatchAssignments(w.Context(), ada, &c.ID, nil, nil))
	status := next(w.WatchStatus(w.Context(), ada, &c.ID, nil))
	all := next(w.WatchConversations(w.Context(), ada, []db.ConversationID{c.ID}, nil))
	w.Assign(other, ben)
	w.Closes(other)
	w.Assign(c, ben)
	w.Assign(c, ada)
	w.Assign(c, ben)
	w.Closes(c)
	const toBen, toAda = "CONVERSATION_ASSIGNED nobody->Ben MANUAL by Mia Manager v2->v3", "CONVERSATION_ASSIGNED Ben->Ada MANUAL by Mia Manager v3->v4"
	const fromAda, closed = "CONVERSATION_ASSIGNED Ada->Ben MANUAL by Mia Manager v4->v5", "CONVERSATION_CLOSED by Mia Manager v5->v6"
	servicetest.Lines(t, []string{adas(), adas()}, toAda, fromAda)
	servicetest.Lines(t, []string{its(), its(), its()}, toBen, toAda, fromAda)
	servicetest.Lines(t, []string{status()}, closed)
	servicetest.Lines(t, []string{all(), all(), all(), all()}, toBen, toAda, fromAda, closed)
}

// testLoadThenSubscribe loads a view at random moments during concurrent writes and follows it to
// the end of the log, where it must equal the view loaded then.
func testLoadThenSubscribe(t *testing.T, w *world) {
	const clients, calls = 6, 60
	w.Clock = time.Now() // the feed measures the age of cursors by the real clock
	ada := w.Agent("Ada")
	c := []*db.Conversation{w.Open(), w.Open(), w.Open()}
	views := make([]*liveView, 0, clients)
	for n := range calls {
		w.OK(verbNamed([]string{"assignToMe", "unassignConversation"}[n/3%2]).in(w, ada, target{conversation: c[n%3].ID}))
		if n%(calls/clients) != 0 {
			continue
		}
		asOf := w.asOf()
		w.OK(verbNamed("blockContact").in(w, ada, target{contact: c[0].ContactID}))
		list := w.inbox(ada, service.InboxInput{View: db.ViewMine})
		w.OK(verbNamed("unblockContact").in(w, ada, target{contact: c[0].ContactID}))
		servicetest.Equal(t, "the list is as of later", list.AsOf.Seq, asOf.Seq+1)
		s, err := w.WatchInbox(w.Context(), ada, db.ViewMine, nil, nil, &list.AsOf)
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
	o := w.OK(verbNamed("assignToMe").in(w, ada, target{conversation: c[0].ID}))
	list := w.inbox(ada, service.InboxInput{View: db.ViewMine})
	for _, v := range views {
		v.follow(w.Context(), t, o.Events[0].Seq)
		servicetest.Equal(t, "held", len(v.held), len(list.Rows))
		for _, row := range list.Rows {
			servicetest.Equal(t, fmt.Sprint("holds ", row.ID), v.held[row.ID], true)
		}
	}
}

// TestEvents: the pages of the log hold each event once and in order, and their cursors are where
// subscriptions go on.
func TestEvents(t *testing.T) {
	t.Parallel()
	w, _ := today(t)
	ctx := t.Context()
	one, other := w.Open(), w.Open()
	w.Closes(one)
	w.Closes(other)
	all := w.Since(0)

	read := func(f service.LogFilter, size int) (found []*db.Event, end db.EventCursor) {
		t.Helper()
		in := service.EventsInput{LogFilter: f, First: &size}
		for {
			page, err := w.Events(ctx, w.Manager, in)
			servicetest.Fine(t, err)
			found, in.After = append(found, page.Rows...), &page.Cursor
			if !page.HasNext {
				return found, page.Cursor
			}
			if len(page.Rows) != size {
				t.Fatalf("a page of %d events, of %d, is not the last", len(page.Rows), size)
			}
		}
	}
	for _, size := range []int{1, 3, 100} {
		found, end := read(service.LogFilter{}, size)
		servicetest.Lines(t, eventIDs(found), eventIDs(all)...)
		servicetest.Equal(t, "end", end, all[len(all)-1].Cursor())
		closings := service.LogFilter{Types: []db.EventType{db.ConversationClosed}}
		found, end = read(closings, size)
		servicetest.Equal(t, "closings", len(found), 2)
		servicetest.Equal(t, "end of the closings", end, all[len(all)-1].Cursor())
		closings.Contact = &one.ContactID
		found, _ = read(closings, size)
		servicetest.Equal(t, "closings of one", len(found), 1)
		servicetest.Equal(t, "the conversation", *found[0].ConversationID, one.ID)
	}

	s, err := w.WatchEvents(ctx, w.Manager, service.LogFilter{Types: []db.EventType{db.ContactUpdated, db.ConversationClosed}, Contact: &one.ContactID}, nil)
	servicetest.Fine(t, err)
	defer s.Close()
	for _, c := range []*db.Conversation{other, one} {
		w.OK(w.UpdateContact(ctx, w.Manager, service.UpdateContactInput{ContactID: c.ContactID, Name: new("New")}))
	}
	e := next(t, s)
	servicetest.Equal(t, "the contact", *e.ContactID, one.ContactID)

	elsewhere := w.NewWorkspace("otto@other.example")
	foreign, err := w.AsOf(ctx, elsewhere.Manager)
	servicetest.Fine(t, err)
	replaced := all[1].Cursor()
	replaced.Check[0]++
	unknown := db.ContactID{UUID: db.NewUUID()}
	for _, refused := range []struct {
		code service.ErrorCode
		in   service.EventsInput
	}{
		{service.CursorInvalid, service.EventsInput{After: &foreign}},
		{service.CursorExpired, service.EventsInput{After: &replaced}},
		{service.NotFound, service.EventsInput{LogFilter: service.LogFilter{Contact: &unknown}}},
		{service.BadInput, service.EventsInput{LogFilter: service.LogFilter{Types: []db.EventType{}}}},
		{service.BadInput, service.EventsInput{First: new(101)}},
	} {
		_, err := w.Events(ctx, w.Manager, refused.in)
		servicetest.Failed(t, err, refused.code)
	}
}
