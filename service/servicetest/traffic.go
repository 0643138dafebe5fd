package servicetest

import (
	"context"

	"switchboard/db"

	"switchboard/service"
)

// Receives takes in a message from a contact by its id.
func (w *World) Receives(contact db.ContactID, change ...func(*service.ReceiveMessageInput)) *service.Outcome {
	w.T.Helper()
	in := service.ReceiveMessageInput{ContactID: &contact, Channel: service.Text("chat"), Body: "Hello?"}
	for _, f := range change {
		f(&in)
	}
	return w.OK(w.ReceiveMessage(w.Context(), w.Program(service.RoleIntegration), in))
}

// ReceivesFrom takes in a message from an identity.
func (w *World) ReceivesFrom(sender service.SenderInput, change ...func(*service.ReceiveMessageInput)) *service.Outcome {
	w.T.Helper()
	in := service.ReceiveMessageInput{Contact: &sender, Body: "Hello?"}
	for _, f := range change {
		f(&in)
	}
	return w.OK(w.ReceiveMessage(w.Context(), w.Program(service.RoleIntegration), in))
}

// Happens records a business event of a contact.
func (w *World) Happens(contact db.ContactID, requiresAction bool) *service.Outcome {
	w.T.Helper()
	return w.OK(w.RecordBusinessEvent(w.Context(), w.Program(service.RoleIntegration), service.RecordBusinessEventInput{
		ContactID: &contact, Type: "order.placed", Payload: service.Text(`{"order":4711}`), RequiresAction: requiresAction}))
}

// Policies sets the policies of the workspace.
func (w *World) Policies(reopen db.ReopenPolicy, owner db.OwnerPolicy) {
	w.T.Helper()
	w.OK(w.UpdateWorkspace(w.Context(), w.Manager, service.UpdateWorkspaceInput{ReopenPolicy: &reopen, OwnerPolicy: &owner, ReopenWithinDays: new(7)}))
}

// Sets sets the availability of an agent.
func (w *World) Sets(a service.Actor, availability db.Availability) {
	w.T.Helper()
	w.OK(w.SetAvailability(w.Context(), a, service.SetAvailabilityInput{Availability: availability}))
}

// Automated makes a message an automated one.
func Automated(in *service.ReceiveMessageInput) { in.Automated = true }

// Newcomer returns a sender who is not a contact yet.
func Newcomer(externalID string) service.SenderInput {
	return service.SenderInput{Channel: "chat", ExternalID: externalID, Name: service.Text("Nova")}
}

// PutMessage puts a message into an open conversation, as a connector or a reply would. Its verb is
// one that both may use.
func (w *World) PutMessage(ctx context.Context, actor service.Actor, id db.ConversationID, kind db.MessageKind, body string) (*service.Outcome, error) {
	return w.Write(ctx, actor, "openConversation", &service.Keyed{}, func(w *service.Writer) (service.Changes, error) {
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
			return w.CarryOut(ctx, t, service.Arriving(service.Received(m)))
		}
		events := service.Changes{t.Message(w.Recorder, m)}
		if err := w.InsertMessages(ctx, []*db.Message{m}); err != nil {
			return nil, err
		}
		return w.Save(ctx, events, t)
	})
}
