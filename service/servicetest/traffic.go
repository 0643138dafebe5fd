package servicetest

import (
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
