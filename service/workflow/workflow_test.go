package workflow_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

// Helpers that return workflow runs as text. Tests of what steps do take them one by one; tests of
// when they are taken start the runner.

// runsOf returns the runs of a workflow as lines, the first one first: "STATUS: KIND OUTCOME agent,
// …".
func (w *world) runsOf(f *db.Workflow) (told []string) {
	w.T.Helper()
	lists, err := w.RunsOf(w.Context(), w.Manager, []db.WorkflowID{f.ID}, service.PageInput{Last: new(100)})
	servicetest.Fine(w.T, err)
	for _, run := range lists[0].Rows {
		told = append([]string{w.ranAs(run)}, told...)
	}
	return told
}

func (w *world) ranAs(run *db.WorkflowRun) string {
	w.T.Helper()
	return strings.TrimSuffix(string(run.Status)+": "+w.took(run.Steps), ": ")
}

func (w *world) took(steps []*db.WorkflowRunStep) string {
	w.T.Helper()
	var told []string
	for _, s := range steps {
		line := fmt.Sprint(s.Kind, " ", s.Outcome)
		if s.AgentID != nil {
			line += " " + w.Named(s.AgentID)
		}
		if s.Code != nil {
			line += " " + *s.Code
		}
		told = append(told, line)
	}
	return strings.Join(told, ", ")
}

// consideredIn returns the candidates of a step as lines: "name n OUTCOME".
func (w *world) consideredIn(s *db.WorkflowRunStep) (told []string) {
	w.T.Helper()
	for _, c := range s.Candidates {
		told = append(told, fmt.Sprint(w.Named(&c.AgentID), " ", c.OpenConversations, " ", c.Outcome))
	}
	return told
}

