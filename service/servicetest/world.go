package servicetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
)

// What tests say about a world. Everything that sets one up goes through the verbs
// themselves and fails the test if it is refused.

// Slow leaves a test out with -short, since it lasts for seconds.
func Slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out with -short: it lasts for seconds")
	}
}

// Context ends with the test, or when the test has waited too long.
func (w *World) Context() context.Context {
	ctx, cancel := context.WithTimeout(w.T.Context(), Patience)
	w.T.Cleanup(cancel)
	return ctx
}

// OK gives the outcome of a call that must be carried out.
func (w *World) OK(o *service.Outcome, err error) *service.Outcome {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
	return o
}

// Refused checks that a rule refused, by its code.
func Refused(t *testing.T, err error, code service.RefusalCode) {
	t.Helper()
	var refusal *service.Refusal
	if !errors.As(err, &refusal) || refusal.Code != code {
		t.Errorf("%s was expected, but the answer is: %v", code, err)
	}
}

// Failed checks that a call could not be carried out at all, by its code.
func Failed(t *testing.T, err error, code service.ErrorCode) {
	t.Helper()
	if err == nil || service.Explain(err).Code != code {
		t.Errorf("%s was expected, but the answer is: %v", code, err)
	}
}

// Equal compares what is found with what was expected.
func Equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v was expected, but it is %v", what, want, got)
	}
}

// Lines compares texts line by line.
func Lines(t *testing.T, got []string, want ...string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		var found, expected string
		if i < len(got) {
			found = got[i]
		}
		if i < len(want) {
			expected = want[i]
		}
		if found != expected {
			t.Errorf("line %d was expected to be\n\t%s\nbut is\n\t%s", i+1, expected, found)
		}
	}
}

// Agent adds an active agent who is online.
func (w *World) Agent(name string) service.Actor {
	w.T.Helper()
	return w.AgentAs(name, db.RoleAgent)
}

func (w *World) AgentAs(name string, role db.Role) service.Actor {
	w.T.Helper()
	address := strings.ToLower(name) + "@acme.example"
	o := w.OK(w.CreateAgent(w.Context(), w.Manager, service.CreateAgentInput{Name: name, Email: address, Role: role}))
	actor := service.Actor{Workspace: w.Manager.Workspace, Role: service.Role(role), Agent: &o.Agent.ID}
	w.OK(w.SetAvailability(w.Context(), actor, service.SetAvailabilityInput{Availability: db.Online}))
	return actor
}

// Program is a caller with an API token of its own.
func (w *World) Program(role service.Role) service.Actor {
	return service.Actor{Workspace: w.Manager.Workspace, Role: role, Token: db.TokenID{UUID: db.NewUUID()}}
}

func (w *World) Deactivate(a service.Actor) *service.Outcome {
	w.T.Helper()
	return w.OK(w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: *a.Agent}))
}

func (w *World) Reactivate(a service.Actor) *service.Outcome {
	w.T.Helper()
	return w.OK(w.ReactivateAgent(w.Context(), w.Manager, service.ReactivateAgentInput{AgentID: *a.Agent}))
}

// Contact adds a contact without any conversation.
func (w *World) Contact(name string) *db.Contact {
	w.T.Helper()
	return w.OK(w.CreateContact(w.Context(), w.Manager, service.CreateContactInput{Name: name})).Contact
}

// Opens starts a conversation with a contact.
func (w *World) Opens(c *db.Contact) *db.Conversation {
	w.T.Helper()
	return w.OK(w.OpenConversation(w.Context(), w.Manager, service.OpenConversationInput{ContactID: c.ID, Channel: "email"})).Conversation
}

// Open is a new contact's open conversation, of the first owner if there is one.
func (w *World) Open(owner ...service.Actor) *db.Conversation {
	w.T.Helper()
	c := w.Opens(w.Contact("Cora"))
	for _, a := range owner {
		c = w.Assign(c, a).Conversation
	}
	return c
}

