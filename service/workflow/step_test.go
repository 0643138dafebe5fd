package workflow_test

import (
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

// TestWorkflowOvertaken shows which events make a step pointless (W2).
func TestWorkflowOvertaken(t *testing.T) {
	overtakes := func(what string, d *db.WorkflowDefinition, outcome string, happen func(w *world, c *db.Conversation)) rule {
		return rule{"W2 " + what, func(t *testing.T, w *world) {
			f := w.Workflow(d)
			c := w.Open(w.Agent("Ada"))
			w.Settle()
			happen(w, c)
			w.Clock = w.Clock.Add(time.Minute)
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: WAIT DONE, "+outcome)
		}}
	}
	writes := func(w *world, c *db.Conversation) { w.Receives(c.ContactID) }
	back := func(w *world, c *db.Conversation) { w.Closes(c); w.Reopens(c) }
	hold(t, []rule{
		overtakes("nobody wrote: it is closed", servicetest.ClosesLater(), "CLOSE DONE", func(*world, *db.Conversation) {}),
		overtakes("a message came after the event: no close", servicetest.ClosesLater(), "CLOSE OVERTAKEN", writes),
		overtakes("so did an automated one", servicetest.ClosesLater(), "CLOSE OVERTAKEN", func(w *world, c *db.Conversation) { w.Receives(c.ContactID, servicetest.Automated) }),
		overtakes("so did a reply", servicetest.ClosesLater(), "CLOSE OVERTAKEN", func(w *world, c *db.Conversation) {
			w.OK(w.SendMessage(w.Context(), w.Agent("Ben"), service.SendMessageInput{ConversationID: c.ID, Body: "Hello"}))
		}),
		overtakes("it was closed and came back: no close", servicetest.ClosesLater(), "CLOSE OVERTAKEN", back),
		overtakes("a note and an assignment are no reason to stay open", servicetest.ClosesLater(), "CLOSE DONE", func(w *world, c *db.Conversation) {
			w.OK(w.AddNote(w.Context(), w.Manager, service.AddNoteInput{ConversationID: c.ID, Body: "Hm"}))
			w.Assign(c, w.Agent("Ben"))
		}),
		overtakes("what the run itself closed does not overtake it", servicetest.When(db.TriggerAssigned, servicetest.Pause(60), servicetest.Act(db.StepClose), servicetest.Act(db.StepUnassign)),
			"CLOSE DONE, UNASSIGN DONE", func(*world, *db.Conversation) {}),
		{"W2 what is open again keeps its owner though the run closed it before", func(t *testing.T, w *world) {
			f := w.Workflow(servicetest.When(db.TriggerAssigned, servicetest.Act(db.StepClose), servicetest.Pause(60), servicetest.Act(db.StepUnassign)))
			c := w.Open(w.Agent("Ada"))
			w.Settle()
			w.Reopens(c)
			w.Clock = w.Clock.Add(time.Minute)
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: CLOSE DONE, WAIT DONE, UNASSIGN OVERTAKEN")
		}},
		{"W2 what the event's own change did to the assignee does not overtake", func(t *testing.T, w *world) {
			w.Policies(db.Reopen, db.OwnerUnassign)
			ben := w.Agent("Ben")
			f := w.Workflow(servicetest.When(db.TriggerReceived, servicetest.AssignTo(ben)))
			c := w.Closed(w.Agent("Ada"))
			w.Receives(c.ContactID)
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ben")
		}},
		{"S3 W2 undoing a close keeps the owner whom a workflow unassigns after closing", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			f := w.Template("unassign-after-close", nil)
			c := w.Closed(ada)
			w.Reopens(c)
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: UNASSIGN OVERTAKEN")
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
		}},
		{"W2 unassigning after a close: not if a newer conversation is open", func(t *testing.T, w *world) {
			f := w.Template("unassign-after-close", nil)
			older, newer := w.Older(w.Agent("Ada"))
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: UNASSIGN OVERTAKEN")
			servicetest.Lines(t, []string{w.Owner(older), w.Owner(newer)}, "Ada", "Ada")
		}},
	})
}

