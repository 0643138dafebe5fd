package service

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
)

// What a bulk answers about each item is, cell by cell, in TestStates; here is what the
// items have to do with each other.

// items are conversations as those of a bulk.
func items(conversations ...*db.Conversation) (all []*ConversationItemInput) {
	for _, c := range conversations {
		all = append(all, &ConversationItemInput{ConversationID: c.ID})
	}
	return all
}

// answers tells what a bulk says of each item: the status and version of the conversation,
// and the code that refused it.
func (w *world) answers(o *Outcome) (told []string) {
	for _, item := range o.Conversations {
		var parts []string
		if c := item.Conversation; c != nil {
			parts = append(parts, fmt.Sprintf("%s %s v%d", c.Status, w.named(c.AssigneeID), c.Version))
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
			ada, ben := w.agent("Ada"), w.agent("Ben")
			free, bens, closed := w.open(), w.open(ben), w.closed()
			older, newer := w.older(ada)
			stale := &ConversationItemInput{free.ID, new(7)}
			head := w.head()
			in := AssignConversationsInput{Items: append(items(newer, older, bens, free, closed), stale, &ConversationItemInput{ConversationID: db.ConversationID{UUID: db.NewUUID()}}), AssigneeID: *ben.Agent}
			o := w.ok(w.AssignConversations(w.ctx(), ada, in))
			lines(t, w.answers(o), "OPEN Ben v6", "CLOSED Ada v4 NOT_LATEST", "OPEN Ben v3", "OPEN Ben v3", "CLOSED Ben v4", "OPEN Ben v3 CONFLICT", "NOT_FOUND")
			lines(t, w.story(o.Events), "CONVERSATION_ASSIGNED Ada->Ben MANUAL by Ada v5->v6",
				"CONVERSATION_ASSIGNED nobody->Ben MANUAL by Ada v2->v3", "CONVERSATION_ASSIGNED nobody->Ben MANUAL by Ada v3->v4")
			lines(t, eventIDs(w.since(head)), eventIDs(o.Events)...)
			equal(t, "owners", strings.Join([]string{w.owner(newer), w.owner(older), w.owner(bens), w.owner(free), w.owner(closed)}, " "), "Ben Ada Ben Ben Ben")
		}},
		{"A2 many are unassigned", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			all := []*db.Conversation{w.open(ada), w.open(), w.closed(ben)}
			o := w.ok(w.UnassignConversations(w.ctx(), ada, UnassignConversationsInput{Items: items(all...)}))
			lines(t, w.answers(o), "OPEN nobody v4", "OPEN nobody v2", "CLOSED nobody v5")
			lines(t, w.story(o.Events), "CONVERSATION_UNASSIGNED Ada->nobody MANUAL by Ada v3->v4", "CONVERSATION_UNASSIGNED Ben->nobody MANUAL by Ada v4->v5")
		}},
		{"A4 a conversation that is named twice is treated twice, and so is the next one of its contact", func(t *testing.T, w *world) {
			c, other := w.open(), w.open()
			first, again, believed := &ConversationItemInput{c.ID, &c.Version}, &ConversationItemInput{c.ID, &c.Version}, &ConversationItemInput{c.ID, new(c.Version + 1)}
			in := AssignConversationsInput{Items: append([]*ConversationItemInput{first, again, believed}, items(other)...), AssigneeID: *w.manager.Agent}
			o := w.ok(w.AssignConversations(w.ctx(), w.manager, in))
			lines(t, w.answers(o), "OPEN Mia Manager v3", "OPEN Mia Manager v3 CONFLICT", "OPEN Mia Manager v3", "OPEN Mia Manager v3")
			equal(t, "events", len(o.Events), 2)
			o = w.ok(w.CloseConversations(w.ctx(), w.manager, CloseConversationsInput{Items: items(c, other, c)}))
			lines(t, w.answers(o), "CLOSED Mia Manager v4", "CLOSED Mia Manager v4", "CLOSED Mia Manager v4 ALREADY_CLOSED")
			equal(t, "stored", fmt.Sprint(w.read(c).Version, w.readContact(c.ContactID).Version, len(o.Events)), "4 4 2")
		}},
		{"S1 S4 S5 many are closed with one note; what is refused is left", func(t *testing.T, w *world) {
			open, blocked, closed := w.open(), w.open(), w.closed()
			w.block(blocked)
			older, newer := w.older()
			note := &ClosingNoteInput{Category: Text("Question"), Text: Text("Sent to all")}
			o := w.ok(w.CloseConversations(w.ctx(), w.manager, CloseConversationsInput{Items: items(older, newer, open, blocked, closed), Note: note}))
			lines(t, w.answers(o), "CLOSED nobody v3 ALREADY_CLOSED", "CLOSED nobody v5", "CLOSED nobody v3", "OPEN nobody v3 CONTACT_BLOCKED", "CLOSED nobody v3 ALREADY_CLOSED")
			equal(t, "events", types(o.Events), "CONVERSATION_CLOSED + CONVERSATION_CLOSED")
			for _, c := range []*db.Conversation{newer, open} {
				equal(t, "note", fmt.Sprint(*w.read(c).ClosingCategory, ": ", *w.read(c).ClosingText), "Question: Sent to all")
			}
			equal(t, "note of one that was refused", w.read(closed).ClosingNote(), nil)
		}},
		{"1 to 500 items, of which the first 100 events are returned", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			many := w.many(maxItems+1, nil)
			for _, wrong := range [][]*db.Conversation{nil, many} {
				w.unchanged("refused", func() {
					_, err := w.UnassignConversations(w.ctx(), ada, UnassignConversationsInput{Items: items(wrong...)})
					failed(t, err, BadInput)
					_, err = w.CloseConversations(w.ctx(), ada, CloseConversationsInput{Items: items(wrong...)})
					failed(t, err, BadInput)
				})
			}
			for name, call := range map[string]func() (*Outcome, error){
				"assign": func() (*Outcome, error) {
					return w.AssignConversations(w.ctx(), ada, AssignConversationsInput{Items: items(many[1:]...), AssigneeID: *ada.Agent})
				},
				"close": func() (*Outcome, error) {
					return w.CloseConversations(w.ctx(), ada, CloseConversationsInput{Items: items(many[1:]...), Note: &ClosingNoteInput{Text: Text("Sent to all")}})
				},
			} {
				head, began := w.head(), time.Now()
				o := w.ok(call())
				t.Logf("%s of %d took %v", name, maxItems, time.Since(began))
				equal(t, "in the log", w.head()-head, maxItems)
				equal(t, "returned", fmt.Sprint(len(o.Events), len(o.Conversations)), "100 500")
				lines(t, eventIDs(o.Events), eventIDs(w.since(head)[:100])...)
			}
		}},
		{"P6 a bulk repeated is the same, refusals of items included; conversations are read again", func(t *testing.T, w *world) {
			ada, c, closed := w.agent("Ada"), w.open(), w.closed()
			in := CloseConversationsInput{Items: append(items(c, closed), &ConversationItemInput{ConversationID: db.ConversationID{UUID: db.NewUUID()}}), Keyed: keyed("k")}
			was := w.ok(w.CloseConversations(w.ctx(), ada, in))
			lines(t, w.answers(was), "CLOSED nobody v3", "CLOSED nobody v3 ALREADY_CLOSED", "NOT_FOUND")
			w.reopens(c)
			w.reopens(closed)
			w.unchanged("repeated", func() {
				again := w.ok(w.CloseConversations(w.ctx(), ada, in))
				lines(t, w.answers(again), "OPEN nobody v4", "OPEN nobody v4 ALREADY_CLOSED", "NOT_FOUND")
				lines(t, eventIDs(again.Events), eventIDs(was.Events)...)
				equal(t, "message", again.Conversations[1].Refusals[0].Error(), was.Conversations[1].Refusals[0].Error())
			})
			in.Items = in.Items[:2]
			_, err := w.CloseConversations(w.ctx(), ada, in)
			refused(t, err, KeyReused)
		}},
		{"an item of another workspace is one that does not exist", func(t *testing.T, w *world) {
			own, foreign := w.open(), w.neighbour()
			theirs := foreign.open()
			head := foreign.head()
			for _, call := range []func() (*Outcome, error){
				func() (*Outcome, error) {
					return w.AssignConversations(w.ctx(), w.manager, AssignConversationsInput{Items: items(theirs, own), AssigneeID: *w.manager.Agent})
				},
				func() (*Outcome, error) {
					return w.CloseConversations(w.ctx(), w.manager, CloseConversationsInput{Items: items(theirs, own)})
				},
			} {
				o := w.ok(call())
				equal(t, "of the other", w.answers(o)[0], "NOT_FOUND")
				equal(t, "events", len(o.Events), 1)
			}
			equal(t, "end of their log", foreign.head(), head)
		}},
		{"bulks in opposite order never deadlock", testBulksAtOnce},
	})
}

