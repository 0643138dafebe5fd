package service

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"switchboard/db"
)

// What tests say about workflows. Runs are taken by hand, one step after the other, where
// the test is about what they do; by the runner where it is about when.

// workflow is an enabled workflow.
func (w *world) workflow(d *db.WorkflowDefinition) *db.Workflow {
	w.t.Helper()
	f := w.ok(w.CreateWorkflow(w.ctx(), w.manager, CreateWorkflowInput{Name: "Flow", Definition: d})).Workflow
	w.ok(w.EnableWorkflow(w.ctx(), w.manager, EnableWorkflowInput{WorkflowID: f.ID}))
	return f
}

// template is an enabled workflow made from a template.
func (w *world) template(key string, capacity *int, agents ...Actor) *db.Workflow {
	w.t.Helper()
	in := CreateWorkflowFromTemplateInput{TemplateKey: key, Capacity: capacity}
	for _, a := range agents {
		in.Agents = append(in.Agents, *a.Agent)
	}
	return w.ok(w.CreateWorkflowFromTemplate(w.ctx(), w.manager, in)).Workflow
}

// when defines what happens after a trigger.
func when(trigger db.WorkflowTrigger, steps ...*db.WorkflowStep) *db.WorkflowDefinition {
	return &db.WorkflowDefinition{Triggers: []db.WorkflowTrigger{trigger}, Steps: steps}
}

func act(kind db.WorkflowStepKind) *db.WorkflowStep { return &db.WorkflowStep{Kind: kind} }

func assignTo(a Actor) *db.WorkflowStep {
	return &db.WorkflowStep{Kind: db.StepAssign, AgentID: a.Agent}
}

func pause(seconds int) *db.WorkflowStep {
	return &db.WorkflowStep{Kind: db.StepWait, Seconds: &seconds}
}

// always is a step that is taken though an earlier one was overtaken or refused.
func always(s *db.WorkflowStep) *db.WorkflowStep {
	s.Always = true
	return s
}

func addNote(body string) *db.WorkflowStep {
	return &db.WorkflowStep{Kind: db.StepAddNote, Text: &body}
}

// settle carries out everything that is due, until there is nothing more to do.
func (w *world) settle() {
	w.t.Helper()
	for again := true; again; {
		fine(w.t, w.catchUp(w.ctx(), w.manager.Workspace))
		again = false
		for {
			stepped, err := w.stepWorkflow(w.ctx(), w.manager.Workspace)
			fine(w.t, err)
			if !stepped {
				break
			}
			again = true
		}
	}
}

// runsOf tells the runs of a workflow in the order of their beginning: "STATUS: KIND
// OUTCOME agent, …".
func (w *world) runsOf(f *db.Workflow) (told []string) {
	w.t.Helper()
	lists, err := w.RunsOf(w.ctx(), w.manager, []db.WorkflowID{f.ID}, PageInput{Last: ptr(100)})
	fine(w.t, err)
	for _, run := range lists[0].Rows {
		told = append([]string{w.ranAs(run)}, told...)
	}
	return told
}

func (w *world) ranAs(run *db.WorkflowRun) string {
	w.t.Helper()
	return strings.TrimSuffix(string(run.Status)+": "+w.took(run.Steps), ": ")
}

func (w *world) took(steps []*db.WorkflowRunStep) string {
	w.t.Helper()
	var told []string
	for _, s := range steps {
		line := fmt.Sprint(s.Kind, " ", s.Outcome)
		if s.AgentID != nil {
			line += " " + w.named(s.AgentID)
		}
		if s.Code != nil {
			line += " " + *s.Code
		}
		told = append(told, line)
	}
	return strings.Join(told, ", ")
}

// considered tells who was considered in a step: "name n OUTCOME".
func (w *world) consideredIn(s *db.WorkflowRunStep) (told []string) {
	w.t.Helper()
	for _, c := range s.Candidates {
		told = append(told, fmt.Sprint(w.named(&c.AgentID), " ", c.OpenConversations, " ", c.Outcome))
	}
	return told
}

