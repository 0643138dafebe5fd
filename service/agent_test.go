package service

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/db"
)

func TestDeactivation(t *testing.T) {
	hold(t, []rule{
		{"A7 every open conversation is unassigned, one event each; the others keep their owner", func(t *testing.T, w *world) {
			zoe, ada := w.agent("Zoe"), w.agent("Ada")
			open, blocked, closed, adas := w.open(zoe), w.open(zoe), w.closed(zoe), w.open(ada)
			w.block(blocked)
			head := w.head()
			o := w.deactivate(zoe)
			lines(t, w.story(o.Events), "AGENT_DEACTIVATED by Mia Manager",
				"CONVERSATION_UNASSIGNED Zoe->nobody AGENT_DEACTIVATED by Mia Manager v3->v4",
				"CONVERSATION_UNASSIGNED Zoe->nobody AGENT_DEACTIVATED by Mia Manager v4->v5")
			lines(t, w.story(w.since(head)), w.story(o.Events)...)
			equal(t, "agent", fmt.Sprint(o.Agent.Active, " ", o.Agent.Availability), "false OFFLINE")
			for c, want := range map[*db.Conversation]string{open: nobody, blocked: nobody, closed: "Zoe", adas: "Ada"} {
				equal(t, "owner", w.owner(c), want)
			}
			w.unchanged("again", func() { w.deactivate(zoe) })
		}},
		{"A7 a deactivated agent cannot be assigned until reactivated", func(t *testing.T, w *world) {
			zoe, c := w.agent("Zoe"), w.open()
			w.deactivate(zoe)
			in := AssignConversationInput{ConversationID: c.ID, AssigneeID: *zoe.Agent}
			_, err := w.AssignConversation(w.ctx(), w.manager, in)
			refused(t, err, AgentInactive)
			_, err = w.SetAvailability(w.ctx(), w.manager, SetAvailabilityInput{Availability: db.Online, AgentID: zoe.Agent})
			refused(t, err, AgentInactive)
			o := w.reactivate(zoe)
			lines(t, w.story(o.Events), "AGENT_REACTIVATED by Mia Manager")
			equal(t, "availability", o.Agent.Availability, db.Offline)
			w.unchanged("again", func() { w.reactivate(zoe) })
			w.ok(w.AssignConversation(w.ctx(), w.manager, in))
		}},
		{"A7 handing over is one event each, from the one to the other", func(t *testing.T, w *world) {
			zoe, ada := w.agent("Zoe"), w.agent("Ada")
			open, closed := w.open(zoe), w.closed(zoe)
			o := w.ok(w.DeactivateAgent(w.ctx(), w.manager, DeactivateAgentInput{AgentID: *zoe.Agent, HandOverTo: ada.Agent}))
			lines(t, w.story(o.Events), "AGENT_DEACTIVATED by Mia Manager",
				"CONVERSATION_ASSIGNED Zoe->Ada AGENT_DEACTIVATED by Mia Manager v3->v4")
			equal(t, "open", w.owner(open), "Ada")
			equal(t, "closed", w.owner(closed), "Zoe")
		}},
		{"A7 nothing is handed over to somebody who is inactive, unknown or the same", func(t *testing.T, w *world) {
			zoe, max := w.agent("Zoe"), w.agent("Max")
			c := w.open(zoe)
			w.deactivate(max)
			w.unchanged("refused", func() {
				o, err := w.DeactivateAgent(w.ctx(), w.manager, DeactivateAgentInput{AgentID: *zoe.Agent, HandOverTo: max.Agent})
				refused(t, err, AgentInactive)
				equal(t, "active in the answer", o.Agent.Active, true)
				_, err = w.DeactivateAgent(w.ctx(), w.manager, DeactivateAgentInput{AgentID: *zoe.Agent, HandOverTo: &db.AgentID{UUID: db.NewUUID()}})
				failed(t, err, NotFound)
				_, err = w.DeactivateAgent(w.ctx(), w.manager, DeactivateAgentInput{AgentID: *zoe.Agent, HandOverTo: zoe.Agent})
				failed(t, err, BadInput)
			})
			equal(t, "owner", w.owner(c), "Zoe")
		}},
		{"A7 what is assigned while it waits for a lock is found", func(t *testing.T, w *world) { testDeactivationLooksAgain(t, w, false) }},
		{"A7 it starts over if what it finds is locked", func(t *testing.T, w *world) { testDeactivationLooksAgain(t, w, true) }},
		{"A7 what somebody takes or closes while it waits stays as they left it", testDeactivationLeavesOthers},
		{"A7 it waits for whoever is assigning to the agent", testDeactivationWaits},
		{"A7 200 open conversations while 8 callers keep assigning", testDeactivationInTheRush},
		{"A7 very many open conversations in one call, while others go on", testDeactivationOfMany},
	})
}

