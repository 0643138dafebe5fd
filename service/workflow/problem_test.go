package workflow_test

import (
	"fmt"
	"strings"
	"testing"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

// problems returns the problems of a workflow as lines: "CODE field".
func (w *world) problems(f *db.Workflow) (told []string) {
	w.T.Helper()
	rows, err := w.WorkflowsByID(w.Context(), w.Manager, []db.WorkflowID{f.ID})
	servicetest.Fine(w.T, err)
	problems, err := w.WorkflowProblems(w.Context(), w.Manager, rows)
	servicetest.Fine(w.T, err)
	for _, p := range problems[0] {
		told = append(told, fmt.Sprint(p.Code, " ", strings.Join(p.Field, ".")))
	}
	return told
}

func workflowNames(o *service.Outcome) string {
	var names []string
	for _, f := range o.Workflows {
		names = append(names, f.Name)
	}
	return strings.Join(names, " ")
}

// TestWorkflowProblems: objects that a workflow names and can no longer use are shown on the
// workflow, by the mutation that removes them, and when it is enabled (W2).
func TestWorkflowProblems(t *testing.T) {
	named := func(w *world, name string, d *db.WorkflowDefinition) *db.Workflow {
		return w.OK(w.CreateWorkflow(w.Context(), w.Manager, workflow.CreateWorkflowInput{Name: name, Definition: d})).Workflow
	}
	enable := func(w *world, f *db.Workflow) error {
		_, err := w.EnableWorkflow(w.Context(), w.Manager, workflow.EnableWorkflowInput{WorkflowID: f.ID})
		return err
	}
	closesAs := func(category string) *db.WorkflowStep {
		return &db.WorkflowStep{Kind: db.StepClose, Category: &category}
	}
	hold(t, []rule{
		{"W2 an agent is deactivated", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			one := named(w, "One", servicetest.When(db.TriggerOpened, servicetest.AddNote("Opened"), servicetest.AssignTo(ada)))
			some := named(w, "Some", choosing(1, ben, ada))
			other := named(w, "Other", choosing(1, ben))
			gone := named(w, "Gone", choosing(1, ada))
			w.OK(w.DeleteWorkflow(w.Context(), w.Manager, workflow.DeleteWorkflowInput{WorkflowID: gone.ID}))
			servicetest.Equal(t, "workflowsWithProblems", workflowNames(w.Deactivate(ada)), "One Some")
			servicetest.Lines(t, w.problems(one), "AGENT_INACTIVE definition.steps.1.assign.agentId")
			servicetest.Lines(t, w.problems(some), "AGENT_INACTIVE definition.steps.0.assignLeastLoaded.agentIds.1")
			servicetest.Lines(t, w.problems(other))
			servicetest.Lines(t, w.problems(gone))
			w.Unchanged("enabling", func() { servicetest.Refused(t, enable(w, one), service.InvalidWorkflow) })
			servicetest.Fine(t, enable(w, other))
			w.Reactivate(ada)
			servicetest.Lines(t, w.problems(one))
			servicetest.Fine(t, enable(w, one))
		}},
		{"W2 a category is removed", func(t *testing.T, w *world) {
			categories := func(names ...string) *service.Outcome {
				return w.OK(w.UpdateWorkspace(w.Context(), w.Manager, service.UpdateWorkspaceInput{ClosingCategories: names}))
			}
			categories("Refund", "Other")
			f := named(w, "Closes", servicetest.When(db.TriggerOpened, closesAs("Refund"), closesAs("Other")))
			asks := servicetest.When(db.TriggerClosed, servicetest.AddNote("Refunded"))
			asks.Conditions = &db.WorkflowConditions{Categories: []string{"Other", "Refund"}}
			condition := named(w, "Asks", asks)
			servicetest.Equal(t, "workflowsWithProblems", workflowNames(categories("Refund", "New", "Other")), "")
			servicetest.Equal(t, "workflowsWithProblems", workflowNames(categories("New", "Other")), "Closes Asks")
			servicetest.Lines(t, w.problems(f), "UNKNOWN_CATEGORY definition.steps.0.close.category")
			servicetest.Lines(t, w.problems(condition), "UNKNOWN_CATEGORY definition.conditions.categories.1")
			servicetest.Refused(t, enable(w, f), service.InvalidWorkflow)
			servicetest.Refused(t, enable(w, condition), service.InvalidWorkflow)
			servicetest.Equal(t, "what was a problem before is no news", workflowNames(categories("Other")), "")
		}},
		{"P6 a repetition lists the same workflows", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			named(w, "One", servicetest.When(db.TriggerOpened, servicetest.AssignTo(ada)))
			for range 2 {
				o := w.OK(w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: *ada.Agent, Keyed: service.Keyed{IdempotencyKey: service.Text("key")}}))
				servicetest.Equal(t, "workflowsWithProblems", workflowNames(o), "One")
			}
		}},
	})
}