func TestWorkflowSteps(t *testing.T) {
	hold(t, []rule{
		{"W1 assign to an agent, add a note, close, unassign, in this order", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			f := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.AssignTo(ada), servicetest.AddNote("Look at this"), servicetest.Act(db.StepClose), servicetest.Act(db.StepUnassign)))
			c := w.Open()
			head := w.Head()
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ada, ADD_NOTE DONE, CLOSE DONE, UNASSIGN DONE")
			servicetest.Lines(t, w.Story(w.Since(head)),
				"CONVERSATION_ASSIGNED nobody->Ada WORKFLOW by a workflow v2->v3", "NOTE_ADDED by a workflow v3->v3",
				"CONVERSATION_CLOSED by a workflow v3->v4", "CONVERSATION_UNASSIGNED Ada->nobody WORKFLOW by a workflow v4->v5",
				"WORKFLOW_RAN by a workflow v5->v5")
			for _, e := range w.Since(head) {
				servicetest.Equal(t, "run", e.Data.Run.ID, w.LastRun(f).ID)
				servicetest.Equal(t, "actor", e.Actor, f.ID.Ref())
			}
			servicetest.Equal(t, "owner", w.Owner(c), servicetest.Nobody)
		}},
		{"W1 what is so already is UNCHANGED, without an event", func(t *testing.T, w *world) {
			f := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.Act(db.StepUnassign)))
			w.Open()
			head := w.Head()
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: UNASSIGN UNCHANGED")
			servicetest.Equal(t, "events", servicetest.Types(w.Since(head)), "WORKFLOW_RAN")
		}},
		{"W1 a wait lasts as long as it says, and the rest follows", func(t *testing.T, w *world) {
			f := w.Workflow(servicetest.When(db.TriggerClosed, servicetest.Pause(60), servicetest.Act(db.StepUnassign)))
			c := w.Closed(w.Agent("Ada"))
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "WAITING: WAIT DONE")
			w.Clock = w.Clock.Add(59 * time.Second)
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
			w.Clock = w.Clock.Add(time.Second)
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: WAIT DONE, UNASSIGN DONE")
			servicetest.Equal(t, "owner", w.Owner(c), servicetest.Nobody)
		}},
		{"W2 the assignee changed after the event: OVERTAKEN, and only what says always follows", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			f := w.Workflow(servicetest.When(db.TriggerClosed, servicetest.Act(db.StepUnassign), servicetest.AddNote("Unassigned"), servicetest.Always(servicetest.AddNote("Closed")), servicetest.AddNote("Unassigned")))
			c := w.Closed(ada)
			w.Assign(c, ben)
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: UNASSIGN OVERTAKEN, ADD_NOTE SKIPPED, ADD_NOTE DONE, ADD_NOTE SKIPPED")
			servicetest.Equal(t, "owner", w.Owner(c), "Ben")
		}},
		{"W2 a change before the event, or by the run itself, does not overtake", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			f := w.Workflow(servicetest.When(db.TriggerClosed, servicetest.AssignTo(ben), servicetest.Act(db.StepUnassign)))
			w.Closed(ada)
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ben, UNASSIGN DONE")
		}},
		{"W2 a refusal by a rule ends the run as refused, once what says always is done", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			inactive := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.AssignTo(ada), servicetest.AddNote("Never")))
			w.Deactivate(ada)
			closes := w.Workflow(servicetest.When(db.TriggerClosed, servicetest.Act(db.StepClose), servicetest.AddNote("Never"), servicetest.Always(servicetest.Pause(60)), servicetest.Always(servicetest.AddNote("Closed"))))
			w.Closed()
			w.Settle()
			servicetest.Lines(t, w.runsOf(inactive), "REFUSED: ASSIGN REFUSED AGENT_INACTIVE, ADD_NOTE SKIPPED")
			servicetest.Lines(t, w.runsOf(closes), "WAITING: CLOSE REFUSED ALREADY_CLOSED, ADD_NOTE SKIPPED, WAIT DONE")
			w.Clock = w.Clock.Add(time.Minute)
			w.Settle()
			servicetest.Lines(t, w.runsOf(closes), "REFUSED: CLOSE REFUSED ALREADY_CLOSED, ADD_NOTE SKIPPED, WAIT DONE, ADD_NOTE DONE")
		}},
		{"S4 a blocked contact's conversation is in no automatic assignment, but is unassigned", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			assigns := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.AssignTo(ada)))
			chooses := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.Act(db.StepLeastLoaded)))
			clears := w.Workflow(servicetest.When(db.TriggerClosed, servicetest.Act(db.StepUnassign)))
			w.Block(w.Open())
			c := w.Closed(ada)
			w.Block(c)
			w.Settle()
			servicetest.Equal(t, "assign", w.runsOf(assigns)[0], "REFUSED: ASSIGN REFUSED CONTACT_BLOCKED")
			servicetest.Equal(t, "choice", w.runsOf(chooses)[0], "REFUSED: ASSIGN_LEAST_LOADED REFUSED CONTACT_BLOCKED")
			servicetest.Lines(t, w.runsOf(clears), "COMPLETED: UNASSIGN DONE")
		}},
		{"W2 while a run is at work nobody else is, and what happened to its contact later waits", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			w.Workflow(servicetest.When(db.TriggerOpened, servicetest.AssignTo(ada)))
			closes := w.Workflow(servicetest.When(db.TriggerClosed, servicetest.Act(db.StepUnassign)))
			w.Closed()
			servicetest.Fine(t, w.CatchUp(w.Context(), w.Manager.Workspace))
			release := w.Locks("SELECT FROM workflow_runs WHERE workflow_id <> ? FOR UPDATE", closes.ID)
			stepped, err := w.Step(w.Context(), w.Manager.Workspace)
			if stepped || err != nil {
				t.Errorf("a step is taken out of turn: %v", err)
			}
			release()
			w.Settle()
			servicetest.Lines(t, w.runsOf(closes), "COMPLETED: UNASSIGN OVERTAKEN")
		}},
		{"W2 a run that changed nothing moves nothing in a live view", func(t *testing.T, w *world) {
			f := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.Act(db.StepUnassign)))
			w.Open()
			s, err := w.WatchInbox(w.Context(), w.Manager, db.ViewAll, nil, nil, nil)
			servicetest.Fine(t, err)
			defer s.Close()
			w.Settle()
			servicetest.Equal(t, "runs", len(w.runsOf(f)), 1)
			c := w.Open() // which comes first
			item, err := servicetest.Await(servicetest.Context(t), s)
			servicetest.Fine(t, err)
			servicetest.Equal(t, "first item", *item.Event.ConversationID, c.ID)
		}},
		{"W2 chains end at depth 5 and say so", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			there := w.Workflow(servicetest.When(db.TriggerUnassigned, servicetest.AssignTo(ada)))
			back := w.Workflow(servicetest.When(db.TriggerAssigned, servicetest.Act(db.StepUnassign)))
			c := w.Open()
			w.Assign(c, ada)
			w.Settle()
			servicetest.Lines(t, w.runsOf(back), "COMPLETED: UNASSIGN DONE", "COMPLETED: UNASSIGN DONE", "COMPLETED: UNASSIGN DONE")
			servicetest.Lines(t, w.runsOf(there), "COMPLETED: ASSIGN DONE Ada", "COMPLETED: ASSIGN DONE Ada", "STOPPED")
			servicetest.Equal(t, "depth", w.LastRun(there).Depth, 6)
			servicetest.Equal(t, "owner", w.Owner(c), servicetest.Nobody)
		}},
	})
}

