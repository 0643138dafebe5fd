package service_test

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// brief are time-outs after which a connection that has gone silent is given up, by the server and
// by PostgreSQL.
var brief = db.Options{StatementTimeout: 400 * time.Millisecond, Grace: 200 * time.Millisecond, LockTimeout: 200 * time.Millisecond, IdleTimeout: 500 * time.Millisecond}

// options are those of a server whose connections break in this way.
func (c cutting) options() db.Options {
	if c.fault == dbtest.SilenceIt {
		return brief
	}
	return db.Options{}
}

// A cutting is a way to break a connection at a write.
type cutting struct {
	fault  dbtest.Fault
	answer bool // the write arrives, and its answer does not
}

func (c cutting) String() string {
	what := map[dbtest.Fault]string{dbtest.ResetIt: "reset", dbtest.SilenceIt: "silence"}[c.fault]
	if c.answer {
		return what + " instead of the answer"
	}
	return what + " instead of the write"
}

var (
	resets   = []cutting{{dbtest.ResetIt, false}, {dbtest.ResetIt, true}}
	silences = []cutting{{dbtest.SilenceIt, false}, {dbtest.SilenceIt, true}}
)

// eachCut runs a test for each name and each way to break a connection, with a world of its own each
// time. More of them run at once than there are processors, since they mostly wait.
func eachCut(t *testing.T, names []string, cuttings []cutting, test func(t *testing.T, name string, c cutting)) {
	t.Helper()
	servicetest.Slow(t)
	t.Parallel()
	free := make(chan struct{}, 12)
	var running sync.WaitGroup
	for _, name := range names {
		for _, c := range cuttings {
			free <- struct{}{}
			running.Go(func() {
				defer func() { <-free }()
				t.Run(fmt.Sprint(name, ", ", c), func(t *testing.T) { test(t, name, c) })
			})
		}
	}
	running.Wait()
}

// cutEachWrite does something again and again. Each time the connection is broken one write later,
// counted from the call of begin, until nothing is left to break.
func (l *lined) cutEachWrite(c cutting, do func(n int, begin func())) (cuts int) {
	for n := 1; ; n++ {
		var cut *dbtest.Cut
		do(n, func() {
			eventually(l.T, "that it has a connection", func() bool {
				_, err := l.DB.ExecContext(l.T.Context(), "SELECT 1")
				return err == nil
			})
			cut = l.line.CutAt(n, c.fault, c.answer)
		})
		select {
		case <-cut.Done():
			cuts++
		default:
			return cuts
		}
	}
}

// settled makes a call until PostgreSQL does not hinder it any more.
func settled(t *testing.T, call mutation) (*service.Outcome, error) {
	t.Helper()
	for deadline := time.Now().Add(servicetest.Patience); ; time.Sleep(10 * time.Millisecond) {
		o, err := call()
		if !isUnavailable(err) || time.Now().After(deadline) {
			return o, err
		}
	}
}

func isUnavailable(err error) bool {
	return err != nil && servicetest.RefusalOf(err) == nil && service.Explain(err).Code == service.Unavailable
}

// TestVerbsAreCut breaks the connection of a mutation after each of its writes. Whatever its caller
// is told, repeating it with its key leads to one effect, and all answers are the same (P1, P6). One
// verb of each way to the log is enough, unless SWITCHBOARD_TEST_LOAD is set.
func TestVerbsAreCut(t *testing.T) {
	names := []string{"sendMessage", "closeConversations", "receiveMessage", "recordBusinessEvent", "deactivateAgent", "createToken"}
	if os.Getenv("SWITCHBOARD_TEST_LOAD") != "" {
		names = nil
		for _, v := range verbs {
			names = append(names, v.name)
		}
	}
	eachCut(t, names, resets[1:], cutVerbs)
}

// TestVerbsAreCutOtherwise is TestVerbsAreCut for the other ways to break a connection, with a verb
// that goes in company and one with a transaction of its own.
func TestVerbsAreCutOtherwise(t *testing.T) {
	eachCut(t, []string{"sendMessage", "updateAgent"}, append(silences, resets[0]), cutVerbs)
}

func cutVerbs(t *testing.T, name string, c cutting) {
	w, l := newLined(t, c.options())
	v := verbNamed(name)
	me := w.caller(v)
	cuts := l.cutEachWrite(c, func(n int, begin func()) { cutVerb(t, w, l, v, me, n, begin) })
	if cuts == 0 {
		t.Error("nothing was broken")
	}
	w.CheckWorkspace()
}

// cutVerb calls a verb, whose connection breaks, and repeats it.
func cutVerb(t *testing.T, w *world, l *lined, v verb, me service.Actor, n int, begin func()) {
	t.Helper()
	x := w.ready(v)
	x.key = new(fmt.Sprint("key ", n))
	head := w.Head()
	begin()
	first, err := v.in(l.world, me, x)
	if err != nil && !isUnavailable(err) {
		t.Fatalf("write %d: %v", n, err)
	}
	again, later := settled(t, func() (*service.Outcome, error) { return v.in(l.world, me, x) })
	servicetest.Fine(t, later)
	if err == nil {
		servicetest.Lines(t, eventIDs(again.Events), eventIDs(first.Events)...)
	}
	servicetest.Lines(t, eventIDs(w.Since(head)), eventIDs(again.Events)...)
	if len(again.Events) == 0 && !unlogged[v.name] {
		t.Fatalf("write %d: it has changed nothing", n)
	}
	w.undo(v, again)
}

