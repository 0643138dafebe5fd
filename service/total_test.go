package service

import (
	"context"
	"fmt"
	"testing"

	"switchboard/db"
)

// TestTotals: the lists of several parents are counted at once, each up to 1,000.
func TestTotals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long, full, short := w.open(), w.open(), w.open()
	var all []*db.Message
	for c, n := range map[*db.Conversation]int{long: countLimit + 1, full: countLimit, short: 1} {
		for range n {
			all = append(all, &db.Message{
				ID: db.MessageID{UUID: db.NewUUID()}, ConversationID: &c.ID, ContactID: c.ContactID, Kind: db.Note,
				Author: w.manager.Ref(), Body: "One more", Channel: c.Channel, CreatedAt: w.clock,
			})
		}
	}
	fine(t, w.DB.Transact(w.ctx(), w.manager.Workspace, func(tx db.Tx) error { return tx.InsertMessages(w.ctx(), all) }))
	counted := func(totals []Total, err error) string { return fmt.Sprint(totals, err) }
	unknown := db.ConversationID{UUID: db.NewUUID()}
	equal(t, "messages", counted(w.MessageTotals(w.ctx(), w.manager, []db.ConversationID{long.ID, unknown, short.ID, full.ID})),
		"[{1000 true} {0 false} {1 false} {1000 false}] <nil>")
	equal(t, "events", counted(w.ConversationTimelineTotals(w.ctx(), w.manager, []db.ConversationID{short.ID})), "[{1 false}] <nil>")
	equal(t, "events of contacts", counted(w.ContactTimelineTotals(w.ctx(), w.manager, []db.ContactID{short.ContactID})), "[{2 false}] <nil>")
	equal(t, "conversations", counted(w.ConversationTotals(w.ctx(), w.manager, []db.ContactID{short.ContactID, long.ContactID})), "[{1 false} {1 false}] <nil>")
	equal(t, "another workspace's", counted(w.MessageTotals(w.ctx(), Actor{Workspace: w.manager.Workspace + 1, Role: RoleManager}, []db.ConversationID{long.ID})), "[{0 false}] <nil>")
}

// TestTotalOfList: the total of a list counts what its search and filter leave, not its page.
func TestTotalOfList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 3 {
		w.agent(fmt.Sprint("Agent", i))
		w.opens(w.contact(fmt.Sprint("Contact", i)))
	}
	page := PageInput{First: ptr(1)}
	total := func(count func(context.Context) (Total, error)) string {
		n, err := count(w.ctx())
		return fmt.Sprint(n, err)
	}
	agents, err := w.Agents(w.ctx(), w.manager, AgentsInput{PageInput: page})
	fine(t, err)
	equal(t, "agents", total(agents.Total), "{4 false} <nil>")
	agents, err = w.Agents(w.ctx(), w.manager, AgentsInput{Search: Text("agent1"), PageInput: page})
	fine(t, err)
	equal(t, "agents found", total(agents.Total), "{1 false} <nil>")
	contacts, err := w.Contacts(w.ctx(), w.manager, ContactsInput{PageInput: page})
	fine(t, err)
	equal(t, "contacts", total(contacts.Total), "{3 false} <nil>")
	contacts, err = w.Contacts(w.ctx(), w.manager, ContactsInput{Filter: &ContactFilter{Blocked: ptr(true)}, PageInput: page})
	fine(t, err)
	equal(t, "blocked contacts", total(contacts.Total), "{0 false} <nil>")
	workflows, err := w.Workflows(w.ctx(), w.manager, page)
	fine(t, err)
	equal(t, "workflows", total(workflows.Total), "{0 false} <nil>")
}
