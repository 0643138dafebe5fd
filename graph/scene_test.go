package graph_test

import (
	"context"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/workflow"
)

// Helpers that change a workspace. Each fails the test if a change is refused.

// did returns the outcome of a verb that has to succeed.
func did(t *testing.T) func(*service.Outcome, error) *service.Outcome {
	return func(o *service.Outcome, err error) *service.Outcome {
		t.Helper()
		must(t, err)
		return o
	}
}

func (w *world) contact(by *person, name string) *db.Contact {
	w.t.Helper()
	return did(w.t)(w.service.CreateContact(w.t.Context(), by.Actor, service.CreateContactInput{
		Name: name, Email: new("ada@customer.example"), Phone: new("+420 555 123"),
		Identities: []*service.ContactIdentityInput{{Channel: "twitter", ExternalID: "@" + name}},
	})).Contact
}

func (w *world) open(by *person, c *db.Contact) *db.Conversation {
	w.t.Helper()
	return did(w.t)(w.service.OpenConversation(w.t.Context(), by.Actor, service.OpenConversationInput{ContactID: c.ID, Channel: "twitter"})).Conversation
}

// opened creates a contact with an open conversation.
func (w *world) opened(by *person, name string) (*db.Contact, *db.Conversation) {
	w.t.Helper()
	c := w.contact(by, name)
	return c, w.open(by, c)
}

func (w *world) close(by *person, c *db.Conversation) {
	w.t.Helper()
	note := &service.ClosingNoteInput{Category: new("Question"), Text: new("Answered for good")}
	did(w.t)(w.service.CloseConversation(w.t.Context(), by.Actor, service.CloseConversationInput{ConversationID: c.ID, Note: note}))
}

func (w *world) reopen(by *person, c *db.Conversation) {
	w.t.Helper()
	did(w.t)(w.service.ReopenConversation(w.t.Context(), by.Actor, service.ReopenConversationInput{ConversationID: c.ID}))
}

// twice creates a contact with a closed conversation and a later open one.
func (w *world) twice(by *person, name string) (contact *db.Contact, older, latest *db.Conversation) {
	w.t.Helper()
	contact, older = w.opened(by, name)
	w.close(by, older)
	latest = w.open(by, contact)
	return contact, older, latest
}

func (w *world) assign(by *person, c *db.Conversation, to *person) {
	w.t.Helper()
	did(w.t)(w.service.AssignConversation(w.t.Context(), by.Actor, service.AssignConversationInput{ConversationID: c.ID, AssigneeID: to.id}))
}

func (w *world) unassign(by *person, c *db.Conversation) {
	w.t.Helper()
	did(w.t)(w.service.UnassignConversation(w.t.Context(), by.Actor, service.UnassignConversationInput{ConversationID: c.ID}))
}

func (w *world) block(by *person, c db.ContactID) {
	w.t.Helper()
	did(w.t)(w.service.BlockContact(w.t.Context(), by.Actor, service.BlockContactInput{ContactID: c}))
}

func (w *world) unblock(by *person, c db.ContactID) {
	w.t.Helper()
	did(w.t)(w.service.UnblockContact(w.t.Context(), by.Actor, service.UnblockContactInput{ContactID: c}))
}

func (w *world) deactivate(who *person) {
	w.t.Helper()
	did(w.t)(w.service.DeactivateAgent(w.t.Context(), w.manager.Actor, service.DeactivateAgentInput{AgentID: who.id}))
}

// say records a message in a conversation.
func (w *world) say(c *db.Conversation, kind db.MessageKind, author db.ActorRef, body string) *db.Message {
	w.t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	m := &db.Message{
		ID: db.MessageID{UUID: db.NewUUID()}, ConversationID: &c.ID, ContactID: c.ContactID,
		Kind: kind, Author: author, Body: body, Channel: c.Channel, SentAt: &now, CreatedAt: now,
	}
	event := map[db.MessageKind]db.EventType{db.Inbound: db.MessageReceived, db.Outbound: db.MessageSent, db.Note: db.NoteAdded}[kind]
	must(w.t, w.db.Transact(w.t.Context(), c.WorkspaceID, func(tx db.Tx) error {
		rows, err := tx.Conversations(w.t.Context(), []db.ConversationID{c.ID})
		if err != nil {
			return err
		}
		before := rows[0].Facets()
		if rows[0].LastActivityAt, rows[0].LastMessageID = now, &m.ID; kind == db.Inbound && rows[0].WaitingSince == nil {
			rows[0].WaitingSince = &now
		}
		if kind == db.Inbound {
			rows[0].LastInboundAt = &now
		}
		if err := tx.InsertMessages(w.t.Context(), []*db.Message{m}); err != nil {
			return err
		}
		if err := tx.SaveConversations(w.t.Context(), rows); err != nil {
			return err
		}
		return tx.AppendEvents(w.t.Context(), []*db.Event{{
			ID: db.EventID{UUID: db.NewUUID()}, Type: event, ConversationID: &c.ID, ContactID: &c.ContactID, Actor: author,
			Before: before, After: rows[0].Facets(), Data: db.EventData{MessageID: &m.ID}, CreatedAt: now,
		}})
	}))
	return m
}

// record appends an event of any type about a conversation to the log without changing the
// conversation, and returns its position.
func (w *world) record(c *db.Conversation, kind db.EventType) db.EventCursor {
	w.t.Helper()
	e := &db.Event{
		ID: db.EventID{UUID: db.NewUUID()}, Type: kind, ConversationID: &c.ID, ContactID: &c.ContactID,
		Before: c.Facets(), After: c.Facets(), CreatedAt: time.Now(),
	}
	must(w.t, w.db.Transact(w.t.Context(), c.WorkspaceID, func(tx db.Tx) error {
		return tx.AppendEvents(w.t.Context(), []*db.Event{e})
	}))
	return e.Cursor()
}

// history returns the whole log of a workspace.
func (w *world) history(key db.WorkspaceKey) []*db.Event {
	w.t.Helper()
	events, err := w.db.ForWorkspace(key).EventsAfter(w.t.Context(), 0, 10_000)
	must(w.t, err)
	return events
}

// workflow creates an enabled workflow from a template; more is added to the input.
func (w *world) workflow(template string, more vars) db.WorkflowID {
	w.t.Helper()
	in := workflow.CreateWorkflowFromTemplateInput{TemplateKey: template}
	if agents, ok := more["agents"].([]any); ok {
		for _, id := range agents {
			in.Agents = append(in.Agents, id.(db.AgentID))
		}
	}
	if capacity, ok := more["capacity"].(int); ok {
		in.Capacity = &capacity
	}
	return did(w.t)(w.service.CreateWorkflowFromTemplate(w.t.Context(), w.manager.Actor, in)).Workflow.ID
}

// works runs workflows until stop is called or the test ends.
func (w *world) works() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.service.RunWorkflows(ctx); close(done) }()
	stop = func() { cancel(); <-done }
	w.t.Cleanup(stop)
	return stop
}

// settle runs workflows until nothing is left to do.
func (w *world) settle() {
	w.t.Helper()
	defer w.works()()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		var left int
		must(w.t, w.db.NewRaw(`SELECT (SELECT count(*) FROM workflow_positions JOIN event_heads USING (workspace_id)
			WHERE workspace_id = ?0 AND (workflow_positions.seq < event_heads.seq OR freed > served))
			+ (SELECT count(*) FROM workflow_runs WHERE workspace_id = ?0 AND (due_at <= now() OR status = 'RUNNING'))`, w.key).Scan(w.t.Context(), &left))
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatal("workflows do not come to an end")
		}
	}
}
