package service_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/service"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

// lined is a server whose connections to the world's database go through a line.
type lined struct {
	*world
	line *dbtest.Line
}

// newLined returns a world with two servers: its own, and the one whose mutations the test watches.
// That one has a single connection unless the options say otherwise.
func newLined(t *testing.T, o db.Options) (*world, *lined) {
	t.Helper()
	url := dbtest.New(t, servicetest.Migrate)
	w := newWorldOn(t, url, db.Options{MaxConns: 8})
	line := dbtest.NewLine(t)
	o.MaxConns, o.Dial = max(o.MaxConns, 1), line.Dial
	var d *db.DB
	eventually(t, "that the server is connected", func() bool { // a busy machine may exceed brief time-outs
		var err error
		d, err = db.Open(t.Context(), url, o)
		return err == nil
	})
	t.Cleanup(func() { _ = d.Close() })
	s := workflow.New(service.New(d, w.Feed, service.Options{Now: func() time.Time { return w.Clock }}))
	return w, &lined{&world{&servicetest.World{Service: s, T: t, Manager: w.Manager, Clock: w.Clock}}, line}
}

type mutation func() (*service.Outcome, error)

// company makes calls that go through the database together, in this order. They are begun when it
// returns; run lets them go.
func (w *world) company(calls ...mutation) (answers []<-chan servicetest.Answer, run func()) {
	w.T.Helper()
	run = w.Service.Service.Gather(w.Manager.Workspace)
	for i, call := range calls {
		answers = append(answers, servicetest.Begin(call))
		eventually(w.T, "that all calls wait", func() bool { return w.Waiting(w.Manager.Workspace) == i+1 })
	}
	return answers, run
}

// together makes calls in company and returns their answers.
func (w *world) together(calls ...mutation) []servicetest.Answer {
	w.T.Helper()
	begun, run := w.company(calls...)
	run()
	answers := make([]servicetest.Answer, len(begun))
	for i, answer := range begun {
		answers[i].Outcome, answers[i].Err = w.Await(answer)
	}
	return answers
}

// warm uses the connection, so that it is not probed before its next use.
func (l *lined) warm() {
	l.T.Helper()
	_, err := l.DB.ExecContext(l.T.Context(), "SELECT 1")
	servicetest.Fine(l.T, err)
	l.line.Writes()
}