// testDeactivationLooksAgain assigns a second conversation while the deactivation waits
// for the first; held says that somebody is at the second one when it is found.
func testDeactivationLooksAgain(t *testing.T, w *world, held bool) {
	zoe := w.agent("Zoe")
	first, second := w.open(zoe), w.open()
	release := w.locks("SELECT FROM contacts WHERE id = ? FOR UPDATE", first.ContactID)
	deactivation := begin(func() (*Outcome, error) {
		return w.DeactivateAgent(w.ctx(), w.manager, DeactivateAgentInput{AgentID: *zoe.Agent})
	})
	w.waitBlocked(1)
	w.assign(second, zoe)
	if held {
		releaseSecond := w.locks("SELECT FROM contacts WHERE id = ? FOR UPDATE", second.ContactID)
		release()
		w.waitBlocked(1) // started over, and found both before it locked the agent
		release = releaseSecond
	}
	release()
	o := w.ok(w.await(deactivation))
	equal(t, "events", types(o.Events), "AGENT_DEACTIVATED + CONVERSATION_UNASSIGNED + CONVERSATION_UNASSIGNED")
	equal(t, "owners", w.owner(first)+" "+w.owner(second), "nobody nobody")
}

// testDeactivationLeavesOthers has two calls ahead of the deactivation, which finds both
// conversations still open and the agent's.
func testDeactivationLeavesOthers(t *testing.T, w *world) {
	zoe, ada := w.agent("Zoe"), w.agent("Ada")
	taken, closed, left := w.open(zoe), w.open(zoe), w.open(zoe)
	release := w.locks("SELECT FROM event_heads FOR UPDATE")
	taking := begin(func() (*Outcome, error) {
		return w.AssignConversation(w.ctx(), ada, AssignConversationInput{ConversationID: taken.ID, AssigneeID: *ada.Agent})
	})
	closing := begin(func() (*Outcome, error) {
		return w.CloseConversation(w.ctx(), ada, CloseConversationInput{ConversationID: closed.ID})
	})
	w.waitBlocked(2)
	deactivation := begin(func() (*Outcome, error) {
		return w.DeactivateAgent(w.ctx(), w.manager, DeactivateAgentInput{AgentID: *zoe.Agent})
	})
	w.waitBlocked(3)
	release()
	w.ok(w.await(taking))
	w.ok(w.await(closing))
	lines(t, w.story(w.ok(w.await(deactivation)).Events), "AGENT_DEACTIVATED by Mia Manager",
		"CONVERSATION_UNASSIGNED Zoe->nobody AGENT_DEACTIVATED by Mia Manager v3->v4")
	equal(t, "owners", w.owner(taken)+" "+w.owner(closed)+" "+w.owner(left), "Ada Zoe nobody")
}

// testDeactivationWaits stops each verb that makes or keeps an agent responsible right
// before its commit, and deactivates the agent.
func testDeactivationWaits(t *testing.T, w *world) {
	for _, name := range []string{"assignConversation", "assignContact", "assignToMe", "openConversation", "reopenConversation", "assignConversations"} {
		zoe := w.agent("Zoe" + name)
		c := w.open()
		if name == "openConversation" || name == "reopenConversation" {
			c = w.closed(zoe)
		}
		x := target{conversation: c.ID, contact: c.ContactID, agent: *zoe.Agent}
		release := w.locks("SELECT FROM event_heads FOR UPDATE")
		call := begin(func() (*Outcome, error) { return verbNamed(name).in(w, zoe, x) })
		w.waitBlocked(1)
		deactivation := begin(func() (*Outcome, error) {
			return w.DeactivateAgent(w.ctx(), w.manager, DeactivateAgentInput{AgentID: x.agent})
		})
		w.waitBlocked(2)
		release()
		w.ok(w.await(call))
		w.ok(w.await(deactivation))
		contact := w.readContact(c.ContactID)
		equal(t, name+": owner afterwards", w.named(contact.AssigneeID), nobody)
	}
}

