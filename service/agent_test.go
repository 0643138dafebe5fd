package service_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

func TestDeactivation(t *testing.T) {
	hold(t, []rule{
		{"A7 every open conversation is unassigned, one event each; the others keep their owner", func(t *testing.T, w *world) {
			zoe, ada := w.Agent("Zoe"), w.Agent("Ada")
			open, blocked, closed, adas := w.Open(zoe), w.Open(zoe), w.Closed(zoe), w.Open(ada)
			w.Block(blocked)
			head := w.Head()
			o := w.Deactivate(zoe)
			servicetest.Lines(t, w.Story(o.Events), "AGENT_DEACTIVATED by Mia Manager",
				"CONVERSATION_UNASSIGNED Zoe->nobody AGENT_DEACTIVATED by Mia Manager v3->v4",
				"CONVERSATION_UNASSIGNED Zoe->nobody AGENT_DEACTIVATED by Mia Manager v4->v5")
			servicetest.Lines(t, w.Story(w.Since(head)), w.Story(o.Events)...)
			servicetest.Equal(t, "agent", fmt.Sprint(o.Agent.Active, " ", o.Agent.Availability), "false OFFLINE")
			for c, want := range map[*db.Conversation]string{open: servicetest.Nobody, blocked: servicetest.Nobody, closed: "Zoe", adas: "Ada"} {
				servicetest.Equal(t, "owner", w.Owner(c), want)
			}
			w.Unchanged("again", func() { w.Deactivate(zoe) })
		}},
		{"A7 a deactivated agent cannot be assigned until reactivated", func(t *testing.T, w *world) {
			zoe, c := w.Agent("Zoe"), w.Open()
			w.Deactivate(zoe)
			in := service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *zoe.Agent}
			_, err := w.AssignConversation(w.Context(), w.Manager, in)
			servicetest.Refused(t, err, service.AgentInactive)
			_, err = w.SetAvailability(w.Context(), w.Manager, service.SetAvailabilityInput{Availability: db.Online, AgentID: zoe.Agent})
			servicetest.Refused(t, err, service.AgentInactive)
			o := w.Reactivate(zoe)
			servicetest.Lines(t, w.Story(o.Events), "AGENT_REACTIVATED by Mia Manager")
			servicetest.Equal(t, "availability", o.Agent.Availability, db.Offline)
			w.Unchanged("again", func() { w.Reactivate(zoe) })
			w.OK(w.AssignConversation(w.Context(), w.Manager, in))
		}},
		{"A7 handing over is one event each, from the one to the other", func(t *testing.T, w *world) {
			zoe, ada := w.Agent("Zoe"), w.Agent("Ada")
			open, closed := w.Open(zoe), w.Closed(zoe)
			o := w.OK(w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: *zoe.Agent, HandOverTo: ada.Agent}))
			servicetest.Lines(t, w.Story(o.Events), "AGENT_DEACTIVATED by Mia Manager",
				"CONVERSATION_ASSIGNED Zoe->Ada AGENT_DEACTIVATED by Mia Manager v3->v4")
			servicetest.Equal(t, "open", w.Owner(open), "Ada")
			servicetest.Equal(t, "closed", w.Owner(closed), "Zoe")
		}},
		{"A7 nothing is handed over to somebody who is inactive, unknown or the same", func(t *testing.T, w *world) {
			zoe, max := w.Agent("Zoe"), w.Agent("Max")
			c := w.Open(zoe)
			w.Deactivate(max)
			w.Unchanged("refused", func() {
				o, err := w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: *zoe.Agent, HandOverTo: max.Agent})
				servicetest.Refused(t, err, service.AgentInactive)
				servicetest.Equal(t, "active in the answer", o.Agent.Active, true)
				_, err = w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: *zoe.Agent, HandOverTo: &db.AgentID{UUID: db.NewUUID()}})
				servicetest.Failed(t, err, service.NotFound)
				_, err = w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: *zoe.Agent, HandOverTo: zoe.Agent})
				servicetest.Failed(t, err, service.BadInput)
			})
			servicetest.Equal(t, "owner", w.Owner(c), "Zoe")
		}},
		{"A7 what is assigned while it waits for a lock is found", func(t *testing.T, w *world) { testDeactivationLooksAgain(t, w, false) }},
		{"A7 it starts over if what it finds is locked", func(t *testing.T, w *world) { testDeactivationLooksAgain(t, w, true) }},
		{"A7 what somebody takes or closes while it waits stays as they left it", testDeactivationLeavesOthers},
		{"A7 it waits for transactions that are assigning to the agent", testDeactivationWaits},
		{"A7 200 open conversations while 8 callers keep assigning", testDeactivationInTheRush},
		{"A7 very many open conversations in one call, while others go on", testDeactivationOfMany},
	})
}

