package service

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchboard/db"
)

// keyed is the input of a mutation with an idempotency key.
func keyed(key string) Keyed { return Keyed{&key} }

func TestIdempotency(t *testing.T) {
	hold(t, []rule{
		{"P6 every verb repeated returns the same events and changes nothing", testRepetition},
		{"P6 the key is looked up before expectedVersion and rules; objects are read as they now are", func(t *testing.T, w *world) {
			c := w.open()
			in := CloseConversationInput{ConversationID: c.ID, ExpectedVersion: &c.Version, Keyed: keyed("k")}
			was := w.ok(w.CloseConversation(w.ctx(), w.manager, in))
			w.reopens(c)
			w.unchanged("repeated", func() {
				again := w.ok(w.CloseConversation(w.ctx(), w.manager, in))
				equal(t, "events", again.Events[0].ID, was.Events[0].ID)
				equal(t, "conversation", fmt.Sprint(again.Conversation.Status, " ", again.Conversation.Version), "OPEN 4")
				equal(t, "contact", again.Contact.Version, 4)
			})
			w.block(c)
			again := w.ok(w.CloseConversation(w.ctx(), w.manager, in))
			equal(t, "events", again.Events[0].ID, was.Events[0].ID)
		}},
		{"P6 a refusal is returned again, though it would be accepted now", func(t *testing.T, w *world) {
			c := w.closed()
			in := CloseConversationInput{ConversationID: c.ID, Keyed: keyed("k")}
			_, was := w.CloseConversation(w.ctx(), w.manager, in)
			refused(t, was, AlreadyClosed)
			w.reopens(c)
			w.unchanged("repeated", func() {
				o, err := w.CloseConversation(w.ctx(), w.manager, in)
				refused(t, err, AlreadyClosed)
				equal(t, "message", err.Error(), was.Error())
				equal(t, "conversation", o.Conversation.Status, db.StatusOpen)
			})
		}},
		{"P6 what changed nothing is remembered too", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.open()
			in := UnassignConversationInput{ConversationID: c.ID, Keyed: keyed("k")}
			w.ok(w.UnassignConversation(w.ctx(), ada, in))
			w.assign(c, ada)
			w.unchanged("repeated", func() { w.ok(w.UnassignConversation(w.ctx(), ada, in)) })
		}},
		{"P6 top-level errors are not remembered", func(t *testing.T, w *world) {
			ada, c := w.agent("Ada"), w.open()
			in := AssignToMeInput{ConversationID: c.ID, Keyed: keyed("k")}
			w.deactivate(ada)
			_, err := w.AssignToMe(w.ctx(), ada, in)
			failed(t, err, Forbidden)
			w.reactivate(ada)
			equal(t, "events", types(w.ok(w.AssignToMe(w.ctx(), ada, in)).Events), "CONVERSATION_ASSIGNED")
		}},
		{"P6 other input or another mutation: IDEMPOTENCY_KEY_REUSED", testKeyReused},
		{"P6 a key belongs to one caller", func(t *testing.T, w *world) {
			ada, ben := w.agent("Ada"), w.agent("Ben")
			other := w.program(RoleIntegration)
			in := UpdateContactInput{ContactID: w.contact("Cora").ID, Keyed: keyed("k")}
			for i, caller := range []Actor{ada, ben, w.program(RoleIntegration), other} {
				in.Name = Text(fmt.Sprint("Cora ", i))
				equal(t, "events", types(w.ok(w.UpdateContact(w.ctx(), caller, in)).Events), "CONTACT_UPDATED")
			}
			w.unchanged("repeated", func() { w.ok(w.UpdateContact(w.ctx(), other, in)) })
		}},
		{"P6 a key lasts 24 hours", testKeyLifetime},
		{"P6 two at once: the second waits for the first", testTwoAtOnce},
		{"P6 two at once: the second carries it out if the first fails", func(t *testing.T, w *world) {
			c := w.open()
			in := CloseConversationInput{ConversationID: c.ID, Keyed: keyed("k")}
			release := w.locks("SELECT FROM contacts FOR UPDATE")
			ctx, cancel := context.WithCancel(w.ctx())
			first := begin(func() (*Outcome, error) { return w.CloseConversation(ctx, w.manager, in) })
			w.waitBlocked(1)
			second := begin(func() (*Outcome, error) { return w.CloseConversation(w.ctx(), w.manager, in) })
			w.waitBlocked(2)
			cancel()
			_, err := w.await(first)
			failed(t, err, Unavailable)
			release()
			equal(t, "events", types(w.ok(w.await(second)).Events), "CONVERSATION_CLOSED")
		}},
		{"P6 a key is 1 to 100 characters", func(t *testing.T, w *world) {
			for key, ok := range map[string]bool{"": false, "k": true, strings.Repeat("ř", 100): true, strings.Repeat("k", 101): false, "a\x00": false, "\xff": false} {
				_, err := w.CreateContact(w.ctx(), w.manager, CreateContactInput{Name: "Cora", Keyed: keyed(key)})
				equal(t, fmt.Sprintf("%q is taken", key), err == nil, ok)
				if !ok {
					failed(t, err, BadInput)
				}
			}
		}},
		{"P6 events name the key as their origin", func(t *testing.T, w *world) {
			o := w.ok(w.CreateContact(w.ctx(), w.manager, CreateContactInput{Name: "Cora", Keyed: keyed("k")}))
			equal(t, "origin", *w.since(o.Events[0].Seq - 1)[0].Origin, "k")
			o = w.ok(w.CreateContact(w.ctx(), w.manager, CreateContactInput{Name: "Cora"}))
			if o.Events[0].Origin != nil {
				t.Error("without a key there is an origin")
			}
		}},
		{"P6 of very many events the same first 100 are returned", func(t *testing.T, w *world) {
			zoe := w.agent("Zoe")
			for range eventsReturned + 5 {
				w.open(zoe)
			}
			in := DeactivateAgentInput{AgentID: *zoe.Agent, Keyed: keyed("k")}
			head := w.head()
			was := w.ok(w.DeactivateAgent(w.ctx(), w.manager, in))
			equal(t, "events in the log", w.head()-head, eventsReturned+6)
			again := w.ok(w.DeactivateAgent(w.ctx(), w.manager, in))
			lines(t, eventIDs(again.Events), eventIDs(was.Events)...)
			equal(t, "events", len(again.Events), eventsReturned)
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
		x.key = Text("key of " + v.name)
		caller := w.caller(v)
		was, err := v.in(w, caller, x)
		if err != nil || (len(was.Events) == 0) != unlogged[v.name] {
			t.Fatal(v.name, err)
		}
		w.unchanged(v.name, func() {
			again := w.ok(v.in(w, caller, x))
			lines(t, eventIDs(again.Events), eventIDs(was.Events)...)
			lines(t, w.story(again.Events), w.story(was.Events)...)
			equal(t, v.name+": objects", objects(again), objects(was))
		})
	}
}

// objects says which objects an outcome holds.
func objects(o *Outcome) string {
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
	if o.Workflow != nil {
		said = append(said, o.Workflow.ID.String(), o.Workflow.Name, fmt.Sprint(o.Workflow.Enabled))
	}
	if o.Workspace != nil {
		said = append(said, o.Workspace.ID.String(), o.Workspace.Name)
	}
	return strings.Join(said, " ")
}

func testKeyReused(t *testing.T, w *world) {
	ada, c := w.agent("Ada"), w.open()
	other := w.open()
	in := UnassignConversationInput{ConversationID: w.open(ada).ID, Keyed: keyed("k")}
	was := w.ok(w.UnassignConversation(w.ctx(), ada, in))
	calls := map[string]func() (*Outcome, error){
		"another conversation": func() (*Outcome, error) {
			return w.UnassignConversation(w.ctx(), ada, UnassignConversationInput{ConversationID: other.ID, Keyed: keyed("k")})
		},
		"another version": func() (*Outcome, error) {
			return w.UnassignConversation(w.ctx(), ada, UnassignConversationInput{ConversationID: in.ConversationID, ExpectedVersion: new(1), Keyed: keyed("k")})
		},
		"another mutation with the same fields": func() (*Outcome, error) {
			return w.AssignToMe(w.ctx(), ada, AssignToMeInput{ConversationID: in.ConversationID, Keyed: keyed("k")})
		},
		"another mutation": func() (*Outcome, error) {
			return w.CloseConversation(w.ctx(), ada, CloseConversationInput{ConversationID: c.ID, Keyed: keyed("k")})
		},
	}
	for name, call := range calls {
		w.unchanged(name, func() {
			_, err := call()
			refused(t, err, KeyReused)
		})
	}
	again := w.ok(w.UnassignConversation(w.ctx(), ada, in))
	lines(t, eventIDs(again.Events), eventIDs(was.Events)...)
}

func testKeyLifetime(t *testing.T, w *world) {
	began := w.clock
	in := CreateContactInput{Name: "Cora", Keyed: keyed("k")}
	was := w.ok(w.CreateContact(w.ctx(), w.manager, in))
	for _, row := range []struct {
		after time.Duration
		same  bool
	}{{24*time.Hour - time.Second, true}, {24*time.Hour + time.Second, false}, {25 * time.Hour, false}} {
		w.clock = began.Add(row.after)
		again := w.ok(w.CreateContact(w.ctx(), w.manager, in))
		equal(t, fmt.Sprint("the same after ", row.after), again.Contact.ID == was.Contact.ID, row.same)
	}
	second := w.ok(w.CreateContact(w.ctx(), w.manager, in))
	w.clock = began.Add(26 * time.Hour) // it lives on from its second use
	equal(t, "the second contact", w.ok(w.CreateContact(w.ctx(), w.manager, in)).Contact.ID, second.Contact.ID)

	keys := func() (n int) {
		if err := w.DB.QueryRowContext(w.ctx(), "SELECT count(*) FROM idempotency_keys").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	ctx, cancel := context.WithCancel(w.ctx())
	maintained := make(chan struct{})
	w.ok(w.CreateContact(w.ctx(), w.manager, CreateContactInput{Name: "Cora", Keyed: keyed("young")}))
	w.clock = began.Add(24*time.Hour + 24*time.Hour + 2*time.Second) // a day after the first key's second use
	go func() { w.Maintain(ctx); close(maintained) }()
	for tick := time.NewTicker(time.Millisecond); keys() != 1; <-tick.C {
	}
	cancel()
	<-maintained
}

func testTwoAtOnce(t *testing.T, w *world) {
	for _, c := range []*db.Conversation{w.open(), w.closed()} {
		in := CloseConversationInput{ConversationID: c.ID, Keyed: keyed("key of " + c.ID.String())}
		head := w.head()
		release := w.locks("SELECT FROM contacts WHERE id = ? FOR UPDATE", c.ContactID)
		call := func() (*Outcome, error) { return w.CloseConversation(w.ctx(), w.manager, in) }
		first := begin(call)
		w.waitBlocked(1)
		second := begin(call)
		w.waitBlocked(2)
		release()
		a, errA := w.await(first)
		b, errB := w.await(second)
		equal(t, "answers", fmt.Sprint(errB), fmt.Sprint(errA))
		lines(t, eventIDs(b.Events), eventIDs(a.Events)...)
		equal(t, "events", w.head()-head, db.Seq(len(a.Events)))
		equal(t, "events", len(a.Events), map[db.ConversationStatus]int{db.StatusOpen: 1, db.StatusClosed: 0}[c.Status])
	}
}