// TestThreeRoundTrips: a mutation is three round trips, and so is a company of any size and of any
// verbs.
func TestThreeRoundTrips(t *testing.T) {
	t.Parallel()
	w, l := newLined(t, db.Options{})
	ada, program := w.Agent("Ada"), w.Program(service.RoleIntegration)
	number := 0
	key := func() service.Keyed { number++; return keyed(fmt.Sprint("key ", number)) }
	verbs := map[string]func() mutation{
		"assign": func() mutation {
			in := service.AssignConversationInput{ConversationID: w.Open().ID, AssigneeID: *ada.Agent, Keyed: key()}
			return func() (*service.Outcome, error) { return l.AssignConversation(l.Context(), w.Manager, in) }
		},
		"close": func() mutation {
			note := &service.ClosingNoteInput{Category: new("Question"), Text: new("Answered in full")}
			in := service.CloseConversationInput{ConversationID: w.Open(ada).ID, Note: note, Keyed: key()}
			return func() (*service.Outcome, error) { return l.CloseConversation(l.Context(), ada, in) }
		},
		"reopen": func() mutation {
			in := service.ReopenConversationInput{ConversationID: w.Closed(ada).ID}
			return func() (*service.Outcome, error) { return l.ReopenConversation(l.Context(), ada, in) }
		},
		"open": func() mutation {
			in := service.OpenConversationInput{ContactID: w.Closed(ada).ContactID, Channel: "email", Keyed: key()}
			return func() (*service.Outcome, error) { return l.OpenConversation(l.Context(), ada, in) }
		},
		"reply": func() mutation {
			c := w.OK(w.ReceiveMessage(w.Context(), program, service.ReceiveMessageInput{
				Contact: &service.SenderInput{Channel: "chat", ExternalID: fmt.Sprint("contact ", number)}, Body: "Hello?"})).Conversation
			in := service.SendMessageInput{ConversationID: c.ID, Body: "Hello!", OnlyIfLastMessageID: c.LastMessageID, Channel: new("chat"), Keyed: key()}
			return func() (*service.Outcome, error) { return l.SendMessage(l.Context(), ada, in) }
		},
		"receive": func() mutation {
			in := service.ReceiveMessageInput{Contact: w.knownSender(program, number), Body: "Hello?", ExternalMessageID: key().IdempotencyKey, Keyed: key()}
			return func() (*service.Outcome, error) { return l.ReceiveMessage(l.Context(), program, in) }
		},
		"record": func() mutation {
			contact := w.Closed(ada).ContactID
			in := service.RecordBusinessEventInput{ContactID: &contact, Type: "order.placed", RequiresAction: true, ExternalEventID: key().IdempotencyKey, Keyed: key()}
			return func() (*service.Outcome, error) { return l.RecordBusinessEvent(l.Context(), program, in) }
		},
		"bulk": func() mutation {
			in := service.AssignConversationsInput{Items: items(w.Open(), w.Closed()), AssigneeID: *ada.Agent, Keyed: key()}
			return func() (*service.Outcome, error) { return l.AssignConversations(l.Context(), ada, in) }
		},
		"refused": func() mutation {
			in := service.CloseConversationInput{ConversationID: w.Closed().ID, Keyed: key()}
			return func() (*service.Outcome, error) {
				o, err := l.CloseConversation(l.Context(), ada, in)
				servicetest.Refused(t, err, service.AlreadyClosed)
				return o, nil
			}
		},
	}
	alone := func(name string) {
		call := verbs[name]()
		l.warm()
		l.OK(call())
	}
	for name := range verbs {
		alone(name) // which prepares its statements
	}
	for name := range verbs {
		alone(name)
		servicetest.Equal(t, name+": round trips", l.line.Writes(), 3)
	}
	var all []mutation
	for range 7 {
		for _, verb := range verbs {
			all = append(all, verb())
		}
	}
	all = all[:50] // bulks count double
	answers, run := l.company(all...)
	l.warm()
	run()
	for _, answer := range answers {
		l.OK(l.Await(answer))
	}
	servicetest.Equal(t, "round trips of a company", l.line.Writes(), 3)
	w.CheckWorkspace()
}

// knownSender returns a sender whose contact is known and complete.
func (w *world) knownSender(program service.Actor, number int) *service.SenderInput {
	w.T.Helper()
	sender := &service.SenderInput{Channel: "chat", ExternalID: fmt.Sprint("sender ", number), Name: service.Text("Cora")}
	w.OK(w.ReceiveMessage(w.Context(), program, service.ReceiveMessageInput{Contact: sender, Body: "Hello!"}))
	return sender
}