// lastRun gives the run of a workflow that was started last.
func (w *world) lastRun(f *db.Workflow) *db.WorkflowRun {
	w.t.Helper()
	lists, err := w.RunsOf(w.ctx(), w.manager, []db.WorkflowID{f.ID}, PageInput{First: ptr(1)})
	fine(w.t, err)
	if len(lists[0].Rows) == 0 {
		w.t.Fatal("the workflow never ran")
	}
	return lists[0].Rows[0]
}

func TestWorkflowSteps(t *testing.T) {
	hold(t, []rule{
		{"W1 assign to an agent, add a note, close, unassign, in this order", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			f := w.workflow(when(db.TriggerOpened, assignTo(ada), addNote("Look at this"), act(db.StepClose), act(db.StepUnassign)))
			c := w.open()
			head := w.head()
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ada, ADD_NOTE DONE, CLOSE DONE, UNASSIGN DONE")
			lines(t, w.story(w.since(head)),
				"CONVERSATION_ASSIGNED nobody->Ada WORKFLOW by a workflow v2->v3", "NOTE_ADDED by a workflow v3->v3",
				"CONVERSATION_CLOSED by a workflow v3->v4", "CONVERSATION_UNASSIGNED Ada->nobody WORKFLOW by a workflow v4->v5",
				"WORKFLOW_RAN by a workflow v5->v5")
			for _, e := range w.since(head) {
				equal(t, "run", e.Data.Run.ID, w.lastRun(f).ID)
				equal(t, "actor", e.Actor, f.ID.Ref())
			}
			equal(t, "owner", w.owner(c), nobody)
		}},
		{"W1 what is so already is UNCHANGED, without an event", func(t *testing.T, w *world) {
			f := w.workflow(when(db.TriggerOpened, act(db.StepUnassign)))
			w.open()
			head := w.head()
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: UNASSIGN UNCHANGED")
			equal(t, "events", types(w.since(head)), "WORKFLOW_RAN")
		}},
		{"W1 a wait lasts as long as it says, and the rest follows", func(t *testing.T, w *world) {
			f := w.workflow(when(db.TriggerClosed, pause(60), act(db.StepUnassign)))
			c := w.closed(w.agent("Ada"))
			w.settle()
			lines(t, w.runsOf(f), "WAITING: WAIT DONE")
			w.clock = w.clock.Add(59 * time.Second)
			w.settle()
			equal(t, "owner", w.owner(c), "Ada")
			w.clock = w.clock.Add(time.Second)
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: WAIT DONE, UNASSIGN DONE")
			equal(t, "owner", w.owner(c), nobody)
		}},
		{"W2 the assignee changed after the event: OVERTAKEN, and only what says always follows", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			f := w.workflow(when(db.TriggerClosed, act(db.StepUnassign), addNote("Unassigned"), always(addNote("Closed")), addNote("Unassigned")))
			c := w.closed(ada)
			w.assign(c, ben)
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: UNASSIGN OVERTAKEN, ADD_NOTE SKIPPED, ADD_NOTE DONE, ADD_NOTE SKIPPED")
			equal(t, "owner", w.owner(c), "Ben")
		}},
		{"W2 a change before the event, or by the run itself, does not overtake", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			f := w.workflow(when(db.TriggerClosed, assignTo(ben), act(db.StepUnassign)))
			w.closed(ada)
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: ASSIGN DONE Ben, UNASSIGN DONE")
		}},
		{"W2 a refusal by a rule ends the run as refused, once what says always is done", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			inactive := w.workflow(when(db.TriggerOpened, assignTo(ada), addNote("Never")))
			w.deactivate(ada)
			closes := w.workflow(when(db.TriggerClosed, act(db.StepClose), addNote("Never"), always(pause(60)), always(addNote("Closed"))))
			w.closed()
			w.settle()
			lines(t, w.runsOf(inactive), "REFUSED: ASSIGN REFUSED AGENT_INACTIVE, ADD_NOTE SKIPPED")
			lines(t, w.runsOf(closes), "WAITING: CLOSE REFUSED ALREADY_CLOSED, ADD_NOTE SKIPPED, WAIT DONE")
			w.clock = w.clock.Add(time.Minute)
			w.settle()
			lines(t, w.runsOf(closes), "REFUSED: CLOSE REFUSED ALREADY_CLOSED, ADD_NOTE SKIPPED, WAIT DONE, ADD_NOTE DONE")
		}},
		{"S4 a blocked contact's conversation is in no automatic assignment, but is unassigned", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			assigns := w.workflow(when(db.TriggerOpened, assignTo(ada)))
			chooses := w.workflow(when(db.TriggerOpened, act(db.StepLeastLoaded)))
			clears := w.workflow(when(db.TriggerClosed, act(db.StepUnassign)))
			w.block(w.open())
			c := w.closed(ada)
			w.block(c)
			w.settle()
			equal(t, "assign", w.runsOf(assigns)[0], "REFUSED: ASSIGN REFUSED CONTACT_BLOCKED")
			equal(t, "choice", w.runsOf(chooses)[0], "REFUSED: ASSIGN_LEAST_LOADED REFUSED CONTACT_BLOCKED")
			lines(t, w.runsOf(clears), "COMPLETED: UNASSIGN DONE")
		}},
		{"W2 while a run is at work nobody else is, and what happened to its contact later waits", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			w.workflow(when(db.TriggerOpened, assignTo(ada)))
			closes := w.workflow(when(db.TriggerClosed, act(db.StepUnassign)))
			w.closed()
			fine(t, w.catchUp(w.ctx(), w.manager.Workspace))
			release := w.locks("SELECT FROM workflow_runs WHERE workflow_id <> ? FOR UPDATE", closes.ID)
			stepped, err := w.stepWorkflow(w.ctx(), w.manager.Workspace)
			if stepped || err != nil {
				t.Errorf("a step is taken out of turn: %v", err)
			}
			release()
			w.settle()
			lines(t, w.runsOf(closes), "COMPLETED: UNASSIGN OVERTAKEN")
		}},
		{"W2 a run that changed nothing moves nothing in a live view", func(t *testing.T, w *world) {
			f := w.workflow(when(db.TriggerOpened, act(db.StepUnassign)))
			w.open()
			s, err := w.WatchInbox(w.ctx(), w.manager, db.ViewAll, nil, nil)
			fine(t, err)
			defer s.Close()
			w.settle()
			equal(t, "runs", len(w.runsOf(f)), 1)
			c := w.open() // which comes first
			item, err := await(patient(t), s)
			fine(t, err)
			equal(t, "first item", *item.Event.ConversationID, c.ID)
		}},
		{"W2 chains end at depth 5 and say so", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			there := w.workflow(when(db.TriggerUnassigned, assignTo(ada)))
			back := w.workflow(when(db.TriggerAssigned, act(db.StepUnassign)))
			c := w.open()
			w.assign(c, ada)
			w.settle()
			lines(t, w.runsOf(back), "COMPLETED: UNASSIGN DONE", "COMPLETED: UNASSIGN DONE", "COMPLETED: UNASSIGN DONE")
			lines(t, w.runsOf(there), "COMPLETED: ASSIGN DONE Ada", "COMPLETED: ASSIGN DONE Ada", "STOPPED")
			equal(t, "depth", w.lastRun(there).Depth, 6)
			equal(t, "owner", w.owner(c), nobody)
		}},
	})
}

