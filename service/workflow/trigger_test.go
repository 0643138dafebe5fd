package workflow_test

import (
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

// toNobody returns a definition that assigns unassigned conversations to an agent.
func toNobody(trigger db.WorkflowTrigger, to service.Actor) *db.WorkflowDefinition {
	d := servicetest.When(trigger, servicetest.AssignTo(to))
	d.Conditions = &db.WorkflowConditions{Assignee: &db.AssigneeCondition{None: true}}
	return d
}

// TestWorkflowTriggers: every event of a trigger's kind triggers, and conditions are evaluated at
// the end of the event's change (W1).
func TestWorkflowTriggers(t *testing.T) {
	hold(t, []rule{
		{"W1 a message that begins a conversation, of a new customer or by the policy NEW", func(t *testing.T, w *world) {
			w.Policies(db.ReopenNew, db.OwnerKeep)
			f := w.Workflow(toNobody(db.TriggerReceived, w.Agent("Ada")))
			first := w.ReceivesFrom(servicetest.Newcomer("1")).Conversation
			w.Settle()
			again := w.Receives(w.Closed().ContactID).Conversation
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ada", "COMPLETED: ASSIGN DONE Ada")
			servicetest.Lines(t, []string{w.Owner(first), w.Owner(again)}, "Ada", "Ada")
			servicetest.Equal(t, "the run's conversation", *w.LastRun(f).ConversationID, again.ID)
		}},
		{"W1 a business event that begins one or brings one back", func(t *testing.T, w *world) {
			f := w.Workflow(toNobody(db.TriggerBusinessEvent, w.Agent("Ada")))
			first := w.Happens(w.Contact("Cora").ID, true).Conversation
			back := w.Happens(w.Closed().ContactID, true).Conversation
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ada", "COMPLETED: ASSIGN DONE Ada")
			servicetest.Lines(t, []string{w.Owner(first), w.Owner(back)}, "Ada", "Ada")
		}},
		{"W1 nobody is responsible if the owner policy unassigns at that very message", func(t *testing.T, w *world) {
			w.Policies(db.Reopen, db.OwnerUnassign)
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			f := w.Workflow(toNobody(db.TriggerReceived, ben))
			c := w.Closed(ada)
			w.Receives(c.ContactID)
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ben")
			servicetest.Equal(t, "owner", w.Owner(c), "Ben")
		}},
		{"W1 unassigned by the owner policy, with REOPEN and with NEW", func(t *testing.T, w *world) {
			ben := w.Agent("Ben")
			f := w.Workflow(servicetest.When(db.TriggerUnassigned, servicetest.AssignTo(ben)))
			for _, policy := range []db.ReopenPolicy{db.Reopen, db.ReopenNew} {
				w.Policies(policy, db.OwnerUnassign)
				o := w.Receives(w.Closed(w.Agent("Ada" + string(policy))).ContactID)
				w.Settle()
				servicetest.Equal(t, string(policy), w.ranAs(w.LastRun(f)), "COMPLETED: ASSIGN DONE Ben")
				servicetest.Equal(t, string(policy), w.Owner(o.Conversation), "Ben")
			}
		}},
		{"W1 a reply: the sender who thereby became responsible is the assignee", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			d := conditional(db.TriggerSent, db.WorkflowConditions{Assignee: &db.AssigneeCondition{AgentIDs: []db.AgentID{*ada.Agent}}})
			f := w.Workflow(d)
			w.OK(w.SendMessage(w.Context(), ada, service.SendMessageInput{ConversationID: w.Open().ID, Body: "Hello"}))
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: ADD_NOTE DONE")
		}},
		{"W1 a change longer than what is planned at once is judged by its end", func(t *testing.T, w *world) {
			w.Policies(db.ReopenNew, db.OwnerUnassign)
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			f := w.Workflow(toNobody(db.TriggerReceived, ben))
			c := w.Closed(ada)
			w.Settle()
			events := w.events(workflow.PlanBatch-1, func() { w.Receives(c.ContactID) })
			servicetest.Equal(t, "the last planned event at once", events[workflow.PlanBatch-1].Type, db.MessageReceived)
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ben")
		}},
		{"W1 an automated message triggers only what asks for it, and hands nothing over", func(t *testing.T, w *world) {
			w.Policies(db.Reopen, db.OwnerUnassign)
			ada := w.Agent("Ada")
			w.Template("reassign-unavailable-owner", nil, ada, w.Agent("Ben"))
			counts := map[string]*db.Workflow{"left out": w.Workflow(conditional(db.TriggerReceived, db.WorkflowConditions{}))}
			for _, c := range []db.AutomatedCondition{db.AutomatedInclude, db.AutomatedOnly} {
				counts[string(c)] = w.Workflow(conditional(db.TriggerReceived, db.WorkflowConditions{Automated: &c}))
			}
			c, closed := w.Open(ada), w.Closed(ada)
			w.Sets(ada, db.Away)
			w.Receives(c.ContactID, servicetest.Automated)
			w.Receives(closed.ContactID, servicetest.Automated)
			w.Settle()
			servicetest.Lines(t, []string{w.Owner(c), w.Owner(closed)}, "Ada", "Ada")
			w.Receives(c.ContactID)
			w.Settle()
			servicetest.Equal(t, "owner after a message of theirs", w.Owner(c), "Ben")
			for name, runs := range map[string]int{"left out": 1, "INCLUDE": 3, "ONLY": 2} {
				servicetest.Equal(t, name, len(w.runsOf(counts[name])), runs)
			}
		}},
		{"W1 a night shift belongs to the day on which it begins", func(t *testing.T, w *world) {
			night := &db.WorkflowHours{From: 22, Until: 6}
			f := w.Workflow(conditional(db.TriggerOpened, db.WorkflowConditions{Hours: night, Days: []db.DayOfWeek{db.Friday}}))
			friday := time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC)
			for hour, runs := range map[int]int{5: 0, 12: 0, 21: 0, 22: 1, 23: 1, 24: 1, 29: 1, 30: 0, 46: 0} {
				before := len(w.runsOf(f))
				w.Clock = friday.Add(time.Duration(hour) * time.Hour)
				w.Open()
				w.Settle()
				servicetest.Equal(t, friday.Add(time.Duration(hour)*time.Hour).Format("Monday 15:04"), len(w.runsOf(f))-before, runs)
			}
		}},
		{"W1 the conversation's status is a condition", func(t *testing.T, w *world) {
			open := db.StatusOpen
			f := w.Workflow(conditional(db.TriggerUnassigned, db.WorkflowConditions{Status: &open}))
			ada := w.Agent("Ada")
			w.Unassign(w.Open(ada))
			w.Unassign(w.Closed(ada))
			w.Settle()
			servicetest.Equal(t, "runs", len(w.runsOf(f)), 1)
		}},
		{"W1 what a version before wrote, without changes, goes on as it did", func(t *testing.T, w *world) {
			f := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.AssignTo(w.Agent("Ada"))))
			c := w.Open()
			_, err := w.DB.ExecContext(w.Context(), "ALTER TABLE events DISABLE TRIGGER USER; UPDATE events SET change = NULL WHERE workspace_id = ?", w.Manager.Workspace)
			servicetest.Fine(t, err)
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ada")
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
		}},
	})
}

// events appends events that trigger nothing, so that n are not planned yet, calls happen, and
// returns the events to be planned next.
func (w *world) events(n int, happen func()) []*db.Event {
	w.T.Helper()
	w.Settle()
	from := w.Head()
	w.OK(w.Write(w.Context(), w.Manager, "filler", &service.Keyed{}, func(wr *service.Writer) (service.Changes, error) {
		var filler service.Changes
		for range n {
			filler = append(filler, wr.Event(db.WorkspaceUpdated, db.EventData{}))
		}
		return filler, nil
	}))
	happen()
	return w.Since(from)
}
