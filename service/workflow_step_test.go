package service

import (
	"testing"
	"time"

	"switchboard/db"
)

// closesLater closes a conversation a minute after it opened.
func closesLater() *db.WorkflowDefinition {
	return when(db.TriggerOpened, pause(60), act(db.StepClose))
}

// TestWorkflowOvertaken is what makes a step pointless (W2).
func TestWorkflowOvertaken(t *testing.T) {
	overtakes := func(what string, d *db.WorkflowDefinition, outcome string, happen func(w *world, c *db.Conversation)) rule {
		return rule{"W2 " + what, func(t *testing.T, w *world) {
			f := w.workflow(d)
			c := w.open(w.agent("Ada"))
			w.settle()
			happen(w, c)
			w.clock = w.clock.Add(time.Minute)
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: WAIT DONE, "+outcome)
		}}
	}
	writes := func(w *world, c *db.Conversation) { w.receives(c.ContactID) }
	back := func(w *world, c *db.Conversation) { w.closes(c); w.reopens(c) }
	hold(t, []rule{
		overtakes("nobody wrote: it is closed", closesLater(), "CLOSE DONE", func(*world, *db.Conversation) {}),
		overtakes("a message came after the event: no close", closesLater(), "CLOSE OVERTAKEN", writes),
		overtakes("so did an automated one", closesLater(), "CLOSE OVERTAKEN", func(w *world, c *db.Conversation) { w.receives(c.ContactID, automated) }),
		overtakes("so did a reply", closesLater(), "CLOSE OVERTAKEN", func(w *world, c *db.Conversation) {
			w.ok(w.SendMessage(w.ctx(), w.agent("Ben"), SendMessageInput{ConversationID: c.ID, Body: "Hello"}))
		}),
		overtakes("it was closed and came back: no close", closesLater(), "CLOSE OVERTAKEN", back),
		overtakes("a note and an assignment are no reason to stay open", closesLater(), "CLOSE DONE", func(w *world, c *db.Conversation) {
			w.ok(w.AddNote(w.ctx(), w.manager, AddNoteInput{ConversationID: c.ID, Body: "Hm"}))
			w.assign(c, w.agent("Ben"))
		}),
		overtakes("what the run itself closed does not overtake it", when(db.TriggerAssigned, pause(60), act(db.StepClose), act(db.StepUnassign)),
			"CLOSE DONE, UNASSIGN DONE", func(*world, *db.Conversation) {}),
		{"W2 what is open again keeps its owner though the run closed it before", func(t *testing.T, w *world) {
			f := w.workflow(when(db.TriggerAssigned, act(db.StepClose), pause(60), act(db.StepUnassign)))
			c := w.open(w.agent("Ada"))
			w.settle()
			w.reopens(c)
			w.clock = w.clock.Add(time.Minute)
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: CLOSE DONE, WAIT DONE, UNASSIGN OVERTAKEN")
		}},
		{"W2 what the event's own change did to the assignee does not overtake", func(t *testing.T, w *world) {
			w.policies(db.Reopen, db.OwnerUnassign)
			ben := w.agent("Ben")
			f := w.workflow(when(db.TriggerReceived, assignTo(ben)))
			c := w.closed(w.agent("Ada"))
			w.receives(c.ContactID)
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ben")
		}},
		{"S3 W2 undoing a close keeps the owner whom a workflow unassigns after closing", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			f := w.template("unassign-after-close", nil)
			c := w.closed(ada)
			w.reopens(c)
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: UNASSIGN OVERTAKEN")
			equal(t, "owner", w.owner(c), "Ada")
		}},
		{"W2 unassigning after a close: not if a newer conversation is open", func(t *testing.T, w *world) {
			f := w.template("unassign-after-close", nil)
			older, newer := w.older(w.agent("Ada"))
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: UNASSIGN OVERTAKEN")
			lines(t, []string{w.owner(older), w.owner(newer)}, "Ada", "Ada")
		}},
	})
}