// testBulksAtOnce lets clients assign and close what they share in orders of their own,
// two conversations of each contact among it.
func testBulksAtOnce(t *testing.T, w *world) {
	const clients, each = 8, 12
	var all []*db.Conversation
	for range 30 {
		older, newer := w.older()
		all = append(all, older, newer)
	}
	head := w.head()
	var calling sync.WaitGroup
	written := make([]int, clients)
	for i := range clients {
		me := w.agent(fmt.Sprint("Agent", i))
		calling.Go(func() {
			for n := range each {
				some := slices.Clone(all)
				rand.Shuffle(len(some), func(a, b int) { some[a], some[b] = some[b], some[a] })
				o, err := w.bulk(w.ctx(), me, n, items(some[:50]...))
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
	equal(t, "events", w.head()-head-2*clients, db.Seq(total)) // each agent was created and went online
	for _, e := range w.since(head) {
		if e.Before != nil {
			equal(t, "version", e.After.Version, e.Before.Version+1)
		}
	}
	equal(t, "deadlocks", w.deadlocks(), 0)
}

// deadlocks counts those of the test's database; they are mended by starting over, and
// so seen nowhere else. A connection tells of them at the latest when it ends.
func (w *world) deadlocks() (n int) {
	w.t.Helper()
	w.DB.SetMaxIdleConns(0)
	for tick, connections := time.NewTicker(time.Millisecond), 0; ; <-tick.C {
		err := w.DB.QueryRowContext(w.ctx(), `SELECT deadlocks, (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
			AND backend_type = 'client backend') FROM pg_stat_database WHERE datname = current_database()`).Scan(&n, &connections)
		if err != nil {
			w.t.Fatal(err)
		}
		if connections <= 2 { // this one and the one that listens
			return n
		}
	}
}

// bulk assigns, closes and unassigns in turn, and one by one opens again.
func (w *world) bulk(ctx context.Context, me Actor, n int, items []*ConversationItemInput) (*Outcome, error) {
	switch n % 4 {
	case 0:
		return w.AssignConversations(ctx, me, AssignConversationsInput{Items: items, AssigneeID: *me.Agent})
	case 1:
		return w.CloseConversations(ctx, me, CloseConversationsInput{Items: items})
	case 2:
		return w.UnassignConversations(ctx, me, UnassignConversationsInput{Items: items})
	}
	done := &Outcome{}
	for _, item := range items {
		o, err := w.ReopenConversation(ctx, me, ReopenConversationInput{ConversationID: item.ConversationID})
		if refusal := (*Refusal)(nil); err != nil && !errors.As(err, &refusal) {
			return nil, err
		}
		done.Events = append(done.Events, o.Events...)
	}
	return done, nil
}

// many are open conversations of as many contacts, owned by an agent or nobody. They are
// put into the tables directly, without events: one by one it would take too long.
func (w *world) many(n int, owner *db.AgentID) (conversations []*db.Conversation) {
	w.t.Helper()
	var contacts []*db.Contact
	for i := range n {
		contact := &db.Contact{ID: db.ContactID{UUID: db.NewUUID()}, Name: fmt.Sprint("Contact ", i), AssigneeID: owner, Version: 2, CreatedAt: w.clock}
		contacts = append(contacts, contact)
		conversations = append(conversations, &db.Conversation{
			ID: db.ConversationID{UUID: db.NewUUID()}, ContactID: contact.ID, Channel: "email", Status: db.StatusOpen, Latest: true,
			AssigneeID: owner, Version: 2, OpenedAt: w.clock, LastActivityAt: w.clock,
		})
	}
	for at := 0; at < n; at += 1000 {
		to := min(at+1000, n)
		fine(w.t, w.DB.Transact(w.ctx(), w.manager.Workspace, func(tx db.Tx) error {
			if err := tx.InsertContacts(w.ctx(), contacts[at:to], nil); err != nil {
				return err
			}
			return tx.InsertConversations(w.ctx(), conversations[at:to])
		}))
	}
	return conversations
}
