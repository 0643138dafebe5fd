package service

import (
	"testing"
	"time"

	"switchboard/db"
)

// TestDryRunTriggers: what is to happen first happens by its own rules, and nothing is written (W2).
func TestDryRunTriggers(t *testing.T) {
	tries := func(w *world, c *db.Conversation, d *db.WorkflowDefinition, trigger *DryRunTrigger) string {
		w.t.Helper()
		before := w.everything()
		dry, err := w.DryRunWorkflow(w.ctx(), w.manager, DryRunWorkflowInput{Definition: d, ConversationID: c.ID, Trigger: trigger})
		equal(w.t, "the database", w.everything(), before)
		if err != nil {
			return err.Error()
		}
		if !dry.ConditionsHold {
			return "does not run"
		}
		return w.took(dry.Steps)
	}
	category := func(names ...string) *db.WorkflowDefinition {
		return conditional(db.TriggerClosed, db.WorkflowConditions{Categories: names})
	}
	hold(t, []rule{
		{"W2 an opening of what is closed", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			c := w.closed()
			for _, trigger := range []*DryRunTrigger{nil, {Opened: &DryRunOpening{Source: db.SourceAgent}}} {
				equal(t, "steps", tries(w, c, choosing(1, ada), trigger), "ASSIGN_LEAST_LOADED DONE Ada")
			}
			equal(t, "an open one", tries(w, w.open(), choosing(1, ada), &DryRunTrigger{Opened: &DryRunOpening{}}),
				"ALREADY_OPEN: a conversation with the contact is open already")
		}},
		{"W2 a close with a category", func(t *testing.T, w *world) {
			c := w.open()
			closes := func(name *string) *DryRunTrigger { return &DryRunTrigger{Closed: &DryRunClosing{name}} }
			equal(t, "that one", tries(w, c, category("Question"), closes(Text("Question"))), "ADD_NOTE DONE")
			equal(t, "another", tries(w, c, category("Question"), closes(Text("Other"))), "does not run")
			equal(t, "none", tries(w, c, category("Question"), closes(nil)), "does not run")
			equal(t, "left out", tries(w, c, category("Question"), nil), "ADD_NOTE DONE")
			refusal := tries(w, c, category("Question"), closes(Text("Nonsense")))
			equal(t, "unknown", refusal[:16], "UNKNOWN_CATEGORY")
		}},
		{"W2 a message, by the workspace's policies", func(t *testing.T, w *world) {
			w.policies(db.ReopenNew, db.OwnerUnassign)
			ada, ben := w.agent("Ada"), w.agent("Ben")
			c := w.closed(ada)
			message := func(automated bool) *DryRunTrigger {
				return &DryRunTrigger{MessageReceived: &DryRunMessage{Automated: automated}}
			}
			equal(t, "steps", tries(w, c, toNobody(db.TriggerReceived, ben), message(false)), "ASSIGN DONE Ben")
			equal(t, "what it brings back", tries(w, c, toNobody(db.TriggerOpened, ben), message(false)), "ASSIGN DONE Ben")
			equal(t, "automated", tries(w, c, toNobody(db.TriggerReceived, ben), message(true)), "does not run")
			only := conditional(db.TriggerReceived, db.WorkflowConditions{Automated: ptr(db.AutomatedOnly)})
			equal(t, "automated only", tries(w, c, only, message(true)), "ADD_NOTE DONE")
			equal(t, "left out", tries(w, c, only, nil), "ADD_NOTE DONE")
		}},
		{"W2 a reopening, an assignment, an unassignment, a reply and a business event", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			closed, mine := w.closed(), w.open(ada)
			noting := func(trigger db.WorkflowTrigger, c db.WorkflowConditions) *db.WorkflowDefinition {
				return conditional(trigger, c)
			}
			for what, got := range map[string]string{
				"reopening":      tries(w, closed, noting(db.TriggerReopened, db.WorkflowConditions{}), &DryRunTrigger{Reopened: &DryRunReopening{db.SourceAgent}}),
				"assignment":     tries(w, closed, noting(db.TriggerAssigned, db.WorkflowConditions{}), &DryRunTrigger{Assigned: &DryRunAssignment{*ada.Agent, db.ReasonManual}}),
				"unassignment":   tries(w, mine, noting(db.TriggerUnassigned, db.WorkflowConditions{}), &DryRunTrigger{Unassigned: &DryRunUnassignment{db.ReasonManual}}),
				"reply":          tries(w, mine, noting(db.TriggerSent, db.WorkflowConditions{}), &DryRunTrigger{MessageSent: &DryRunReply{}}),
				"another's":      tries(w, mine, noting(db.TriggerSent, db.WorkflowConditions{}), &DryRunTrigger{MessageSent: &DryRunReply{ada.Agent}}),
				"business event": tries(w, mine, noting(db.TriggerBusinessEvent, db.WorkflowConditions{BusinessEventTypes: []string{"order.placed"}}), &DryRunTrigger{BusinessEvent: &DryRunBusinessEvent{Type: "order.placed"}}),
			} {
				equal(t, what, got, "ADD_NOTE DONE")
			}
			other := &DryRunTrigger{BusinessEvent: &DryRunBusinessEvent{Type: "order.cancelled"}}
			equal(t, "another type", tries(w, mine, noting(db.TriggerBusinessEvent, db.WorkflowConditions{BusinessEventTypes: []string{"order.placed"}}), other), "does not run")
			equal(t, "another trigger", tries(w, mine, noting(db.TriggerOpened, db.WorkflowConditions{}), other), "does not run")
		}},
		{"W2 a template after a trigger: never back to whom it is taken from", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			f := w.template("assign-when-unassigned", nil, ada, ben)
			c := w.open(ada)
			dry, err := w.DryRunWorkflow(w.ctx(), w.manager, DryRunWorkflowInput{WorkflowID: &f.ID, ConversationID: c.ID})
			fine(t, err)
			equal(t, "steps", w.took(dry.Steps), "ASSIGN_LEAST_LOADED DONE Ben")
		}},
		{"W2 exactly one thing happens first", func(t *testing.T, w *world) {
			c := w.open()
			for _, trigger := range []*DryRunTrigger{{}, {Closed: &DryRunClosing{}, Unassigned: &DryRunUnassignment{}}} {
				_, err := w.DryRunWorkflow(w.ctx(), w.manager, DryRunWorkflowInput{Definition: closesLater(), ConversationID: c.ID, Trigger: trigger})
				failed(t, err, BadInput)
			}
		}},
		{"W4 a dry run of a changed workflow says what then happens", func(t *testing.T, w *world) {
			ada, _, one, _, f := w.waiting()
			w.clock = w.clock.Add(time.Second)
			dry := func() string {
				t.Helper()
				dry, err := w.DryRunWorkflow(w.ctx(), w.manager, DryRunWorkflowInput{WorkflowID: &f.ID, ConversationID: one.ID})
				fine(t, err)
				return w.took(dry.Steps)
			}
			equal(t, "at capacity", dry(), "ASSIGN_LEAST_LOADED NOBODY")
			w.ok(w.UpdateWorkflow(w.ctx(), w.manager, UpdateWorkflowInput{WorkflowID: f.ID, Definition: choosing(10, ada)}))
			w.settle()
			equal(t, "owner", w.owner(one), "Ada")
		}},
	})
}
