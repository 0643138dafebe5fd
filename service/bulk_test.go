package service_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// TestStates has the answer of a bulk mutation about each item. These tests are about how the items
// of one bulk affect each other.

// items returns conversations as the items of a bulk.
func items(conversations ...*db.Conversation) (all []*service.ConversationItemInput) {
	for _, c := range conversations {
		all = append(all, &service.ConversationItemInput{ConversationID: c.ID})
	}
	return all
}

// answers returns one line for each item of a bulk: the status and version of the conversation, and
// the code that refused it.
func (w *world) answers(o *service.Outcome) (told []string) {
	for _, item := range o.Conversations {
		var parts []string
		if c := item.Conversation; c != nil {
			parts = append(parts, fmt.Sprintf("%s %s v%d", c.Status, w.Named(c.AssigneeID), c.Version))
		}
		for _, r := range item.Refusals {
			parts = append(parts, string(r.Code))
		}
		told = append(told, strings.Join(parts, " "))
	}
	return told
}

func TestBulk(t *testing.T) {
	hold(t, []rule{
		{"A1 many are assigned; what is refused is left, in the order of the items", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			free, bens, closed := w.Open(), w.Open(ben), w.Closed()
			older, newer := w.Older(ada)
			stale := &service.ConversationItemInput{free.ID, new(7)}
			head := w.Head()
			in := service.AssignConversationsInput{Items: append(items(newer, older, bens, free, closed), stale, &service.ConversationItemInput{ConversationID: db.ConversationID{UUID: db.NewUUID()}}), AssigneeID: *ben.Agent}
			o := w.OK(w.AssignConversations(w.Context(), ada, in))
			servicetest.Lines(t, w.answers(o), "OPEN Ben v6", "CLOSED Ada v4 NOT_LATEST", "OPEN Ben v3", "OPEN Ben v3", "CLOSED Ben v4", "OPEN Ben v3 CONFLICT", "NOT_FOUND")
			servicetest.Lines(t, w.Story(o.Events), "CONVERSATION_ASSIGNED Ada->Ben MANUAL by Ada v5->v6",
				"CONVERSATION_ASSIGNED nobody->Ben MANUAL by Ada v2->v3", "CONVERSATION_ASSIGNED nobody->Ben MANUAL by Ada v3->v4")
			servicetest.Lines(t, eventIDs(w.Since(head)), eventIDs(o.Events)...)
			servicetest.Equal(t, "owners", strings.Join([]string{w.Owner(newer), w.Owner(older), w.Owner(bens), w.Owner(free), w.Owner(closed)}, " "), "Ben Ada Ben Ben Ben")
		}},
		{"A2 many are unassigned", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			all := []*db.Conversation{w.Open(ada), w.Open(), w.Closed(ben)}
			o := w.OK(w.UnassignConversations(w.Context(), ada, service.UnassignConversationsInput{Items: items(all...)}))
			servicetest.Lines(t, w.answers(o), "OPEN nobody v4", "OPEN nobody v2", "CLOSED nobody v5")
			servicetest.Lines(t, w.Story(o.Events), "CONVERSATION_UNASSIGNED Ada->nobody MANUAL by Ada v3->v4", "CONVERSATION_UNASSIGNED Ben->nobody MANUAL by Ada v4->v5")
		}},
		{"A4 a conversation that is named twice is treated twice, and so is the next one of its contact", func(t *testing.T, w *world) {
			c, other := w.Open(), w.Open()
			first, again, believed := &service.ConversationItemInput{c.ID, &c.Version}, &service.ConversationItemInput{c.ID, &c.Version}, &service.ConversationItemInput{c.ID, new(c.Version + 1)}
			in := service.AssignConversationsInput{Items: append([]*service.ConversationItemInput{first, again, believed}, items(other)...), AssigneeID: *w.Manager.Agent}
			o := w.OK(w.AssignConversations(w.Context(), w.Manager, in))
			servicetest.Lines(t, w.answers(o), "OPEN Mia Manager v3", "OPEN Mia Manager v3 CONFLICT", "OPEN Mia Manager v3", "OPEN Mia Manager v3")
			servicetest.Equal(t, "events", len(o.Events), 2)
			o = w.OK(w.CloseConversations(w.Context(), w.Manager, service.CloseConversationsInput{Items: items(c, other, c)}))
			servicetest.Lines(t, w.answers(o), "CLOSED Mia Manager v4", "CLOSED Mia Manager v4", "CLOSED Mia Manager v4 ALREADY_CLOSED")
			servicetest.Equal(t, "stored", fmt.Sprint(w.Read(c).Version, w.ReadContact(c.ContactID).Version, len(o.Events)), "4 4 2")
		}},
		{"S1 S4 S5 many are closed with one note; what is refused is left", func(t *testing.T, w *world) {
			open, blocked, closed := w.Open(), w.Open(), w.Closed()
			w.Block(blocked)
			older, newer := w.Older()
			note := &service.ClosingNoteInput{Category: service.Text("Question"), Text: service.Text("Sent to all")}
			o := w.OK(w.CloseConversations(w.Context(), w.Manager, service.CloseConversationsInput{Items: items(older, newer, open, blocked, closed), Note: note}))
			servicetest.Lines(t, w.answers(o), "CLOSED nobody v3 ALREADY_CLOSED", "CLOSED nobody v5", "CLOSED nobody v3", "OPEN nobody v3 CONTACT_BLOCKED", "CLOSED nobody v3 ALREADY_CLOSED")
			servicetest.Equal(t, "events", servicetest.Types(o.Events), "CONVERSATION_CLOSED + CONVERSATION_CLOSED")
			for _, c := range []*db.Conversation{newer, open} {
				servicetest.Equal(t, "note", fmt.Sprint(*w.Read(c).ClosingCategory, ": ", *w.Read(c).ClosingText), "Question: Sent to all")
			}
			servicetest.Equal(t, "note of one that was refused", w.Read(closed).ClosingNote(), nil)
		}},
		{"1 to 500 items, of which the first 100 events are returned", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			many := w.many(service.MaxItems+1, nil)
			for _, wrong := range [][]*db.Conversation{nil, many} {
				w.Unchanged("refused", func() {
					_, err := w.UnassignConversations(w.Context(), ada, service.UnassignConversationsInput{Items: items(wrong...)})
					servicetest.Failed(t, err, service.BadInput)
					_, err = w.CloseConversations(w.Context(), ada, service.CloseConversationsInput{Items: items(wrong...)})
					servicetest.Failed(t, err, service.BadInput)
				})
			}
			for name, call := range map[string]func() (*service.Outcome, error){
				"assign": func() (*service.Outcome, error) {
					return w.AssignConversations(w.Context(), ada, service.AssignConversationsInput{Items: items(many[1:]...), AssigneeID: *ada.Agent})
				},
				"close": func() (*service.Outcome, error) {
					return w.CloseConversations(w.Context(), ada, service.CloseConversationsInput{Items: items(many[1:]...), Note: &service.ClosingNoteInput{Text: service.Text("Sent to all")}})
				},
			} {
				head, began := w.Head(), time.Now()
				o := w.OK(call())
				t.Logf("%s of %d took %v", name, service.MaxItems, time.Since(began))
				servicetest.Equal(t, "in the log", w.Head()-head, service.MaxItems)
				servicetest.Equal(t, "returned", fmt.Sprint(len(o.Events), len(o.Conversations)), "100 500")
				servicetest.Lines(t, eventIDs(o.Events), eventIDs(w.Since(head)[:100])...)
			}
		}},
		{"P6 a bulk repeated is the same, refusals of items included; conversations are read again", func(t *testing.T, w *world) {
			ada, c, closed := w.Agent("Ada"), w.Open(), w.Closed()
			in := service.CloseConversationsInput{Items: append(items(c, closed), &service.ConversationItemInput{ConversationID: db.ConversationID{UUID: db.NewUUID()}}), Keyed: keyed("k")}
			was := w.OK(w.CloseConversations(w.Context(), ada, in))
			servicetest.Lines(t, w.answers(was), "CLOSED nobody v3", "CLOSED nobody v3 ALREADY_CLOSED", "NOT_FOUND")
			w.Reopens(c)
			w.Reopens(closed)
			w.Unchanged("repeated", func() {
				again := w.OK(w.CloseConversations(w.Context(), ada, in))
				servicetest.Lines(t, w.answers(again), "OPEN nobody v4", "OPEN nobody v4 ALREADY_CLOSED", "NOT_FOUND")
				servicetest.Lines(t, eventIDs(again.Events), eventIDs(was.Events)...)
				servicetest.Equal(t, "message", again.Conversations[1].Refusals[0].Error(), was.Conversations[1].Refusals[0].Error())
			})
			in.Items = in.Items[:2]
			_, err := w.CloseConversations(w.Context(), ada, in)
			servicetest.Refused(t, err, service.KeyReused)
		}},
		{"an item of another workspace is one that does not exist", func(t *testing.T, w *world) {
			own, foreign := w.Open(), w.neighbour()
			theirs := foreign.Open()
			head := foreign.Head()
			for _, call := range []func() (*service.Outcome, error){
				func() (*service.Outcome, error) {
					return w.AssignConversations(w.Context(), w.Manager, service.AssignConversationsInput{Items: items(theirs, own), AssigneeID: *w.Manager.Agent})
				},
				func() (*service.Outcome, error) {
					return w.CloseConversations(w.Context(), w.Manager, service.CloseConversationsInput{Items: items(theirs, own)})
				},
			} {
				o := w.OK(call())
				servicetest.Equal(t, "of the other", w.answers(o)[0], "NOT_FOUND")
				servicetest.Equal(t, "events", len(o.Events), 1)
			}
			servicetest.Equal(t, "end of their log", foreign.Head(), head)
		}},
		{"bulks in opposite order never deadlock", testBulksAtOnce},
	})
}

