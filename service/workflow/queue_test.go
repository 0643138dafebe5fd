package workflow_test

import (
	"fmt"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

// choosing returns a definition that assigns opened conversations to the least loaded of some
// agents.
func choosing(capacity int, agents ...service.Actor) *db.WorkflowDefinition {
	step := servicetest.Act(db.StepLeastLoaded)
	step.Capacity = &capacity
	for _, a := range agents {
		step.AgentIDs = append(step.AgentIDs, *a.Agent)
	}
	return servicetest.When(db.TriggerOpened, step)
}

func (w *world) updates(f *db.Workflow, d *db.WorkflowDefinition) {
	w.T.Helper()
	w.OK(w.UpdateWorkflow(w.Context(), w.Manager, workflow.UpdateWorkflowInput{WorkflowID: f.ID, Definition: d}))
}

// assigned returns the conversations that a workflow assigned after a position in the log, in that
// order.
func (w *world) assigned(since db.Seq) (ids []db.ConversationID) {
	w.T.Helper()
	for _, e := range w.Since(since) {
		if e.Type == db.ConversationAssigned && e.Data.Reason == db.ReasonWorkflow {
			ids = append(ids, *e.ConversationID)
		}
	}
	return ids
}

// inOrder checks that conversations were assigned in the order in which they waited.
func (w *world) inOrder(since db.Seq, waiting ...*db.Conversation) {
	w.T.Helper()
	ids := w.assigned(since)
	servicetest.Equal(w.T, "assigned", len(ids), len(waiting))
	for i, c := range waiting {
		if i < len(ids) && ids[i] != c.ID {
			w.T.Errorf("the conversation that was assigned as number %d is not the one that waited as number %d", i+1, i+1)
		}
	}
}

// TestWorkflowQueue: the present definition of the workflow decides which agents are assigned
// waiting conversations, and up to which capacity (W4).
func TestWorkflowQueue(t *testing.T) {
	hold(t, []rule{
		{"W4 capacity raised while ten wait: all are assigned at once, the longest waiting first, before what opens later", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			w.Open(ada)
			f := w.Workflow(choosing(1, ada))
			var waiting []*db.Conversation
			for range 10 {
				waiting = append(waiting, w.Open())
				w.Clock = w.Clock.Add(time.Second)
			}
			w.Settle()
			head := w.Head()
			w.updates(f, choosing(10, ada, ben))
			late := w.Open()
			w.Settle()
			w.inOrder(head, append(waiting, late)...)
		}},
		{"W4 what opens later takes nothing from who waits, though its run is quicker than who serves", func(t *testing.T, w *world) {
			ada, has, one, two, f := w.waiting()
			ben := w.Agent("Ben")
			w.updates(f, choosing(1, ada, ben))
			late := w.Open()
			_, _, err := w.Plan(w.Context(), w.Manager.Workspace)
			servicetest.Fine(t, err)
			_, err = w.Step(w.Context(), w.Manager.Workspace)
			servicetest.Fine(t, err)
			servicetest.Lines(t, w.consideredIn(w.LastRun(f).Steps[0]), "Ada 1 AT_CAPACITY", "Ben 0 LONGER_WAITING")
			w.Settle()
			servicetest.Lines(t, []string{w.Owner(has), w.Owner(one), w.Owner(two), w.Owner(late)}, "Ada", "Ben", servicetest.Nobody, servicetest.Nobody)
		}},
		{"W4 when room is made, the present definition chooses", func(t *testing.T, w *world) {
			ada, has, one, two, f := w.waiting()
			ben := w.Agent("Ben")
			w.Open(ben)
			w.updates(f, choosing(1, ben))
			w.Settle()
			w.Closes(has)
			w.Settle()
			servicetest.Lines(t, []string{w.Owner(one), w.Owner(two)}, servicetest.Nobody, servicetest.Nobody)
			w.updates(f, servicetest.When(db.TriggerOpened, servicetest.AddNote("Opened"), choosing(1, ada).Steps[0]))
			w.Settle()
			servicetest.Lines(t, []string{w.Owner(one), w.Owner(two)}, "Ada", servicetest.Nobody)
		}},
		{"W4 without a step that chooses nobody is served, until there is one again", func(t *testing.T, w *world) {
			ada, has, one, _, f := w.waiting()
			w.updates(f, servicetest.When(db.TriggerOpened, servicetest.AddNote("Opened")))
			w.Closes(has)
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(one), servicetest.Nobody)
			w.updates(f, choosing(1, ada))
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(one), "Ada")
		}},
		{"W4 alsoForWaiting takes in what is open and unassigned, the longest waiting first", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			given, closed, blocked, has := w.Open(ada), w.Closed(), w.Open(), w.Open(ben)
			w.Unassign(given)
			w.Block(blocked)
			w.Clock = w.Clock.Add(time.Second)
			other := w.Open()
			w.Clock = w.Clock.Add(time.Second)
			first := w.Open()
			w.OK(w.PutMessage(w.Context(), w.Manager, first.ID, db.Inbound, "Hello?"))
			w.Clock = w.Clock.Add(time.Second)
			w.OK(w.PutMessage(w.Context(), w.Manager, other.ID, db.Inbound, "Hello?"))
			f := w.Template("least-busy-online", new(2), ada)
			w.Settle()
			servicetest.Lines(t, w.runsOf(f))
			head := w.Head()
			o := w.OK(w.EnableWorkflow(w.Context(), w.Manager, workflow.EnableWorkflowInput{WorkflowID: f.ID, AlsoForWaiting: true}))
			late := w.Open()
			w.Settle()
			w.inOrder(head, given, first)
			servicetest.Lines(t, []string{w.Owner(closed), w.Owner(blocked), w.Owner(has), w.Owner(other), w.Owner(late)}, servicetest.Nobody, servicetest.Nobody, "Ben", servicetest.Nobody, servicetest.Nobody)
			lists, err := w.RunsOf(w.Context(), w.Manager, []db.WorkflowID{f.ID}, service.PageInput{First: new(100)})
			servicetest.Fine(t, err)
			servicetest.Equal(t, "runs", len(lists[0].Rows), 4)
			for _, run := range lists[0].Rows[:3] {
				if *run.ConversationID != late.ID {
					servicetest.Equal(t, "the run's event", run.Trigger(), o.Events[0].ID)
				}
			}
			w.Closes(first)
			w.Settle()
			servicetest.Equal(t, "who waits longer than what opened later", w.Owner(other), "Ada")
		}},
		{"W4 it takes in nothing twice, however often it is planned or asked for", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			w.Open()
			f := w.Template("least-busy-online", new(1), ada)
			again := workflow.EnableWorkflowInput{WorkflowID: f.ID, AlsoForWaiting: true}
			w.Open(ada)
			before := w.Head()
			w.OK(w.EnableWorkflow(w.Context(), w.Manager, again))
			w.Settle()
			_, err := w.DB.ExecContext(w.Context(), "UPDATE workflow_positions SET seq = ? WHERE workspace_id = ?", before, w.Manager.Workspace)
			servicetest.Fine(t, err)
			w.Settle()
			w.OK(w.EnableWorkflow(w.Context(), w.Manager, again))
			w.Settle()
			taken := 0
			for _, run := range w.runsOf(f) {
				if run == "COMPLETED: ASSIGN_LEAST_LOADED NOBODY" {
					taken++
				}
			}
			servicetest.Equal(t, "runs that found nobody", taken, 1)
		}},
		{"W4 conditions on the state count for what is taken in", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			c := w.Open()
			d := choosing(5, ada)
			d.Conditions = &db.WorkflowConditions{Channels: []string{"chat"}, Sources: []db.ConversationSource{db.SourceMessage}}
			chat := w.ReceivesFrom(servicetest.Newcomer("1")).Conversation
			f := w.OK(w.CreateWorkflow(w.Context(), w.Manager, workflow.CreateWorkflowInput{Name: "Flow", Definition: d})).Workflow
			w.OK(w.EnableWorkflow(w.Context(), w.Manager, workflow.EnableWorkflowInput{WorkflowID: f.ID, AlsoForWaiting: true}))
			w.Settle()
			servicetest.Lines(t, []string{w.Owner(c), w.Owner(chat)}, servicetest.Nobody, "Ada")
		}},
		{"W4 alsoForWaiting is refused for a workflow that assigns nobody", func(t *testing.T, w *world) {
			f := w.Template("unassign-after-close", nil)
			_, err := w.EnableWorkflow(w.Context(), w.Manager, workflow.EnableWorkflowInput{WorkflowID: f.ID, AlsoForWaiting: true})
			servicetest.Refused(t, err, service.InvalidWorkflow)
			servicetest.Equal(t, "field", fmt.Sprint(servicetest.RefusalOf(err).Field), "[alsoForWaiting]")
		}},
		{"W4 runs of what is taken in together are taken one after the other", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			w.Open()
			w.Clock = w.Clock.Add(time.Second)
			w.Open()
			f := w.Template("least-busy-online", new(1), ada)
			w.OK(w.EnableWorkflow(w.Context(), w.Manager, workflow.EnableWorkflowInput{WorkflowID: f.ID, AlsoForWaiting: true}))
			servicetest.Fine(t, w.CatchUp(w.Context(), w.Manager.Workspace))
			release := w.Locks("SELECT FROM workflow_runs WHERE id = (SELECT id FROM workflow_runs ORDER BY id LIMIT 1) FOR UPDATE")
			stepped, err := w.Step(w.Context(), w.Manager.Workspace)
			if stepped || err != nil {
				t.Errorf("a step is taken out of turn: %v", err)
			}
			release()
		}},
	})
}