func TestWorkflowChoices(t *testing.T) {
	hold(t, []rule{
		{"W1 least loaded among those online below the capacity, with the log of the choice", func(t *testing.T, w *world) {
			busy, full, away, gone, free := w.Agent("Busy"), w.Agent("Full"), w.Agent("Away"), w.Agent("Gone"), w.Agent("Free")
			w.Open(busy)
			w.Open(full)
			w.Open(full)
			w.OK(w.SetAvailability(w.Context(), away, service.SetAvailabilityInput{Availability: db.Away}))
			f := w.Template("least-busy-online", new(2), busy, full, away, gone, free)
			w.Deactivate(gone)
			c := w.Open()
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: ASSIGN_LEAST_LOADED DONE Free")
			servicetest.Lines(t, w.consideredIn(w.LastRun(f).Steps[0]), "Busy 1 MORE_LOADED", "Full 2 AT_CAPACITY", "Away 0 NOT_ONLINE", "Gone 0 NOT_ACTIVE", "Free 0 CHOSEN")
			servicetest.Equal(t, "owner", w.Owner(c), "Free")
		}},
		{"W1 round robin goes on where it was, though somebody steps away", func(t *testing.T, w *world) {
			ada, ben, cy := w.Agent("Ada"), w.Agent("Ben"), w.Agent("Cy")
			f := w.Template("round-robin-online", nil, ada, ben, cy)
			var owners []string
			for i := range 7 {
				switch i {
				case 4:
					w.OK(w.SetAvailability(w.Context(), ben, service.SetAvailabilityInput{Availability: db.Offline}))
				case 6:
					w.OK(w.SetAvailability(w.Context(), ben, service.SetAvailabilityInput{Availability: db.Online}))
				}
				c := w.Open()
				w.Settle()
				owners = append(owners, w.Owner(c))
			}
			servicetest.Equal(t, "owners", strings.Join(owners, " "), "Ada Ben Cy Ada Cy Ada Ben")
			servicetest.Lines(t, w.consideredIn(w.LastRun(f).Steps[0]), "Ada 3 NOT_IN_TURN", "Ben 1 CHOSEN", "Cy 2 NOT_IN_TURN")
		}},
		{"W1 by skill; without agents or skill among all", func(t *testing.T, w *world) {
			ada, ben, closed := w.Agent("Ada"), w.Agent("Ben"), w.Closed()
			w.OK(w.UpdateAgent(w.Context(), w.Manager, service.UpdateAgentInput{AgentID: *ben.Agent, Skills: []string{"French"}}))
			w.OK(w.SetAvailability(w.Context(), ada, service.SetAvailabilityInput{Availability: db.Away}))
			w.Workflow(servicetest.When(db.TriggerOpened, &db.WorkflowStep{Kind: db.StepLeastLoaded, Skill: service.Text("French")}))
			c := w.Open()
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(c), "Ben")
			all := w.Workflow(servicetest.When(db.TriggerReopened, servicetest.Act(db.StepRoundRobin)))
			w.Reopens(closed)
			w.Settle()
			// The manager is considered too.
			servicetest.Equal(t, "considered", len(w.LastRun(all).Steps[0].Candidates), 3)
		}},
		{"W1 nobody can: it is left unassigned", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			f := w.Template("least-busy-online", new(1), ada)
			w.Open(ada)
			c := w.Open()
			w.Settle()
			servicetest.Equal(t, "run", w.LastRun(f).ID.String() != "", true)
			servicetest.Equal(t, "outcome", w.ranAs(w.LastRun(f)), "COMPLETED: ASSIGN_LEAST_LOADED NOBODY")
			servicetest.Equal(t, "owner", w.Owner(c), servicetest.Nobody)
		}},
		{"W3 reassign when the owner is unavailable", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			w.Template("reassign-unavailable-owner", nil, ada, ben)
			c := w.Open(ada)
			ctx := w.Context()
			w.OK(w.PutMessage(ctx, w.Manager, c.ID, db.Inbound, "Hello?"))
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
			w.OK(w.SetAvailability(ctx, ada, service.SetAvailabilityInput{Availability: db.Away}))
			w.OK(w.PutMessage(ctx, w.Manager, c.ID, db.Inbound, "Anybody?"))
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(c), "Ben")
		}},
		{"W3 unassign after close, every time; without it nobody is", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			c := w.Closed(ada)
			w.Settle()
			servicetest.Equal(t, "owner before", w.Owner(c), "Ada")
			w.Template("unassign-after-close", nil)
			for range 2 {
				w.Reopens(c)
				w.Assign(c, ada)
				w.Closes(c)
				w.Settle()
				servicetest.Equal(t, "owner", w.Owner(c), servicetest.Nobody)
			}
		}},
	})
}

