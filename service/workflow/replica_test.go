package workflow_test

import (
	"context"
	"sync"
	"testing"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/service"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

// TestTwoServersCapacity lets 64 callers of each of two servers open, unassign and close
// conversations of one workspace while both carry out its workflow, and deactivates an agent
// meanwhile. The capacity of 5 is never exceeded by an automatic assignment (W4), and the
// deactivated agent keeps no open conversation (A7).
func TestTwoServersCapacity(t *testing.T) {
	servicetest.Slow(t)
	t.Parallel()
	const callers, capacity = 64, 5
	url := dbtest.New(t, servicetest.Migrate)
	w := &world{servicetest.NewOn(t, url, db.Options{MaxConns: 8})}
	d, err := db.Open(t.Context(), url, db.Options{MaxConns: 8})
	servicetest.Fine(t, err)
	t.Cleanup(func() { _ = d.Close() })
	second := workflow.New(service.New(d, w.Feed, service.Options{Now: w.Now}))
	ada, ben, zoe := w.Agent("Ada"), w.Agent("Ben"), w.Agent("Zoe")
	w.Template("least-busy-online", new(capacity), ada, ben, zoe)
	contacts := make([]*db.Contact, 2*callers)
	for i := range contacts {
		contacts[i] = w.Contact("Cora")
	}
	head := w.Head()

	ctx, stop := context.WithCancel(t.Context())
	var serving, calling sync.WaitGroup
	for _, s := range []*workflow.Service{w.Service, second} {
		serving.Go(func() { s.RunWorkflows(ctx) })
	}
	for i, contact := range contacts {
		s := []*workflow.Service{w.Service, second}[i%2]
		calling.Go(func() {
			o, err := s.OpenConversation(w.Context(), w.Manager, service.OpenConversationInput{ContactID: contact.ID, Channel: "email"})
			servicetest.Fine(t, err)
			switch i % 4 {
			case 0:
				_, err = s.CloseConversation(w.Context(), w.Manager, service.CloseConversationInput{ConversationID: o.Conversation.ID})
			case 1:
				_, err = s.UnassignConversation(w.Context(), w.Manager, service.UnassignConversationInput{ConversationID: o.Conversation.ID})
			}
			servicetest.Fine(t, err)
		})
	}
	calling.Go(func() {
		for ctx := w.Context(); ctx.Err() == nil; {
			if n, err := w.OpenConversations(ctx, w.Manager, []db.AgentID{*zoe.Agent}); err != nil || n[0] > 1 {
				break
			}
		}
		w.Deactivate(zoe)
	})
	calling.Wait()
	stop()
	serving.Wait()
	w.Settle()

	loads, assigned := map[db.AgentID]int{}, 0
	for _, e := range w.Since(head) {
		if e.Before != nil && e.Before.Status == db.StatusOpen && e.Before.Assignee != nil {
			loads[*e.Before.Assignee]--
		}
		if e.After != nil && e.After.Status == db.StatusOpen && e.After.Assignee != nil {
			loads[*e.After.Assignee]++
			if n := loads[*e.After.Assignee]; e.Type == db.ConversationAssigned && n > capacity {
				t.Errorf("event %d: an agent is assigned %d conversations", e.Seq, n)
			}
		}
		if e.Type == db.ConversationAssigned {
			assigned++
		}
	}
	if loads[*ada.Agent] != capacity || loads[*ben.Agent] != capacity || loads[*zoe.Agent] != 0 {
		t.Errorf("open conversations: %d, %d and %d of the deactivated agent", loads[*ada.Agent], loads[*ben.Agent], loads[*zoe.Agent])
	}
	t.Logf("%d assignments", assigned)
	w.CheckWorkspace()
}