// testDeactivationLooksAgain assigns a second conversation to the agent while the deactivation
// waits for the first. With held, another transaction holds the second one when it is found.
func testDeactivationLooksAgain(t *testing.T, w *world, held bool) {
	zoe := w.Agent("Zoe")
	first, second := w.Open(zoe), w.Open()
	release := w.Locks("SELECT FROM contacts WHERE id = ? FOR UPDATE", first.ContactID)
	deactivation := servicetest.Begin(func() (*service.Outcome, error) {
		return w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: *zoe.Agent})
	})
	w.WaitBlocked(1)
	w.Assign(second, zoe)
	if held {
		releaseSecond := w.Locks("SELECT FROM contacts WHERE id = ? FOR UPDATE", second.ContactID)
		release()
		w.WaitBlocked(1) // it started over, and found both before it locked the agent
		release = releaseSecond
	}
	release()
	o := w.OK(w.Await(deactivation))
	servicetest.Equal(t, "events", servicetest.Types(o.Events), "AGENT_DEACTIVATED + CONVERSATION_UNASSIGNED + CONVERSATION_UNASSIGNED")
	servicetest.Equal(t, "owners", w.Owner(first)+" "+w.Owner(second), "nobody nobody")
}

// testDeactivationLeavesOthers stops a company that takes and closes two conversations right before
// its commit, so that the deactivation finds both still open and assigned to the agent.
func testDeactivationLeavesOthers(t *testing.T, w *world) {
	zoe, ada := w.Agent("Zoe"), w.Agent("Ada")
	taken, closed, left := w.Open(zoe), w.Open(zoe), w.Open(zoe)
	release := w.Locks("SELECT FROM event_heads FOR UPDATE")
	answers, run := w.company(
		func() (*service.Outcome, error) {
			return w.AssignConversation(w.Context(), ada, service.AssignConversationInput{ConversationID: taken.ID, AssigneeID: *ada.Agent})
		},
		func() (*service.Outcome, error) {
			return w.CloseConversation(w.Context(), ada, service.CloseConversationInput{ConversationID: closed.ID})
		})
	go run()
	w.WaitBlockedIn("event_heads", 1) // the contacts of both are locked
	deactivation := servicetest.Begin(func() (*service.Outcome, error) {
		return w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: *zoe.Agent})
	})
	w.WaitBlockedIn("FROM contacts", 1)
	release()
	w.OK(w.Await(answers[0]))
	w.OK(w.Await(answers[1]))
	servicetest.Lines(t, w.Story(w.OK(w.Await(deactivation)).Events), "AGENT_DEACTIVATED by Mia Manager",
		"CONVERSATION_UNASSIGNED Zoe->nobody AGENT_DEACTIVATED by Mia Manager v3->v4")
	servicetest.Equal(t, "owners", w.Owner(taken)+" "+w.Owner(closed)+" "+w.Owner(left), "Ada Zoe nobody")
}

