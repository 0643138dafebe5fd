package workflow_test

import (
	"strings"
	"testing"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

// TestQuotas (finding 12): beyond the quotas workflows are refused with LIMIT_REACHED, however they
// are enabled, and disabling one makes room.
func TestQuotas(t *testing.T) {
	hold(t, []rule{
		{"50 enabled workflows, with 200 steps for one event", func(t *testing.T, w *world) {
			w.Quotas.Workflows, w.Quotas.Steps = 2, 4
			notes := func(trigger db.WorkflowTrigger, n int) *db.WorkflowDefinition {
				d := servicetest.When(trigger)
				for range n {
					d.Steps = append(d.Steps, servicetest.AddNote("Hello"))
				}
				return d
			}
			refused := func(err error, part string) {
				t.Helper()
				servicetest.Refused(t, err, service.LimitReached)
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("the refusal says %v", err)
				}
			}
			first := w.Workflow(notes(db.TriggerReceived, 3))
			second := w.OK(w.CreateWorkflow(w.Context(), w.Manager, workflow.CreateWorkflowInput{Name: "Second", Definition: notes(db.TriggerReceived, 2)})).Workflow
			enable := func(f *db.Workflow) error {
				_, err := w.EnableWorkflow(w.Context(), w.Manager, workflow.EnableWorkflowInput{WorkflowID: f.ID})
				return err
			}
			update := func(f *db.Workflow, d *db.WorkflowDefinition) error {
				_, err := w.UpdateWorkflow(w.Context(), w.Manager, workflow.UpdateWorkflowInput{WorkflowID: f.ID, Definition: d})
				return err
			}
			refused(enable(second), "4 steps")
			servicetest.Fine(t, update(second, notes(db.TriggerReceived, 1)))
			servicetest.Fine(t, enable(second))
			refused(update(second, notes(db.TriggerReceived, 2)), "4 steps")
			servicetest.Fine(t, update(second, notes(db.TriggerClosed, 4)))
			third := w.OK(w.CreateWorkflow(w.Context(), w.Manager, workflow.CreateWorkflowInput{Name: "Third", Definition: notes(db.TriggerOpened, 1)})).Workflow
			refused(enable(third), "2 enabled workflows")
			_, err := w.CreateWorkflowFromTemplate(w.Context(), w.Manager, workflow.CreateWorkflowFromTemplateInput{TemplateKey: "unassign-after-close"})
			refused(err, "2 enabled workflows")
			w.OK(w.DisableWorkflow(w.Context(), w.Manager, workflow.DisableWorkflowInput{WorkflowID: first.ID}))
			servicetest.Fine(t, enable(third))
		}},
	})
}