func TestWorkflowChoices(t *testing.T) {
	hold(t, []rule{
		{"W1 least loaded among those online below the capacity, with the log of the choice", func(t *testing.T, w *world) {
			busy, full, away, gone, free := w.agent("Busy"), w.agent("Full"), w.agent("Away"), w.agent("Gone"), w.agent("Free")
			w.open(busy)
			w.open(full)
			w.open(full)
			w.ok(w.SetAvailability(w.ctx(), away, SetAvailabilityInput{Availability: db.Away}))
			f := w.template("least-busy-online", ptr(2), busy, full, away, gone, free)
			w.deactivate(gone)
			c := w.open()
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: ASSIGN_LEAST_LOADED DONE Free")
			lines(t, w.consideredIn(w.lastRun(f).Steps[0]), "Busy 1 MORE_LOADED", "Full 2 AT_CAPACITY", "Away 0 NOT_ONLINE", "Gone 0 NOT_ACTIVE", "Free 0 CHOSEN")
			equal(t, "owner", w.owner(c), "Free")
		}},
		{"W1 round robin goes on where it was, though somebody steps away", func(t *testing.T, w *world) {
			ada, ben, cy := w.agent("Ada"), w.agent("Ben"), w.agent("Cy")
			f := w.template("round-robin-online", nil, ada, ben, cy)
			var owners []string
			for i := range 7 {
				switch i {
				case 4:
					w.ok(w.SetAvailability(w.ctx(), ben, SetAvailabilityInput{Availability: db.Offline}))
				case 6:
					w.ok(w.SetAvailability(w.ctx(), ben, SetAvailabilityInput{Availability: db.Online}))
				}
				c := w.open()
				w.settle()
				owners = append(owners, w.owner(c))
			}
			equal(t, "owners", strings.Join(owners, " "), "Ada Ben Cy Ada Cy Ada Ben")
			lines(t, w.consideredIn(w.lastRun(f).Steps[0]), "Ada 3 NOT_IN_TURN", "Ben 1 CHOSEN", "Cy 2 NOT_IN_TURN")
		}},
		{"W1 by skill; without agents or skill among all", func(t *testing.T, w *world) {
			ada, ben, closed := w.agent("Ada"), w.agent("Ben"), w.closed()
			w.ok(w.UpdateAgent(w.ctx(), w.manager, UpdateAgentInput{AgentID: *ben.Agent, Skills: []string{"French"}}))
			w.ok(w.SetAvailability(w.ctx(), ada, SetAvailabilityInput{Availability: db.Away}))
			w.workflow(when(db.TriggerOpened, &db.WorkflowStep{Kind: db.StepLeastLoaded, Skill: Text("French")}))
			c := w.open()
			w.settle()
			equal(t, "owner", w.owner(c), "Ben")
			all := w.workflow(when(db.TriggerReopened, act(db.StepRoundRobin)))
			w.reopens(closed)
			w.settle()
			equal(t, "considered", len(w.lastRun(all).Steps[0].Candidates), 3) // the manager too
		}},
		{"W1 nobody can: it is left unassigned", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			f := w.template("least-busy-online", ptr(1), ada)
			w.open(ada)
			c := w.open()
			w.settle()
			equal(t, "run", w.lastRun(f).ID.String() != "", true)
			equal(t, "outcome", w.ranAs(w.lastRun(f)), "COMPLETED: ASSIGN_LEAST_LOADED NOBODY")
			equal(t, "owner", w.owner(c), nobody)
		}},
		{"W3 reassign when the owner is unavailable", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			w.template("reassign-unavailable-owner", nil, ada, ben)
			c := w.open(ada)
			ctx := w.ctx()
			w.ok(w.givenMessage(ctx, w.manager, c.ID, db.Inbound, "Hello?"))
			w.settle()
			equal(t, "owner", w.owner(c), "Ada")
			w.ok(w.SetAvailability(ctx, ada, SetAvailabilityInput{Availability: db.Away}))
			w.ok(w.givenMessage(ctx, w.manager, c.ID, db.Inbound, "Anybody?"))
			w.settle()
			equal(t, "owner", w.owner(c), "Ben")
		}},
		{"W3 unassign after close, every time; without it nobody is", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			c := w.closed(ada)
			w.settle()
			equal(t, "owner before", w.owner(c), "Ada")
			w.template("unassign-after-close", nil)
			for range 2 {
				w.reopens(c)
				w.assign(c, ada)
				w.closes(c)
				w.settle()
				equal(t, "owner", w.owner(c), nobody)
			}
		}},
	})
}