// testDeactivationWaits stops each verb that makes or keeps an agent responsible right
// before its commit, and deactivates the agent.
func testDeactivationWaits(t *testing.T, w *world) {
	for _, name := range []string{"assignConversation", "assignContact", "assignToMe", "openConversation", "reopenConversation", "assignConversations"} {
		zoe := w.Agent("Zoe" + name)
		c := w.Open()
		if name == "openConversation" || name == "reopenConversation" {
			c = w.Closed(zoe)
		}
		x := target{conversation: c.ID, contact: c.ContactID, agent: *zoe.Agent}
		release := w.Locks("SELECT FROM event_heads FOR UPDATE")
		call := servicetest.Begin(func() (*service.Outcome, error) { return verbNamed(name).in(w, zoe, x) })
		w.WaitBlocked(1)
		deactivation := servicetest.Begin(func() (*service.Outcome, error) {
			return w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: x.agent})
		})
		w.WaitBlocked(2)
		release()
		w.OK(w.Await(call))
		w.OK(w.Await(deactivation))
		contact := w.ReadContact(c.ContactID)
		servicetest.Equal(t, name+": owner afterwards", w.Named(contact.AssigneeID), servicetest.Nobody)
	}
}

func testDeactivationInTheRush(t *testing.T, w *world) {
	servicetest.Slow(t)
	zoe, ada := w.Agent("Zoe"), w.Agent("Ada")
	closed := w.Closed(zoe)
	var open []*db.Conversation
	for range 200 {
		open = append(open, w.Open(zoe))
	}
	var free [8][]*db.Conversation
	for i := range free {
		free[i] = []*db.Conversation{w.Open(), w.Open(), w.Open()}
	}
	var callers sync.WaitGroup
	for _, mine := range free {
		callers.Go(func() { keepAssigning(w, mine, zoe, ada) })
	}
	o := w.Deactivate(zoe)
	callers.Wait()
	servicetest.Equal(t, "events in the answer", len(o.Events), service.EventsReturned)
	left, err := w.DB.ForWorkspace(w.Manager.Workspace).OpenContactsOf(w.Context(), *zoe.Agent)
	servicetest.Equal(t, "left", fmt.Sprint(len(left), err), "0 <nil>")
	servicetest.Equal(t, "closed", w.Owner(closed), "Zoe")
	unassigned := map[db.ConversationID]int{}
	for _, e := range w.Since(0) {
		if e.Data.Reason == db.ReasonAgentDeactivated {
			unassigned[*e.ConversationID]++
		}
	}
	for _, c := range open {
		servicetest.Equal(t, "events of a conversation", unassigned[c.ID], 1)
		servicetest.Equal(t, "owner", w.Owner(c), servicetest.Nobody)
	}
	for c, n := range unassigned {
		servicetest.Equal(t, "events of "+c.String(), n, 1)
	}
}

// testDeactivationOfMany hands over many conversations; calls on other conversations meanwhile
// never fail with UNAVAILABLE.
func testDeactivationOfMany(t *testing.T, w *world) {
	servicetest.Slow(t)
	const open = 3000
	zoe, ada, ben := w.Agent("Zoe"), w.Agent("Ada"), w.Agent("Ben")
	many := w.many(open, zoe.Agent)
	w.Unlogged() // looking for the event of each row would take the commit longer than a statement may
	head, began := w.Head(), time.Now()
	deactivation := servicetest.Begin(func() (*service.Outcome, error) {
		return w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: *zoe.Agent, HandOverTo: ada.Agent})
	})
	stop, calls := make(chan struct{}), atomic.Int64{}
	var callers sync.WaitGroup
	for range 4 {
		c := w.Open()
		callers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				to := []service.Actor{ada, ben}[n%2]
				if _, err := w.AssignConversation(w.Context(), w.Manager, service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *to.Agent}); err != nil {
					t.Error(err)
					return
				}
				calls.Add(1)
			}
		})
	}
	o := w.OK(w.Await(deactivation))
	t.Logf("handing over %d conversations took %v, with %d other calls meanwhile", open, time.Since(began), calls.Load())
	if calls.Load() == 0 {
		t.Error("nobody else got anything done meanwhile")
	}
	close(stop)
	callers.Wait()
	servicetest.Equal(t, "events in the answer", len(o.Events), service.EventsReturned)
	changes := map[db.ConversationID]int{}
	for _, e := range w.Since(head) {
		if e.Data.Reason == db.ReasonAgentDeactivated {
			changes[*e.ConversationID]++
		}
	}
	servicetest.Equal(t, "conversations with an event", len(changes), open)
	for _, c := range many {
		servicetest.Equal(t, "events of a conversation", changes[c.ID], 1)
	}
	servicetest.Equal(t, "owners", w.Owner(many[0])+" "+w.Owner(many[open-1]), "Ada Ada")
}