// TestCompanyReceives: messages and business events share a transaction with other mutations. Those
// that create or fill a contact, or repeat an external id, are carried out alone.
func TestCompanyReceives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, program := w.Agent("Ada"), w.Program(service.RoleIntegration)
	known, stranger := w.knownSender(program, 1), &service.SenderInput{Channel: "chat", ExternalID: "stranger"}
	filling := *known
	filling.Email = service.Text("cora@customer.example")
	contact := w.Contact("Eve").ID
	receive := func(from *service.SenderInput, id string) mutation {
		in := service.ReceiveMessageInput{Contact: from, Body: "Hello?", ExternalMessageID: &id}
		return func() (*service.Outcome, error) { return w.ReceiveMessage(w.Context(), program, in) }
	}
	record := func(id, kind string) mutation {
		in := service.RecordBusinessEventInput{ContactID: &contact, Type: kind, RequiresAction: true, ExternalEventID: &id}
		return func() (*service.Outcome, error) { return w.RecordBusinessEvent(w.Context(), program, in) }
	}
	head := w.Head()
	answers := w.together(
		receive(known, "1"), receive(known, "2"), receive(known, "1"), receive(&filling, "3"), receive(stranger, "1"),
		record("1", "order.placed"), record("1", "order.paid"), record("2", "order.placed"),
		func() (*service.Outcome, error) {
			return w.AssignContact(w.Context(), ada, service.AssignContactInput{ContactID: contact, AssigneeID: *ada.Agent})
		})
	for _, a := range answers {
		servicetest.Fine(t, a.Err)
	}
	first, repeated := answers[0].Outcome, answers[2].Outcome
	servicetest.Lines(t, eventIDs(repeated.Events), eventIDs(first.Events)...)
	servicetest.Equal(t, "of a known contact", servicetest.Types(first.Events), "MESSAGE_RECEIVED")
	servicetest.Equal(t, "by", first.Events[0].Actor, first.Contact.ID.Ref())
	servicetest.Equal(t, "via", first.Events[0].Via, program.Ref())
	servicetest.Equal(t, "of one that is filled", servicetest.Types(answers[3].Outcome.Events), "CONTACT_UPDATED + MESSAGE_RECEIVED")
	servicetest.Equal(t, "of a stranger", servicetest.Types(answers[4].Outcome.Events), "CONTACT_CREATED + MESSAGE_RECEIVED + CONVERSATION_OPENED")
	servicetest.Equal(t, "the first event", servicetest.Types(answers[5].Outcome.Events), "BUSINESS_EVENT_RECORDED + CONVERSATION_OPENED")
	servicetest.Equal(t, "the last event", servicetest.Types(answers[7].Outcome.Events), "BUSINESS_EVENT_RECORDED")
	servicetest.Equal(t, "events", w.Head()-head, 1+1+2+3+2+1+1+1)
	for n, call := range []mutation{receive(known, "1"), receive(known, "2"), record("1", "order.placed"), record("1", "order.paid")} {
		w.Unchanged(fmt.Sprint("repetition ", n), func() { w.OK(call()) })
	}
	w.CheckWorkspace()
}

// TestCompanySees: verbs run in the order of arrival and see what those before them did. What one
// refuses leaves nothing for the next.
func TestCompanySees(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, ben, c := w.Agent("Ada"), w.Agent("Ben"), w.Open()
	program := w.Program(service.RoleIntegration)
	w.OK(w.ReceiveMessage(w.Context(), program, service.ReceiveMessageInput{ContactID: &c.ContactID, Channel: new("email"), Body: "Hello?"}))
	waiting := w.Read(c).WaitingSince
	version := w.Read(c).Version
	take := func(me service.Actor) mutation {
		return func() (*service.Outcome, error) {
			return w.AssignToMe(w.Context(), me, service.AssignToMeInput{ConversationID: c.ID})
		}
	}
	stale := service.CloseConversationInput{ConversationID: c.ID, ExpectedVersion: &version}
	answers := w.together(
		take(ada), take(ben),
		func() (*service.Outcome, error) { return w.CloseConversation(w.Context(), ada, stale) },
		func() (*service.Outcome, error) { return w.Does(w.Context(), ada, c.ID, breaks) },
		func() (*service.Outcome, error) { return w.Does(w.Context(), ada, c.ID, refuses) },
		func() (*service.Outcome, error) {
			return w.CloseConversation(w.Context(), ada, service.CloseConversationInput{ConversationID: c.ID})
		},
		func() (*service.Outcome, error) {
			return w.ReopenConversation(w.Context(), ben, service.ReopenConversationInput{ConversationID: c.ID})
		},
	)
	servicetest.Equal(t, "who won", *answers[0].Outcome.Conversation.AssigneeID, *ada.Agent)
	servicetest.Refused(t, answers[1].Err, service.AlreadyAssigned)
	servicetest.Equal(t, "whom the loser was shown", *answers[1].Outcome.Conversation.AssigneeID, *ada.Agent)
	servicetest.Refused(t, answers[2].Err, service.Conflict)
	servicetest.Equal(t, "the version in the refusal", answers[2].Outcome.Conversation.Version, version+1)
	servicetest.Failed(t, answers[3].Err, service.Internal)
	servicetest.Refused(t, answers[4].Err, service.NotOpen)
	servicetest.Equal(t, "the state after a refusal", answers[4].Outcome.Conversation.Version, version+1)
	servicetest.Equal(t, "closed", answers[5].Outcome.Conversation.Version, version+2)
	servicetest.Equal(t, "reopened", answers[6].Outcome.Conversation.Version, version+3)
	servicetest.Equal(t, "waiting since", *w.Read(c).WaitingSince, *waiting) // S3, though the close was in the same company
	w.CheckWorkspace()
}