// waiting sets up a workflow in which Ada, the only candidate, is at her capacity of one, and two
// conversations wait for an agent.
func (w *world) waiting() (ada service.Actor, has, firstOne, secondOne *db.Conversation, f *db.Workflow) {
	w.T.Helper()
	ada = w.Agent("Ada")
	has = w.Open(ada)
	f = w.Template("least-busy-online", new(1), ada)
	firstOne = w.Open()
	w.Clock = w.Clock.Add(time.Second)
	secondOne = w.Open()
	w.Settle()
	return ada, has, firstOne, secondOne, f
}

func TestWorkflowCapacity(t *testing.T) {
	hold(t, []rule{
		{"W4 a close gives the longest waiting", func(t *testing.T, w *world) {
			_, has, one, two, f := w.waiting()
			head := w.Head()
			w.Closes(has)
			w.Settle()
			servicetest.Equal(t, "owners", w.Owner(one)+" "+w.Owner(two), "Ada nobody")
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: ASSIGN_LEAST_LOADED DONE Ada", "COMPLETED: ASSIGN_LEAST_LOADED NOBODY")
			servicetest.Lines(t, w.Story(w.Since(head)), "CONVERSATION_CLOSED by Mia Manager v3->v4",
				"CONVERSATION_ASSIGNED nobody->Ada WORKFLOW by a workflow v2->v3")
		}},
		{"W4 the longest waiting is whose contact waits longest", func(t *testing.T, w *world) {
			_, has, one, two, _ := w.waiting()
			w.OK(w.PutMessage(w.Context(), w.Manager, two.ID, db.Inbound, "Hello?"))
			w.Clock = w.Clock.Add(time.Second)
			w.OK(w.PutMessage(w.Context(), w.Manager, one.ID, db.Inbound, "Hello?"))
			w.Closes(has)
			w.Settle()
			servicetest.Equal(t, "owners", w.Owner(one)+" "+w.Owner(two), "nobody Ada")
		}},
		{"W4 so do an unassignment, a block and a hand-over", func(t *testing.T, w *world) {
			_, has, one, two, _ := w.waiting()
			w.Unassign(has)
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(one), "Ada")
			w.Block(one)
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(two), "Ada")
			ben := w.Agent("Ben")
			three := w.Open()
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(three), servicetest.Nobody)
			w.Assign(two, ben)
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(three), "Ada")
		}},
		{"W4 so does an agent who comes online", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			w.OK(w.SetAvailability(w.Context(), ada, service.SetAvailabilityInput{Availability: db.Offline}))
			w.Template("round-robin-online", nil, ada)
			c := w.Open()
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(c), servicetest.Nobody)
			w.OK(w.SetAvailability(w.Context(), ada, service.SetAvailabilityInput{Availability: db.Online}))
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
		}},
		{"W4 not what is closed, blocked or was assigned meanwhile, nor for a disabled workflow", func(t *testing.T, w *world) {
			ada, has, one, two, f := w.waiting()
			ben := w.Agent("Ben")
			three, four, five := w.Open(), w.Open(), w.Open()
			w.Settle()
			w.Closes(one)
			w.Block(two)
			w.Assign(three, ben)
			w.Unassign(three)
			w.Closes(has)
			w.Settle()
			servicetest.Equal(t, "closed", w.Owner(one), servicetest.Nobody)
			servicetest.Equal(t, "blocked", w.Owner(two), servicetest.Nobody)
			servicetest.Equal(t, "assigned meanwhile", w.Owner(three), servicetest.Nobody)
			servicetest.Equal(t, "still waiting", w.Owner(four), "Ada")
			w.OK(w.DisableWorkflow(w.Context(), w.Manager, workflow.DisableWorkflowInput{WorkflowID: f.ID}))
			w.Closes(four)
			w.Settle()
			servicetest.Equal(t, "disabled", w.Owner(five), servicetest.Nobody)
			w.OK(w.EnableWorkflow(w.Context(), w.Manager, workflow.EnableWorkflowInput{WorkflowID: f.ID}))
			w.Settle()
			servicetest.Equal(t, "enabled again", w.Owner(five), "Ada")
			w.Closes(five)
			w.Settle()
			w.Unblock(two)
			w.Settle()
			servicetest.Equal(t, "unblocked", w.Owner(two), "Ada")
			_ = ada
		}},
		{"W4 not what was closed and came back without the workflow", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			has := w.Open(ada)
			d := servicetest.When(db.TriggerOpened, servicetest.Act(db.StepLeastLoaded))
			d.Steps[0].AgentIDs, d.Steps[0].Capacity = []db.AgentID{*ada.Agent}, new(1)
			w.Workflow(d)
			c := w.Open()
			w.Settle()
			w.Closes(c)
			w.Reopens(c)
			w.Closes(has)
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(c), servicetest.Nobody)
		}},
		{"W4 room that was made just before nobody was found is not missed", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			has := w.Open(ada)
			w.Template("least-busy-online", new(1), ada)
			c := w.Open()
			servicetest.Fine(t, w.CatchUp(w.Context(), w.Manager.Workspace))
			_, err := w.Step(w.Context(), w.Manager.Workspace)
			servicetest.Fine(t, err)
			// As if the close had been planned, and the queue served, before the run committed.
			w.Unlogged()
			_, err = w.DB.ExecContext(w.Context(), "UPDATE conversations SET status = 'CLOSED', closed_at = now() WHERE workspace_id = ? AND id = ?", w.Manager.Workspace, has.ID)
			servicetest.Fine(t, err)
			servicetest.Equal(t, "owner", w.Owner(c), servicetest.Nobody)
			w.Settle()
			servicetest.Equal(t, "owner", w.Owner(c), "Ada")
		}},
		{"W4 a later conversation does not take the capacity that was freed for a waiting one", func(t *testing.T, w *world) {
			_, has, one, two, f := w.waiting()
			late := w.Open()
			servicetest.Fine(t, w.CatchUp(w.Context(), w.Manager.Workspace))
			// As if the run was taking its step when capacity became free, and committed before the
			// queue was served.
			w.Unlogged()
			_, err := w.DB.ExecContext(w.Context(), "UPDATE conversations SET status = 'CLOSED', closed_at = now() WHERE workspace_id = ? AND id = ?", w.Manager.Workspace, has.ID)
			servicetest.Fine(t, err)
			_, err = w.Step(w.Context(), w.Manager.Workspace)
			servicetest.Fine(t, err)
			servicetest.Lines(t, w.consideredIn(w.LastRun(f).Steps[0]), "Ada 0 LONGER_WAITING")
			w.Settle()
			servicetest.Lines(t, []string{w.Owner(one), w.Owner(two), w.Owner(late)}, "Ada", servicetest.Nobody, servicetest.Nobody)
		}},
		{"W4 capacity binds automatic assignment only", func(t *testing.T, w *world) {
			ada, _, one, _, _ := w.waiting()
			w.Assign(one, ada)
			servicetest.Equal(t, "owner", w.Owner(one), "Ada")
		}},
	})
}