// keepAssigning assigns conversations back and forth until one of the agents is inactive.
func keepAssigning(w *world, conversations []*db.Conversation, to, fro service.Actor) {
	for n := 0; ; n++ {
		c, agent := conversations[n%len(conversations)], []service.Actor{to, fro}[n%2]
		_, err := w.AssignConversation(w.Context(), w.Manager, service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *agent.Agent})
		var refusal *service.Refusal
		switch {
		case errors.As(err, &refusal) && refusal.Code == service.AgentInactive:
			return
		case err != nil:
			w.T.Error(err)
			return
		}
	}
}

func TestAgents(t *testing.T) {
	hold(t, []rule{
		{"LAST_MANAGER: the last active manager stays", func(t *testing.T, w *world) {
			w.Agent("Ada")
			w.Deactivate(w.AgentAs("Max", db.RoleManager))
			w.Unchanged("refused", func() {
				_, err := w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: *w.Manager.Agent})
				servicetest.Refused(t, err, service.LastManager)
				o, err := w.UpdateAgent(w.Context(), w.Manager, service.UpdateAgentInput{AgentID: *w.Manager.Agent, Name: service.Text("Mia"), Role: new(db.RoleAgent)})
				servicetest.Refused(t, err, service.LastManager)
				servicetest.Equal(t, "in the answer", fmt.Sprint(o.Agent.Name, " ", o.Agent.Role), "Mia Manager MANAGER")
			})
			w.OK(w.UpdateAgent(w.Context(), w.Manager, service.UpdateAgentInput{AgentID: *w.Manager.Agent, Name: service.Text("Mia")}))
		}},
		{"LAST_MANAGER: of the two last ones only one can go at a time", testTwoLastManagers},
		{"EMAIL_TAKEN and IDENTITY_TAKEN come with the agent as it is", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			identity := &service.AgentIdentityInput{"https://login.example", "ada"}
			w.OK(w.UpdateAgent(w.Context(), w.Manager, service.UpdateAgentInput{AgentID: *ada.Agent, Identity: identity}))
			w.Unchanged("refused", func() {
				o, err := w.UpdateAgent(w.Context(), w.Manager, service.UpdateAgentInput{AgentID: *ben.Agent, Email: service.Text("ADA@acme.example")})
				servicetest.Refused(t, err, service.EmailTaken)
				servicetest.Equal(t, "in the answer", *o.Agent.Email, "ben@acme.example")
				_, err = w.UpdateAgent(w.Context(), w.Manager, service.UpdateAgentInput{AgentID: *ben.Agent, Identity: identity})
				servicetest.Refused(t, err, service.IdentityTaken)
				_, err = w.CreateAgent(w.Context(), w.Manager, service.CreateAgentInput{Name: "Ada", Email: "Ada@acme.example", Role: db.RoleAgent})
				servicetest.Refused(t, err, service.EmailTaken)
			})
		}},
		{"EMAIL_TAKEN by a deactivated agent says so", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			w.Deactivate(ada)
			_, created := w.CreateAgent(w.Context(), w.Manager, service.CreateAgentInput{Name: "Ada", Email: "Ada@acme.example", Role: db.RoleAgent})
			_, updated := w.UpdateAgent(w.Context(), w.Manager, service.UpdateAgentInput{AgentID: *ben.Agent, Email: service.Text("ada@acme.example")})
			for _, err := range []error{created, updated} {
				servicetest.Refused(t, err, service.EmailTaken)
				servicetest.Equal(t, "says so", strings.Contains(err.Error(), "Ada, who is deactivated,"), true)
			}
		}},
		{"an agent's events say what changed", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			in := service.UpdateAgentInput{AgentID: *ada.Agent, Role: new(db.RoleManager), Skills: []string{"billing", " french", "billing"}}
			o := w.OK(w.UpdateAgent(w.Context(), w.Manager, in))
			changed := ""
			for _, c := range o.Events[0].Data.Changes {
				changed += c.Field + "=" + *c.After + " "
			}
			servicetest.Equal(t, "changes", changed, `role=MANAGER skills=["billing","french"] `)
			servicetest.Equal(t, "the event's agent", *o.Events[0].Data.AgentID, *ada.Agent)
			w.Unchanged("same", func() { w.OK(w.UpdateAgent(w.Context(), w.Manager, in)) })
			o = w.OK(w.SetAvailability(w.Context(), ada, service.SetAvailabilityInput{Availability: db.Away}))
			servicetest.Equal(t, "availability", fmt.Sprint(o.Events[0].Data.Availability), "[ONLINE AWAY]")
			w.Unchanged("same", func() { w.OK(w.SetAvailability(w.Context(), ada, service.SetAvailabilityInput{Availability: db.Away})) })
		}},
	})
}

