package service_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// crowd adds contacts of one name, each with a conversation, one second after the other:
// open ones of an agent, or closed ones with a note.
func (w *world) crowd(n int, name string, owner *db.AgentID, note *string) (ids []db.ConversationID) {
	w.T.Helper()
	w.Unlogged()
	var contacts []*db.Contact
	var conversations []*db.Conversation
	for i := range n {
		w.Clock = w.Clock.Add(time.Second)
		at := w.Clock
		contact := &db.Contact{ID: db.ContactID{UUID: db.NewUUID()}, Name: fmt.Sprint(name, " ", i), AssigneeID: owner, Version: 1, CreatedAt: at}
		c := &db.Conversation{
			ID: db.ConversationID{UUID: db.NewUUID()}, ContactID: contact.ID, Channel: "email", Status: db.StatusOpen, Latest: true,
			AssigneeID: owner, Version: 1, OpenedAt: at, LastActivityAt: at,
		}
		if note != nil {
			c.Status, c.ClosedAt, c.ClosingText = db.StatusClosed, &at, note
		}
		contacts, conversations, ids = append(contacts, contact), append(conversations, c), append(ids, c.ID)
	}
	servicetest.Fine(w.T, w.DB.Transact(w.T.Context(), w.Manager.Workspace, func(tx db.Tx) error {
		if err := tx.InsertContacts(w.T.Context(), contacts, nil); err != nil {
			return err
		}
		return tx.InsertConversations(w.T.Context(), conversations)
	}))
	return ids
}

// searchPages reads a whole search result page by page, and returns the ids in order.
func (w *world) searchPages(in service.InboxInput, first int) (ids []db.ConversationID, capped bool) {
	w.T.Helper()
	for in.First = &first; ; {
		l, err := w.Inbox(w.T.Context(), w.Manager, in)
		servicetest.Fine(w.T, err)
		for _, c := range l.Rows {
			ids = append(ids, c.ID)
		}
		capped = capped || l.SearchCapped
		if !l.HasNext {
			return ids, capped
		}
		in.After = new(l.Cursor(l.Rows[len(l.Rows)-1]))
	}
}

// TestSearchIsCappedWithinTheView (I1): a conversation in a view is found, however many match
// outside the view.
func TestSearchIsCappedWithinTheView(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	note := new("nothing of note")
	elsewhere := w.crowd(250, "Customer of acme", nil, nil)
	mine := w.crowd(1, "Customer of acme", w.Manager.Agent, nil)
	closed := w.crowd(250, "Former", nil, note)
	for _, c := range []struct {
		view   db.View
		search string
		want   []db.ConversationID // oldest first
	}{
		{db.ViewMine, "acme", mine}, {db.ViewMine, "customer acme", mine}, {db.ViewMine, "cu", mine}, {db.ViewMine, "nothing", nil},
		{db.ViewUnassigned, "acme", elsewhere}, {db.ViewAll, "acme", append(slices.Clone(elsewhere), mine...)},
		{db.ViewClosed, "nothing", closed}, {db.ViewClosed, "fo", closed}, {db.ViewClosed, "acme", nil}, {db.ViewBlocked, "acme", nil},
	} {
		for _, field := range []db.InboxOrderField{db.LastActivity, db.WaitingSince, db.OpenedAt} {
			in := service.InboxInput{View: c.view, Search: &c.search, OrderBy: &service.InboxOrder{Field: field, Direction: service.Ascending}}
			if got, capped := w.searchPages(in, 40); !slices.Equal(got, c.want) || capped {
				t.Errorf("%s, %q, by %s: %d conversations of %d in this order, capped: %t", c.view, c.search, field, len(got), len(c.want), capped)
			}
			l, err := w.Inbox(t.Context(), w.Manager, in)
			servicetest.Fine(t, err)
			if total, more, err := w.InboxTotal(t.Context(), w.Manager, l); err != nil || total != len(c.want) || more {
				t.Errorf("%s, %q: the total is %d of %d, %v", c.view, c.search, total, len(c.want), err)
			}
		}
	}
}

// TestSearchFarDown: matches after the conversations that are examined in the view's order are
// found, in both directions; if there are too many, searchCapped is true.
func TestSearchFarDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	few := w.crowd(3, "Needle", nil, new("sewn"))
	many := w.crowd(260, "Thread", nil, new("cut"))
	w.crowd(1100, "Hay", nil, new("dry"))
	w.crowd(250, "Needle", nil, nil) // in another view
	for search, want := range map[string][]db.ConversationID{"needle": few, "sewn": few} {
		got, capped := w.searchPages(service.InboxInput{View: db.ViewClosed, Search: &search}, 2)
		slices.Reverse(got)
		if !slices.Equal(got, want) || capped {
			t.Errorf("%q: %d of %d, capped: %t", search, len(got), len(want), capped)
		}
		l, err := w.Inbox(t.Context(), w.Manager, service.InboxInput{View: db.ViewClosed, Search: &search,
			PageInput: service.PageInput{Last: new(2)}})
		servicetest.Fine(t, err)
		if len(l.Rows) != 2 || l.Rows[1].ID != want[0] || l.Rows[0].ID != want[1] {
			t.Errorf("%q: the last page is %v", search, l.Rows)
		}
	}
	for _, search := range []string{"thread", "cut", "th"} {
		l, err := w.Inbox(t.Context(), w.Manager, service.InboxInput{View: db.ViewClosed, Search: &search})
		servicetest.Fine(t, err)
		total, more, err := w.InboxTotal(t.Context(), w.Manager, l)
		servicetest.Fine(t, err)
		if len(l.Rows) != 50 || !l.SearchCapped || total != len(many) || more {
			t.Errorf("%q: %d rows of %d, capped: %t", search, len(l.Rows), total, l.SearchCapped)
		}
	}
	for search, n := range map[string]int{"hay": 1000, "dry": 1000} {
		l, err := w.Inbox(t.Context(), w.Manager, service.InboxInput{View: db.ViewClosed, Search: &search})
		servicetest.Fine(t, err)
		total, more, err := w.InboxTotal(t.Context(), w.Manager, l)
		if len(l.Rows) != 50 || l.SearchCapped || total != n || !more || err != nil {
			t.Errorf("%q: %d rows of %d, capped: %t, %v", search, len(l.Rows), total, l.SearchCapped, err)
		}
	}
}