// Closed is a new contact's closed conversation.
func (w *World) Closed(owner ...service.Actor) *db.Conversation {
	w.T.Helper()
	return w.Closes(w.Open(owner...)).Conversation
}

// Older is a closed conversation whose contact has a newer one, which is open.
func (w *World) Older(owner ...service.Actor) (older, newer *db.Conversation) {
	w.T.Helper()
	older = w.Closed(owner...)
	newer = w.OK(w.OpenConversation(w.Context(), w.Manager, service.OpenConversationInput{ContactID: older.ContactID, Channel: "email"})).Conversation
	return w.Read(older), newer
}

func (w *World) Assign(c *db.Conversation, to service.Actor) *service.Outcome {
	w.T.Helper()
	return w.OK(w.AssignConversation(w.Context(), w.Manager, service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *to.Agent}))
}

func (w *World) Unassign(c *db.Conversation) *service.Outcome {
	w.T.Helper()
	return w.OK(w.UnassignConversation(w.Context(), w.Manager, service.UnassignConversationInput{ConversationID: c.ID}))
}

func (w *World) Closes(c *db.Conversation) *service.Outcome {
	w.T.Helper()
	return w.OK(w.CloseConversation(w.Context(), w.Manager, service.CloseConversationInput{ConversationID: c.ID}))
}

func (w *World) Reopens(c *db.Conversation) *service.Outcome {
	w.T.Helper()
	return w.OK(w.ReopenConversation(w.Context(), w.Manager, service.ReopenConversationInput{ConversationID: c.ID}))
}

func (w *World) Block(c *db.Conversation) *service.Outcome {
	w.T.Helper()
	return w.OK(w.BlockContact(w.Context(), w.Manager, service.BlockContactInput{ContactID: c.ContactID}))
}

func (w *World) Unblock(c *db.Conversation) *service.Outcome {
	w.T.Helper()
	return w.OK(w.UnblockContact(w.Context(), w.Manager, service.UnblockContactInput{ContactID: c.ContactID}))
}

// Read gives a conversation as it now is.
func (w *World) Read(c *db.Conversation) *db.Conversation {
	w.T.Helper()
	rows, err := w.ConversationsByID(w.Context(), w.Manager, []db.ConversationID{c.ID})
	if err != nil || len(rows) != 1 {
		w.T.Fatal(len(rows), err)
	}
	return rows[0]
}

// ReadContact gives a contact as it now is.
func (w *World) ReadContact(id db.ContactID) *db.Contact {
	w.T.Helper()
	rows, err := w.ContactsByID(w.Context(), w.Manager, []db.ContactID{id})
	if err != nil || len(rows) != 1 {
		w.T.Fatal(len(rows), err)
	}
	return rows[0]
}

// Head gives the number of the last event of the log.
func (w *World) Head() db.Seq {
	w.T.Helper()
	asOf, err := w.AsOf(w.Context(), w.Manager)
	if err != nil {
		w.T.Fatal(err)
	}
	return asOf.Seq
}

// Since reads the log from after a number on.
func (w *World) Since(seq db.Seq) []*db.Event {
	w.T.Helper()
	events, err := w.DB.ForWorkspace(w.Manager.Workspace).EventsAfter(w.Context(), seq, 10_000)
	if err != nil {
		w.T.Fatal(err)
	}
	return events
}

// Unchanged checks that a call leaves the log as it is.
func (w *World) Unchanged(what string, call func()) {
	w.T.Helper()
	before := w.Head()
	call()
	Equal(w.T, what+": events", w.Head()-before, 0)
}

// Nobody is the owner of what is unassigned.
const Nobody = "nobody"

// Named gives the name of an agent.
func (w *World) Named(id *db.AgentID) string {
	w.T.Helper()
	if id == nil {
		return Nobody
	}
	rows, err := w.AgentsByID(w.Context(), w.Manager, []db.AgentID{*id})
	if err != nil || len(rows) != 1 {
		w.T.Fatal(len(rows), err)
	}
	return rows[0].Name
}

