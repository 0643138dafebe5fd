package servicetest

import (
	"context"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"switchboard/db"
	"switchboard/service"
)

// Fine fails the test on an error.
func Fine(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Patience is how long a test waits for what must happen.
const Patience = 30 * time.Second

// Context returns a context that ends with the test, or after Patience.
func Context(t interface {
	Context() context.Context
	Cleanup(func())
}) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// NewAgents adds agents, who are offline.
func (w *World) NewAgents(names ...string) []service.Actor {
	w.T.Helper()
	actors := make([]service.Actor, len(names))
	for i, name := range names {
		in := service.CreateAgentInput{Name: name, Email: fmt.Sprintf("%d@agents.example", time.Now().UnixNano()), Role: db.RoleAgent}
		o, err := w.CreateAgent(w.T.Context(), w.Manager, in)
		Fine(w.T, err)
		actors[i] = service.Actor{Workspace: w.Manager.Workspace, Role: service.RoleAgent, Agent: &o.Agent.ID}
	}
	return actors
}

// NewContact adds a contact.
func (w *World) NewContact(in service.CreateContactInput) *db.Contact {
	w.T.Helper()
	o, err := w.CreateContact(w.T.Context(), w.Manager, in)
	Fine(w.T, err)
	return o.Contact
}

// NewOpen adds a contact and opens a conversation with it.
func (w *World) NewOpen(name string) *db.Conversation {
	w.T.Helper()
	contact := w.NewContact(service.CreateContactInput{Name: name})
	o, err := w.OpenConversation(w.T.Context(), w.Manager, service.OpenConversationInput{ContactID: contact.ID, Channel: "email"})
	Fine(w.T, err)
	return o.Conversation
}

// NewClosed is NewOpen, closed with a note.
func (w *World) NewClosed(name, note string) *db.Conversation {
	w.T.Helper()
	c := w.NewOpen(name)
	o, err := w.CloseConversation(w.T.Context(), w.Manager, service.CloseConversationInput{ConversationID: c.ID, Note: &service.ClosingNoteInput{Text: &note}})
	Fine(w.T, err)
	return o.Conversation
}

// NewWorkspace returns another workspace on the same service.
func (w *World) NewWorkspace() *World {
	w.T.Helper()
	workspace, manager, err := w.CreateWorkspace(w.T.Context(), "Other", "Otto Other", "otto@other.example")
	Fine(w.T, err)
	return &World{Service: w.Service, T: w.T, Clock: w.Clock, Manager: service.Actor{Workspace: workspace.Key, Role: service.RoleManager, Agent: &manager.ID}}
}

// PutMessage puts a message into an open conversation, as a connector or a reply would.
func (w *World) PutMessage(ctx context.Context, actor service.Actor, id db.ConversationID, kind db.MessageKind, body string) (*service.Outcome, error) {
	return w.Write(ctx, actor, "givenMessage", &service.Keyed{}, func(w *service.Writer) (service.Changes, error) {
		t, err := w.LockThreadOf(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := service.FirstOf(service.CheckUnblocked(t.Contact)); err != nil {
			return nil, err
		}
		if t.Asked.Status != db.StatusOpen {
			return nil, service.Refuse(service.NotOpen, "the conversation is closed")
		}
		m := &db.Message{
			ID: db.MessageID{UUID: db.NewUUID()}, ConversationID: &t.Latest.ID, ContactID: t.Contact.ID, Kind: kind,
			Author: actor.Ref(), Body: body, Channel: t.Latest.Channel,
		}
		if kind == db.Inbound {
			events, err := w.Receive(ctx, t, service.Received(m))
			if err != nil {
				return nil, err
			}
			return events, w.InsertMessages(ctx, []*db.Message{m})
		}
		events := service.Changes{t.Message(w.Recorder, m)}
		if err := w.InsertMessages(ctx, []*db.Message{m}); err != nil {
			return nil, err
		}
		return w.Save(ctx, events, t)
	})
}

// Ptr returns a pointer to a value.
func Ptr[T any](v T) *T { return &v }