func testDeactivationInTheRush(t *testing.T, w *world) {
	slow(t)
	zoe, ada := w.agent("Zoe"), w.agent("Ada")
	closed := w.closed(zoe)
	var open []*db.Conversation
	for range 200 {
		open = append(open, w.open(zoe))
	}
	var free [8][]*db.Conversation
	for i := range free {
		free[i] = []*db.Conversation{w.open(), w.open(), w.open()}
	}
	var callers sync.WaitGroup
	for _, mine := range free {
		callers.Go(func() { keepAssigning(w, mine, zoe, ada) })
	}
	o := w.deactivate(zoe)
	callers.Wait()
	equal(t, "events in the answer", len(o.Events), eventsReturned)
	left, err := w.DB.ForWorkspace(w.manager.Workspace).OpenContactsOf(w.ctx(), *zoe.Agent)
	equal(t, "left", fmt.Sprint(len(left), err), "0 <nil>")
	equal(t, "closed", w.owner(closed), "Zoe")
	unassigned := map[db.ConversationID]int{}
	for _, e := range w.since(0) {
		if e.Data.Reason == db.ReasonAgentDeactivated {
			unassigned[*e.ConversationID]++
		}
	}
	for _, c := range open {
		equal(t, "events of a conversation", unassigned[c.ID], 1)
		equal(t, "owner", w.owner(c), nobody)
	}
	for c, n := range unassigned {
		equal(t, "events of "+c.String(), n, 1)
	}
}

// testDeactivationOfMany hands over, while callers at other conversations are never told
// to try again.
func testDeactivationOfMany(t *testing.T, w *world) {
	slow(t)
	const open = 3000
	zoe, ada, ben := w.agent("Zoe"), w.agent("Ada"), w.agent("Ben")
	many := w.many(open, zoe.Agent)
	head, began := w.head(), time.Now()
	deactivation := begin(func() (*Outcome, error) {
		return w.DeactivateAgent(w.ctx(), w.manager, DeactivateAgentInput{AgentID: *zoe.Agent, HandOverTo: ada.Agent})
	})
	stop, calls := make(chan struct{}), atomic.Int64{}
	var callers sync.WaitGroup
	for range 4 {
		c := w.open()
		callers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				to := []Actor{ada, ben}[n%2]
				if _, err := w.AssignConversation(w.ctx(), w.manager, AssignConversationInput{ConversationID: c.ID, AssigneeID: *to.Agent}); err != nil {
					t.Error(err)
					return
				}
				calls.Add(1)
			}
		})
	}
	o := w.ok(w.await(deactivation))
	t.Logf("handing over %d conversations took %v, with %d other calls meanwhile", open, time.Since(began), calls.Load())
	if calls.Load() == 0 {
		t.Error("nobody else got anything done meanwhile")
	}
	close(stop)
	callers.Wait()
	equal(t, "events in the answer", len(o.Events), eventsReturned)
	changes := map[db.ConversationID]int{}
	for _, e := range w.since(head) {
		if e.Data.Reason == db.ReasonAgentDeactivated {
			changes[*e.ConversationID]++
		}
	}
	equal(t, "conversations with an event", len(changes), open)
	for _, c := range many {
		equal(t, "events of a conversation", changes[c.ID], 1)
	}
	equal(t, "owners", w.owner(many[0])+" "+w.owner(many[open-1]), "Ada Ada")
}

// keepAssigning assigns conversations to and fro until one of the agents is inactive.
func keepAssigning(w *world, conversations []*db.Conversation, to, fro Actor) {
	for n := 0; ; n++ {
		c, agent := conversations[n%len(conversations)], []Actor{to, fro}[n%2]
		_, err := w.AssignConversation(w.ctx(), w.manager, AssignConversationInput{ConversationID: c.ID, AssigneeID: *agent.Agent})
		var refusal *Refusal
		switch {
		case errors.As(err, &refusal) && refusal.Code == AgentInactive:
			return
		case err != nil:
			w.t.Error(err)
			return
		}
	}
}

