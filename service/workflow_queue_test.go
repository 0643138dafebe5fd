package service

import (
	"fmt"
	"testing"
	"time"

	"switchboard/db"
)

// choosing is a workflow's definition that assigns what opens to the least loaded of some agents.
func choosing(capacity int, agents ...Actor) *db.WorkflowDefinition {
	step := act(db.StepLeastLoaded)
	step.Capacity = &capacity
	for _, a := range agents {
		step.AgentIDs = append(step.AgentIDs, *a.Agent)
	}
	return when(db.TriggerOpened, step)
}

func (w *world) updates(f *db.Workflow, d *db.WorkflowDefinition) {
	w.t.Helper()
	w.ok(w.UpdateWorkflow(w.ctx(), w.manager, UpdateWorkflowInput{WorkflowID: f.ID, Definition: d}))
}

// assigned returns the conversations that a workflow assigned since a place in the log, in that order.
func (w *world) assigned(since db.Seq) (ids []db.ConversationID) {
	w.t.Helper()
	for _, e := range w.since(since) {
		if e.Type == db.ConversationAssigned && e.Data.Reason == db.ReasonWorkflow {
			ids = append(ids, *e.ConversationID)
		}
	}
	return ids
}

// inOrder checks that conversations were assigned in the order in which they waited.
func (w *world) inOrder(since db.Seq, waiting ...*db.Conversation) {
	w.t.Helper()
	ids := w.assigned(since)
	equal(w.t, "assigned", len(ids), len(waiting))
	for i, c := range waiting {
		if i < len(ids) && ids[i] != c.ID {
			w.t.Errorf("the conversation that was assigned as number %d is not the one that waited as number %d", i+1, i+1)
		}
	}
}