// TestWorkflowCancel shows how runs are ended before their last step (W2).
func TestWorkflowCancel(t *testing.T) {
	cancel := func(w *world, id db.RunID) (*service.Outcome, error) {
		return w.CancelWorkflowRun(w.Context(), w.Manager, workflow.CancelWorkflowRunInput{RunID: id})
	}
	// stays checks that no run continues.
	stays := func(w *world, f *db.Workflow, c *db.Conversation, ran ...string) {
		w.T.Helper()
		w.Clock = w.Clock.Add(time.Hour)
		w.Settle()
		servicetest.Lines(w.T, w.runsOf(f), ran...)
		servicetest.Equal(w.T, "status", w.Read(c).Status, db.StatusOpen)
	}
	hold(t, []rule{
		{"W2 a run that is cancelled takes no further step", func(t *testing.T, w *world) {
			f := w.Workflow(servicetest.ClosesLater())
			c := w.Open()
			w.Settle()
			o := w.OK(cancel(w, w.LastRun(f).ID))
			servicetest.Equal(t, "status", o.Run.Status, db.RunCancelled)
			servicetest.Lines(t, w.Story(o.Events), "WORKFLOW_RAN by Mia Manager")
			servicetest.Equal(t, "status in the log", o.Events[0].Data.RunStatus, db.RunCancelled)
			stays(w, f, c, "CANCELLED: WAIT DONE")
		}},
		{"W2 one that has ended is RUN_ENDED, an unknown one NOT_FOUND, and only managers may", func(t *testing.T, w *world) {
			f := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.AddNote("Opened")))
			w.Open()
			w.Settle()
			w.Unchanged("ended", func() {
				o, err := cancel(w, w.LastRun(f).ID)
				servicetest.Refused(t, err, service.RunEnded)
				servicetest.Equal(t, "run", o.Run.ID, w.LastRun(f).ID)
			})
			_, err := cancel(w, db.RunID{UUID: db.NewUUID()})
			servicetest.Failed(t, err, service.NotFound)
			_, err = w.CancelWorkflowRun(w.Context(), w.Agent("Ada"), workflow.CancelWorkflowRunInput{RunID: w.LastRun(f).ID})
			servicetest.Failed(t, err, service.Forbidden)
		}},
		{"W2 one that is at a step ends after it", func(t *testing.T, w *world) {
			f := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.AddNote("Opened"), servicetest.Pause(60), servicetest.Act(db.StepClose)))
			c := w.Open()
			servicetest.Fine(t, w.CatchUp(w.Context(), w.Manager.Workspace))
			release := w.Locks("SELECT FROM contacts WHERE id = ? FOR UPDATE", c.ContactID)
			stepped := servicetest.Begin(func() (*service.Outcome, error) { _, err := w.Step(w.Context(), w.Manager.Workspace); return nil, err })
			w.WaitBlocked(1)
			ended := servicetest.Begin(func() (*service.Outcome, error) { return cancel(w, w.LastRun(f).ID) })
			w.WaitBlocked(2)
			release()
			_, err := w.Await(stepped)
			servicetest.Fine(t, err)
			w.OK(w.Await(ended))
			stays(w, f, c, "CANCELLED: ADD_NOTE DONE")
		}},
		{"W2 disabling cancels if it is asked to", func(t *testing.T, w *world) {
			f := w.Workflow(servicetest.ClosesLater())
			c := w.Open()
			w.Settle()
			w.OK(w.DisableWorkflow(w.Context(), w.Manager, workflow.DisableWorkflowInput{WorkflowID: f.ID, CancelRuns: true}))
			stays(w, f, c, "CANCELLED: WAIT DONE")
		}},
		{"W2 disabling what is disabled still cancels", func(t *testing.T, w *world) {
			f := w.Workflow(servicetest.ClosesLater())
			c := w.Open()
			w.Settle()
			w.OK(w.DisableWorkflow(w.Context(), w.Manager, workflow.DisableWorkflowInput{WorkflowID: f.ID}))
			o := w.OK(w.DisableWorkflow(w.Context(), w.Manager, workflow.DisableWorkflowInput{WorkflowID: f.ID, CancelRuns: true}))
			servicetest.Equal(t, "events", servicetest.Types(o.Events), "WORKFLOW_RAN")
			stays(w, f, c, "CANCELLED: WAIT DONE")
		}},
		{"W2 deleting cancels what waits and what was not planned yet, and nothing of another workflow", func(t *testing.T, w *world) {
			f, other := w.Workflow(servicetest.ClosesLater()), w.Workflow(servicetest.When(db.TriggerOpened, servicetest.Pause(60), servicetest.AddNote("Opened")))
			c := w.Open()
			w.Settle()
			late := w.Open()
			o := w.OK(w.DeleteWorkflow(w.Context(), w.Manager, workflow.DeleteWorkflowInput{WorkflowID: f.ID}))
			servicetest.Equal(t, "events", servicetest.Types(o.Events), "WORKFLOW_DELETED + WORKFLOW_RAN")
			head := w.Head()
			servicetest.Fine(t, w.CatchUp(w.Context(), w.Manager.Workspace))
			servicetest.Lines(t, w.Story(w.Since(head)), "WORKFLOW_RAN by Mia Manager")
			stays(w, f, c, "CANCELLED: WAIT DONE", "CANCELLED")
			servicetest.Equal(t, "late", w.Read(late).Status, db.StatusOpen)
			servicetest.Lines(t, w.runsOf(other), "COMPLETED: WAIT DONE, ADD_NOTE DONE", "WAITING: WAIT DONE")
		}},
		{"W2 W4 who waits for an agent in a cancelled workflow waits no more", func(t *testing.T, w *world) {
			_, has, one, _, f := w.waiting()
			w.OK(w.DisableWorkflow(w.Context(), w.Manager, workflow.DisableWorkflowInput{WorkflowID: f.ID, CancelRuns: true}))
			w.OK(w.EnableWorkflow(w.Context(), w.Manager, workflow.EnableWorkflowInput{WorkflowID: f.ID}))
			w.Closes(has)
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(one), servicetest.Nobody)
		}},
		{"W2 a stream of a workflow's runs shows that one was cancelled", func(t *testing.T, w *world) {
			f := w.Workflow(servicetest.ClosesLater())
			w.Open()
			w.Settle()
			s, err := w.WatchRuns(w.Context(), w.Manager, &f.ID)
			servicetest.Fine(t, err)
			defer s.Close()
			for _, want := range []db.RunStatus{db.RunWaiting, db.RunCancelled} {
				run, err := servicetest.Await(servicetest.Context(t), s)
				servicetest.Fine(t, err)
				servicetest.Equal(t, "status", run.Status, want)
				if want == db.RunWaiting {
					w.OK(cancel(w, run.ID))
				}
			}
		}},
	})
}
