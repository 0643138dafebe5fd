package service

import (
	"context"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"switchboard/db"
)

// What several tests begin with. All of it fails the test if it cannot be done.

func fine(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patience is how long anything may take that is bound to happen.
const patience = 30 * time.Second

// patient is a context that ends once that is over.
func patient(t interface {
	Context() context.Context
	Cleanup(func())
}) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// givenAgents adds agents to the workspace.
func (w *world) givenAgents(names ...string) []Actor {
	w.t.Helper()
	actors := make([]Actor, len(names))
	for i, name := range names {
		in := CreateAgentInput{Name: name, Email: fmt.Sprintf("%d@agents.example", time.Now().UnixNano()), Role: db.RoleAgent}
		o, err := w.CreateAgent(w.t.Context(), w.manager, in)
		fine(w.t, err)
		actors[i] = Actor{Workspace: w.manager.Workspace, Role: RoleAgent, Agent: &o.Agent.ID}
	}
	return actors
}

// givenContact adds a contact.
func (w *world) givenContact(in CreateContactInput) *db.Contact {
	w.t.Helper()
	o, err := w.CreateContact(w.t.Context(), w.manager, in)
	fine(w.t, err)
	return o.Contact
}

// givenOpen adds a contact and opens a conversation with it.
func (w *world) givenOpen(name string) *db.Conversation {
	w.t.Helper()
	contact := w.givenContact(CreateContactInput{Name: name})
	o, err := w.OpenConversation(w.t.Context(), w.manager, OpenConversationInput{ContactID: contact.ID, Channel: "email"})
	fine(w.t, err)
	return o.Conversation
}

// givenClosed is givenOpen, closed with a note.
func (w *world) givenClosed(name, note string) *db.Conversation {
	w.t.Helper()
	c := w.givenOpen(name)
	o, err := w.CloseConversation(w.t.Context(), w.manager, CloseConversationInput{ConversationID: c.ID, Note: &ClosingNoteInput{Text: &note}})
	fine(w.t, err)
	return o.Conversation
}

// givenWorkspace is a second workspace beside the first, on the same service.
func (w *world) givenWorkspace() *world {
	w.t.Helper()
	workspace, manager, err := w.CreateWorkspace(w.t.Context(), "Other", "Otto Other", "otto@other.example")
	fine(w.t, err)
	return &world{Service: w.Service, t: w.t, clock: w.clock, manager: Actor{Workspace: workspace.Key, Role: RoleManager, Agent: &manager.ID}}
}

// givenMessage puts a message into an open conversation, as a connector or a reply would.
func (s *Service) givenMessage(ctx context.Context, actor Actor, id db.ConversationID, kind db.MessageKind, body string) (*Outcome, error) {
	return s.Write(ctx, actor, "givenMessage", &Keyed{}, func(w *Writer) (Changes, error) {
		t, err := w.LockThreadOf(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := FirstOf(CheckUnblocked(t.Contact)); err != nil {
			return nil, err
		}
		if t.Asked.Status != db.StatusOpen {
			return nil, Refuse(NotOpen, "the conversation is closed")
		}
		m := &db.Message{
			ID: db.MessageID{UUID: db.NewUUID()}, ConversationID: &t.Latest.ID, ContactID: t.Contact.ID, Kind: kind,
			Author: actor.Ref(), Body: body, Channel: t.Latest.Channel,
		}
		if kind == db.Inbound {
			events, err := w.Arrive(ctx, t, Received(m))
			if err != nil {
				return nil, err
			}
			return events, w.InsertMessages(ctx, []*db.Message{m})
		}
		events := Changes{t.Message(w.Recorder, m)}
		if err := w.InsertMessages(ctx, []*db.Message{m}); err != nil {
			return nil, err
		}
		return w.Save(ctx, events, t)
	})
}

func ptr[T any](v T) *T { return &v }