// waiting is a workspace in which Ada, the only one to choose, is at her capacity of one
// and two conversations found nobody, the first one first.
func (w *world) waiting() (ada Actor, has, firstOne, secondOne *db.Conversation, f *db.Workflow) {
	w.t.Helper()
	ada = w.agent("Ada")
	has = w.open(ada)
	f = w.template("least-busy-online", ptr(1), ada)
	firstOne = w.open()
	w.clock = w.clock.Add(time.Second)
	secondOne = w.open()
	w.settle()
	return ada, has, firstOne, secondOne, f
}

func TestWorkflowCapacity(t *testing.T) {
	hold(t, []rule{
		{"W4 a close gives the longest waiting", func(t *testing.T, w *world) {
			_, has, one, two, f := w.waiting()
			head := w.head()
			w.closes(has)
			w.settle()
			equal(t, "owners", w.owner(one)+" "+w.owner(two), "Ada nobody")
			lines(t, w.runsOf(f), "COMPLETED: ASSIGN_LEAST_LOADED DONE Ada", "COMPLETED: ASSIGN_LEAST_LOADED NOBODY")
			lines(t, w.story(w.since(head)), "CONVERSATION_CLOSED by Mia Manager v3->v4",
				"CONVERSATION_ASSIGNED nobody->Ada WORKFLOW by a workflow v2->v3")
		}},
		{"W4 the longest waiting is whose contact waits longest", func(t *testing.T, w *world) {
			_, has, one, two, _ := w.waiting()
			w.ok(w.givenMessage(w.ctx(), w.manager, two.ID, db.Inbound, "Hello?"))
			w.clock = w.clock.Add(time.Second)
			w.ok(w.givenMessage(w.ctx(), w.manager, one.ID, db.Inbound, "Hello?"))
			w.closes(has)
			w.settle()
			equal(t, "owners", w.owner(one)+" "+w.owner(two), "nobody Ada")
		}},
		{"W4 so do an unassignment, a block and a hand-over", func(t *testing.T, w *world) {
			_, has, one, two, _ := w.waiting()
			w.unassign(has)
			w.settle()
			equal(t, "owner", w.owner(one), "Ada")
			w.block(one)
			w.settle()
			equal(t, "owner", w.owner(two), "Ada")
			ben := w.agent("Ben")
			three := w.open()
			w.settle()
			equal(t, "owner", w.owner(three), nobody)
			w.assign(two, ben)
			w.settle()
			equal(t, "owner", w.owner(three), "Ada")
		}},
		{"W4 so does an agent who comes online", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			w.ok(w.SetAvailability(w.ctx(), ada, SetAvailabilityInput{Availability: db.Offline}))
			w.template("round-robin-online", nil, ada)
			c := w.open()
			w.settle()
			equal(t, "owner", w.owner(c), nobody)
			w.ok(w.SetAvailability(w.ctx(), ada, SetAvailabilityInput{Availability: db.Online}))
			w.settle()
			equal(t, "owner", w.owner(c), "Ada")
		}},
		{"W4 not what is closed, blocked or was assigned meanwhile, nor for a disabled workflow", func(t *testing.T, w *world) {
			ada, has, one, two, f := w.waiting()
			ben := w.agent("Ben")
			three, four, five := w.open(), w.open(), w.open()
			w.settle()
			w.closes(one)
			w.block(two)
			w.assign(three, ben)
			w.unassign(three)
			w.closes(has)
			w.settle()
			equal(t, "closed", w.owner(one), nobody)
			equal(t, "blocked", w.owner(two), nobody)
			equal(t, "assigned meanwhile", w.owner(three), nobody)
			equal(t, "still waiting", w.owner(four), "Ada")
			w.ok(w.DisableWorkflow(w.ctx(), w.manager, DisableWorkflowInput{WorkflowID: f.ID}))
			w.closes(four)
			w.settle()
			equal(t, "disabled", w.owner(five), nobody)
			w.ok(w.EnableWorkflow(w.ctx(), w.manager, EnableWorkflowInput{WorkflowID: f.ID}))
			w.settle()
			equal(t, "enabled again", w.owner(five), "Ada")
			w.closes(five)
			w.settle()
			w.unblock(two)
			w.settle()
			equal(t, "unblocked", w.owner(two), "Ada")
			_ = ada
		}},
		{"W4 not what was closed and came back without the workflow", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			has := w.open(ada)
			d := when(db.TriggerOpened, act(db.StepLeastLoaded))
			d.Steps[0].AgentIDs, d.Steps[0].Capacity = []db.AgentID{*ada.Agent}, ptr(1)
			w.workflow(d)
			c := w.open()
			w.settle()
			w.closes(c)
			w.reopens(c)
			w.closes(has)
			w.settle()
			equal(t, "owner", w.owner(c), nobody)
		}},
		{"W4 room that was made just before nobody was found is not missed", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			has := w.open(ada)
			w.template("least-busy-online", ptr(1), ada)
			c := w.open()
			fine(t, w.catchUp(w.ctx(), w.manager.Workspace))
			_, err := w.stepWorkflow(w.ctx(), w.manager.Workspace)
			fine(t, err)
			// As if the close had been planned, and served, before the run committed.
			_, err = w.DB.ExecContext(w.ctx(), "UPDATE conversations SET status = 'CLOSED', closed_at = now() WHERE workspace_id = ? AND id = ?", w.manager.Workspace, has.ID)
			fine(t, err)
			equal(t, "owner", w.owner(c), nobody)
			w.settle()
			equal(t, "owner", w.owner(c), "Ada")
		}},
		{"W4 whoever comes later does not take the room that was made for who waits", func(t *testing.T, w *world) {
			_, has, one, two, f := w.waiting()
			late := w.open()
			fine(t, w.catchUp(w.ctx(), w.manager.Workspace))
			// As if the run was at work when the room was made, and quicker than who serves.
			_, err := w.DB.ExecContext(w.ctx(), "UPDATE conversations SET status = 'CLOSED', closed_at = now() WHERE workspace_id = ? AND id = ?", w.manager.Workspace, has.ID)
			fine(t, err)
			_, err = w.stepWorkflow(w.ctx(), w.manager.Workspace)
			fine(t, err)
			lines(t, w.consideredIn(w.lastRun(f).Steps[0]), "Ada 0 LONGER_WAITING")
			w.settle()
			lines(t, []string{w.owner(one), w.owner(two), w.owner(late)}, "Ada", nobody, nobody)
		}},
		{"W4 capacity binds automatic assignment only", func(t *testing.T, w *world) {
			ada, _, one, _, _ := w.waiting()
			w.assign(one, ada)
			equal(t, "owner", w.owner(one), "Ada")
		}},
	})
}

