package service

import (
	"strings"
	"testing"
	"time"

	"switchboard/db"
)

const oneDay = 24 * time.Hour

// TestWorkflowTemplates is what the templates do (W3).
func TestWorkflowTemplates(t *testing.T) {
	hold(t, []rule{
		{"W3 close-when-silent: a conversation whose customer wrote stays open, a silent one closes", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			o := w.ok(w.CreateWorkflowFromTemplate(w.ctx(), w.manager, CreateWorkflowFromTemplateInput{TemplateKey: "close-when-silent", Days: ptr(5)}))
			equal(t, "name", o.Workflow.Name, "Close: No Answer For 5 Days")
			replies := func(c *db.Conversation) {
				t.Helper()
				w.ok(w.SendMessage(w.ctx(), ada, SendMessageInput{ConversationID: c.ID, Body: "Anything else?"}))
				w.settle()
			}
			silent, answers, never := w.open(), w.open(), w.open()
			replies(silent)
			replies(answers)
			passes := func(d time.Duration, want ...string) {
				t.Helper()
				w.clock = w.clock.Add(d)
				w.settle()
				lines(t, []string{string(w.read(silent).Status), string(w.read(answers).Status), string(w.read(never).Status)}, want...)
			}
			passes(4*oneDay, "OPEN", "OPEN", "OPEN")
			w.receives(answers.ContactID)
			passes(oneDay, "CLOSED", "OPEN", "OPEN")
			passes(30*oneDay, "CLOSED", "OPEN", "OPEN")
			replies(answers)
			passes(5*oneDay, "CLOSED", "CLOSED", "OPEN")
		}},
		{"W3 close-when-silent: a second reply starts the wait anew", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			f := w.template("close-when-silent", nil)
			equal(t, "name", f.Name, "Close: No Answer For 3 Days")
			c := w.open()
			for range 2 {
				w.ok(w.SendMessage(w.ctx(), ada, SendMessageInput{ConversationID: c.ID, Body: "Anything else?"}))
				w.settle()
				w.clock = w.clock.Add(2 * oneDay)
				w.settle()
				equal(t, "status", w.read(c).Status, db.StatusOpen)
			}
			w.clock = w.clock.Add(oneDay)
			w.settle()
			lines(t, w.runsOf(f), "COMPLETED: WAIT DONE, CLOSE OVERTAKEN", "COMPLETED: WAIT DONE, CLOSE DONE")
		}},
		{"W3 assign-when-unassigned: what is given back goes to somebody else, whoever gave it back", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			f := w.template("assign-when-unassigned", ptr(5), ada, ben)
			given, left := w.open(ada), w.open(ada)
			w.unassign(given)
			w.settle()
			equal(t, "given back", w.owner(given), "Ben")
			lines(t, w.consideredIn(w.lastRun(f).Steps[0]), "Ada 1 PREVIOUS_OWNER", "Ben 0 CHOSEN")
			w.deactivate(ada)
			w.settle()
			equal(t, "left by a deactivated agent", w.owner(left), "Ben")
		}},
		{"W3 assign-when-unassigned: never to whom it was taken from, rather nobody, also when room is made", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			w.template("assign-when-unassigned", ptr(1), ada, ben)
			full, c := w.open(ben), w.open(ada)
			w.unassign(c)
			w.settle()
			equal(t, "owner", w.owner(c), nobody)
			w.closes(w.open(ada))
			w.settle()
			equal(t, "owner once Ada has room", w.owner(c), nobody)
			w.closes(full)
			w.settle()
			equal(t, "owner once Ben has room", w.owner(c), "Ben")
		}},
		{"W3 assign-when-unassigned: not what is closed", func(t *testing.T, w *world) {
			ada := w.agent("Ada")
			f := w.template("assign-when-unassigned", nil, ada, w.agent("Ben"))
			w.template("unassign-after-close", nil)
			w.closed(ada)
			w.settle()
			lines(t, w.runsOf(f))
		}},
		{"W3 reassign-unavailable-owner: customers of a deactivated owner, with any policy", func(t *testing.T, w *world) {
			for _, policy := range []db.ReopenPolicy{db.Reopen, db.ReopenNew} {
				w.policies(policy, db.OwnerKeep)
				gone := w.agent("Gone" + string(policy))
				c := w.closed(gone)
				w.deactivate(gone)
				ben := w.agent("Ben" + string(policy))
				f := w.template("reassign-unavailable-owner", nil, ben)
				o := w.receives(c.ContactID)
				w.settle()
				equal(t, string(policy), w.owner(o.Conversation), "Ben"+string(policy))
				outcomes := strings.Join(w.runsOf(f), "; ")
				equal(t, string(policy), outcomes, "COMPLETED: ASSIGN_LEAST_LOADED DONE Ben"+string(policy)+"; COMPLETED: ASSIGN_LEAST_LOADED OVERTAKEN")
				w.ok(w.DeleteWorkflow(w.ctx(), w.manager, DeleteWorkflowInput{WorkflowID: f.ID}))
			}
		}},
		{"W3 reassign-unavailable-owner: not what nobody ever had", func(t *testing.T, w *world) {
			f := w.template("reassign-unavailable-owner", nil, w.agent("Ben"))
			w.receivesFrom(newcomer("1"))
			w.settle()
			lines(t, w.runsOf(f))
		}},
		{"W3 assigns who opens by the owner policy: round robin", func(t *testing.T, w *world) {
			w.policies(db.Reopen, db.OwnerUnassignIfUnavailable)
			ada := w.agent("Ada")
			c := w.closed(ada)
			w.sets(ada, db.Away)
			w.template("round-robin-online", nil, w.agent("Ben"))
			w.receives(c.ContactID)
			w.settle()
			equal(t, "owner", w.owner(c), "Ben")
		}},
	})
}
