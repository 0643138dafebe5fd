package service

import (
	"fmt"
	"strings"
	"testing"

	"switchboard/db"
)

// problems tells what refuses a workflow: "CODE field".
func (w *world) problems(f *db.Workflow) (told []string) {
	w.t.Helper()
	rows, err := w.WorkflowsByID(w.ctx(), w.manager, []db.WorkflowID{f.ID})
	fine(w.t, err)
	problems, err := w.WorkflowProblems(w.ctx(), w.manager, rows)
	fine(w.t, err)
	for _, p := range problems[0] {
		told = append(told, fmt.Sprint(p.Code, " ", strings.Join(p.Field, ".")))
	}
	return told
}

func workflowNames(o *Outcome) string {
	var names []string
	for _, f := range o.Workflows {
		names = append(names, f.Name)
	}
	return strings.Join(names, " ")
}

// TestWorkflowProblems: what a workflow names and cannot use is shown by the workflow, by
// the mutation that takes it away, and when it is enabled (W2).
func TestWorkflowProblems(t *testing.T) {
	named := func(w *world, name string, d *db.WorkflowDefinition) *db.Workflow {
		return w.ok(w.CreateWorkflow(w.ctx(), w.manager, CreateWorkflowInput{Name: name, Definition: d})).Workflow
	}
	enable := func(w *world, f *db.Workflow) error {
		_, err := w.EnableWorkflow(w.ctx(), w.manager, EnableWorkflowInput{WorkflowID: f.ID})
		return err
	}
	closesAs := func(category string) *db.WorkflowStep {
		return &db.WorkflowStep{Kind: db.StepClose, Category: &category}
	}
	hold(t, []rule{
		{"W2 an agent is deactivated", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			one := named(w, "One", when(db.TriggerOpened, addNote("Opened"), assignTo(ada)))
			some := named(w, "Some", choosing(1, ben, ada))
			other := named(w, "Other", choosing(1, ben))
			gone := named(w, "Gone", choosing(1, ada))
			w.ok(w.DeleteWorkflow(w.ctx(), w.manager, DeleteWorkflowInput{WorkflowID: gone.ID}))
			equal(t, "workflowsWithProblems", workflowNames(w.deactivate(ada)), "One Some")
			lines(t, w.problems(one), "AGENT_INACTIVE definition.steps.1.assign.agentId")
			lines(t, w.problems(some), "AGENT_INACTIVE definition.steps.0.assignLeastLoaded.agentIds.1")
			lines(t, w.problems(other))
			lines(t, w.problems(gone))
			w.unchanged("enabling", func() { refused(t, enable(w, one), InvalidWorkflow) })
			fine(t, enable(w, other))
			w.reactivate(ada)
			lines(t, w.problems(one))
			fine(t, enable(w, one))
		}},
		{"W2 a category is removed", func(t *testing.T, w *world) {
			categories := func(names ...string) *Outcome {
				return w.ok(w.UpdateWorkspace(w.ctx(), w.manager, UpdateWorkspaceInput{ClosingCategories: names}))
			}
			categories("Refund", "Other")
			f := named(w, "Closes", when(db.TriggerOpened, closesAs("Refund"), closesAs("Other")))
			asks := when(db.TriggerClosed, addNote("Refunded"))
			asks.Conditions = &db.WorkflowConditions{Categories: []string{"Other", "Refund"}}
			condition := named(w, "Asks", asks)
			equal(t, "workflowsWithProblems", workflowNames(categories("Refund", "New", "Other")), "")
			equal(t, "workflowsWithProblems", workflowNames(categories("New", "Other")), "Closes Asks")
			lines(t, w.problems(f), "UNKNOWN_CATEGORY definition.steps.0.close.category")
			lines(t, w.problems(condition), "UNKNOWN_CATEGORY definition.conditions.categories.1")
			refused(t, enable(w, f), InvalidWorkflow)
			refused(t, enable(w, condition), InvalidWorkflow)
			equal(t, "what was a problem before is no news", workflowNames(categories("Other")), "")
		}},
		{"P6 a repetition lists the same workflows", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			named(w, "One", when(db.TriggerOpened, assignTo(ada)))
			for range 2 {
				o := w.ok(w.DeactivateAgent(w.ctx(), w.manager, DeactivateAgentInput{AgentID: *ada.Agent, Keyed: Keyed{Text("key")}}))
				equal(t, "workflowsWithProblems", workflowNames(o), "One")
			}
		}},
	})
}