// breaks changes a thread and then panics.
func breaks(a *service.Act, t *service.Thread) (service.Changes, error) {
	t.Close(a.Recorder, nil)
	panic("broken")
}

// refuses changes a thread and then refuses.
func refuses(a *service.Act, t *service.Thread) (service.Changes, error) {
	t.Close(a.Recorder, nil)
	return nil, service.Refuse(service.NotOpen, "refused for a test")
}

// TestCompanyChanges: mutations that share a commit are several changes, each with its own events.
func TestCompanyChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.Agent("Ada")
	var calls []mutation
	for _, c := range []*db.Conversation{w.Open(), w.Open(ada), w.Open()} {
		in := service.SendMessageInput{ConversationID: c.ID, Body: "Hello!"}
		calls = append(calls, func() (*service.Outcome, error) { return w.SendMessage(w.Context(), ada, in) })
	}
	head := w.Head()
	for _, a := range w.together(calls...) {
		servicetest.Fine(t, a.Err)
	}
	var ends []string
	for _, e := range w.Since(head) {
		ends = append(ends, fmt.Sprint(e.Type, " of the change that ends with ", e.ChangeEnd()-head))
	}
	servicetest.Lines(t, ends,
		"MESSAGE_SENT of the change that ends with 2", "CONVERSATION_ASSIGNED of the change that ends with 2",
		"MESSAGE_SENT of the change that ends with 3",
		"MESSAGE_SENT of the change that ends with 5", "CONVERSATION_ASSIGNED of the change that ends with 5")
}

// TestCompanyAnswersAfterCommit: nobody is answered before the commit, not even with a refusal: it
// rests on what another one changed, which may be undone.
func TestCompanyAnswersAfterCommit(t *testing.T) {
	t.Parallel()
	w, l := newLined(t, db.Options{})
	ada, ben := w.Agent("Ada"), w.Agent("Ben")
	take := func(me service.Actor, c *db.Conversation) mutation {
		return func() (*service.Outcome, error) {
			return l.AssignToMe(l.Context(), me, service.AssignToMeInput{ConversationID: c.ID})
		}
	}
	l.OK(take(ada, w.Open())())
	c := w.Open()
	answers, run := l.company(take(ada, c), take(ben, c))
	l.warm()
	cut := l.line.CutAt(3, dbtest.HoldIt, false)
	ran := make(chan struct{})
	go func() { run(); close(ran) }()
	<-cut.Done()
	servicetest.Equal(t, "assigned before the commit", w.Read(c).AssigneeID, nil)
	for i, answer := range answers {
		select {
		case a := <-answer:
			t.Errorf("call %d was answered before the commit: %+v", i, a)
		default:
		}
	}
	cut.Release()
	<-ran
	won, err := l.Await(answers[0])
	servicetest.Fine(t, err)
	servicetest.Equal(t, "who won", *won.Conversation.AssigneeID, *ada.Agent)
	_, err = l.Await(answers[1])
	servicetest.Refused(t, err, service.AlreadyAssigned)
}