func TestWorkflowVersions(t *testing.T) {
	hold(t, []rule{
		{"W2 a run keeps the definition that was enabled when its event was written", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			before := w.Open()
			f := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.AssignTo(ada)))
			first := w.Open()
			w.OK(w.UpdateWorkflow(w.Context(), w.Manager, workflow.UpdateWorkflowInput{WorkflowID: f.ID, Definition: servicetest.When(db.TriggerOpened, servicetest.AssignTo(ben))}))
			second := w.Open()
			w.OK(w.DisableWorkflow(w.Context(), w.Manager, workflow.DisableWorkflowInput{WorkflowID: f.ID}))
			third := w.Open()
			w.Settle()
			var owners []string
			for _, c := range []*db.Conversation{before, first, second, third} {
				owners = append(owners, w.Owner(c))
			}
			servicetest.Lines(t, owners, servicetest.Nobody, "Ada", "Ben", servicetest.Nobody)
		}},
		{"W2 a run that waits goes on as it began, though its workflow is changed and disabled", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			f := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.Pause(60), servicetest.AssignTo(ada)))
			c := w.Open()
			w.Settle()
			w.OK(w.UpdateWorkflow(w.Context(), w.Manager, workflow.UpdateWorkflowInput{WorkflowID: f.ID, Definition: servicetest.When(db.TriggerOpened, servicetest.AddNote("Changed"))}))
			w.OK(w.DisableWorkflow(w.Context(), w.Manager, workflow.DisableWorkflowInput{WorkflowID: f.ID}))
			later := w.Open()
			w.Clock = w.Clock.Add(time.Minute)
			w.Settle()
			servicetest.Equal(t, "owners", w.Owner(c)+" "+w.Owner(later), "Ada "+servicetest.Nobody)
		}},
		{"W2 however often an event is planned, it has one run", func(t *testing.T, w *world) {
			f := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.AddNote("Opened")))
			c := w.Open()
			w.Settle()
			_, err := w.DB.ExecContext(w.Context(), "UPDATE workflow_positions SET seq = ? WHERE workspace_id = ?", w.Head()-4, w.Manager.Workspace)
			servicetest.Fine(t, err)
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: ADD_NOTE DONE")
			_ = c
		}},
	})
}