// TestWorkflowQueue: who may take what waits, and how much, is decided by the workflow's
// present definition (W4).
func TestWorkflowQueue(t *testing.T) {
	hold(t, []rule{
		{"W4 capacity raised while ten wait: all are assigned at once, the longest waiting first, before what opens later", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			w.open(ada)
			f := w.workflow(choosing(1, ada))
			var waiting []*db.Conversation
			for range 10 {
				waiting = append(waiting, w.open())
				w.clock = w.clock.Add(time.Second)
			}
			w.settle()
			head := w.head()
			w.updates(f, choosing(10, ada, ben))
			late := w.open()
			w.settle()
			w.inOrder(head, append(waiting, late)...)
		}},
		{"W4 what opens later takes nothing from who waits, though its run is quicker than who serves", func(t *testing.T, w *world) {
			ada, has, one, two, f := w.waiting()
			ben := w.agent("Ben")
			w.updates(f, choosing(1, ada, ben))
			late := w.open()
			_, _, err := w.planWorkflows(w.ctx(), w.manager.Workspace)
			fine(t, err)
			_, err = w.stepWorkflow(w.ctx(), w.manager.Workspace)
			fine(t, err)
			lines(t, w.consideredIn(w.lastRun(f).Steps[0]), "Ada 1 AT_CAPACITY", "Ben 0 LONGER_WAITING")
			w.settle()
			lines(t, []string{w.owner(has), w.owner(one), w.owner(two), w.owner(late)}, "Ada", "Ben", nobody, nobody)
		}},
		{"W4 when room is made, the present definition chooses", func(t *testing.T, w *world) {
			ada, has, one, two, f := w.waiting()
			ben := w.agent("Ben")
			w.open(ben)
			w.updates(f, choosing(1, ben))
			w.settle()
			w.closes(has)
			w.settle()
			lines(t, []string{w.owner(one), w.owner(two)}, nobody, nobody)
			w.updates(f, when(db.TriggerOpened, addNote("Opened"), choosing(1, ada).Steps[0]))
			w.settle()
			lines(t, []string{w.owner(one), w.owner(two)}, "Ada", nobody)
		}},
		{"W4 without a step that chooses nobody is served, until there is one again", func(t *testing.T, w *world) {
			ada, has, one, _, f := w.waiting()
			w.updates(f, when(db.TriggerOpened, addNote("Opened")))
			w.closes(has)
			w.settle()
			equal(t, "owner", w.owner(one), nobody)
			w.updates(f, choosing(1, ada))
			w.settle()
			equal(t, "owner", w.owner(one), "Ada")
		}},
		{"W4 alsoForWaiting takes in what is open and unassigned, the longest waiting first", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			given, closed, blocked, has := w.open(ada), w.closed(), w.open(), w.open(ben)
			w.unassign(given)
			w.block(blocked)
			w.clock = w.clock.Add(time.Second)
			other := w.open()
			w.clock = w.clock.Add(time.Second)
			first := w.open()
			w.ok(w.givenMessage(w.ctx(), w.manager, first.ID, db.Inbound, "Hello?"))
			w.clock = w.clock.Add(time.Second)
			w.ok(w.givenMessage(w.ctx(), w.manager, other.ID, db.Inbound, "Hello?"))
			f := w.template("least-busy-online", ptr(2), ada)
			w.settle()
			lines(t, w.runsOf(f))
			head := w.head()
			o := w.ok(w.EnableWorkflow(w.ctx(), w.manager, EnableWorkflowInput{WorkflowID: f.ID, AlsoForWaiting: true}))
			late := w.open()
			w.settle()
			w.inOrder(head, given, first)
			lines(t, []string{w.owner(closed), w.owner(blocked), w.owner(has), w.owner(other), w.owner(late)}, nobody, nobody, "Ben", nobody, nobody)
			lists, err := w.RunsOf(w.ctx(), w.manager, []db.WorkflowID{f.ID}, PageInput{First: ptr(100)})
			fine(t, err)
			equal(t, "runs", len(lists[0].Rows), 4)
			for _, run := range lists[0].Rows[:3] {
				if *run.ConversationID != late.ID {
					equal(t, "the run's event", run.Trigger(), o.Events[0].ID)
				}
			}
			w.closes(first)
			w.settle()
			equal(t, "who waits longer than what opened later", w.owner(other), "Ada")
		}},
		{"W4 it takes in nothing twice, however often it is planned or asked for", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			w.open()
			f := w.template("least-busy-online", ptr(1), ada)
			again := EnableWorkflowInput{WorkflowID: f.ID, AlsoForWaiting: true}
			w.open(ada)
			before := w.head()
			w.ok(w.EnableWorkflow(w.ctx(), w.manager, again))
			w.settle()
			_, err := w.DB.ExecContext(w.ctx(), "UPDATE workflow_positions SET seq = ? WHERE workspace_id = ?", before, w.manager.Workspace)
			fine(t, err)
			w.settle()
			w.ok(w.EnableWorkflow(w.ctx(), w.manager, again))
			w.settle()
			taken := 0
			for _, run := range w.runsOf(f) {
				if run == "COMPLETED: ASSIGN_LEAST_LOADED NOBODY" {
					taken++
				}
			}
			equal(t, "runs that found nobody", taken, 1)
		}},
		{"W4 conditions on the state count for what is taken in", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			c := w.open()
			d := choosing(5, ada)
			d.Conditions = &db.WorkflowConditions{Channels: []string{"chat"}, Sources: []db.ConversationSource{db.SourceMessage}}
			chat := w.receivesFrom(newcomer("1")).Conversation
			f := w.ok(w.CreateWorkflow(w.ctx(), w.manager, CreateWorkflowInput{Name: "Flow", Definition: d})).Workflow
			w.ok(w.EnableWorkflow(w.ctx(), w.manager, EnableWorkflowInput{WorkflowID: f.ID, AlsoForWaiting: true}))
			w.settle()
			lines(t, []string{w.owner(c), w.owner(chat)}, nobody, "Ada")
		}},
		{"W4 alsoForWaiting is refused for a workflow that assigns nobody", func(t *testing.T, w *world) {
			f := w.template("unassign-after-close", nil)
			_, err := w.EnableWorkflow(w.ctx(), w.manager, EnableWorkflowInput{WorkflowID: f.ID, AlsoForWaiting: true})
			refused(t, err, InvalidWorkflow)
			equal(t, "field", fmt.Sprint(isRefusal(err).Field), "[alsoForWaiting]")
		}},
		{"W4 runs of what is taken in together are taken one after the other", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			w.open()
			w.clock = w.clock.Add(time.Second)
			w.open()
			f := w.template("least-busy-online", ptr(1), ada)
			w.ok(w.EnableWorkflow(w.ctx(), w.manager, EnableWorkflowInput{WorkflowID: f.ID, AlsoForWaiting: true}))
			fine(t, w.catchUp(w.ctx(), w.manager.Workspace))
			release := w.locks("SELECT FROM workflow_runs WHERE id = (SELECT id FROM workflow_runs ORDER BY id LIMIT 1) FOR UPDATE")
			stepped, err := w.stepWorkflow(w.ctx(), w.manager.Workspace)
			if stepped || err != nil {
				t.Errorf("a step is taken out of turn: %v", err)
			}
			release()
		}},
	})
}