// undo makes room for the next call of a verb whose input is always the same.
func (w *world) undo(v verb, o *service.Outcome) {
	w.T.Helper()
	switch v.name {
	case "createAgent":
		w.OK(w.UpdateAgent(w.Context(), w.Manager, service.UpdateAgentInput{AgentID: o.Agent.ID, Email: service.Text(fmt.Sprintf("nils%d@acme.example", w.Head()))}))
	case "updateWorkspace":
		w.OK(w.UpdateWorkspace(w.Context(), w.Manager, service.UpdateWorkspaceInput{Name: service.Text("Acme")}))
	}
}

// TestWorkflowsAreCut breaks the connection of a server that runs workflows at each of its writes.
// Each event has one run with one effect (W2).
func TestWorkflowsAreCut(t *testing.T) {
	eachCut(t, []string{"workflows"}, resets, func(t *testing.T, _ string, c cutting) {
		w, l := newLined(t, c.options())
		flow := w.Workflow(servicetest.When(db.TriggerClosed, servicetest.AddNote("It was closed"), servicetest.Act(db.StepUnassign)))
		ada := w.Agent("Ada")
		var closings []*db.Event
		l.cutEachWrite(c, func(_ int, begin func()) {
			closings = append(closings, w.Closes(w.Open(ada)).Events[0])
			begin()
			eventually(t, "that the workflow has run", func() bool {
				w.Clock = w.Clock.Add(time.Hour) // what has failed is due again
				return l.settles()
			})
		})
		t.Logf("%d writes were broken", len(closings)-1)
		if len(closings) < 5 {
			t.Errorf("only %d writes were broken", len(closings)-1)
		}
		w.Clock = w.Clock.Add(time.Hour)
		w.Settle()
		for _, e := range closings {
			runs, effects := 0, []string{}
			servicetest.Fine(t, w.DB.NewRaw("SELECT count(*) FROM workflow_runs WHERE workflow_id = ? AND event_seq = ?", flow.ID, e.Seq).Scan(t.Context(), &runs))
			for _, later := range w.Since(e.Seq) {
				if later.ConversationID != nil && *later.ConversationID == *e.ConversationID && later.Type != db.WorkflowRan {
					effects = append(effects, string(later.Type))
				}
			}
			if runs != 1 || !slices.Equal(effects, []string{"NOTE_ADDED", "CONVERSATION_UNASSIGNED"}) {
				t.Errorf("event %d has %d runs with %v", e.Seq, runs, effects)
			}
		}
		w.CheckWorkspace()
	})
}

// settles plans and takes all steps that are due, and reports whether nothing hindered it.
func (l *lined) settles() bool {
	if l.CatchUp(l.T.Context(), l.Manager.Workspace) != nil {
		return false
	}
	for {
		stepped, err := l.Step(l.T.Context(), l.Manager.Workspace)
		if err != nil {
			return false
		}
		if !stepped {
			return true
		}
	}
}

// TestProjectionsAreCut breaks the connection of a server that reads counts, the dashboard and lists
// from memory at each of its writes. It either fails, or answers as another server does (I2).
func TestProjectionsAreCut(t *testing.T) {
	eachCut(t, []string{"projections"}, slices.Concat(resets, silences), func(t *testing.T, _ string, c cutting) {
		w, l := newLined(t, c.options())
		ada := w.Agent("Ada")
		reads := map[string]func(*world) (string, error){
			"counts": func(w *world) (string, error) {
				counts, err := w.InboxCounts(t.Context(), ada)
				return fmt.Sprint(counts.ViewCounts), err
			},
			"dashboard": func(w *world) (string, error) {
				d, err := w.Dashboard(t.Context(), ada)
				if err != nil {
					return "", err
				}
				return fmt.Sprint(d.Counts, agentsText(d.Agents)), nil
			},
			"list": func(w *world) (string, error) {
				list, err := w.Inbox(t.Context(), ada, service.InboxInput{View: db.ViewAll})
				if err != nil {
					return "", err
				}
				total, _, err := w.InboxTotal(t.Context(), ada, list)
				return fmt.Sprint(idsOf(list.Rows), total), err
			},
		}
		for name, read := range reads {
			cuts := l.cutEachWrite(c, func(n int, begin func()) {
				w.Closes(w.Open(ada))
				w.Open(ada)
				want, err := read(w)
				servicetest.Fine(t, err)
				begin()
				got, err := read(l.world)
				for deadline := time.Now().Add(servicetest.Patience); isUnavailable(err) && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
					got, err = read(l.world)
				}
				servicetest.Fine(t, err)
				servicetest.Equal(t, fmt.Sprintf("%s, write %d", name, n), got, want)
			})
			if cuts == 0 {
				t.Errorf("%s: nothing was broken", name)
			}
		}
	})
}
