package workflow_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

// TestDryRunTriggers: the trigger is carried out by the rules of its verb, and nothing is written
// (W2).
func TestDryRunTriggers(t *testing.T) {
	tries := func(w *world, c *db.Conversation, d *db.WorkflowDefinition, trigger *workflow.DryRunTrigger) string {
		w.T.Helper()
		before := w.everything()
		dry, err := w.DryRunWorkflow(w.Context(), w.Manager, workflow.DryRunWorkflowInput{Definition: d, ConversationID: c.ID, Trigger: trigger})
		servicetest.Equal(w.T, "the database", w.everything(), before)
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
		{"W2 a definition that cannot be carried out is refused with the path in the input", func(t *testing.T, w *world) {
			d := &db.WorkflowDefinition{Triggers: []db.WorkflowTrigger{db.TriggerOpened}}
			_, err := w.DryRunWorkflow(w.Context(), w.Manager, workflow.DryRunWorkflowInput{Definition: d, ConversationID: w.Open().ID})
			var refusal *service.Refusal
			if !errors.As(err, &refusal) || strings.Join(refusal.Field, ".") != "workflow.definition.steps" {
				t.Errorf("it is refused with %+v", err)
			}
		}},
		{"W2 an opening of what is closed", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			c := w.Closed()
			for _, trigger := range []*workflow.DryRunTrigger{nil, {Opened: &workflow.DryRunOpening{Source: db.SourceAgent}}} {
				servicetest.Equal(t, "steps", tries(w, c, choosing(1, ada), trigger), "ASSIGN_LEAST_LOADED DONE Ada")
			}
			servicetest.Equal(t, "an open one", tries(w, w.Open(), choosing(1, ada), &workflow.DryRunTrigger{Opened: &workflow.DryRunOpening{}}),
				"ALREADY_OPEN: a conversation with the contact is open already")
		}},
		{"W2 a close with a category", func(t *testing.T, w *world) {
			c := w.Open()
			closes := func(name *string) *workflow.DryRunTrigger {
				return &workflow.DryRunTrigger{Closed: &workflow.DryRunClosing{name}}
			}
			servicetest.Equal(t, "that one", tries(w, c, category("Question"), closes(service.Text("Question"))), "ADD_NOTE DONE")
			servicetest.Equal(t, "another", tries(w, c, category("Question"), closes(service.Text("Other"))), "does not run")
			servicetest.Equal(t, "none", tries(w, c, category("Question"), closes(nil)), "does not run")
			servicetest.Equal(t, "left out", tries(w, c, category("Question"), nil), "ADD_NOTE DONE")
			refusal := tries(w, c, category("Question"), closes(service.Text("Nonsense")))
			servicetest.Equal(t, "unknown", refusal[:16], "UNKNOWN_CATEGORY")
		}},
		{"W2 a message, by the workspace's policies", func(t *testing.T, w *world) {
			w.Policies(db.ReopenNew, db.OwnerUnassign)
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			c := w.Closed(ada)
			message := func(automated bool) *workflow.DryRunTrigger {
				return &workflow.DryRunTrigger{MessageReceived: &workflow.DryRunMessage{Automated: automated}}
			}
			servicetest.Equal(t, "steps", tries(w, c, toNobody(db.TriggerReceived, ben), message(false)), "ASSIGN DONE Ben")
			servicetest.Equal(t, "what it brings back", tries(w, c, toNobody(db.TriggerOpened, ben), message(false)), "ASSIGN DONE Ben")
			servicetest.Equal(t, "automated", tries(w, c, toNobody(db.TriggerReceived, ben), message(true)), "does not run")
			only := conditional(db.TriggerReceived, db.WorkflowConditions{Automated: new(db.AutomatedOnly)})
			servicetest.Equal(t, "automated only", tries(w, c, only, message(true)), "ADD_NOTE DONE")
			servicetest.Equal(t, "left out", tries(w, c, only, nil), "ADD_NOTE DONE")
		}},
		{"W2 a reopening, an assignment, an unassignment, a reply and a business event", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			closed, mine := w.Closed(), w.Open(ada)
			noting := func(trigger db.WorkflowTrigger, c db.WorkflowConditions) *db.WorkflowDefinition {
				return conditional(trigger, c)
			}
			for what, got := range map[string]string{
				"reopening":      tries(w, closed, noting(db.TriggerReopened, db.WorkflowConditions{}), &workflow.DryRunTrigger{Reopened: &workflow.DryRunReopening{db.SourceAgent}}),
				"assignment":     tries(w, closed, noting(db.TriggerAssigned, db.WorkflowConditions{}), &workflow.DryRunTrigger{Assigned: &workflow.DryRunAssignment{*ada.Agent, db.ReasonManual}}),
				"unassignment":   tries(w, mine, noting(db.TriggerUnassigned, db.WorkflowConditions{}), &workflow.DryRunTrigger{Unassigned: &workflow.DryRunUnassignment{db.ReasonManual}}),
				"reply":          tries(w, mine, noting(db.TriggerSent, db.WorkflowConditions{}), &workflow.DryRunTrigger{MessageSent: &workflow.DryRunReply{}}),
				"another's":      tries(w, mine, noting(db.TriggerSent, db.WorkflowConditions{}), &workflow.DryRunTrigger{MessageSent: &workflow.DryRunReply{ada.Agent}}),
				"business event": tries(w, mine, noting(db.TriggerBusinessEvent, db.WorkflowConditions{BusinessEventTypes: []string{"order.placed"}}), &workflow.DryRunTrigger{BusinessEvent: &workflow.DryRunBusinessEvent{Type: "order.placed"}}),
			} {
				servicetest.Equal(t, what, got, "ADD_NOTE DONE")
			}
			other := &workflow.DryRunTrigger{BusinessEvent: &workflow.DryRunBusinessEvent{Type: "order.cancelled"}}
			servicetest.Equal(t, "another type", tries(w, mine, noting(db.TriggerBusinessEvent, db.WorkflowConditions{BusinessEventTypes: []string{"order.placed"}}), other), "does not run")
			servicetest.Equal(t, "another trigger", tries(w, mine, noting(db.TriggerOpened, db.WorkflowConditions{}), other), "does not run")
		}},
		{"W2 a template after a trigger: never back to whom it is taken from", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			f := w.Template("assign-when-unassigned", nil, ada, ben)
			c := w.Open(ada)
			dry, err := w.DryRunWorkflow(w.Context(), w.Manager, workflow.DryRunWorkflowInput{WorkflowID: &f.ID, ConversationID: c.ID})
			servicetest.Fine(t, err)
			servicetest.Equal(t, "steps", w.took(dry.Steps), "ASSIGN_LEAST_LOADED DONE Ben")
		}},
		{"W2 exactly one thing happens first", func(t *testing.T, w *world) {
			c := w.Open()
			for _, trigger := range []*workflow.DryRunTrigger{{}, {Closed: &workflow.DryRunClosing{}, Unassigned: &workflow.DryRunUnassignment{}}} {
				_, err := w.DryRunWorkflow(w.Context(), w.Manager, workflow.DryRunWorkflowInput{Definition: servicetest.ClosesLater(), ConversationID: c.ID, Trigger: trigger})
				servicetest.Failed(t, err, service.BadInput)
			}
		}},
		{"W4 a dry run of a changed workflow says what then happens", func(t *testing.T, w *world) {
			ada, _, one, _, f := w.waiting()
			w.Clock = w.Clock.Add(time.Second)
			dry := func() string {
				t.Helper()
				dry, err := w.DryRunWorkflow(w.Context(), w.Manager, workflow.DryRunWorkflowInput{WorkflowID: &f.ID, ConversationID: one.ID})
				servicetest.Fine(t, err)
				return w.took(dry.Steps)
			}
			servicetest.Equal(t, "at capacity", dry(), "ASSIGN_LEAST_LOADED NOBODY")
			w.OK(w.UpdateWorkflow(w.Context(), w.Manager, workflow.UpdateWorkflowInput{WorkflowID: f.ID, Definition: choosing(10, ada)}))
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(one), "Ada")
		}},
	})
}