// TestReadAfterLock: what a verb reads of a thread is what there is once its contact is locked, not
// what there was before the wait.
func TestReadAfterLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, ben := w.Agent("Ada"), w.Agent("Ben")
	c := w.Open()
	w.Unlogged()
	other, err := w.DB.BeginTx(w.Context(), nil) // of another server
	servicetest.Fine(t, err)
	defer func() { _ = other.Rollback() }()
	_, err = other.ExecContext(w.Context(), "SELECT FROM contacts WHERE id = ? FOR UPDATE", c.ContactID)
	servicetest.Fine(t, err)
	taking := servicetest.Begin(func() (*service.Outcome, error) {
		return w.AssignToMe(w.Context(), ada, service.AssignToMeInput{ConversationID: c.ID})
	})
	w.WaitBlocked(1)
	for _, statement := range []string{
		"UPDATE contacts SET version = version + 1, assignee_id = ? WHERE id = ?",
		"UPDATE conversations SET version = version + 1, assignee_id = ? WHERE contact_id = ?",
	} {
		_, err = other.ExecContext(w.Context(), statement, *ben.Agent, c.ContactID)
		servicetest.Fine(t, err)
	}
	servicetest.Fine(t, other.Commit())
	o, err := w.Await(taking)
	servicetest.Refused(t, err, service.AlreadyAssigned)
	servicetest.Equal(t, "assignee", *o.Conversation.AssigneeID, *ben.Agent)
	servicetest.Equal(t, "versions", fmt.Sprint(o.Contact.Version, o.Conversation.Version), fmt.Sprint(c.Version+1, c.Version+1))
}

// TestCompanyWaitsForNobody: a mutation whose contact, agent or key is locked by another
// transaction waits alone, and its neighbours are answered.
func TestCompanyWaitsForNobody(t *testing.T) {
	t.Parallel()
	for name, lock := range map[string]string{
		"contact":     "SELECT FROM contacts WHERE name = 'Held' FOR UPDATE",
		"agent":       "SELECT FROM agents WHERE name = 'Ada' FOR UPDATE",
		"key":         "SELECT pg_advisory_xact_lock(?)",
		"external id": "SELECT pg_advisory_xact_lock(?)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			patient := db.Options{MaxConns: 8, LockTimeout: time.Minute, StatementTimeout: time.Minute}
			w := newWorldOn(t, dbtest.New(t, servicetest.Migrate), patient)
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			held, free := w.Opens(w.Contact("Held")), w.Open()
			in := service.AssignConversationInput{ConversationID: held.ID, AssigneeID: *ada.Agent, Keyed: keyed("k")}
			waits := func() (*service.Outcome, error) { return w.AssignConversation(w.Context(), w.Manager, in) }
			var args []any
			switch name {
			case "key":
				args = append(args, (&db.IdempotencyKey{Caller: w.Manager.Ref(), Key: "k"}).Lock(w.Manager.Workspace))
			case "external id":
				d := db.Delivery{Kind: db.MessageDelivery, SentChannel: "chat", ExternalID: "m1"}
				args = append(args, d.Lock(w.Manager.Workspace))
				in := service.ReceiveMessageInput{ContactID: &held.ContactID, Channel: new("Chat"), Body: "Hello?", ExternalMessageID: new("m1")}
				program := w.Program(service.RoleIntegration)
				waits = func() (*service.Outcome, error) { return w.ReceiveMessage(w.Context(), program, in) }
			}
			release := w.Locks(lock, args...)
			answers, run := w.company(
				waits,
				func() (*service.Outcome, error) {
					return w.AssignConversation(w.Context(), w.Manager, service.AssignConversationInput{ConversationID: free.ID, AssigneeID: *ben.Agent})
				})
			run()
			w.OK(w.Await(answers[1]))
			w.WaitBlocked(1)
			release()
			w.OK(w.Await(answers[0]))
			w.CheckWorkspace()
		})
	}
}

