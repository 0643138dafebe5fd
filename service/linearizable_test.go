package service_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/jackc/pgx/v5"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// call is one call of a client.
type call struct {
	contact      int // of the test's contacts
	verb         string
	conversation db.ConversationID // the contact's latest conversation as far as the client knows
	caller       db.AgentID
	to           db.AgentID // of assign
	expected     int        // expected version; 0 for any
}

// reply is the answer to a call: the refusal, if any, and the state. For a conversation that is not
// the latest it has no state.
type reply struct {
	refusal service.RefusalCode
	older   bool
	state   threadState
}

// threadState is the state of a contact with its latest conversation.
type threadState struct {
	latest   db.ConversationID
	open     bool
	assignee db.AgentID // zero if unassigned
	version  int
}

func answered(c *db.Conversation, refusal service.RefusalCode) reply {
	if !c.Latest {
		return reply{refusal: refusal, older: true}
	}
	s := threadState{latest: c.ID, open: c.Status == db.StatusOpen, version: c.Version}
	if c.AssigneeID != nil {
		s.assignee = *c.AssigneeID
	}
	return reply{refusal: refusal, state: s}
}

// next is the specification: it returns the state after a call, and the refusal.
func (s threadState) next(c call, opened db.ConversationID) (threadState, service.RefusalCode) {
	older := c.conversation != s.latest
	moved := c.expected != 0 && c.expected != s.version
	to := s
	to.version++
	switch c.verb {
	case "read":
		return s, ""
	case "assign", "unassign":
		if c.verb == "unassign" {
			c.to = db.AgentID{}
		}
		switch {
		case older:
			return s, service.NotLatest
		case moved:
			return s, service.Conflict
		case s.assignee == c.to:
			return s, ""
		}
		to.assignee = c.to
	case "assignToMe":
		switch {
		case older || !s.open:
			return s, service.NotOpen
		case s.assignee != db.AgentID{} && s.assignee != c.caller:
			return s, service.AlreadyAssigned
		case moved:
			return s, service.Conflict
		case s.assignee == c.caller:
			return s, ""
		}
		to.assignee = c.caller
	case "close":
		switch {
		case older || !s.open:
			return s, service.AlreadyClosed
		case moved:
			return s, service.Conflict
		}
		to.open = false
	case "reopen", "open":
		switch {
		case s.open:
			return s, service.AlreadyOpen
		case older && c.verb == "reopen":
			return s, service.NotLatest
		case moved:
			return s, service.Conflict
		}
		to.open = true
		if c.verb == "open" {
			to.latest = opened
		}
	}
	return to, ""
}

// assignment is the model that decides whether a history of calls and answers is linearizable (P5).
func assignment(initial []threadState) porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			parts := make([][]porcupine.Operation, len(initial))
			for _, o := range history {
				contact := o.Input.(call).contact
				parts[contact] = append(parts[contact], o)
			}
			return parts
		},
		Init: func() any { return threadState{} },
		Step: func(state, input, output any) (bool, any) {
			s, in, out := state.(threadState), input.(call), output.(reply)
			if s == (threadState{}) {
				s = initial[in.contact]
			}
			to, refusal := s.next(in, out.state.latest)
			if out.older {
				return refusal == out.refusal && in.conversation != s.latest, s
			}
			return refusal == out.refusal && to == out.state, to
		},
	}
}