func TestWorkflowVersions(t *testing.T) {
	hold(t, []rule{
		{"W2 a run keeps the definition that was enabled when its event was written", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			before := w.open()
			f := w.workflow(when(db.TriggerOpened, assignTo(ada)))
			first := w.open()
			w.ok(w.UpdateWorkflow(w.ctx(), w.manager, UpdateWorkflowInput{WorkflowID: f.ID, Definition: when(db.TriggerOpened, assignTo(ben))}))
			second := w.open()
			w.ok(w.DisableWorkflow(w.ctx(), w.manager, DisableWorkflowInput{WorkflowID: f.ID}))
			third := w.open()
			w.settle()
			var owners []string
			for _, c := range []*db.Conversation{before, first, second, third} {
				owners = append(owners, w.owner(c))
			}
			lines(t, owners, nobody, "Ada", "Ben", nobody)
		}},
		{"W2 a run that waits goes on as it began, though its workflow is changed and disabled", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			f := w.workflow(when(db.TriggerOpened, pause(60), assignTo(ada)))
			c := w.open()
			w.settle()
			w.ok(w.UpdateWorkflow(w.ctx(), w.manager, UpdateWorkflowInput{WorkflowID: f.ID, Definition: when(db.TriggerOpened, addNote("Changed"))}))
			w.ok(w.DisableWorkflow(w.ctx(), w.manager, DisableWorkflowInput{WorkflowID: f.ID}))
			later := w.open()
			w.clock = w.clock.Add(time.Minute)
			w.settle()
			equal(t, "owners", w.owner(c)+" "+w.owner(later), "Ada "+nobody)
		}},
		{"W2 however often an event is planned, it has one run", func(t *testing.T, w *world) {
			f := w.workflow(when(db.TriggerOpened, addNote("Opened")))
			c := w.open()
			w.settle()
			_, err := w.DB.ExecContext(w.ctx(), "UPDATE workflow_positions SET seq = ? WHERE workspace_id = ?", w.head()-4, w.manager.Workspace)
			fine(t, err)
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: ADD_NOTE DONE")
			_ = c
		}},
	})
}

