package service

import (
	"testing"
	"time"

	"switchboard/db"
)

// toNobody assigns a conversation that nobody has to an agent.
func toNobody(trigger db.WorkflowTrigger, to Actor) *db.WorkflowDefinition {
	d := when(trigger, assignTo(to))
	d.Conditions = &db.WorkflowConditions{Assignee: &db.AssigneeCondition{None: true}}
	return d
}

// TestWorkflowTriggers: each trigger happens for every event of its kind, and conditions
// look at the end of the event's change (W1).
func TestWorkflowTriggers(t *testing.T) {
	hold(t, []rule{
		{"W1 a message that begins a conversation, of a new customer or by the policy NEW", func(t *testing.T, w *world) {
			w.policies(db.ReopenNew, db.OwnerKeep)
			f := w.workflow(toNobody(db.TriggerReceived, w.agent("Ada")))
			first := w.receivesFrom(newcomer("1")).Conversation
			w.settle()
			again := w.receives(w.closed().ContactID).Conversation
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ada", "COMPLETED: ASSIGN DONE Ada")
			lines(t, []string{w.owner(first), w.owner(again)}, "Ada", "Ada")
			equal(t, "the run's conversation", *w.lastRun(f).ConversationID, again.ID)
		}},
		{"W1 a business event that begins one or brings one back", func(t *testing.T, w *world) {
			f := w.workflow(toNobody(db.TriggerBusinessEvent, w.agent("Ada")))
			first := w.happens(w.contact("Cora").ID, true).Conversation
			back := w.happens(w.closed().ContactID, true).Conversation
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ada", "COMPLETED: ASSIGN DONE Ada")
			lines(t, []string{w.owner(first), w.owner(back)}, "Ada", "Ada")
		}},
		{"W1 nobody is responsible if the owner policy unassigns at that very message", func(t *testing.T, w *world) {
			w.policies(db.Reopen, db.OwnerUnassign)
			ada, ben := w.agent("Ada"), w.agent("Ben")
			f := w.workflow(toNobody(db.TriggerReceived, ben))
			c := w.closed(ada)
			w.receives(c.ContactID)
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ben")
			equal(t, "owner", w.owner(c), "Ben")
		}},
		{"W1 unassigned by the owner policy, with REOPEN and with NEW", func(t *testing.T, w *world) {
			ben := w.agent("Ben")
			f := w.workflow(when(db.TriggerUnassigned, assignTo(ben)))
			for _, policy := range []db.ReopenPolicy{db.Reopen, db.ReopenNew} {
				w.policies(policy, db.OwnerUnassign)
				o := w.receives(w.closed(w.agent("Ada" + string(policy))).ContactID)
				w.settle()
				equal(t, string(policy), w.ranAs(w.lastRun(f)), "COMPLETED: ASSIGN DONE Ben")
				equal(t, string(policy), w.owner(o.Conversation), "Ben")
			}
		}},
		{"W1 a reply: the sender who thereby became responsible is the assignee", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			d := conditional(db.TriggerSent, db.WorkflowConditions{Assignee: &db.AssigneeCondition{AgentIDs: []db.AgentID{*ada.Agent}}})
			f := w.workflow(d)
			w.ok(w.SendMessage(w.ctx(), ada, SendMessageInput{ConversationID: w.open().ID, Body: "Hello"}))
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: ADD_NOTE DONE")
		}},
		{"W1 a change longer than what is planned at once is judged by its end", func(t *testing.T, w *world) {
			w.policies(db.ReopenNew, db.OwnerUnassign)
			ada, ben := w.agent("Ada"), w.agent("Ben")
			f := w.workflow(toNobody(db.TriggerReceived, ben))
			c := w.closed(ada)
			w.settle()
			events := w.events(planBatch-1, func() { w.receives(c.ContactID) })
			equal(t, "the last planned event at once", events[planBatch-1].Type, db.MessageReceived)
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ben")
		}},
		{"W1 an automated message triggers only what asks for it, and hands nothing over", func(t *testing.T, w *world) {
			w.policies(db.Reopen, db.OwnerUnassign)
			ada := w.agent("Ada")
			w.template("reassign-unavailable-owner", nil, ada, w.agent("Ben"))
			counts := map[string]*db.Workflow{"left out": w.workflow(conditional(db.TriggerReceived, db.WorkflowConditions{}))}
			for _, c := range []db.AutomatedCondition{db.AutomatedInclude, db.AutomatedOnly} {
				counts[string(c)] = w.workflow(conditional(db.TriggerReceived, db.WorkflowConditions{Automated: &c}))
			}
			c, closed := w.open(ada), w.closed(ada)
			w.sets(ada, db.Away)
			w.receives(c.ContactID, automated)
			w.receives(closed.ContactID, automated)
			w.settle()
			lines(t, []string{w.owner(c), w.owner(closed)}, "Ada", "Ada")
			w.receives(c.ContactID)
			w.settle()
			equal(t, "owner after a message of theirs", w.owner(c), "Ben")
			for name, runs := range map[string]int{"left out": 1, "INCLUDE": 3, "ONLY": 2} {
				equal(t, name, len(w.runsOf(counts[name])), runs)
			}
		}},
		{"W1 a night shift belongs to the day on which it begins", func(t *testing.T, w *world) {
			night := &db.WorkflowHours{From: 22, Until: 6}
			f := w.workflow(conditional(db.TriggerOpened, db.WorkflowConditions{Hours: night, Days: []db.DayOfWeek{db.Friday}}))
			friday := time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC)
			for hour, runs := range map[int]int{5: 0, 12: 0, 21: 0, 22: 1, 23: 1, 24: 1, 29: 1, 30: 0, 46: 0} {
				before := len(w.runsOf(f))
				w.clock = friday.Add(time.Duration(hour) * time.Hour)
				w.open()
				w.settle()
				equal(t, friday.Add(time.Duration(hour)*time.Hour).Format("Monday 15:04"), len(w.runsOf(f))-before, runs)
			}
		}},
		{"W1 the conversation's status is a condition", func(t *testing.T, w *world) {
			open := db.StatusOpen
			f := w.workflow(conditional(db.TriggerUnassigned, db.WorkflowConditions{Status: &open}))
			ada := w.agent("Ada")
			w.unassign(w.open(ada))
			w.unassign(w.closed(ada))
			w.settle()
			equal(t, "runs", len(w.runsOf(f)), 1)
		}},
		{"W1 what a version before wrote, without changes, goes on as it did", func(t *testing.T, w *world) {
			f := w.workflow(when(db.TriggerOpened, assignTo(w.agent("Ada"))))
			c := w.open()
			_, err := w.DB.ExecContext(w.ctx(), "ALTER TABLE events DISABLE TRIGGER USER; UPDATE events SET change = NULL WHERE workspace_id = ?", w.manager.Workspace)
			fine(t, err)
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ada")
			equal(t, "owner", w.owner(c), "Ada")
		}},
	})
}

// events fills the log with n events that trigger nothing since what is planned, lets
// something happen, and returns what is to be planned then.
func (w *world) events(n int, happen func()) []*db.Event {
	w.t.Helper()
	w.settle()
	from := w.head()
	w.ok(w.Write(w.ctx(), w.manager, "filler", &Keyed{}, func(wr *Writer) (Changes, error) {
		var filler Changes
		for range n {
			filler = append(filler, wr.Event(db.WorkspaceUpdated, db.EventData{}))
		}
		return filler, nil
	}))
	happen()
	return w.since(from)
}