// TestCompanyKeys: of many calls with one key in one company one is carried out, and all are told
// the same (P6).
func TestCompanyKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, refused := w.Open(), w.Closed()
	var calls []mutation
	for range 20 {
		for _, id := range []db.ConversationID{c.ID, refused.ID} {
			in := service.CloseConversationInput{ConversationID: id, Keyed: keyed("key of " + id.String())}
			calls = append(calls, func() (*service.Outcome, error) { return w.CloseConversation(w.Context(), w.Manager, in) })
		}
	}
	head := w.Head()
	answers := w.together(calls...)
	servicetest.Equal(t, "events", w.Head()-head, 1)
	for i, a := range answers {
		first := answers[i%2]
		servicetest.Equal(t, "answer", fmt.Sprint(a.Err), fmt.Sprint(first.Err))
		servicetest.Lines(t, eventIDs(a.Outcome.Events), eventIDs(first.Outcome.Events)...)
	}
	servicetest.Refused(t, answers[1].Err, service.AlreadyClosed)
}

// TestCompanyLeft: a caller who leaves before the company begins is dropped; one who leaves later
// has been carried out.
func TestCompanyLeft(t *testing.T) {
	t.Parallel()
	w, l := newLined(t, db.Options{})
	leave := func(c *db.Conversation) (mutation, context.CancelFunc) {
		ctx, cancel := context.WithCancel(l.Context())
		in := service.CloseConversationInput{ConversationID: c.ID}
		return func() (*service.Outcome, error) { return l.CloseConversation(ctx, w.Manager, in) }, cancel
	}
	early, late, stays := w.Open(), w.Open(), w.Open()
	first, leavesEarly := leave(early)
	second, leavesLate := leave(late)
	third, done := leave(stays)
	defer done()
	answers, run := l.company(first, second, third)
	leavesEarly()
	_, err := l.Await(answers[0])
	servicetest.Failed(t, err, service.Unavailable)
	cut := l.line.CutAt(2, dbtest.HoldIt, false)
	ran := make(chan struct{})
	go func() { run(); close(ran) }()
	<-cut.Done()
	leavesLate()
	_, err = l.Await(answers[1])
	servicetest.Failed(t, err, service.Unavailable)
	cut.Release()
	<-ran
	l.OK(l.Await(answers[2]))
	for c, status := range map[*db.Conversation]db.ConversationStatus{early: db.StatusOpen, late: db.StatusClosed, stays: db.StatusClosed} {
		servicetest.Equal(t, "status", w.Read(c).Status, status)
	}
}

// TestSlowCompany: a company whose connection is silent does not hold up the next one for long.
func TestSlowCompany(t *testing.T) {
	t.Parallel()
	w, l := newLined(t, db.Options{MaxConns: 4, StatementTimeout: time.Minute})
	closing := func(c *db.Conversation) mutation {
		return func() (*service.Outcome, error) {
			return l.CloseConversation(l.Context(), w.Manager, service.CloseConversationInput{ConversationID: c.ID})
		}
	}
	slow, next := w.Open(), w.Open()
	l.warm()
	cut := l.line.CutAt(1, dbtest.HoldIt, false)
	began := time.Now()
	first := servicetest.Begin(closing(slow))
	<-cut.Done()
	l.OK(closing(next)())
	if took := time.Since(began); took >= service.CompanyTime {
		t.Errorf("the next company went after %v, when the slow one had ended", took)
	}
	cut.Release()
	l.OK(l.Await(first))
}