func TestWorkflowFailures(t *testing.T) {
	hold(t, []rule{
		{"W2 a failure of machinery is tried again and again, then FAILED, and blocks nobody", func(t *testing.T, w *world) {
			w.Log = slog.New(slog.DiscardHandler)
			notes := w.workflow(when(db.TriggerOpened, addNote("Opened"), act(db.StepClose)))
			w.breaks("messages")
			w.open()
			ada := w.agent("Ada")
			assigns := w.workflow(when(db.TriggerOpened, assignTo(ada)))
			w.open()
			w.settle()
			lines(t, w.runsOf(assigns), "COMPLETED: ASSIGN DONE Ada")
			lines(t, w.runsOf(notes), "RUNNING", "RUNNING")
			equal(t, "attempts", w.lastRun(notes).Attempts, 1)
			for range stepAttempts {
				w.clock = w.clock.Add(lastPause)
				w.settle()
			}
			lines(t, w.runsOf(notes), "FAILED: ADD_NOTE FAILED", "FAILED: ADD_NOTE FAILED")
			equal(t, "message", *w.lastRun(notes).Steps[0].Message, "something went wrong on the server")
			equal(t, "last event", w.since(w.head() - 1)[0].Data.RunStatus, db.RunFailed)
		}},
		{"W2 a step that panics is such a failure", func(t *testing.T, w *world) {
			w.Log = slog.New(slog.DiscardHandler)
			f := w.workflow(when(db.TriggerOpened, addNote("Opened")))
			_, err := w.DB.ExecContext(w.ctx(), "UPDATE workflow_versions SET definition = definition #- '{steps,0,text}' WHERE workspace_id = ?", w.manager.Workspace)
			fine(t, err)
			w.open()
			w.settle()
			lines(t, w.runsOf(f), "RUNNING")
			equal(t, "attempts", w.lastRun(f).Attempts, 1)
		}},
		{"W4 a conversation with which it fails holds up nobody else", func(t *testing.T, w *world) {
			w.Log = slog.New(slog.DiscardHandler)
			_, has, one, _, _ := w.waiting()
			ben := w.agent("Ben")
			taken := w.open(ben)
			w.template("round-robin-online", ptr(1), ben)
			other := w.open()
			w.settle()
			_, err := w.DB.ExecContext(w.ctx(), `CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$;
				CREATE TRIGGER broken BEFORE UPDATE ON conversations FOR EACH ROW WHEN (old.id = '`+one.ID.UUID.String()+`') EXECUTE FUNCTION broken()`)
			fine(t, err)
			w.closes(has)
			w.closes(taken)
			w.settle()
			lines(t, []string{w.owner(one), w.owner(other)}, nobody, "Ben")
		}},
		{"W2 what was tried again and worked is done once", func(t *testing.T, w *world) {
			w.Log = slog.New(slog.DiscardHandler)
			f := w.workflow(when(db.TriggerOpened, act(db.StepClose), addNote("Closed")))
			mend := w.breaks("messages")
			c := w.open()
			w.settle()
			lines(t, w.runsOf(f), "RUNNING: CLOSE DONE")
			mend()
			w.clock = w.clock.Add(lastPause)
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: CLOSE DONE, ADD_NOTE DONE")
			equal(t, "version", w.read(c).Version, c.Version+1)
		}},
	})
}