func TestWorkflowFailures(t *testing.T) {
	hold(t, []rule{
		{"W2 a failure of machinery is tried again and again, then FAILED, and blocks nobody", func(t *testing.T, w *world) {
			w.Log = slog.New(slog.DiscardHandler)
			notes := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.AddNote("Opened"), servicetest.Act(db.StepClose)))
			w.breaks("messages")
			w.Open()
			ada := w.Agent("Ada")
			assigns := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.AssignTo(ada)))
			w.Open()
			w.Settle()
			servicetest.Lines(t, w.runsOf(assigns), "COMPLETED: ASSIGN DONE Ada")
			servicetest.Lines(t, w.runsOf(notes), "RUNNING", "RUNNING")
			servicetest.Equal(t, "attempts", w.LastRun(notes).Attempts, 1)
			for range workflow.StepAttempts {
				w.Clock = w.Clock.Add(workflow.LastPause)
				w.Settle()
			}
			servicetest.Lines(t, w.runsOf(notes), "FAILED: ADD_NOTE FAILED", "FAILED: ADD_NOTE FAILED")
			servicetest.Equal(t, "message", *w.LastRun(notes).Steps[0].Message, "something went wrong on the server")
			servicetest.Equal(t, "last event", w.Since(w.Head() - 1)[0].Data.RunStatus, db.RunFailed)
		}},
		{"W2 a step that panics is such a failure", func(t *testing.T, w *world) {
			w.Log = slog.New(slog.DiscardHandler)
			f := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.AddNote("Opened")))
			_, err := w.DB.ExecContext(w.Context(), "UPDATE workflow_versions SET definition = definition #- '{steps,0,text}' WHERE workspace_id = ?", w.Manager.Workspace)
			servicetest.Fine(t, err)
			w.Open()
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "RUNNING")
			servicetest.Equal(t, "attempts", w.LastRun(f).Attempts, 1)
		}},
		{"W4 a conversation with which it fails holds up nobody else", func(t *testing.T, w *world) {
			w.Log = slog.New(slog.DiscardHandler)
			_, has, one, _, _ := w.waiting()
			ben := w.Agent("Ben")
			taken := w.Open(ben)
			w.Template("round-robin-online", new(1), ben)
			other := w.Open()
			w.Settle()
			_, err := w.DB.ExecContext(w.Context(), `CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$;
				CREATE TRIGGER broken BEFORE UPDATE ON conversations FOR EACH ROW WHEN (old.id = '`+one.ID.UUID.String()+`') EXECUTE FUNCTION broken()`)
			servicetest.Fine(t, err)
			w.Closes(has)
			w.Closes(taken)
			w.Settle()
			servicetest.Lines(t, []string{w.Owner(one), w.Owner(other)}, servicetest.Nobody, "Ben")
		}},
		{"W2 what was tried again and worked is done once", func(t *testing.T, w *world) {
			w.Log = slog.New(slog.DiscardHandler)
			f := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.Act(db.StepClose), servicetest.AddNote("Closed")))
			mend := w.breaks("messages")
			c := w.Open()
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "RUNNING: CLOSE DONE")
			mend()
			w.Clock = w.Clock.Add(workflow.LastPause)
			w.Settle()
			servicetest.Lines(t, w.runsOf(f), "COMPLETED: CLOSE DONE, ADD_NOTE DONE")
			servicetest.Equal(t, "version", w.Read(c).Version, c.Version+1)
		}},
	})
}