// Owner gives the name of whom a conversation is now assigned to; its contact's if it is the latest.
func (w *World) Owner(c *db.Conversation) string {
	w.T.Helper()
	c = w.Read(c)
	if contact := w.ReadContact(c.ContactID); c.Latest && !service.SameAgent(contact.AssigneeID, c.AssigneeID) {
		w.T.Errorf("the contact is %s's, but its latest conversation is %s's", w.Named(contact.AssigneeID), w.Named(c.AssigneeID))
	}
	return w.Named(c.AssigneeID)
}

// Told says in one line what an event says: "TYPE from->to REASON by actor v2->v3".
func (w *World) Told(e *db.Event) string {
	w.T.Helper()
	parts := []string{string(e.Type)}
	if e.Data.Reason != "" {
		parts = append(parts, w.Named(e.Before.Assignee)+"->"+w.Named(e.After.Assignee), string(e.Data.Reason))
	}
	if e.Data.Source != "" {
		parts = append(parts, string(e.Data.Source))
	}
	actor := "the system"
	switch e.Actor.Prefix {
	case db.AgentPrefix:
		actor = w.Named(&db.AgentID{UUID: e.Actor.ID})
	case db.TokenPrefix:
		actor = "a program"
	case db.ContactPrefix:
		actor = "the contact"
		if e.ContactID == nil || e.Actor != e.ContactID.Ref() || e.Via.Prefix != db.TokenPrefix {
			actor = "somebody else"
		}
	case db.WorkflowPrefix:
		actor = "a workflow"
	}
	parts = append(parts, "by "+actor)
	if e.After != nil {
		parts = append(parts, cmp.Or(VersionOf(e.Before), "new")+"->"+VersionOf(e.After))
	}
	return strings.Join(parts, " ")
}

func VersionOf(f *db.Facets) string {
	if f == nil {
		return ""
	}
	return fmt.Sprintf("v%d", f.Version)
}

// Story tells events in order.
func (w *World) Story(events []*db.Event) []string {
	w.T.Helper()
	told := []string{}
	for _, e := range events {
		told = append(told, w.Told(e))
	}
	return told
}

// Types gives the types of events in order.
func Types(events []*db.Event) string {
	var names []string
	for _, e := range events {
		names = append(names, string(e.Type))
	}
	return strings.Join(names, " + ")
}

// Locks holds rows in a transaction of its own until release is called.
func (w *World) Locks(query string, args ...any) (release func()) {
	w.T.Helper()
	tx, err := w.DB.BeginTx(w.Context(), nil)
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { _ = tx.Rollback() })
	if _, err := tx.ExecContext(w.Context(), query, args...); err != nil {
		w.T.Fatal(err)
	}
	return func() { _ = tx.Rollback() }
}

// WaitBlocked waits until this many transactions of the test's database wait for a lock.
func (w *World) WaitBlocked(n int) {
	w.T.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ctx := w.Context(); ; {
		var blocked int
		err := w.DB.QueryRowContext(ctx, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&blocked)
		if err != nil {
			w.T.Fatal(err)
		}
		if blocked == n {
			return
		}
		<-tick.C
	}
}

// Answer is what a call came back with.
type Answer struct {
	Outcome *service.Outcome
	Err     error
}

// Begin makes a call without waiting for its answer.
func Begin(call func() (*service.Outcome, error)) <-chan Answer {
	answers := make(chan Answer, 1)
	go func() {
		o, err := call()
		answers <- Answer{o, err}
	}()
	return answers
}

// Await waits for the answer of a call that was begun.
func (w *World) Await(answers <-chan Answer) (*service.Outcome, error) {
	w.T.Helper()
	select {
	case a := <-answers:
		return a.Outcome, a.Err
	case <-w.Context().Done():
		w.T.Fatal("the call never ended")
		return nil, nil
	}
}

// RefusalOf returns an error as the refusal that it is; nil for other errors.
func RefusalOf(err error) *service.Refusal {
	var refusal *service.Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	return nil
}
