package service_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// TestExactlyOneWins is rule A3 under load: 64 agents try to take the same 100 conversations. Each
// is assigned to one of them, and every other agent is told who has it.
func TestExactlyOneWins(t *testing.T) {
	servicetest.Slow(t)
	t.Parallel()
	const agents, conversations = 64, 100
	w := newWorld(t)
	callers := make([]service.Actor, agents)
	for i := range callers {
		callers[i] = w.Agent(fmt.Sprint("Agent", i))
	}
	open := make([]*db.Conversation, conversations)
	for i := range open {
		open[i] = w.Open()
	}
	head := w.Head()
	won := make([][]int, agents)                 // the conversations that each agent got
	seen := make([][]*db.AgentID, conversations) // the owners that the losers were shown
	var mu sync.Mutex
	var trying sync.WaitGroup
	for i, caller := range callers {
		trying.Go(func() {
			for n, c := range open {
				o, err := w.AssignToMe(w.Context(), caller, service.AssignToMeInput{ConversationID: c.ID})
				mu.Lock()
				if err == nil {
					won[i] = append(won[i], n)
				} else {
					servicetest.Refused(t, err, service.AlreadyAssigned)
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
	servicetest.Equal(t, "winners", len(winners), conversations)
	servicetest.Equal(t, "events", w.Head()-head, conversations)
	for n, c := range open {
		winner := winners[n]
		servicetest.Equal(t, "owner", *w.Read(c).AssigneeID, winner)
		servicetest.Equal(t, "losers", len(seen[n]), agents-1)
		if slices.ContainsFunc(seen[n], func(id *db.AgentID) bool { return id == nil || *id != winner }) {
			t.Errorf("conversation %d: a loser was shown somebody else than the winner", n)
		}
	}
}

// TestNoLostUpdate is rule A4 under load: of the callers that expect the same version only one
// succeeds, so that each change was made by a caller that knew the previous one.
func TestNoLostUpdate(t *testing.T) {
	t.Parallel()
	const callers, each = 8, 10
	w := newWorld(t)
	c := w.Open()
	head := w.Head()
	var changing sync.WaitGroup
	for i := range callers {
		me := w.Agent(fmt.Sprint("Agent", i))
		changing.Go(func() {
			for done := 0; done < each; {
				rows, err := w.ConversationsByID(w.Context(), me, []db.ConversationID{c.ID})
				if err != nil {
					t.Error(err)
					return
				}
				in := service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *me.Agent, ExpectedVersion: &rows[0].Version}
				// It is assigned to this agent already, so unassign: each call has to be a change.
				if service.SameAgent(rows[0].AssigneeID, me.Agent) {
					_, err = w.UnassignConversation(w.Context(), me, service.UnassignConversationInput{ConversationID: c.ID, ExpectedVersion: in.ExpectedVersion})
				} else {
					_, err = w.AssignConversation(w.Context(), me, in)
				}
				var refusal *service.Refusal
				switch {
				case err == nil:
					done++
				case !errors.As(err, &refusal) || refusal.Code != service.Conflict:
					t.Error(err)
					return
				}
			}
		})
	}
	changing.Wait()
	servicetest.Equal(t, "version", w.Read(c).Version, c.Version+callers*each)
	version := c.Version
	for _, e := range w.Since(head) {
		if e.Before == nil || e.ConversationID == nil {
			continue
		}
		servicetest.Equal(t, "version before", e.Before.Version, version)
		version++
		servicetest.Equal(t, "version after", e.After.Version, version)
	}
	servicetest.Equal(t, "last version", version, c.Version+callers*each)
}
