//go:build linux

package faults

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"switchboard/db"
	"switchboard/service/servicetest"
)

// A move is one mutation, or the read of a contested conversation.
type move struct {
	verb  string
	input vars
	by    member
	call  *servicetest.Call // if it is about a contested thread
	body  string            // text that a row has once the mutation has been carried out; empty if none
	table string            // of that row
}

// A board is what the clients know of the threads.
type board struct {
	contested, free []*place
}

// place is a thread as it was in the last answer.
type place struct {
	thread
	latest atomic.Pointer[db.ConversationID]
}

// newBoard returns what the clients know at the beginning.
func newBoard(c cast) *board {
	places := func(threads []thread) (all []*place) {
		for _, t := range threads {
			p := &place{thread: t}
			p.latest.Store(&t.conversation)
			all = append(all, p)
		}
		return all
	}
	return &board{places(c.contested), places(c.free)}
}

// learn remembers a contact's latest conversation.
func (b *board) learn(contact string, latest db.ConversationID) {
	for _, p := range slices.Concat(b.contested, b.free) {
		if p.contact.String() == contact {
			p.latest.Store(&latest)
		}
	}
}

// forget goes back to the conversations of the beginning.
func (b *board) forget() {
	for _, p := range slices.Concat(b.contested, b.free) {
		p.latest.Store(&p.conversation)
	}
}

// contestedVerbs are those of servicetest.Linearizable, by the names that it has for them.
var contestedVerbs = map[string]string{
	"assign": "assignConversation", "unassign": "unassignConversation", "assignToMe": "assignToMe",
	"close": "closeConversation", "reopen": "reopenConversation", "open": "openConversation", "read": "",
}

var contestedOften = []string{"assign", "unassign", "unassign", "assignToMe", "assignToMe", "close", "reopen", "open", "open", "read"}

// contestedMove returns a random move of an agent in a contested thread.
func (b *board) contestedMove(r *rand.Rand, me member, all []member) move {
	i := r.IntN(len(b.contested))
	c := servicetest.Call{Contact: i, Verb: contestedOften[r.IntN(len(contestedOften))], Caller: me.id, Conversation: *b.contested[i].latest.Load()}
	m := move{verb: contestedVerbs[c.Verb], by: me, call: &c, input: vars{"conversationId": c.Conversation.String()}}
	switch c.Verb {
	case "assign":
		c.To = all[r.IntN(len(all))*r.IntN(2)].id // often the first, whose list is watched
		m.input["assigneeId"] = c.To.String()
	case "open":
		m.input = vars{"contactId": b.contested[i].contact.String(), "channel": "email"}
	}
	if c.Verb != "read" && r.IntN(6) == 0 {
		c.Expected = 2 + r.IntN(40)
		m.input["expectedVersion"] = c.Expected
	}
	return m
}

// freeMoves are the moves about the other threads, and about agents. Those of integrations and
// managers are sent by these, whoever the client is.
var freeMoves = []func(b *board, r *rand.Rand, c *client, key string) move{
	(*board).receives, (*board).receives, (*board).receives, (*board).arrives, (*board).replies, (*board).replies, (*board).notes,
	(*board).closes, (*board).closes, (*board).takes, (*board).assignsContact, (*board).unassignsContact, (*board).blocks, (*board).unblocks,
	(*board).happens, (*board).closesMany, (*board).assignsMany, (*board).changesAvailability, (*board).creates, (*board).leaves, (*board).comesBack,
	(*board).renames,
}

func (b *board) any(r *rand.Rand) *place { return b.free[r.IntN(len(b.free))] }

func (b *board) receives(r *rand.Rand, c *client, key string) move {
	input := vars{"sender": vars{"known": vars{"contactId": b.any(r).contact.String(), "channel": "chat"}}, "body": key}
	if r.IntN(2) == 0 {
		input["externalMessageId"] = key
	}
	return move{verb: "receiveMessage", by: c.cast.integration, body: key, table: "messages", input: input}
}

func (b *board) arrives(r *rand.Rand, c *client, key string) move {
	if r.IntN(3) > 0 { // new contacts make the lists long
		return b.receives(r, c, key)
	}
	return move{verb: "receiveMessage", by: c.cast.integration, body: key, table: "messages", input: vars{
		"sender": vars{"contact": vars{"channel": "chat", "externalId": key, "name": key}}, "body": key, "externalMessageId": key}}
}

func (b *board) replies(r *rand.Rand, c *client, key string) move {
	return move{verb: "sendMessage", by: c.me, body: key, table: "messages", input: vars{"conversationId": b.any(r).latest.Load().String(), "body": key}}
}

func (b *board) notes(r *rand.Rand, c *client, key string) move {
	return move{verb: "addNote", by: c.me, body: key, table: "messages", input: vars{"conversationId": b.any(r).latest.Load().String(), "body": key}}
}

