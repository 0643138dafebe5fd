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

// clients has many clients call verbs on a few conversations concurrently. It returns the initial
// states and the history.
func clients(t *testing.T, number, calls, contacted int) ([]servicetest.ThreadState, []porcupine.Operation) {
	begun := &begins{}
	w := newWorldOn(t, dbtest.New(t, servicetest.Migrate), db.Options{MaxConns: 8, Tracer: begun})
	reading := anotherServer(w.Service.Service)
	for _, s := range []*service.Service{w.Service.Service, reading} {
		servicetest.Fine(t, s.ReadOpen(t.Context(), w.Manager)) // so that it is read from memory
	}
	var initial []servicetest.ThreadState
	var contacts []db.ContactID
	known := make([]atomic.Pointer[db.ConversationID], contacted)
	for i := range known {
		c := w.Open()
		known[i].Store(&c.ID)
		contacts = append(contacts, c.ContactID)
		initial = append(initial, servicetest.ThreadState{Latest: c.ID, Open: true, Version: c.Version})
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
				server := w.Service.Service
				if in.Reads() && client%2 == 0 {
					server = reading
				}
				out, err := carryOut(t.Context(), server, me, in, contacts[in.Contact])
				if err != nil {
					t.Errorf("%s: %v", in.Verb, err)
					return
				}
				o.Output, o.Return = out, int64(time.Since(began))
				if !out.Older && !out.Hidden {
					known[in.Contact].Store(&out.State.Latest)
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

func randomCall(me service.Actor, agents []service.Actor, contacts int, latest func(int) db.ConversationID) servicetest.Call {
	verbs := []string{"assign", "unassign", "unassign", "assignToMe", "assignToMe", "assignToMe", "close", "reopen", "open", "read", "list", "list"}
	c := servicetest.Call{Contact: rand.IntN(contacts), Verb: verbs[rand.IntN(len(verbs))], Caller: *me.Agent, To: *agents[rand.IntN(len(agents))].Agent}
	c.Conversation = latest(c.Contact)
	if rand.IntN(6) == 0 {
		c.Expected = 2 + rand.IntN(40)
	}
	return c
}

// carryOut makes a call to a server.
func carryOut(ctx context.Context, s *service.Service, me service.Actor, c servicetest.Call, contact db.ContactID) (servicetest.Reply, error) {
	var expected *int
	if c.Expected != 0 {
		expected = &c.Expected
	}
	var o *service.Outcome
	var err error
	switch c.Verb {
	case "read":
		found, _, err := s.Conversation(ctx, me, c.Conversation)
		if err != nil {
			return servicetest.Reply{}, err
		}
		return servicetest.Answered(found, ""), nil
	case "list":
		return listed(ctx, s, me, c.Conversation)
	case "assign":
		o, err = s.AssignConversation(ctx, me, service.AssignConversationInput{c.Conversation, c.To, expected, service.Keyed{}})
	case "unassign":
		o, err = s.UnassignConversation(ctx, me, service.UnassignConversationInput{c.Conversation, expected, service.Keyed{}})
	case "assignToMe":
		o, err = s.AssignToMe(ctx, me, service.AssignToMeInput{c.Conversation, expected, service.Keyed{}})
	case "close":
		o, err = s.CloseConversation(ctx, me, service.CloseConversationInput{c.Conversation, nil, expected, service.Keyed{}})
	case "reopen":
		o, err = s.ReopenConversation(ctx, me, service.ReopenConversationInput{c.Conversation, expected, service.Keyed{}})
	case "open":
		o, err = s.OpenConversation(ctx, me, service.OpenConversationInput{contact, "email", expected, service.Keyed{}})
	}
	var refusal *service.Refusal
	switch {
	case errors.As(err, &refusal):
		return servicetest.Answered(o.Conversation, refusal.Code), nil
	case err != nil:
		return servicetest.Reply{}, err
	}
	return servicetest.Answered(o.Conversation, ""), nil
}

// listed looks for a conversation in the open inbox.
func listed(ctx context.Context, s *service.Service, me service.Actor, id db.ConversationID) (servicetest.Reply, error) {
	l, err := s.Inbox(ctx, me, service.InboxInput{View: db.ViewAll})
	if err != nil {
		return servicetest.Reply{}, err
	}
	for _, c := range l.Rows {
		if c.ID == id {
			return servicetest.Answered(c, ""), nil
		}
	}
	return servicetest.Reply{Hidden: true}, nil
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
	model := servicetest.Linearizable(initial)
	if result := porcupine.CheckOperationsTimeout(model, history, servicetest.Patience); result != porcupine.Ok {
		t.Fatalf("%d calls: %s", len(history), result)
	}
	told, final := map[service.RefusalCode]int{}, map[int]int{}
	for _, o := range history {
		in, out := o.Input.(servicetest.Call), o.Output.(servicetest.Reply)
		told[out.Refusal]++
		final[in.Contact] = max(final[in.Contact], out.State.Version)
	}
	for _, code := range []service.RefusalCode{"", service.AlreadyAssigned, service.NotOpen, service.AlreadyOpen, service.AlreadyClosed, service.Conflict} {
		if told[code] == 0 {
			t.Errorf("nobody was told %q", code)
		}
	}

	// The check can fail: none of these histories is linearizable.
	lies := map[string]func(servicetest.Call, *servicetest.Reply, *porcupine.Operation) bool{
		"a version skipped": func(_ servicetest.Call, a *servicetest.Reply, _ *porcupine.Operation) bool {
			a.State.Version++
			return !a.Older && !a.Hidden
		},
		"two winners": func(c servicetest.Call, a *servicetest.Reply, _ *porcupine.Operation) bool {
			lost := a.Refusal == service.AlreadyAssigned
			a.Refusal, a.State.Assignee = "", c.Caller // another client got the same answer at this version
			return lost
		},
		"a refusal without a reason": func(c servicetest.Call, a *servicetest.Reply, _ *porcupine.Operation) bool {
			refused := a.Refusal
			a.Refusal = service.AlreadyClosed
			return refused == "" && c.Verb == "assign"
		},
		"an old state": func(c servicetest.Call, a *servicetest.Reply, o *porcupine.Operation) bool {
			o.Call, o.Return = int64(time.Hour), int64(2*time.Hour) // a read after all other calls
			return c.Verb == "read" && !a.Older && a.State.Version < final[c.Contact]
		},
	}
	for name, lie := range lies {
		corrupted := slices.Clone(history)
		i := slices.IndexFunc(corrupted, func(o porcupine.Operation) bool {
			a := o.Output.(servicetest.Reply)
			return lie(o.Input.(servicetest.Call), &a, &o)
		})
		if i < 0 {
			t.Errorf("%s: no call to lie about", name)
			continue
		}
		a := corrupted[i].Output.(servicetest.Reply)
		lie(corrupted[i].Input.(servicetest.Call), &a, &corrupted[i])
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
