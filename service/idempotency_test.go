package service_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// keyed is the input of a mutation with an idempotency key.
func keyed(key string) service.Keyed { return service.Keyed{&key} }

func TestIdempotency(t *testing.T) {
	hold(t, []rule{
		{"P6 every verb repeated returns the same events and changes nothing", testRepetition},
		{"P6 the key is looked up before expectedVersion and rules; objects are read as they now are", func(t *testing.T, w *world) {
			c := w.Open()
			in := service.CloseConversationInput{ConversationID: c.ID, ExpectedVersion: &c.Version, Keyed: keyed("k")}
			was := w.OK(w.CloseConversation(w.Context(), w.Manager, in))
			w.Reopens(c)
			w.Unchanged("repeated", func() {
				again := w.OK(w.CloseConversation(w.Context(), w.Manager, in))
				servicetest.Equal(t, "events", again.Events[0].ID, was.Events[0].ID)
				servicetest.Equal(t, "conversation", fmt.Sprint(again.Conversation.Status, " ", again.Conversation.Version), "OPEN 4")
				servicetest.Equal(t, "contact", again.Contact.Version, 4)
			})
			w.Block(c)
			again := w.OK(w.CloseConversation(w.Context(), w.Manager, in))
			servicetest.Equal(t, "events", again.Events[0].ID, was.Events[0].ID)
		}},
		{"P6 a refusal is returned again, though it would be accepted now", func(t *testing.T, w *world) {
			c := w.Closed()
			in := service.CloseConversationInput{ConversationID: c.ID, Keyed: keyed("k")}
			_, was := w.CloseConversation(w.Context(), w.Manager, in)
			servicetest.Refused(t, was, service.AlreadyClosed)
			w.Reopens(c)
			w.Unchanged("repeated", func() {
				o, err := w.CloseConversation(w.Context(), w.Manager, in)
				servicetest.Refused(t, err, service.AlreadyClosed)
				servicetest.Equal(t, "message", err.Error(), was.Error())
				servicetest.Equal(t, "conversation", o.Conversation.Status, db.StatusOpen)
			})
		}},
		{"P6 what changed nothing is remembered too", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Open()
			in := service.UnassignConversationInput{ConversationID: c.ID, Keyed: keyed("k")}
			w.OK(w.UnassignConversation(w.Context(), ada, in))
			w.Assign(c, ada)
			w.Unchanged("repeated", func() { w.OK(w.UnassignConversation(w.Context(), ada, in)) })
		}},
		{"P6 top-level errors are not remembered", func(t *testing.T, w *world) {
			ada, c := w.Agent("Ada"), w.Open()
			in := service.AssignToMeInput{ConversationID: c.ID, Keyed: keyed("k")}
			w.Deactivate(ada)
			_, err := w.AssignToMe(w.Context(), ada, in)
			servicetest.Failed(t, err, service.Forbidden)
			w.Reactivate(ada)
			servicetest.Equal(t, "events", servicetest.Types(w.OK(w.AssignToMe(w.Context(), ada, in)).Events), "CONVERSATION_ASSIGNED")
		}},
		{"P6 other input or another mutation: IDEMPOTENCY_KEY_REUSED", testKeyReused},
		{"P6 a key belongs to one caller", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			other := w.Program(service.RoleIntegration)
			in := service.UpdateContactInput{ContactID: w.Contact("Cora").ID, Keyed: keyed("k")}
			for i, caller := range []service.Actor{ada, ben, w.Program(service.RoleIntegration), other} {
				in.Name = service.Text(fmt.Sprint("Cora ", i))
				servicetest.Equal(t, "events", servicetest.Types(w.OK(w.UpdateContact(w.Context(), caller, in)).Events), "CONTACT_UPDATED")
			}
			w.Unchanged("repeated", func() { w.OK(w.UpdateContact(w.Context(), other, in)) })
		}},
		{"P6 a key lasts 24 hours", testKeyLifetime},
		{"P6 two at once: the second waits for the first", testTwoAtOnce},
		{"P6 two at once: the second carries it out if the first fails", func(t *testing.T, w *world) {
			c := w.Open()
			in := service.CloseConversationInput{ConversationID: c.ID, Keyed: keyed("k")}
			release := w.Locks("SELECT FROM contacts FOR UPDATE")
			ctx, cancel := context.WithCancel(w.Context())
			first := servicetest.Begin(func() (*service.Outcome, error) { return w.CloseConversation(ctx, w.Manager, in) })
			w.WaitBlocked(1)
			second := servicetest.Begin(func() (*service.Outcome, error) { return w.CloseConversation(w.Context(), w.Manager, in) })
			w.WaitBlocked(2)
			cancel()
			_, err := w.Await(first)
			servicetest.Failed(t, err, service.Unavailable)
			release()
			servicetest.Equal(t, "events", servicetest.Types(w.OK(w.Await(second)).Events), "CONVERSATION_CLOSED")
		}},
		{"P6 a key is 1 to 100 characters", func(t *testing.T, w *world) {
			for key, ok := range map[string]bool{"": false, "k": true, strings.Repeat("ř", 100): true, strings.Repeat("k", 101): false, "a\x00": false, "\xff": false} {
				_, err := w.CreateContact(w.Context(), w.Manager, service.CreateContactInput{Name: "Cora", Keyed: keyed(key)})
				servicetest.Equal(t, fmt.Sprintf("%q is taken", key), err == nil, ok)
				if !ok {
					servicetest.Failed(t, err, service.BadInput)
				}
			}
		}},
		{"P6 events name the key as their origin", func(t *testing.T, w *world) {
			o := w.OK(w.CreateContact(w.Context(), w.Manager, service.CreateContactInput{Name: "Cora", Keyed: keyed("k")}))
			servicetest.Equal(t, "origin", *w.Since(o.Events[0].Seq - 1)[0].Origin, "k")
			o = w.OK(w.CreateContact(w.Context(), w.Manager, service.CreateContactInput{Name: "Cora"}))
			if o.Events[0].Origin != nil {
				t.Error("without a key there is an origin")
			}
		}},
		{"P6 of very many events the same first 100 are returned", func(t *testing.T, w *world) {
			zoe := w.Agent("Zoe")
			for range service.EventsReturned + 5 {
				w.Open(zoe)
			}
			in := service.DeactivateAgentInput{AgentID: *zoe.Agent, Keyed: keyed("k")}
			head := w.Head()
			was := w.OK(w.DeactivateAgent(w.Context(), w.Manager, in))
			servicetest.Equal(t, "events in the log", w.Head()-head, service.EventsReturned+6)
			again := w.OK(w.DeactivateAgent(w.Context(), w.Manager, in))
			servicetest.Lines(t, eventIDs(again.Events), eventIDs(was.Events)...)
			servicetest.Equal(t, "events", len(again.Events), service.EventsReturned)
		}},
	})
}