// clients has many clients call verbs on a few conversations concurrently. It returns the initial
// states and the history.
func clients(t *testing.T, number, calls, contacted int) ([]threadState, []porcupine.Operation) {
	begun := &begins{}
	w := newWorldOn(t, dbtest.New(t, servicetest.Migrate), db.Options{MaxConns: 8, Tracer: begun})
	var initial []threadState
	var contacts []db.ContactID
	known := make([]atomic.Pointer[db.ConversationID], contacted)
	for i := range known {
		c := w.Open()
		known[i].Store(&c.ID)
		contacts = append(contacts, c.ContactID)
		initial = append(initial, threadState{latest: c.ID, open: true, version: c.Version})
	}
	agents := w.Team("A", "B", "C", "D")
	before := begun.n.Load()
	began := time.Now()
	histories := make([][]porcupine.Operation, number)
	var running sync.WaitGroup
	for client := range number {
		running.Go(func() {
			me := agents[client%len(agents)]
			for range calls {
				in := randomCall(me, agents, contacted, func(i int) db.ConversationID { return *known[i].Load() })
				o := porcupine.Operation{ClientId: client, Input: in, Call: int64(time.Since(began))}
				out, err := w.carryOut(t.Context(), me, in, contacts[in.contact])
				if err != nil {
					t.Errorf("%s: %v", in.verb, err)
					return
				}
				o.Output, o.Return = out, int64(time.Since(began))
				if !out.older {
					known[in.contact].Store(&out.state.latest)
				}
				histories[client] = append(histories[client], o)
			}
		})
	}
	running.Wait()
	t.Logf("%d calls of %d clients in %d companies", number*calls, number, begun.n.Load()-before)
	if companies := int(begun.n.Load() - before); companies > number*calls/2 {
		t.Errorf("%d calls went through the database in %d transactions", number*calls, companies)
	}
	return initial, slices.Concat(histories...)
}

// begins counts the transactions of mutations of threads.
type begins struct{ n atomic.Int64 }

func (b *begins) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if data.SQL == "BEGIN" {
		b.n.Add(1)
	}
	return ctx
}

func (b *begins) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func randomCall(me service.Actor, agents []service.Actor, contacts int, latest func(int) db.ConversationID) call {
	verbs := []string{"assign", "unassign", "unassign", "assignToMe", "assignToMe", "assignToMe", "close", "reopen", "open", "read"}
	c := call{contact: rand.IntN(contacts), verb: verbs[rand.IntN(len(verbs))], caller: *me.Agent, to: *agents[rand.IntN(len(agents))].Agent}
	c.conversation = latest(c.contact)
	if rand.IntN(6) == 0 {
		c.expected = 2 + rand.IntN(40)
	}
	return c
}

// carryOut makes a call.
func (w *world) carryOut(ctx context.Context, me service.Actor, c call, contact db.ContactID) (reply, error) {
	var expected *int
	if c.expected != 0 {
		expected = &c.expected
	}
	var o *service.Outcome
	var err error
	switch c.verb {
	case "read":
		rows, err := w.ConversationsByID(ctx, me, []db.ConversationID{c.conversation})
		return answered(rows[0], ""), err
	case "assign":
		o, err = w.AssignConversation(ctx, me, service.AssignConversationInput{c.conversation, c.to, expected, service.Keyed{}})
	case "unassign":
		o, err = w.UnassignConversation(ctx, me, service.UnassignConversationInput{c.conversation, expected, service.Keyed{}})
	case "assignToMe":
		o, err = w.AssignToMe(ctx, me, service.AssignToMeInput{c.conversation, expected, service.Keyed{}})
	case "close":
		o, err = w.CloseConversation(ctx, me, service.CloseConversationInput{c.conversation, nil, expected, service.Keyed{}})
	case "reopen":
		o, err = w.ReopenConversation(ctx, me, service.ReopenConversationInput{c.conversation, expected, service.Keyed{}})
	case "open":
		o, err = w.OpenConversation(ctx, me, service.OpenConversationInput{contact, "email", expected, service.Keyed{}})
	}
	var refusal *service.Refusal
	switch {
	case errors.As(err, &refusal):
		return answered(o.Conversation, refusal.Code), nil
	case err != nil:
		return reply{}, err
	}
	return answered(o.Conversation, ""), nil
}

// TestP5Linearizable: for concurrent calls there is one order in which every answer is right (P5).
func TestP5Linearizable(t *testing.T) {
	servicetest.Slow(t)
	t.Parallel()
	for _, size := range []struct{ clients, calls, contacts int }{{16, 25, 3}, {64, 15, 16}} {
		t.Run(fmt.Sprint(size.clients, " clients"), func(t *testing.T) {
			t.Parallel()
			checkLinearizable(t, size.clients, size.calls, size.contacts)
		})
	}
}