// testBulksAtOnce has clients assign and close the same conversations, each in a different order
// and with two conversations of each contact.
func testBulksAtOnce(t *testing.T, w *world) {
	const clients, each = 8, 12
	var all []*db.Conversation
	for range 30 {
		older, newer := w.Older()
		all = append(all, older, newer)
	}
	head := w.Head()
	var calling sync.WaitGroup
	written := make([]int, clients)
	for i := range clients {
		me := w.Agent(fmt.Sprint("Agent", i))
		calling.Go(func() {
			for n := range each {
				some := slices.Clone(all)
				rand.Shuffle(len(some), func(a, b int) { some[a], some[b] = some[b], some[a] })
				o, err := w.bulk(w.Context(), me, n, items(some[:50]...))
				if err != nil {
					t.Error(err)
					return
				}
				written[i] += len(o.Events)
			}
		})
	}
	calling.Wait()
	total := 0
	for _, n := range written {
		total += n
	}
	// Each agent was created and went online.
	servicetest.Equal(t, "events", w.Head()-head-2*clients, db.Seq(total))
	for _, e := range w.Since(head) {
		if e.Before != nil {
			servicetest.Equal(t, "version", e.After.Version, e.Before.Version+1)
		}
	}
	servicetest.Equal(t, "deadlocks", w.deadlocks(), 0)
}