// breaks makes every insertion into a table fail until it is mended.
func (w *world) breaks(table string) (mend func()) {
	w.t.Helper()
	do := func(sql string) {
		w.t.Helper()
		_, err := w.DB.ExecContext(w.ctx(), sql)
		fine(w.t, err)
	}
	do(`CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$;
		CREATE TRIGGER broken BEFORE INSERT ON ` + table + ` EXECUTE FUNCTION broken()`)
	return func() { do("DROP TRIGGER broken ON " + table) }
}

func TestDryRun(t *testing.T) {
	hold(t, []rule{
		{"W1 a dry run tells what would happen and writes nothing", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			d := when(db.TriggerOpened, act(db.StepRoundRobin), addNote("Look"), pause(60), act(db.StepClose), act(db.StepClose), act(db.StepUnassign))
			d.Steps[0].AgentIDs = []db.AgentID{*ada.Agent}
			f := w.workflow(d)
			c := w.open()
			before := w.everything()
			for _, in := range []DryRunWorkflowInput{{WorkflowID: &f.ID}, {Definition: d}} {
				in.ConversationID = c.ID
				dry, err := w.DryRunWorkflow(w.ctx(), w.manager, in)
				fine(t, err)
				equal(t, "steps", w.took(dry.Steps), "ASSIGN_ROUND_ROBIN DONE Ada, ADD_NOTE DONE, WAIT DONE, CLOSE DONE, CLOSE REFUSED ALREADY_CLOSED, UNASSIGN SKIPPED")
				lines(t, w.consideredIn(dry.Steps[0]), "Ada 0 CHOSEN")
			}
			equal(t, "the database", w.everything(), before)
		}},
		{"W1 its conditions are looked at as things are", func(t *testing.T, w *world) {
			c := w.open()
			for channel, holds := range map[string]bool{"email": true, "chat": false} {
				d := conditional(db.TriggerOpened, db.WorkflowConditions{Channels: []string{channel}, Sources: []db.ConversationSource{db.SourceMessage}})
				dry, err := w.DryRunWorkflow(w.ctx(), w.manager, DryRunWorkflowInput{Definition: d, ConversationID: c.ID})
				fine(t, err)
				equal(t, channel, dry.ConditionsHold, holds)
				equal(t, channel, len(dry.Steps) == 1, holds)
			}
		}},
		{"only managers, of what there is, and of what is valid", func(t *testing.T, w *world) {
			c, d := w.open(), when(db.TriggerOpened, act(db.StepClose))
			for _, role := range []Role{RoleAgent, RoleIntegration, RoleReader} {
				_, err := w.DryRunWorkflow(w.ctx(), w.program(role), DryRunWorkflowInput{Definition: d, ConversationID: c.ID})
				failed(t, err, Forbidden)
			}
			_, err := w.DryRunWorkflow(w.ctx(), w.manager, DryRunWorkflowInput{ConversationID: c.ID})
			failed(t, err, BadInput)
			_, err = w.DryRunWorkflow(w.ctx(), w.manager, DryRunWorkflowInput{Definition: d, ConversationID: db.ConversationID{UUID: db.NewUUID()}})
			failed(t, err, NotFound)
			_, err = w.DryRunWorkflow(w.ctx(), w.manager, DryRunWorkflowInput{Definition: when(db.TriggerOpened), ConversationID: c.ID})
			refused(t, err, InvalidWorkflow)
		}},
	})
}