// breaks makes every insertion into a table fail until mend is called.
func (w *world) breaks(table string) (mend func()) {
	w.T.Helper()
	do := func(sql string) {
		w.T.Helper()
		_, err := w.DB.ExecContext(w.Context(), sql)
		servicetest.Fine(w.T, err)
	}
	do(`CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$;
		CREATE TRIGGER broken BEFORE INSERT ON ` + table + ` EXECUTE FUNCTION broken()`)
	return func() { do("DROP TRIGGER broken ON " + table) }
}

func TestDryRun(t *testing.T) {
	hold(t, []rule{
		{"W1 a dry run tells what would happen and writes nothing", func(t *testing.T, w *world) {
			ada := w.Agent("Ada")
			d := servicetest.When(db.TriggerOpened, servicetest.Act(db.StepRoundRobin), servicetest.AddNote("Look"), servicetest.Pause(60), servicetest.Act(db.StepClose), servicetest.Act(db.StepClose), servicetest.Act(db.StepUnassign))
			d.Steps[0].AgentIDs = []db.AgentID{*ada.Agent}
			f := w.Workflow(d)
			c := w.Open()
			before := w.everything()
			for _, in := range []workflow.DryRunWorkflowInput{{WorkflowID: &f.ID}, {Definition: d}} {
				in.ConversationID = c.ID
				dry, err := w.DryRunWorkflow(w.Context(), w.Manager, in)
				servicetest.Fine(t, err)
				servicetest.Equal(t, "steps", w.took(dry.Steps), "ASSIGN_ROUND_ROBIN DONE Ada, ADD_NOTE DONE, WAIT DONE, CLOSE DONE, CLOSE REFUSED ALREADY_CLOSED, UNASSIGN SKIPPED")
				servicetest.Lines(t, w.consideredIn(dry.Steps[0]), "Ada 0 CHOSEN")
			}
			servicetest.Equal(t, "the database", w.everything(), before)
		}},
		{"W1 its conditions are looked at as things are", func(t *testing.T, w *world) {
			c := w.Open()
			for channel, holds := range map[string]bool{"email": true, "chat": false} {
				d := conditional(db.TriggerOpened, db.WorkflowConditions{Channels: []string{channel}, Sources: []db.ConversationSource{db.SourceMessage}})
				dry, err := w.DryRunWorkflow(w.Context(), w.Manager, workflow.DryRunWorkflowInput{Definition: d, ConversationID: c.ID})
				servicetest.Fine(t, err)
				servicetest.Equal(t, channel, dry.ConditionsHold, holds)
				servicetest.Equal(t, channel, len(dry.Steps) == 1, holds)
			}
		}},
		{"only managers, of what there is, and of what is valid", func(t *testing.T, w *world) {
			c, d := w.Open(), servicetest.When(db.TriggerOpened, servicetest.Act(db.StepClose))
			for _, role := range []service.Role{service.RoleAgent, service.RoleIntegration, service.RoleReader} {
				_, err := w.DryRunWorkflow(w.Context(), w.Program(role), workflow.DryRunWorkflowInput{Definition: d, ConversationID: c.ID})
				servicetest.Failed(t, err, service.Forbidden)
			}
			_, err := w.DryRunWorkflow(w.Context(), w.Manager, workflow.DryRunWorkflowInput{ConversationID: c.ID})
			servicetest.Failed(t, err, service.BadInput)
			_, err = w.DryRunWorkflow(w.Context(), w.Manager, workflow.DryRunWorkflowInput{Definition: d, ConversationID: db.ConversationID{UUID: db.NewUUID()}})
			servicetest.Failed(t, err, service.NotFound)
			_, err = w.DryRunWorkflow(w.Context(), w.Manager, workflow.DryRunWorkflowInput{Definition: servicetest.When(db.TriggerOpened), ConversationID: c.ID})
			servicetest.Refused(t, err, service.InvalidWorkflow)
		}},
	})
}

