package service

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"switchboard/db"
)

// TestExactlyOneWins is rule A3 under load: 64 agents try to take the same 100
// conversations. Each goes to one of them, and every other agent is told who has it.
func TestExactlyOneWins(t *testing.T) {
	slow(t)
	t.Parallel()
	const agents, conversations = 64, 100
	w := newWorld(t)
	callers := make([]Actor, agents)
	for i := range callers {
		callers[i] = w.agent(fmt.Sprint("Agent", i))
	}
	open := make([]*db.Conversation, conversations)
	for i := range open {
		open[i] = w.open()
	}
	head := w.head()
	won := make([][]int, agents)                 // the conversations that each agent got
	seen := make([][]*db.AgentID, conversations) // the owners that the losers were shown
	var mu sync.Mutex
	var trying sync.WaitGroup
	for i, caller := range callers {
		trying.Go(func() {
			for n, c := range open {
				o, err := w.AssignToMe(w.ctx(), caller, AssignToMeInput{ConversationID: c.ID})
				mu.Lock()
				if err == nil {
					won[i] = append(won[i], n)
				} else {
					refused(t, err, AlreadyAssigned)
					seen[n] = append(seen[n], o.Conversation.AssigneeID)
				}
				mu.Unlock()
			}
		})
	}
	trying.Wait()
	winners := map[int]db.AgentID{}
	for i, mine := range won {
		for _, n := range mine {
			if _, two := winners[n]; two {
				t.Errorf("conversation %d has two winners", n)
			}
			winners[n] = *callers[i].Agent
		}
	}
	equal(t, "winners", len(winners), conversations)
	equal(t, "events", w.head()-head, conversations)
	for n, c := range open {
		winner := winners[n]
		equal(t, "owner", *w.read(c).AssigneeID, winner)
		equal(t, "losers", len(seen[n]), agents-1)
		if slices.ContainsFunc(seen[n], func(id *db.AgentID) bool { return id == nil || *id != winner }) {
			t.Errorf("conversation %d: a loser was shown somebody else than the winner", n)
		}
	}
}

// TestNoLostUpdate is rule A4 under load: of those who believe in the same version only
// one changes it, so that each change was made by somebody who had seen the one before.
func TestNoLostUpdate(t *testing.T) {
	t.Parallel()
	const callers, each = 8, 10
	w := newWorld(t)
	c := w.open()
	head := w.head()
	var changing sync.WaitGroup
	for i := range callers {
		me := w.agent(fmt.Sprint("Agent", i))
		changing.Go(func() {
			for done := 0; done < each; {
				rows, err := w.ConversationsByID(w.ctx(), me, []db.ConversationID{c.ID})
				if err != nil {
					t.Error(err)
					return
				}
				in := AssignConversationInput{ConversationID: c.ID, AssigneeID: *me.Agent, ExpectedVersion: &rows[0].Version}
				if SameAgent(rows[0].AssigneeID, me.Agent) { // to nobody instead: each call is a change
					_, err = w.UnassignConversation(w.ctx(), me, UnassignConversationInput{ConversationID: c.ID, ExpectedVersion: in.ExpectedVersion})
				} else {
					_, err = w.AssignConversation(w.ctx(), me, in)
				}
				var refusal *Refusal
				switch {
				case err == nil:
					done++
				case !errors.As(err, &refusal) || refusal.Code != Conflict:
					t.Error(err)
					return
				}
			}
		})
	}
	changing.Wait()
	equal(t, "version", w.read(c).Version, c.Version+callers*each)
	version := c.Version
	for _, e := range w.since(head) {
		if e.Before == nil || e.ConversationID == nil {
			continue
		}
		equal(t, "version before", e.Before.Version, version)
		version++
		equal(t, "version after", e.After.Version, version)
	}
	equal(t, "last version", version, c.Version+callers*each)
}
