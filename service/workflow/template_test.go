package workflow_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

const oneDay = 24 * time.Hour

// TestWorkflowTemplates shows what the workflows of the templates do (W3).
func TestWorkflowTemplates(t *testing.T) {
	hold(t, []rule{
		{"W3 close-when-silent: a conversation whose customer wrote stays open, a silent one closes", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			o := w.OK(w.CreateWorkflowFromTemplate(w.Context(), w.Manager, workflow.CreateWorkflowFromTemplateInput{TemplateKey: "close-when-silent", Days: new(5)}))
			servicetest.Equal(t, "name", o.Workflow.Name, "Close: No Answer For 5 Days")
			replies := func(c *db.Conversation) {
				t.Helper()
				w.OK(w.SendMessage(w.Context(), ada, service.SendMessageInput{ConversationID: c.ID, Body: "Anything else?"}))
				w.Settle()
			}
			silent, answers, never := w.Open(), w.Open(), w.Open()
			replies(silent)
			replies(answers)
			passes := func(d time.Duration, want ...string) {
				t.Helper()
				w.Clock = w.Clock.Add(d)
				w.Settle()
				servicetest.Lines(t, []string{string(w.Read(silent).Status), string(w.Read(answers).Status), string(w.Read(never).Status)}, want...)
			}
			passes(4*oneDay, "OPEN", "OPEN", "OPEN")
			w.Receives(answers.ContactID)
			passes(oneDay, "CLOSED", "OPEN", "OPEN")
			passes(30*oneDay, "CLOSED", "OPEN", "OPEN")
			replies(answers)
			passes(5*oneDay, "CLOSED", "CLOSED", "OPEN")
		}},
		{"W3 close-when-silent: a second reply starts the wait anew", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			f := w.Template("close-when-silent", nil)
			servicetest.Equal(t, "name", f.Name, "Close: No Answer For 3 Days")
			c := w.Open()
			for range 2 {
				w.OK(w.SendMessage(w.Context(), ada, service.SendMessageInput{ConversationID: c.ID, Body: "Anything else?"}))
				w.Settle()
				w.Clock = w.Clock.Add(2 * oneDay)
				w.Settle()
				servicetest.Equal(t, "status", w.Read(c).Status, db.StatusOpen)
			}
			w.Clock = w.Clock.Add(oneDay)
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: WAIT DONE, CLOSE OVERTAKEN", "COMPLETED: WAIT DONE, CLOSE DONE")
		}},
		{"W3 assign-when-unassigned: an unassigned conversation goes to another agent, no matter who unassigned it", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			f := w.Template("assign-when-unassigned", new(5), ada, ben)
			given, left := w.Open(ada), w.Open(ada)
			w.Unassign(given)
			w.Settle()
			servicetest.Equal(t, "given back", w.Owner(given), "Ben")
			servicetest.Lines(t, w.consideredIn(w.LastRun(f).Steps[0]), "Ada 1 PREVIOUS_OWNER", "Ben 0 CHOSEN")
			w.Deactivate(ada)
			w.Settle()
			servicetest.Equal(t, "left by a deactivated agent", w.Owner(left), "Ben")
		}},
		{"W3 assign-when-unassigned: never to whom it was taken from, rather nobody, also when room is made", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			w.Template("assign-when-unassigned", new(1), ada, ben)
			full, c := w.Open(ben), w.Open(ada)
			w.Unassign(c)
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(c), servicetest.Nobody)
			w.Closes(w.Open(ada))
			w.Settle()
			servicetest.Equal(t, "owner once Ada has room", w.Owner(c), servicetest.Nobody)
			w.Closes(full)
			w.Settle()
			servicetest.Equal(t, "owner once Ben has room", w.Owner(c), "Ben")
		}},
		{"W3 assign-when-unassigned: not what is closed", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			f := w.Template("assign-when-unassigned", nil, ada, w.Agent("Ben"))
			w.Template("unassign-after-close", nil)
			w.Closed(ada)
			w.Settle()
			servicetest.Lines(t, w.runsOf(f))
		}},
		{"W3 reassign-unavailable-owner: customers of a deactivated owner, with any policy", func(t *testing.T, w *world) {
			for _, policy := range []db.ReopenPolicy{db.Reopen, db.ReopenNew} {
				w.Policies(policy, db.OwnerKeep)
				gone := w.Agent("Gone" + string(policy))
				c := w.Closed(gone)
				w.Deactivate(gone)
				ben := w.Agent("Ben" + string(policy))
				f := w.Template("reassign-unavailable-owner", nil, ben)
				o := w.Receives(c.ContactID)
				w.Settle()
				servicetest.Equal(t, string(policy), w.Owner(o.Conversation), "Ben"+string(policy))
				outcomes := strings.Join(w.runsOf(f), "; ")
				servicetest.Equal(t, string(policy), outcomes, "COMPLETED: ASSIGN_LEAST_LOADED DONE Ben"+string(policy)+"; COMPLETED: ASSIGN_LEAST_LOADED OVERTAKEN")
				w.OK(w.DeleteWorkflow(w.Context(), w.Manager, workflow.DeleteWorkflowInput{WorkflowID: f.ID}))
			}
		}},
		{"W3 reassign-unavailable-owner: not what nobody ever had", func(t *testing.T, w *world) {
			f := w.Template("reassign-unavailable-owner", nil, w.Agent("Ben"))
			w.ReceivesFrom(servicetest.Newcomer("1"))
			w.Settle()
			servicetest.Lines(t, w.runsOf(f))
		}},
		{"W3 assigns who opens by the owner policy: round robin", func(t *testing.T, w *world) {
			w.Policies(db.Reopen, db.OwnerUnassignIfUnavailable)
			ada := w.Agent("Ada")
			c := w.Closed(ada)
			w.Sets(ada, db.Away)
			w.Template("round-robin-online", nil, w.Agent("Ben"))
			w.Receives(c.ContactID)
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(c), "Ben")
		}},
	})
}

// TestWorkflowsFromTemplates: a template lists the workflows of the workspace that were created from
// it, the latest first, without those that were deleted.
func TestWorkflowsFromTemplates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.Template("unassign-after-close", nil), w.Template("unassign-after-close", nil)
	deleted := w.Template("unassign-after-close", nil)
	w.OK(w.DeleteWorkflow(w.Context(), w.Manager, workflow.DeleteWorkflowInput{WorkflowID: deleted.ID}))
	other := w.Template("round-robin-online", nil)
	rows, err := w.WorkflowsFrom(w.Context(), w.Manager, []string{"round-robin-online", "least-busy-online", "unassign-after-close"})
	servicetest.Fine(t, err)
	var ids [][]db.WorkflowID
	for _, some := range rows {
		var of []db.WorkflowID
		for _, f := range some {
			of = append(of, f.ID)
		}
		ids = append(ids, of)
	}
	if want := [][]db.WorkflowID{{other.ID}, nil, {second.ID, first.ID}}; !reflect.DeepEqual(ids, want) {
		t.Errorf("the templates list %v, not %v", ids, want)
	}
	elsewhere := w.NewWorkspace("other@example.org")
	if rows, err := w.WorkflowsFrom(w.Context(), elsewhere.Manager, []string{"unassign-after-close"}); err != nil || len(rows[0]) > 0 {
		t.Errorf("another workspace lists %v, %v", rows, err)
	}
}