func eventIDs(events []*db.Event) (ids []string) {
	for _, e := range events {
		ids = append(ids, fmt.Sprint(e.Seq, " ", e.ID))
	}
	return ids
}

func testRepetition(t *testing.T, w *world) {
	for _, v := range verbs {
		x := w.ready(v)
		x.key = service.Text("key of " + v.name)
		caller := w.caller(v)
		was, err := v.in(w, caller, x)
		if err != nil || (len(was.Events) == 0) != unlogged[v.name] {
			t.Fatal(v.name, err)
		}
		w.Unchanged(v.name, func() {
			again := w.OK(v.in(w, caller, x))
			servicetest.Lines(t, eventIDs(again.Events), eventIDs(was.Events)...)
			servicetest.Lines(t, w.Story(again.Events), w.Story(was.Events)...)
			servicetest.Equal(t, v.name+": objects", objects(again), objects(was))
		})
	}
}

// objects returns the names of the objects in an outcome.
func objects(o *service.Outcome) string {
	var said []string
	if o.Conversation != nil {
		said = append(said, o.Conversation.ID.String())
	}
	if o.Contact != nil {
		said = append(said, o.Contact.ID.String(), o.Contact.Name)
	}
	if o.Run != nil {
		said = append(said, o.Run.ID.String(), string(o.Run.Status))
	}
	if o.Agent != nil {
		said = append(said, o.Agent.ID.String(), o.Agent.Name, string(o.Agent.Availability))
	}
	if o.Token != nil {
		said = append(said, o.Token.ID.String(), o.Token.Name)
	}
	if o.Workflow != nil {
		said = append(said, o.Workflow.ID.String(), o.Workflow.Name, fmt.Sprint(o.Workflow.Enabled))
	}
	if o.Workspace != nil {
		said = append(said, o.Workspace.ID.String(), o.Workspace.Name)
	}
	return strings.Join(said, " ")
}