// TestCompanyBroken breaks the connection of a company at each of its round trips. What was
// acknowledged is in the log once, nothing is there twice, and the key tells which is which (P1,
// P6).
func TestCompanyBroken(t *testing.T) {
	servicetest.Slow(t)
	t.Parallel()
	for _, fault := range []dbtest.Fault{dbtest.ResetIt, dbtest.SilenceIt} {
		for trip := 1; trip <= 3; trip++ {
			for _, answer := range []bool{false, true} {
				name := fmt.Sprintf("%s round trip %d, answer %t", map[dbtest.Fault]string{dbtest.ResetIt: "reset", dbtest.SilenceIt: "silent"}[fault], trip, answer)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					breakCompany(t, trip, fault, answer)
				})
			}
		}
	}
}

func breakCompany(t *testing.T, trip int, fault dbtest.Fault, answer bool) {
	w, l := newLined(t, db.Options{StatementTimeout: 3 * time.Second, Grace: time.Second, IdleTimeout: time.Second})
	ada, ben := w.Agent("Ada"), w.Agent("Ben")
	take := func(me service.Actor, c *db.Conversation, key *string) mutation {
		in := service.AssignToMeInput{ConversationID: c.ID, Keyed: service.Keyed{IdempotencyKey: key}}
		return func() (*service.Outcome, error) { return l.AssignToMe(l.Context(), me, in) }
	}
	program := w.Program(service.RoleIntegration)
	receives := func(c *db.Conversation) mutation {
		in := service.ReceiveMessageInput{ContactID: &c.ContactID, Channel: new("chat"), Body: "Hello?", ExternalMessageID: new("of " + c.ID.String())}
		return func() (*service.Outcome, error) { return l.ReceiveMessage(l.Context(), program, in) }
	}
	warm := w.Open()
	l.OK(take(ada, warm, new("warm"))())
	l.OK(receives(warm)())
	plain, contended, withKey, withID := w.Open(), w.Open(), w.Open(), w.Open()
	head := w.Head()
	answers, run := l.company(take(ada, plain, nil), take(ada, contended, new("first")), take(ben, contended, new("second")),
		take(ben, withKey, new("k")), receives(withID))
	l.warm()
	cut := l.line.CutAt(trip, fault, answer)
	run()
	<-cut.Done()
	var got []servicetest.Answer
	for _, a := range answers {
		o, err := l.Await(a)
		got = append(got, servicetest.Answer{Outcome: o, Err: err})
	}
	committing, committed := trip == 3, trip == 3 && answer
	if committing {
		servicetest.Failed(t, got[0].Err, service.Unavailable) // nothing tells
	} else {
		servicetest.Fine(t, got[0].Err)
	}
	winner, loser := got[1], got[2]
	if winner.Err != nil { // alone, the other one may come first
		winner, loser = loser, winner
	}
	servicetest.Fine(t, winner.Err)
	servicetest.Refused(t, loser.Err, service.AlreadyAssigned)
	servicetest.Equal(t, "the winner as the loser was told", *loser.Outcome.Conversation.AssigneeID, *winner.Outcome.Conversation.AssigneeID)
	servicetest.Fine(t, got[3].Err)
	servicetest.Fine(t, got[4].Err)

	again := []mutation{take(ada, contended, new("first")), take(ben, contended, new("second")), take(ben, withKey, new("k")), receives(withID)}
	for i, call := range again {
		o, err := call()
		servicetest.Equal(t, "answer", fmt.Sprint(err), fmt.Sprint(got[i+1].Err))
		servicetest.Lines(t, eventIDs(o.Events), eventIDs(got[i+1].Outcome.Events)...)
	}
	events := w.Since(head)
	for c, want := range map[*db.Conversation]int{plain: 1, contended: 1, withKey: 1, withID: 1} {
		n := 0
		for _, e := range events {
			if *e.ConversationID == c.ID {
				n++
			}
		}
		if c == plain && committing && !committed {
			want = 0
		}
		servicetest.Equal(t, "events of a conversation", n, want)
	}
	w.CheckWorkspace()
}

