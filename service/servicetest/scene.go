package servicetest

import (
	"cmp"
	"fmt"
	"strings"

	"switchboard/db"
	"switchboard/service"
)

// Agent adds an active agent who is online.
func (w *World) Agent(name string) service.Actor {
	w.T.Helper()
	return w.AgentAs(name, db.RoleAgent)
}

// Team adds active agents who are online.
func (w *World) Team(names ...string) (team []service.Actor) {
	w.T.Helper()
	for _, name := range names {
		team = append(team, w.Agent(name))
	}
	return team
}

// AgentAs adds an active agent with a role, who is online.
func (w *World) AgentAs(name string, role db.Role) service.Actor {
	w.T.Helper()
	address := strings.ToLower(name) + "@acme.example"
	o := w.OK(w.CreateAgent(w.Context(), w.Manager, service.CreateAgentInput{Name: name, Email: address, Role: role}))
	actor := service.Actor{Workspace: w.Manager.Workspace, Role: service.Role(role), Agent: &o.Agent.ID}
	w.OK(w.SetAvailability(w.Context(), actor, service.SetAvailabilityInput{Availability: db.Online}))
	return actor
}

// Program returns a caller with an API token of its own.
func (w *World) Program(role service.Role) service.Actor {
	return service.Actor{Workspace: w.Manager.Workspace, Role: role, Token: db.TokenID{UUID: db.NewUUID()}}
}

// Deactivate deactivates an agent.
func (w *World) Deactivate(a service.Actor) *service.Outcome {
	w.T.Helper()
	return w.OK(w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: *a.Agent}))
}

// Reactivate reactivates an agent.
func (w *World) Reactivate(a service.Actor) *service.Outcome {
	w.T.Helper()
	return w.OK(w.ReactivateAgent(w.Context(), w.Manager, service.ReactivateAgentInput{AgentID: *a.Agent}))
}

// Contact adds a contact without any conversation.
func (w *World) Contact(name string) *db.Contact {
	w.T.Helper()
	return w.ContactWith(service.CreateContactInput{Name: name})
}

// ContactWith adds a contact with more than a name.
func (w *World) ContactWith(in service.CreateContactInput) *db.Contact {
	w.T.Helper()
	return w.OK(w.CreateContact(w.Context(), w.Manager, in)).Contact
}

// Opens starts a conversation with a contact.
func (w *World) Opens(c *db.Contact) *db.Conversation {
	w.T.Helper()
	return w.OK(w.OpenConversation(w.Context(), w.Manager, service.OpenConversationInput{ContactID: c.ID, Channel: "email"})).Conversation
}

// Open opens a conversation with a new contact, assigned to the owner if there is one.
func (w *World) Open(owner ...service.Actor) *db.Conversation {
	w.T.Helper()
	c := w.Opens(w.Contact("Cora"))
	for _, a := range owner {
		c = w.Assign(c, a).Conversation
	}
	return c
}

// Closed is Open, closed.
func (w *World) Closed(owner ...service.Actor) *db.Conversation {
	w.T.Helper()
	return w.Closes(w.Open(owner...)).Conversation
}

// Older returns a closed conversation and the newer, open one of the same contact.
func (w *World) Older(owner ...service.Actor) (older, newer *db.Conversation) {
	w.T.Helper()
	older = w.Closed(owner...)
	newer = w.OK(w.OpenConversation(w.Context(), w.Manager, service.OpenConversationInput{ContactID: older.ContactID, Channel: "email"})).Conversation
	return w.Read(older), newer
}

// Assign assigns a conversation.
func (w *World) Assign(c *db.Conversation, to service.Actor) *service.Outcome {
	w.T.Helper()
	return w.OK(w.AssignConversation(w.Context(), w.Manager, service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *to.Agent}))
}

// Unassign unassigns a conversation.
func (w *World) Unassign(c *db.Conversation) *service.Outcome {
	w.T.Helper()
	return w.OK(w.UnassignConversation(w.Context(), w.Manager, service.UnassignConversationInput{ConversationID: c.ID}))
}