// deadlocks returns the number of deadlocks in the test's database. Calls start over after one, so
// no answer shows it. A connection reports them at the latest when it ends.
func (w *world) deadlocks() (n int) {
	w.T.Helper()
	w.DB.SetMaxIdleConns(0)
	for tick, connections := time.NewTicker(time.Millisecond), 0; ; <-tick.C {
		err := w.DB.QueryRowContext(w.Context(), `SELECT deadlocks, (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
			AND backend_type = 'client backend') FROM pg_stat_database WHERE datname = current_database()`).Scan(&n, &connections)
		if err != nil {
			w.T.Fatal(err)
		}
		if connections <= 2 { // this one and the one that listens
			return n
		}
	}
}

// bulk assigns, closes or unassigns the items, by turns, and reopens them one by one.
func (w *world) bulk(ctx context.Context, me service.Actor, n int, items []*service.ConversationItemInput) (*service.Outcome, error) {
	switch n % 4 {
	case 0:
		return w.AssignConversations(ctx, me, service.AssignConversationsInput{Items: items, AssigneeID: *me.Agent})
	case 1:
		return w.CloseConversations(ctx, me, service.CloseConversationsInput{Items: items})
	case 2:
		return w.UnassignConversations(ctx, me, service.UnassignConversationsInput{Items: items})
	}
	done := &service.Outcome{}
	for _, item := range items {
		o, err := w.ReopenConversation(ctx, me, service.ReopenConversationInput{ConversationID: item.ConversationID})
		if refusal := (*service.Refusal)(nil); err != nil && !errors.As(err, &refusal) {
			return nil, err
		}
		done.Events = append(done.Events, o.Events...)
	}
	return done, nil
}

// many returns n open conversations, each of another contact, assigned to an agent or unassigned.
// They are inserted directly, without events, which is faster.
func (w *world) many(n int, owner *db.AgentID) (conversations []*db.Conversation) {
	w.T.Helper()
	w.Unlogged()
	var contacts []*db.Contact
	for i := range n {
		contact := &db.Contact{ID: db.ContactID{UUID: db.NewUUID()}, Name: fmt.Sprint("Contact ", i), AssigneeID: owner, Version: 2, CreatedAt: w.Clock}
		contacts = append(contacts, contact)
		conversations = append(conversations, &db.Conversation{
			ID: db.ConversationID{UUID: db.NewUUID()}, ContactID: contact.ID, Channel: "email", Status: db.StatusOpen, Latest: true,
			AssigneeID: owner, Version: 2, OpenedAt: w.Clock, LastActivityAt: w.Clock,
		})
	}
	for at := 0; at < n; at += 1000 {
		to := min(at+1000, n)
		servicetest.Fine(w.T, w.DB.Transact(w.Context(), w.Manager.Workspace, func(tx db.Tx) error {
			if err := tx.InsertContacts(w.Context(), contacts[at:to], nil); err != nil {
				return err
			}
			return tx.InsertConversations(w.Context(), conversations[at:to])
		}))
	}
	return conversations
}