// everything is a digest of all that can change.
func (w *world) everything() (digest string) {
	w.t.Helper()
	fine(w.t, w.DB.NewRaw(`SELECT concat((SELECT string_agg(c::text, '' ORDER BY id) FROM conversations c), (SELECT string_agg(c::text, '' ORDER BY id) FROM contacts c),
		(SELECT count(*) FROM messages), (SELECT count(*) FROM events), (SELECT count(*) FROM workflow_runs), (SELECT string_agg(f::text, '') FROM workflows f))`).
		Scan(w.ctx(), &digest))
	return digest
}

// TestWatchRuns: what has not ended first, then each change once.
func TestWatchRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	waits := w.workflow(when(db.TriggerOpened, addNote("Opened"), pause(60), act(db.StepClose)))
	other := w.workflow(when(db.TriggerClosed, act(db.StepUnassign)))
	w.open()
	w.settle()
	all, err := w.WatchRuns(w.ctx(), w.manager, nil)
	fine(t, err)
	defer all.Close()
	ofOther, err := w.WatchRuns(w.ctx(), w.manager, &other.ID)
	fine(t, err)
	defer ofOther.Close()
	next := func(s *Stream[*db.WorkflowRun]) string {
		t.Helper()
		run, err := await(patient(t), s)
		fine(t, err)
		return w.ranAs(run)
	}
	equal(t, "present", next(all), "WAITING: ADD_NOTE DONE, WAIT DONE")
	w.clock = w.clock.Add(time.Minute)
	w.settle()
	equal(t, "closed", next(all), "COMPLETED: ADD_NOTE DONE, WAIT DONE, CLOSE DONE")
	equal(t, "unassigned", next(all), "COMPLETED: UNASSIGN UNCHANGED")
	equal(t, "unassigned", next(ofOther), "COMPLETED: UNASSIGN UNCHANGED")
	w.open()
	w.settle()
	equal(t, "waits again", next(all), "WAITING: ADD_NOTE DONE, WAIT DONE")
	if run, ok, err := all.Next(w.ctx()); ok || err != nil {
		t.Errorf("one more run is given: %v %v", run, err)
	}
	_ = waits
}