// Closes closes a conversation, with a note if one is given.
func (w *World) Closes(c *db.Conversation, note ...string) *service.Outcome {
	w.T.Helper()
	in := service.CloseConversationInput{ConversationID: c.ID}
	for _, text := range note {
		in.Note = &service.ClosingNoteInput{Text: &text}
	}
	return w.OK(w.CloseConversation(w.Context(), w.Manager, in))
}

// Reopens reopens a conversation.
func (w *World) Reopens(c *db.Conversation) *service.Outcome {
	w.T.Helper()
	return w.OK(w.ReopenConversation(w.Context(), w.Manager, service.ReopenConversationInput{ConversationID: c.ID}))
}

// Block blocks the contact of a conversation.
func (w *World) Block(c *db.Conversation) *service.Outcome {
	w.T.Helper()
	return w.OK(w.BlockContact(w.Context(), w.Manager, service.BlockContactInput{ContactID: c.ContactID}))
}

// Unblock unblocks the contact of a conversation.
func (w *World) Unblock(c *db.Conversation) *service.Outcome {
	w.T.Helper()
	return w.OK(w.UnblockContact(w.Context(), w.Manager, service.UnblockContactInput{ContactID: c.ContactID}))
}

// Read returns the present state of a conversation.
func (w *World) Read(c *db.Conversation) *db.Conversation {
	w.T.Helper()
	rows, err := w.ConversationsByID(w.Context(), w.Manager, []db.ConversationID{c.ID})
	if err != nil || len(rows) != 1 {
		w.T.Fatal(len(rows), err)
	}
	return rows[0]
}

// ReadContact returns the present state of a contact.
func (w *World) ReadContact(id db.ContactID) *db.Contact {
	w.T.Helper()
	rows, err := w.ContactsByID(w.Context(), w.Manager, []db.ContactID{id})
	if err != nil || len(rows) != 1 {
		w.T.Fatal(len(rows), err)
	}
	return rows[0]
}

// Head returns the number of the last event of the log.
func (w *World) Head() db.Seq {
	w.T.Helper()
	asOf, err := w.AsOf(w.Context(), w.Manager)
	if err != nil {
		w.T.Fatal(err)
	}
	return asOf.Seq
}

// Since returns the events after a number.
func (w *World) Since(seq db.Seq) []*db.Event {
	w.T.Helper()
	events, err := w.DB.ForWorkspace(w.Manager.Workspace).EventsAfter(w.Context(), seq, 10_000)
	if err != nil {
		w.T.Fatal(err)
	}
	return events
}

// Nobody is the owner of unassigned conversations.
const Nobody = "nobody"

// Named returns the name of an agent.
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

// Owner returns the name of the assignee of a conversation, and checks that the contact of a latest
// one has the same.
func (w *World) Owner(c *db.Conversation) string {
	w.T.Helper()
	c = w.Read(c)
	if contact := w.ReadContact(c.ContactID); c.Latest && !service.SameAgent(contact.AssigneeID, c.AssigneeID) {
		w.T.Errorf("the contact is %s's, but its latest conversation is %s's", w.Named(contact.AssigneeID), w.Named(c.AssigneeID))
	}
	return w.Named(c.AssigneeID)
}

// Told returns an event as one line: "TYPE from->to REASON by actor v2->v3".
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

// VersionOf returns the version in facets as v1; empty without facets.
func VersionOf(f *db.Facets) string {
	if f == nil {
		return ""
	}
	return fmt.Sprintf("v%d", f.Version)
}

// Story returns events as lines, in order.
func (w *World) Story(events []*db.Event) []string {
	w.T.Helper()
	told := []string{}
	for _, e := range events {
		told = append(told, w.Told(e))
	}
	return told
}

// Types returns the types of events, in order.
func Types(events []*db.Event) string {
	var names []string
	for _, e := range events {
		names = append(names, string(e.Type))
	}
	return strings.Join(names, " + ")
}