func testKeyReused(t *testing.T, w *world) {
	ada, c := w.Agent("Ada"), w.Open()
	other := w.Open()
	in := service.UnassignConversationInput{ConversationID: w.Open(ada).ID, Keyed: keyed("k")}
	was := w.OK(w.UnassignConversation(w.Context(), ada, in))
	calls := map[string]func() (*service.Outcome, error){
		"another conversation": func() (*service.Outcome, error) {
			return w.UnassignConversation(w.Context(), ada, service.UnassignConversationInput{ConversationID: other.ID, Keyed: keyed("k")})
		},
		"another version": func() (*service.Outcome, error) {
			return w.UnassignConversation(w.Context(), ada, service.UnassignConversationInput{ConversationID: in.ConversationID, ExpectedVersion: new(1), Keyed: keyed("k")})
		},
		"another mutation with the same fields": func() (*service.Outcome, error) {
			return w.AssignToMe(w.Context(), ada, service.AssignToMeInput{ConversationID: in.ConversationID, Keyed: keyed("k")})
		},
		"another mutation": func() (*service.Outcome, error) {
			return w.CloseConversation(w.Context(), ada, service.CloseConversationInput{ConversationID: c.ID, Keyed: keyed("k")})
		},
	}
	for name, call := range calls {
		w.Unchanged(name, func() {
			_, err := call()
			servicetest.Refused(t, err, service.KeyReused)
		})
	}
	again := w.OK(w.UnassignConversation(w.Context(), ada, in))
	servicetest.Lines(t, eventIDs(again.Events), eventIDs(was.Events)...)
}

func testKeyLifetime(t *testing.T, w *world) {
	began := w.Clock
	in := service.CreateContactInput{Name: "Cora", Keyed: keyed("k")}
	was := w.OK(w.CreateContact(w.Context(), w.Manager, in))
	for _, row := range []struct {
		after time.Duration
		same  bool
	}{{24*time.Hour - time.Second, true}, {24*time.Hour + time.Second, false}, {25 * time.Hour, false}} {
		w.Clock = began.Add(row.after)
		again := w.OK(w.CreateContact(w.Context(), w.Manager, in))
		servicetest.Equal(t, fmt.Sprint("the same after ", row.after), again.Contact.ID == was.Contact.ID, row.same)
	}
	second := w.OK(w.CreateContact(w.Context(), w.Manager, in))
	w.Clock = began.Add(26 * time.Hour) // its lifetime begins again with its second use
	servicetest.Equal(t, "the second contact", w.OK(w.CreateContact(w.Context(), w.Manager, in)).Contact.ID, second.Contact.ID)

	keys := func() (n int) {
		if err := w.DB.QueryRowContext(w.Context(), "SELECT count(*) FROM idempotency_keys").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	ctx, cancel := context.WithCancel(w.Context())
	maintained := make(chan struct{})
	w.OK(w.CreateContact(w.Context(), w.Manager, service.CreateContactInput{Name: "Cora", Keyed: keyed("young")}))
	// This is a day after the second use of the first key.
	w.Clock = began.Add(24*time.Hour + 24*time.Hour + 2*time.Second)
	go func() { w.Maintain(ctx); close(maintained) }()
	for tick := time.NewTicker(time.Millisecond); keys() != 1; <-tick.C {
	}
	cancel()
	<-maintained
}

func testTwoAtOnce(t *testing.T, w *world) {
	for _, c := range []*db.Conversation{w.Open(), w.Closed()} {
		in := service.CloseConversationInput{ConversationID: c.ID, Keyed: keyed("key of " + c.ID.String())}
		head := w.Head()
		release := w.Locks("SELECT FROM contacts WHERE id = ? FOR UPDATE", c.ContactID)
		call := func() (*service.Outcome, error) { return w.CloseConversation(w.Context(), w.Manager, in) }
		first := servicetest.Begin(call)
		w.WaitBlocked(1)
		second := servicetest.Begin(call)
		w.WaitBlocked(2)
		release()
		a, errA := w.Await(first)
		b, errB := w.Await(second)
		servicetest.Equal(t, "answers", fmt.Sprint(errB), fmt.Sprint(errA))
		servicetest.Lines(t, eventIDs(b.Events), eventIDs(a.Events)...)
		servicetest.Equal(t, "events", w.Head()-head, db.Seq(len(a.Events)))
		servicetest.Equal(t, "events", len(a.Events), map[db.ConversationStatus]int{db.StatusOpen: 1, db.StatusClosed: 0}[c.Status])
	}
}