func testTwoLastManagers(t *testing.T, w *world) {
	demote := func(id db.AgentID) (*service.Outcome, error) {
		return w.UpdateAgent(w.Context(), w.Manager, service.UpdateAgentInput{AgentID: id, Role: new(db.RoleAgent)})
	}
	deactivate := func(id db.AgentID) (*service.Outcome, error) {
		return w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: id})
	}
	for i, pair := range [][2]func(db.AgentID) (*service.Outcome, error){{demote, demote}, {demote, deactivate}, {deactivate, demote}, {deactivate, deactivate}} {
		other := w.AgentAs(fmt.Sprint("Max", i), db.RoleManager)
		release := w.Locks("SELECT FROM event_heads FOR UPDATE")
		first := servicetest.Begin(func() (*service.Outcome, error) { return pair[0](*other.Agent) })
		w.WaitBlocked(1)
		second := servicetest.Begin(func() (*service.Outcome, error) { return pair[1](*w.Manager.Agent) })
		w.WaitBlocked(2)
		release()
		w.OK(w.Await(first))
		_, err := w.Await(second)
		servicetest.Refused(t, err, service.LastManager)
	}
}

// TestAgentsByLoad: I4 agents can be listed by the number of their open conversations, in which those
// that are closed or of blocked contacts do not count, then by name.
func TestAgentsByLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ben, ada, cem := w.Agent("Ben"), w.Agent("Ada"), w.Agent("Cem")
	give := func(a service.Actor) *db.Conversation {
		c := w.Open()
		w.Assign(c, a)
		return c
	}
	give(cem)
	give(cem)
	give(ben)
	w.Closes(give(ben))
	w.Block(give(ben))
	give(ada)
	for direction, want := range map[service.Direction]string{service.Ascending: "Ada 1, Ben 1, Cem 2", service.Descending: "Cem 2, Ben 1, Ada 1"} {
		l, err := w.Agents(w.Context(), w.Manager, service.AgentsInput{
			OrderBy: &service.AgentOrder{Field: db.AgentLoad, Direction: direction}, PageInput: service.PageInput{First: new(10)}})
		servicetest.Fine(t, err)
		var told []string
		for _, a := range l.Rows {
			if a.ID != *w.Manager.Agent {
				told = append(told, fmt.Sprint(a.Name, " ", a.Load))
			}
		}
		servicetest.Equal(t, string(direction), strings.Join(told, ", "), want)
	}
}
