package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchboard/db"
)

// What tests say about a world. Everything that sets one up goes through the verbs
// themselves and fails the test if it is refused.

// deadline is how long a test waits for what must happen.
const deadline = 30 * time.Second

// slow leaves a test out with -short, since it lasts for seconds.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out with -short: it lasts for seconds")
	}
}

// ctx ends with the test, or when the test has waited too long.
func (w *world) ctx() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), deadline)
	w.t.Cleanup(cancel)
	return ctx
}

// ok gives the outcome of a call that must be carried out.
func (w *world) ok(o *Outcome, err error) *Outcome {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// refused checks that a rule refused, by its code.
func refused(t *testing.T, err error, code RefusalCode) {
	t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Code != code {
		t.Errorf("%s was expected, but the answer is: %v", code, err)
	}
}

// failed checks that a call could not be carried out at all, by its code.
func failed(t *testing.T, err error, code ErrorCode) {
	t.Helper()
	if err == nil || Explain(err).Code != code {
		t.Errorf("%s was expected, but the answer is: %v", code, err)
	}
}

// equal compares what is found with what was expected.
func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v was expected, but it is %v", what, want, got)
	}
}

// lines compares texts line by line.
func lines(t *testing.T, got []string, want ...string) {
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

// agent adds an active agent who is online.
func (w *world) agent(name string) Actor {
	w.t.Helper()
	return w.agentAs(name, db.RoleAgent)
}

func (w *world) agentAs(name string, role db.Role) Actor {
	w.t.Helper()
	address := strings.ToLower(name) + "@acme.example"
	o := w.ok(w.CreateAgent(w.ctx(), w.manager, CreateAgentInput{Name: name, Email: address, Role: role}))
	actor := Actor{Workspace: w.manager.Workspace, Role: Role(role), Agent: &o.Agent.ID}
	w.ok(w.SetAvailability(w.ctx(), actor, SetAvailabilityInput{Availability: db.Online}))
	return actor
}

// program is a caller with an API token of its own.
func (w *world) program(role Role) Actor {
	return Actor{Workspace: w.manager.Workspace, Role: role, Token: db.TokenID{UUID: db.NewUUID()}}
}

func (w *world) deactivate(a Actor) *Outcome {
	w.t.Helper()
	return w.ok(w.DeactivateAgent(w.ctx(), w.manager, DeactivateAgentInput{AgentID: *a.Agent}))
}

func (w *world) reactivate(a Actor) *Outcome {
	w.t.Helper()
	return w.ok(w.ReactivateAgent(w.ctx(), w.manager, ReactivateAgentInput{AgentID: *a.Agent}))
}

// contact adds a contact without any conversation.
func (w *world) contact(name string) *db.Contact {
	w.t.Helper()
	return w.ok(w.CreateContact(w.ctx(), w.manager, CreateContactInput{Name: name})).Contact
}

// opens starts a conversation with a contact.
func (w *world) opens(c *db.Contact) *db.Conversation {
	w.t.Helper()
	return w.ok(w.OpenConversation(w.ctx(), w.manager, OpenConversationInput{ContactID: c.ID, Channel: "email"})).Conversation
}

// open is a new contact's open conversation, of the first owner if there is one.
func (w *world) open(owner ...Actor) *db.Conversation {
	w.t.Helper()
	c := w.opens(w.contact("Cora"))
	for _, a := range owner {
		c = w.assign(c, a).Conversation
	}
	return c
}

// closed is a new contact's closed conversation.
func (w *world) closed(owner ...Actor) *db.Conversation {
	w.t.Helper()
	return w.closes(w.open(owner...)).Conversation
}

// older is a closed conversation whose contact has a newer one, which is open.
func (w *world) older(owner ...Actor) (older, newer *db.Conversation) {
	w.t.Helper()
	older = w.closed(owner...)
	newer = w.ok(w.OpenConversation(w.ctx(), w.manager, OpenConversationInput{ContactID: older.ContactID, Channel: "email"})).Conversation
	return w.read(older), newer
}

func (w *world) assign(c *db.Conversation, to Actor) *Outcome {
	w.t.Helper()
	return w.ok(w.AssignConversation(w.ctx(), w.manager, AssignConversationInput{ConversationID: c.ID, AssigneeID: *to.Agent}))
}

func (w *world) unassign(c *db.Conversation) *Outcome {
	w.t.Helper()
	return w.ok(w.UnassignConversation(w.ctx(), w.manager, UnassignConversationInput{ConversationID: c.ID}))
}

func (w *world) closes(c *db.Conversation) *Outcome {
	w.t.Helper()
	return w.ok(w.CloseConversation(w.ctx(), w.manager, CloseConversationInput{ConversationID: c.ID}))
}

func (w *world) reopens(c *db.Conversation) *Outcome {
	w.t.Helper()
	return w.ok(w.ReopenConversation(w.ctx(), w.manager, ReopenConversationInput{ConversationID: c.ID}))
}

func (w *world) block(c *db.Conversation) *Outcome {
	w.t.Helper()
	return w.ok(w.BlockContact(w.ctx(), w.manager, BlockContactInput{ContactID: c.ContactID}))
}

func (w *world) unblock(c *db.Conversation) *Outcome {
	w.t.Helper()
	return w.ok(w.UnblockContact(w.ctx(), w.manager, UnblockContactInput{ContactID: c.ContactID}))
}

// read gives a conversation as it now is.
func (w *world) read(c *db.Conversation) *db.Conversation {
	w.t.Helper()
	rows, err := w.ConversationsByID(w.ctx(), w.manager, []db.ConversationID{c.ID})
	if err != nil || len(rows) != 1 {
		w.t.Fatal(len(rows), err)
	}
	return rows[0]
}

// readContact gives a contact as it now is.
func (w *world) readContact(id db.ContactID) *db.Contact {
	w.t.Helper()
	rows, err := w.ContactsByID(w.ctx(), w.manager, []db.ContactID{id})
	if err != nil || len(rows) != 1 {
		w.t.Fatal(len(rows), err)
	}
	return rows[0]
}

// head gives the number of the last event of the log.
func (w *world) head() db.Seq {
	w.t.Helper()
	asOf, err := w.AsOf(w.ctx(), w.manager)
	if err != nil {
		w.t.Fatal(err)
	}
	return asOf.Seq
}

// since reads the log from after a number on.
func (w *world) since(seq db.Seq) []*db.Event {
	w.t.Helper()
	events, err := w.DB.ForWorkspace(w.manager.Workspace).EventsAfter(w.ctx(), seq, 10_000)
	if err != nil {
		w.t.Fatal(err)
	}
	return events
}

// unchanged checks that a call leaves the log as it is.
func (w *world) unchanged(what string, call func()) {
	w.t.Helper()
	before := w.head()
	call()
	equal(w.t, what+": events", w.head()-before, 0)
}

// nobody is the owner of what is unassigned.
const nobody = "nobody"

// named gives the name of an agent.
func (w *world) named(id *db.AgentID) string {
	w.t.Helper()
	if id == nil {
		return nobody
	}
	rows, err := w.AgentsByID(w.ctx(), w.manager, []db.AgentID{*id})
	if err != nil || len(rows) != 1 {
		w.t.Fatal(len(rows), err)
	}
	return rows[0].Name
}

// owner gives the name of whom a conversation is now assigned to; its contact's if it is the latest.
func (w *world) owner(c *db.Conversation) string {
	w.t.Helper()
	c = w.read(c)
	if contact := w.readContact(c.ContactID); c.Latest && !SameAgent(contact.AssigneeID, c.AssigneeID) {
		w.t.Errorf("the contact is %s's, but its latest conversation is %s's", w.named(contact.AssigneeID), w.named(c.AssigneeID))
	}
	return w.named(c.AssigneeID)
}

// told says in one line what an event says: "TYPE from->to REASON by actor v2->v3".
func (w *world) told(e *db.Event) string {
	w.t.Helper()
	parts := []string{string(e.Type)}
	if e.Data.Reason != "" {
		parts = append(parts, w.named(e.Before.Assignee)+"->"+w.named(e.After.Assignee), string(e.Data.Reason))
	}
	if e.Data.Source != "" {
		parts = append(parts, string(e.Data.Source))
	}
	actor := "the system"
	switch e.Actor.Prefix {
	case db.AgentPrefix:
		actor = w.named(&db.AgentID{UUID: e.Actor.ID})
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
		parts = append(parts, cmp.Or(versionOf(e.Before), "new")+"->"+versionOf(e.After))
	}
	return strings.Join(parts, " ")
}

func versionOf(f *db.Facets) string {
	if f == nil {
		return ""
	}
	return fmt.Sprintf("v%d", f.Version)
}

// story tells events in order.
func (w *world) story(events []*db.Event) []string {
	w.t.Helper()
	told := []string{}
	for _, e := range events {
		told = append(told, w.told(e))
	}
	return told
}

// types gives the types of events in order.
func types(events []*db.Event) string {
	var names []string
	for _, e := range events {
		names = append(names, string(e.Type))
	}
	return strings.Join(names, " + ")
}

// locks holds rows in a transaction of its own until release is called.
func (w *world) locks(query string, args ...any) (release func()) {
	w.t.Helper()
	tx, err := w.DB.BeginTx(w.ctx(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = tx.Rollback() })
	if _, err := tx.ExecContext(w.ctx(), query, args...); err != nil {
		w.t.Fatal(err)
	}
	return func() { _ = tx.Rollback() }
}

// waitBlocked waits until this many transactions of the test's database wait for a lock.
func (w *world) waitBlocked(n int) {
	w.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ctx := w.ctx(); ; {
		var blocked int
		err := w.DB.QueryRowContext(ctx, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&blocked)
		if err != nil {
			w.t.Fatal(err)
		}
		if blocked == n {
			return
		}
		<-tick.C
	}
}

// answer is what a call came back with.
type answer struct {
	outcome *Outcome
	err     error
}

// begin makes a call without waiting for its answer.
func begin(call func() (*Outcome, error)) <-chan answer {
	answers := make(chan answer, 1)
	go func() {
		o, err := call()
		answers <- answer{o, err}
	}()
	return answers
}

// await waits for the answer of a call that was begun.
func (w *world) await(answers <-chan answer) (*Outcome, error) {
	w.t.Helper()
	select {
	case a := <-answers:
		return a.outcome, a.err
	case <-w.ctx().Done():
		w.t.Fatal("the call never ended")
		return nil, nil
	}
}