func TestAgents(t *testing.T) {
	hold(t, []rule{
		{"LAST_MANAGER: the last active manager stays", func(t *testing.T, w *world) {
			w.agent("Ada")
			w.deactivate(w.agentAs("Max", db.RoleManager))
			w.unchanged("refused", func() {
				_, err := w.DeactivateAgent(w.ctx(), w.manager, DeactivateAgentInput{AgentID: *w.manager.Agent})
				refused(t, err, LastManager)
				o, err := w.UpdateAgent(w.ctx(), w.manager, UpdateAgentInput{AgentID: *w.manager.Agent, Name: Text("Mia"), Role: new(db.RoleAgent)})
				refused(t, err, LastManager)
				equal(t, "in the answer", fmt.Sprint(o.Agent.Name, " ", o.Agent.Role), "Mia Manager MANAGER")
			})
			w.ok(w.UpdateAgent(w.ctx(), w.manager, UpdateAgentInput{AgentID: *w.manager.Agent, Name: Text("Mia")}))
		}},
		{"LAST_MANAGER: of the two last ones only one can go at a time", testTwoLastManagers},
		{"EMAIL_TAKEN and IDENTITY_TAKEN come with the agent as it is", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			identity := &AgentIdentityInput{"https://login.example", "ada"}
			w.ok(w.UpdateAgent(w.ctx(), w.manager, UpdateAgentInput{AgentID: *ada.Agent, Identity: identity}))
			w.unchanged("refused", func() {
				o, err := w.UpdateAgent(w.ctx(), w.manager, UpdateAgentInput{AgentID: *ben.Agent, Email: Text("ADA@acme.example")})
				refused(t, err, EmailTaken)
				equal(t, "in the answer", *o.Agent.Email, "ben@acme.example")
				_, err = w.UpdateAgent(w.ctx(), w.manager, UpdateAgentInput{AgentID: *ben.Agent, Identity: identity})
				refused(t, err, IdentityTaken)
				_, err = w.CreateAgent(w.ctx(), w.manager, CreateAgentInput{Name: "Ada", Email: "Ada@acme.example", Role: db.RoleAgent})
				refused(t, err, EmailTaken)
			})
		}},
		{"EMAIL_TAKEN by a deactivated agent says so", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			w.deactivate(ada)
			_, created := w.CreateAgent(w.ctx(), w.manager, CreateAgentInput{Name: "Ada", Email: "Ada@acme.example", Role: db.RoleAgent})
			_, updated := w.UpdateAgent(w.ctx(), w.manager, UpdateAgentInput{AgentID: *ben.Agent, Email: Text("ada@acme.example")})
			for _, err := range []error{created, updated} {
				refused(t, err, EmailTaken)
				equal(t, "says so", strings.Contains(err.Error(), "Ada, who is deactivated,"), true)
			}
		}},
		{"an agent's events say what changed", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			in := UpdateAgentInput{AgentID: *ada.Agent, Role: new(db.RoleManager), Skills: []string{"billing", " french", "billing"}}
			o := w.ok(w.UpdateAgent(w.ctx(), w.manager, in))
			changed := ""
			for _, c := range o.Events[0].Data.Changes {
				changed += c.Field + "=" + *c.After + " "
			}
			equal(t, "changes", changed, `role=MANAGER skills=["billing","french"] `)
			equal(t, "the event's agent", *o.Events[0].Data.AgentID, *ada.Agent)
			w.unchanged("same", func() { w.ok(w.UpdateAgent(w.ctx(), w.manager, in)) })
			o = w.ok(w.SetAvailability(w.ctx(), ada, SetAvailabilityInput{Availability: db.Away}))
			equal(t, "availability", fmt.Sprint(o.Events[0].Data.Availability), "[ONLINE AWAY]")
			w.unchanged("same", func() { w.ok(w.SetAvailability(w.ctx(), ada, SetAvailabilityInput{Availability: db.Away})) })
		}},
	})
}

func testTwoLastManagers(t *testing.T, w *world) {
	demote := func(id db.AgentID) (*Outcome, error) {
		return w.UpdateAgent(w.ctx(), w.manager, UpdateAgentInput{AgentID: id, Role: new(db.RoleAgent)})
	}
	deactivate := func(id db.AgentID) (*Outcome, error) {
		return w.DeactivateAgent(w.ctx(), w.manager, DeactivateAgentInput{AgentID: id})
	}
	for i, pair := range [][2]func(db.AgentID) (*Outcome, error){{demote, demote}, {demote, deactivate}, {deactivate, demote}, {deactivate, deactivate}} {
		other := w.agentAs(fmt.Sprint("Max", i), db.RoleManager)
		release := w.locks("SELECT FROM event_heads FOR UPDATE")
		first := begin(func() (*Outcome, error) { return pair[0](*other.Agent) })
		w.waitBlocked(1)
		second := begin(func() (*Outcome, error) { return pair[1](*w.manager.Agent) })
		w.waitBlocked(2)
		release()
		w.ok(w.await(first))
		_, err := w.await(second)
		refused(t, err, LastManager)
	}
}