// TestCompanyRolledBack: if PostgreSQL refuses what one mutation writes, the others are carried
// out.
func TestCompanyRolledBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bad, good := w.Open(), w.Open()
	answers := w.together(
		func() (*service.Outcome, error) {
			return w.Does(w.Context(), w.Manager, bad.ID, func(a *service.Act, t *service.Thread) (service.Changes, error) {
				e := t.Close(a.Recorder, nil)
				t.Latest.ClosedAt = nil // which a constraint forbids
				return service.Changes{e}, nil
			})
		},
		func() (*service.Outcome, error) {
			return w.CloseConversation(w.Context(), w.Manager, service.CloseConversationInput{ConversationID: good.ID})
		})
	servicetest.Failed(t, answers[0].Err, service.Internal)
	servicetest.Fine(t, answers[1].Err)
	servicetest.Equal(t, "the bad one", w.Read(bad).Status, db.StatusOpen)
	w.CheckWorkspace()
}

// TestTwoServersTake is rule A3 on two servers with one workspace: 64 callers of each take the same
// conversations. Each goes to one of them, everybody else is told who has it, and the order of the
// log is that of the versions.
func TestTwoServersTake(t *testing.T) {
	servicetest.Slow(t)
	t.Parallel()
	const callers, conversations = 64, 40
	url := dbtest.New(t, servicetest.Migrate)
	w := newWorldOn(t, url, db.Options{MaxConns: 8})
	second := w.another(url)
	open := make([]*db.Conversation, conversations)
	for i := range open {
		open[i] = w.Open()
	}
	agents := make([]service.Actor, 2*callers)
	for i := range agents {
		agents[i] = w.Agent(fmt.Sprint("Agent", i))
	}
	for _, server := range []*world{w, second} { // which prepares the statements
		server.OK(server.AssignToMe(w.Context(), agents[0], service.AssignToMeInput{ConversationID: w.Open().ID}))
	}
	head := w.Head()
	type told struct {
		me     db.AgentID
		won    bool
		winner db.AgentID
	}
	results := make(chan []told, len(agents))
	for i, me := range agents {
		server := []*world{w, second}[i%2]
		go func() {
			var mine []told
			for _, n := range rand.Perm(conversations) {
				o, err := server.AssignToMe(server.Context(), me, service.AssignToMeInput{ConversationID: open[n].ID})
				var refusal *service.Refusal
				if err != nil && (!errors.As(err, &refusal) || refusal.Code != service.AlreadyAssigned) {
					t.Error(err)
					continue
				}
				mine = append(mine, told{*me.Agent, err == nil, *o.Conversation.AssigneeID})
			}
			results <- mine
		}()
	}
	var all []told
	for range agents {
		all = append(all, <-results...)
	}
	won := 0
	for _, r := range all {
		if r.won {
			won++
			servicetest.Equal(t, "winner", r.winner, r.me)
		}
	}
	servicetest.Equal(t, "winners", won, conversations)
	servicetest.Equal(t, "answers", len(all), 2*callers*conversations)
	assigned := 0
	for _, e := range w.Since(head) {
		if e.Type == db.ConversationAssigned {
			assigned++
			i := slices.IndexFunc(open, func(c *db.Conversation) bool { return c.ID == *e.ConversationID })
			servicetest.Equal(t, "assignee in the log", *e.After.Assignee, *w.Read(open[i]).AssigneeID)
		}
	}
	servicetest.Equal(t, "assignments", assigned, conversations)
	w.CheckWorkspace()
}

// another returns another server on the world's database.
func (w *world) another(url string) *world {
	w.T.Helper()
	d, err := db.Open(w.T.Context(), url, db.Options{MaxConns: 8})
	servicetest.Fine(w.T, err)
	w.T.Cleanup(func() { _ = d.Close() })
	s := workflow.New(service.New(d, w.Feed, service.Options{Now: func() time.Time { return w.Clock }}))
	return &world{&servicetest.World{Service: s, T: w.T, Manager: w.Manager, Clock: w.Clock}}
}