func checkLinearizable(t *testing.T, number, calls, contacts int) {
	initial, history := clients(t, number, calls, contacts)
	model := assignment(initial)
	if result := porcupine.CheckOperationsTimeout(model, history, servicetest.Patience); result != porcupine.Ok {
		t.Fatalf("%d calls: %s", len(history), result)
	}
	told, final := map[service.RefusalCode]int{}, map[int]int{}
	for _, o := range history {
		in, out := o.Input.(call), o.Output.(reply)
		told[out.refusal]++
		final[in.contact] = max(final[in.contact], out.state.version)
	}
	for _, code := range []service.RefusalCode{"", service.AlreadyAssigned, service.NotOpen, service.AlreadyOpen, service.AlreadyClosed, service.Conflict} {
		if told[code] == 0 {
			t.Errorf("nobody was told %q", code)
		}
	}

	// The check can fail: none of these histories is linearizable.
	lies := map[string]func(call, *reply, *porcupine.Operation) bool{
		"a version skipped": func(_ call, a *reply, _ *porcupine.Operation) bool {
			a.state.version++
			return !a.older
		},
		"two winners": func(c call, a *reply, _ *porcupine.Operation) bool {
			lost := a.refusal == service.AlreadyAssigned
			a.refusal, a.state.assignee = "", c.caller // another client got the same answer at this version
			return lost
		},
		"a refusal without a reason": func(c call, a *reply, _ *porcupine.Operation) bool {
			refused := a.refusal
			a.refusal = service.AlreadyClosed
			return refused == "" && c.verb == "assign"
		},
		"an old state": func(c call, a *reply, o *porcupine.Operation) bool {
			o.Call, o.Return = int64(time.Hour), int64(2*time.Hour) // a read after all other calls
			return c.verb == "read" && !a.older && a.state.version < final[c.contact]
		},
	}
	for name, lie := range lies {
		corrupted := slices.Clone(history)
		i := slices.IndexFunc(corrupted, func(o porcupine.Operation) bool {
			a := o.Output.(reply)
			return lie(o.Input.(call), &a, &o)
		})
		if i < 0 {
			t.Errorf("%s: no call to lie about", name)
			continue
		}
		a := corrupted[i].Output.(reply)
		lie(corrupted[i].Input.(call), &a, &corrupted[i])
		corrupted[i].Output = a
		if result := porcupine.CheckOperationsTimeout(model, corrupted, servicetest.Patience); result != porcupine.Illegal {
			t.Errorf("%s: %s", name, result)
		}
	}
}

// TestOneWinner: of several agents who take a conversation at once exactly one gets it, and the
// others are told who has it (A3).
func TestOneWinner(t *testing.T) {
	servicetest.Slow(t)
	t.Parallel()
	w := newWorld(t)
	agents := w.Team("A", "B", "C", "D", "E", "F", "G", "H")
	for range 10 {
		c := w.Open()
		type result struct {
			me  service.Actor
			o   *service.Outcome
			err error
		}
		results, ready := make(chan result, len(agents)), make(chan struct{})
		for _, me := range agents {
			go func() {
				<-ready
				o, err := w.AssignToMe(t.Context(), me, service.AssignToMeInput{ConversationID: c.ID})
				results <- result{me, o, err}
			}()
		}
		close(ready)
		var winner []service.Actor
		named := map[db.AgentID]bool{}
		for range agents {
			r := <-results
			var refusal *service.Refusal
			switch {
			case r.err == nil:
				winner = append(winner, r.me)
			case !errors.As(r.err, &refusal) || refusal.Code != service.AlreadyAssigned:
				t.Fatal(r.err)
			}
			named[*r.o.Conversation.AssigneeID] = true
		}
		if len(winner) != 1 || len(named) != 1 || !named[*winner[0].Agent] {
			t.Fatalf("%d won, %d were named", len(winner), len(named))
		}
	}
}
