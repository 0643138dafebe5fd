package service_test

import (
	"context"
	"fmt"
	"testing"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// TestTotals: the lists of several parents are counted at once, each up to 1,000.
func TestTotals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long, full, short := w.Open(), w.Open(), w.Open()
	var all []*db.Message
	for c, n := range map[*db.Conversation]int{long: service.CountLimit + 1, full: service.CountLimit, short: 1} {
		for range n {
			all = append(all, &db.Message{
				ID: db.MessageID{UUID: db.NewUUID()}, ConversationID: &c.ID, ContactID: c.ContactID, Kind: db.Note,
				Author: w.Manager.Ref(), Body: "One more", Channel: c.Channel, CreatedAt: w.Clock,
			})
		}
	}
	servicetest.Fine(t, w.DB.Transact(w.Context(), w.Manager.Workspace, func(tx db.Tx) error { return tx.InsertMessages(w.Context(), all) }))
	counted := func(totals []service.Total, err error) string { return fmt.Sprint(totals, err) }
	unknown := db.ConversationID{UUID: db.NewUUID()}
	servicetest.Equal(t, "messages", counted(w.MessageTotals(w.Context(), w.Manager, []db.ConversationID{long.ID, unknown, short.ID, full.ID})),
		"[{1000 true} {0 false} {1 false} {1000 false}] <nil>")
	servicetest.Equal(t, "events", counted(w.ConversationTimelineTotals(w.Context(), w.Manager, []db.ConversationID{short.ID})), "[{1 false}] <nil>")
	servicetest.Equal(t, "events of contacts", counted(w.ContactTimelineTotals(w.Context(), w.Manager, []db.ContactID{short.ContactID})), "[{2 false}] <nil>")
	servicetest.Equal(t, "conversations", counted(w.ConversationTotals(w.Context(), w.Manager, []db.ContactID{short.ContactID, long.ContactID})), "[{1 false} {1 false}] <nil>")
	servicetest.Equal(t, "another workspace's", counted(w.MessageTotals(w.Context(), service.Actor{Workspace: w.Manager.Workspace + 1, Role: service.RoleManager}, []db.ConversationID{long.ID})), "[{0 false}] <nil>")
}

// TestTotalOfList: the total of a list counts all rows that match its search and filter, not those
// on the page.
func TestTotalOfList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 3 {
		w.Agent(fmt.Sprint("Agent", i))
		w.Opens(w.Contact(fmt.Sprint("Contact", i)))
	}
	page := service.PageInput{First: new(1)}
	total := func(count func(context.Context) (service.Total, error)) string {
		n, err := count(w.Context())
		return fmt.Sprint(n, err)
	}
	agents, err := w.Agents(w.Context(), w.Manager, service.AgentsInput{PageInput: page})
	servicetest.Fine(t, err)
	servicetest.Equal(t, "agents", total(agents.Total), "{4 false} <nil>")
	agents, err = w.Agents(w.Context(), w.Manager, service.AgentsInput{Search: service.Text("agent1"), PageInput: page})
	servicetest.Fine(t, err)
	servicetest.Equal(t, "agents found", total(agents.Total), "{1 false} <nil>")
	contacts, err := w.Contacts(w.Context(), w.Manager, service.ContactsInput{PageInput: page})
	servicetest.Fine(t, err)
	servicetest.Equal(t, "contacts", total(contacts.Total), "{3 false} <nil>")
	contacts, err = w.Contacts(w.Context(), w.Manager, service.ContactsInput{Filter: &service.ContactFilter{Blocked: new(true)}, PageInput: page})
	servicetest.Fine(t, err)
	servicetest.Equal(t, "blocked contacts", total(contacts.Total), "{0 false} <nil>")
	workflows, err := w.Workflows(w.Context(), w.Manager, page)
	servicetest.Fine(t, err)
	servicetest.Equal(t, "workflows", total(workflows.Total), "{0 false} <nil>")
}

// TestTotalAsOfPage: the number of conversations in a list is that of the position which its page
// shows, even if the log has grown before they are counted (I2).
func TestTotalAsOfPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	closed, blocked := w.Closed(), w.Open()
	w.Block(blocked)
	for view, moves := range map[db.View]func(){
		db.ViewClosed:  func() { w.Closed(); w.Closed(); w.Reopens(closed) },
		db.ViewBlocked: func() { w.Block(w.Open()); w.Block(w.Open()); w.Unblock(blocked) },
	} {
		page := w.inbox(w.Manager, service.InboxInput{View: view})
		moves()
		total, _, err := w.InboxTotal(w.Context(), w.Manager, page)
		servicetest.Fine(t, err)
		servicetest.Equal(t, "total of "+string(view), total, 1)
	}
}