// everything returns a digest of all rows that can change.
func (w *world) everything() (digest string) {
	w.T.Helper()
	servicetest.Fine(w.T, w.DB.NewRaw(`SELECT concat((SELECT string_agg(c::text, '' ORDER BY id) FROM conversations c), (SELECT string_agg(c::text, '' ORDER BY id) FROM contacts c),
		(SELECT count(*) FROM messages), (SELECT count(*) FROM events), (SELECT count(*) FROM workflow_runs), (SELECT string_agg(f::text, '') FROM workflows f))`).
		Scan(w.Context(), &digest))
	return digest
}

// TestWatchRuns: the stream begins with the unfinished runs and then delivers each change once.
func TestWatchRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	waits := w.Workflow(servicetest.When(db.TriggerOpened, servicetest.AddNote("Opened"), servicetest.Pause(60), servicetest.Act(db.StepClose)))
	other := w.Workflow(servicetest.When(db.TriggerClosed, servicetest.Act(db.StepUnassign)))
	w.Open()
	w.Settle()
	all, err := w.WatchRuns(w.Context(), w.Manager, nil)
	servicetest.Fine(t, err)
	defer all.Close()
	ofOther, err := w.WatchRuns(w.Context(), w.Manager, &other.ID)
	servicetest.Fine(t, err)
	defer ofOther.Close()
	next := func(s *service.Stream[*db.WorkflowRun]) string {
		t.Helper()
		run, err := servicetest.Await(servicetest.Context(t), s)
		servicetest.Fine(t, err)
		return w.ranAs(run)
	}
	servicetest.Equal(t, "present", next(all), "WAITING: ADD_NOTE DONE, WAIT DONE")
	w.Clock = w.Clock.Add(time.Minute)
	w.Settle()
	servicetest.Equal(t, "closed", next(all), "COMPLETED: ADD_NOTE DONE, WAIT DONE, CLOSE DONE")
	servicetest.Equal(t, "unassigned", next(all), "COMPLETED: UNASSIGN UNCHANGED")
	servicetest.Equal(t, "unassigned", next(ofOther), "COMPLETED: UNASSIGN UNCHANGED")
	w.Open()
	w.Settle()
	servicetest.Equal(t, "waits again", next(all), "WAITING: ADD_NOTE DONE, WAIT DONE")
	if run, ok, err := all.Next(w.Context()); ok || err != nil {
		t.Errorf("one more run is given: %v %v", run, err)
	}
	_ = waits
}