func (b *board) closes(r *rand.Rand, c *client, key string) move {
	return move{verb: "closeConversation", by: c.me, input: vars{"conversationId": b.any(r).latest.Load().String(), "note": vars{"text": key}}}
}

func (b *board) takes(r *rand.Rand, c *client, _ string) move {
	return move{verb: "assignToMe", by: c.me, input: vars{"conversationId": b.any(r).latest.Load().String()}}
}

func (b *board) assignsContact(r *rand.Rand, c *client, _ string) move {
	return move{verb: "assignContact", by: c.me, input: vars{"contactId": b.any(r).contact.String(), "assigneeId": []member{c.cast.leaver, c.cast.agents[0]}[r.IntN(2)].id.String()}}
}

func (b *board) unassignsContact(r *rand.Rand, c *client, _ string) move {
	return move{verb: "unassignContact", by: c.me, input: vars{"contactId": b.any(r).contact.String()}}
}

func (b *board) blocks(r *rand.Rand, c *client, _ string) move {
	return move{verb: "blockContact", by: c.me, input: vars{"contactId": b.any(r).contact.String()}}
}

func (b *board) unblocks(r *rand.Rand, c *client, _ string) move {
	return move{verb: "unblockContact", by: c.me, input: vars{"contactId": b.any(r).contact.String()}}
}

func (b *board) happens(r *rand.Rand, c *client, key string) move {
	return move{verb: "recordBusinessEvent", by: c.cast.integration, input: vars{
		"sender": vars{"contactId": b.any(r).contact.String()}, "type": "order.placed", "requiresAction": r.IntN(2) == 0, "externalEventId": key}}
}

func (b *board) items(r *rand.Rand) (items []vars) {
	for range 2 + r.IntN(4) {
		items = append(items, vars{"conversationId": b.any(r).latest.Load().String()})
	}
	return items
}

func (b *board) closesMany(r *rand.Rand, c *client, _ string) move {
	return move{verb: "closeConversations", by: c.me, input: vars{"items": b.items(r)}}
}

func (b *board) assignsMany(r *rand.Rand, c *client, _ string) move {
	return move{verb: "assignConversations", by: c.me, input: vars{"items": b.items(r), "assigneeId": c.me.id.String()}}
}

func (b *board) changesAvailability(r *rand.Rand, c *client, _ string) move {
	return move{verb: "setAvailability", by: c.me, input: vars{"availability": []string{"ONLINE", "AWAY", "OFFLINE"}[r.IntN(3)]}}
}

func (b *board) creates(r *rand.Rand, c *client, key string) move {
	return move{verb: "createContact", by: c.me, body: key, table: "contacts", input: vars{"name": key}}
}

func (b *board) renames(r *rand.Rand, c *client, key string) move {
	return move{verb: "updateContact", by: c.me, input: vars{"contactId": b.any(r).contact.String(), "name": "Renamed by " + key}}
}

func (b *board) leaves(_ *rand.Rand, c *client, _ string) move {
	return move{verb: "deactivateAgent", by: c.cast.manager, input: vars{"agentId": c.cast.leaver.id.String()}}
}

func (b *board) comesBack(_ *rand.Rand, c *client, _ string) move {
	return move{verb: "reactivateAgent", by: c.cast.manager, input: vars{"agentId": c.cast.leaver.id.String()}}
}

// document is the operation that carries out the move.
func (m move) document() string {
	const state = "conversation { id status channel latest version assignee { id } contact { id } }"
	if m.verb == "" {
		return `query($conversationId: ID!) { done: conversation(id: $conversationId) { id status channel latest version assignee { id } contact { id } } }`
	}
	fields := state
	switch m.verb {
	case "closeConversations", "assignConversations", "setAvailability", "createContact", "deactivateAgent", "reactivateAgent", "updateContact",
		"blockContact", "unblockContact", "assignContact", "unassignContact":
		fields = ""
	}
	return fmt.Sprintf(`mutation($input: %s%sInput!) { done: %s(input: $input) { events { id } userErrors { code } %s } }`,
		string(m.verb[0]-'a'+'A'), m.verb[1:], m.verb, fields)
}

// shown is a conversation in an answer.
type shown struct {
	ID       string
	Status   db.ConversationStatus
	Latest   bool
	Version  int
	Assignee *struct{ ID string }
	Contact  struct{ ID string }
}

// row returns what the reply of a contested move consists of.
func (s *shown) row() (*db.Conversation, error) {
	c := &db.Conversation{Status: s.Status, Latest: s.Latest, Version: s.Version}
	err := c.ID.UnmarshalGQL(s.ID)
	if s.Assignee != nil {
		c.AssigneeID = &db.AgentID{}
		err = errors.Join(err, c.AssigneeID.UnmarshalGQL(s.Assignee.ID))
	}
	return c, err
}