// TestWorkflowCancel is how runs are ended before their last step (W2).
func TestWorkflowCancel(t *testing.T) {
	cancel := func(w *world, id db.RunID) (*Outcome, error) {
		return w.CancelWorkflowRun(w.ctx(), w.manager, CancelWorkflowRunInput{RunID: id})
	}
	// stays checks that no run goes on.
	stays := func(w *world, f *db.Workflow, c *db.Conversation, ran ...string) {
		w.t.Helper()
		w.clock = w.clock.Add(time.Hour)
		w.settle()
		lines(w.t, w.runsOf(f), ran...)
		equal(w.t, "status", w.read(c).Status, db.StatusOpen)
	}
	hold(t, []rule{
		{"W2 a run that is cancelled takes no further step", func(t *testing.T, w *world) {
			f := w.workflow(closesLater())
			c := w.open()
			w.settle()
			o := w.ok(cancel(w, w.lastRun(f).ID))
			equal(t, "status", o.Run.Status, db.RunCancelled)
			lines(t, w.story(o.Events), "WORKFLOW_RAN by Mia Manager")
			equal(t, "status in the log", o.Events[0].Data.RunStatus, db.RunCancelled)
			stays(w, f, c, "CANCELLED: WAIT DONE")
		}},
		{"W2 one that has ended is RUN_ENDED, an unknown one NOT_FOUND, and only managers may", func(t *testing.T, w *world) {
			f := w.workflow(when(db.TriggerOpened, addNote("Opened")))
			w.open()
			w.settle()
			w.unchanged("ended", func() {
				o, err := cancel(w, w.lastRun(f).ID)
				refused(t, err, RunEnded)
				equal(t, "run", o.Run.ID, w.lastRun(f).ID)
			})
			_, err := cancel(w, db.RunID{UUID: db.NewUUID()})
			failed(t, err, NotFound)
			_, err = w.CancelWorkflowRun(w.ctx(), w.agent("Ada"), CancelWorkflowRunInput{RunID: w.lastRun(f).ID})
			failed(t, err, Forbidden)
		}},
		{"W2 one that is at a step ends after it", func(t *testing.T, w *world) {
			f := w.workflow(when(db.TriggerOpened, addNote("Opened"), pause(60), act(db.StepClose)))
			c := w.open()
			fine(t, w.catchUp(w.ctx(), w.manager.Workspace))
			release := w.locks("SELECT FROM contacts WHERE id = ? FOR UPDATE", c.ContactID)
			stepped := begin(func() (*Outcome, error) { _, err := w.stepWorkflow(w.ctx(), w.manager.Workspace); return nil, err })
			w.waitBlocked(1)
			ended := begin(func() (*Outcome, error) { return cancel(w, w.lastRun(f).ID) })
			w.waitBlocked(2)
			release()
			_, err := w.await(stepped)
			fine(t, err)
			w.ok(w.await(ended))
			stays(w, f, c, "CANCELLED: ADD_NOTE DONE")
		}},
		{"W2 disabling cancels if it is asked to", func(t *testing.T, w *world) {
			f := w.workflow(closesLater())
			c := w.open()
			w.settle()
			w.ok(w.DisableWorkflow(w.ctx(), w.manager, DisableWorkflowInput{WorkflowID: f.ID, CancelRuns: true}))
			stays(w, f, c, "CANCELLED: WAIT DONE")
		}},
		{"W2 disabling what is disabled still cancels", func(t *testing.T, w *world) {
			f := w.workflow(closesLater())
			c := w.open()
			w.settle()
			w.ok(w.DisableWorkflow(w.ctx(), w.manager, DisableWorkflowInput{WorkflowID: f.ID}))
			o := w.ok(w.DisableWorkflow(w.ctx(), w.manager, DisableWorkflowInput{WorkflowID: f.ID, CancelRuns: true}))
			equal(t, "events", types(o.Events), "WORKFLOW_RAN")
			stays(w, f, c, "CANCELLED: WAIT DONE")
		}},
		{"W2 deleting cancels what waits and what was not planned yet, and nothing of another workflow", func(t *testing.T, w *world) {
			f, other := w.workflow(closesLater()), w.workflow(when(db.TriggerOpened, pause(60), addNote("Opened")))
			c := w.open()
			w.settle()
			late := w.open()
			o := w.ok(w.DeleteWorkflow(w.ctx(), w.manager, DeleteWorkflowInput{WorkflowID: f.ID}))
			equal(t, "events", types(o.Events), "WORKFLOW_DELETED + WORKFLOW_RAN")
			head := w.head()
			fine(t, w.catchUp(w.ctx(), w.manager.Workspace))
			lines(t, w.story(w.since(head)), "WORKFLOW_RAN by Mia Manager")
			stays(w, f, c, "CANCELLED: WAIT DONE", "CANCELLED")
			equal(t, "late", w.read(late).Status, db.StatusOpen)
			lines(t, w.runsOf(other), "COMPLETED: WAIT DONE, ADD_NOTE DONE", "WAITING: WAIT DONE")
		}},
		{"W2 W4 who waits for an agent in a cancelled workflow waits no more", func(t *testing.T, w *world) {
			_, has, one, _, f := w.waiting()
			w.ok(w.DisableWorkflow(w.ctx(), w.manager, DisableWorkflowInput{WorkflowID: f.ID, CancelRuns: true}))
			w.ok(w.EnableWorkflow(w.ctx(), w.manager, EnableWorkflowInput{WorkflowID: f.ID}))
			w.closes(has)
			w.settle()
			equal(t, "owner", w.owner(one), nobody)
		}},
		{"W2 a stream of a workflow's runs shows that one was cancelled", func(t *testing.T, w *world) {
			f := w.workflow(closesLater())
			w.open()
			w.settle()
			s, err := w.WatchRuns(w.ctx(), w.manager, &f.ID)
			fine(t, err)
			defer s.Close()
			for _, want := range []db.RunStatus{db.RunWaiting, db.RunCancelled} {
				run, err := await(patient(t), s)
				fine(t, err)
				equal(t, "status", run.Status, want)
				if want == db.RunWaiting {
					w.ok(cancel(w, run.ID))
				}
			}
		}},
	})
}
