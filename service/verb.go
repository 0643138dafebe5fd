package service

import (
	"slices"

	"switchboard/db"
)

// Verb is a mutation of one thread as a value: what it reads beside the thread, which states it
// refuses, and how it changes the thread in memory. The same value serves a single mutation, each
// item of a bulk, and a step of a workflow.
type Verb struct {
	needs func(*db.Contact) Needs                  // nil: nothing
	check func(*Thread) *Refusal                   // by state and permission; nil: possible in every state
	do    func(a *Act, t *Thread) (Changes, error) // changes the thread, or refuses the input
}

// Needs is what a verb reads beside its thread, once the thread is locked.
type Needs struct {
	Workspace  bool
	Agents     []db.AgentID  // under a shared lock: they stay as they are until the commit
	Closing    bool          // the last close of the conversation, or a later reply
	Seen       *db.MessageID // whether somebody else has replied to the conversation since
	Identities bool          // those of the contact
}

// needed returns what the verb reads for a thread of this contact.
func (v Verb) needed(contact *db.Contact) Needs {
	if v.needs == nil {
		return Needs{}
	}
	return v.needs(contact)
}

// on carries the verb out on a thread: it checks the state, then the version, then whatever do
// checks (S5).
func (v Verb) on(a *Act, t *Thread, expected *int) (Changes, error) {
	if v.check != nil {
		if err := FirstOf(v.check(t)); err != nil {
			return nil, err
		}
	}
	if err := FirstOf(checkVersion(expected, t.Contact.Version)); err != nil {
		return nil, err
	}
	return v.do(a, t)
}

// needsAgents returns the needs of a verb that relies on these agents.
func needsAgents(ids ...db.AgentID) func(*db.Contact) Needs {
	return func(*db.Contact) Needs { return Needs{Agents: ids} }
}

// needsAssignee returns the needs of a verb that relies on the contact's assignee, if there is one.
func needsAssignee(contact *db.Contact) Needs {
	if contact.AssigneeID == nil {
		return Needs{}
	}
	return Needs{Agents: []db.AgentID{*contact.AssigneeID}}
}

// Act is a verb while it is carried out, with what was read for it and what it adds beside the
// thread.
type Act struct {
	Recorder
	Actor Actor

	read     *reading
	moved    bool // an earlier verb of the transaction has changed the thread
	messages []*db.Message
	marks    []*db.ReadMark
}

// reading is what the verbs of one transaction need beside their threads: first what is wanted,
// then what was found.
type reading struct {
	wait bool // for locks; else rows that are locked by others count as not read

	wanted struct {
		workspace     bool
		agents        []db.AgentID
		conversations []db.ConversationID // whose closing is needed
		seen          []*db.SeenMessage
		contacts      []db.ContactID // whose identities are needed
	}
	workspace  []*db.Workspace
	agents     []*db.Agent
	closings   []*db.Event
	seen       []*db.SeenMessage
	identities []*db.ContactIdentity
}

// want adds the needs of a verb by an author on a thread, of which this conversation was named.
func (r *reading) want(n Needs, author db.ActorRef, contact db.ContactID, named *db.ConversationID) {
	w := &r.wanted
	w.workspace = w.workspace || n.Workspace
	for _, id := range n.Agents {
		if !slices.Contains(w.agents, id) {
			w.agents = append(w.agents, id)
		}
	}
	if n.Identities && !slices.Contains(w.contacts, contact) {
		w.contacts = append(w.contacts, contact)
	}
	if n.Closing && named != nil {
		w.conversations = append(w.conversations, *named)
	}
	if n.Seen != nil && named != nil {
		w.seen = append(w.seen, &db.SeenMessage{Conversation: *named, Message: *n.Seen, Author: author})
	}
}

// add adds the statements that read what is wanted.
func (r *reading) add(b *db.Batch) {
	if len(r.wanted.contacts) > 0 {
		b.Identities(r.wanted.contacts, &r.identities)
	}
	b.LastClosings(r.wanted.conversations, &r.closings)
	b.NewerReplies(r.wanted.seen, &r.seen)
	if len(r.wanted.agents) > 0 {
		b.ShareAgents(r.wanted.agents, r.wait, &r.agents)
	}
	if r.wanted.workspace {
		b.Workspace(&r.workspace)
	}
}

// agent returns an agent who was read. The error is NOT_FOUND if there is none, and ErrStartOver if
// the agent could not be read: an earlier verb has made the need, or another transaction is
// changing the agent.
func (a *Act) agent(id db.AgentID) (*db.Agent, error) {
	for _, row := range a.read.agents {
		if row.ID == id {
			return row, nil
		}
	}
	if !a.read.wait || !slices.Contains(a.read.wanted.agents, id) {
		return nil, ErrStartOver
	}
	return nil, NewNotFound("agent")
}

// requireActive returns FORBIDDEN if the calling agent was deactivated after the call was
// authenticated (A7). Until the commit the agent stays active.
func (a *Act) requireActive() error {
	me, err := a.agent(*a.Actor.Agent)
	if err == nil && !me.Active {
		err = &Error{Forbidden, "you are deactivated"}
	}
	return err
}

// lastClosing returns the last event of the conversation that is a close or a reply; nil without
// one. The error is ErrStartOver if an earlier verb of the transaction may have added one.
func (a *Act) lastClosing(id db.ConversationID) (*db.Event, error) {
	if a.moved {
		return nil, ErrStartOver
	}
	for _, e := range a.read.closings {
		if *e.ConversationID == id {
			return e, nil
		}
	}
	return nil, nil
}

// repliesSince reports whether the conversation holds a message, and whether somebody else has
// replied after it. The error is ErrStartOver if an earlier verb of the transaction may have.
func (a *Act) repliesSince(id db.ConversationID, seen db.MessageID) (known, newer bool, err error) {
	if a.moved {
		return false, false, ErrStartOver
	}
	for _, s := range a.read.seen {
		if s.Conversation == id && s.Message == seen && s.Author == a.By {
			return true, s.Newer, nil
		}
	}
	return false, false, nil
}

// identities returns the identities of a contact, in a stable order.
func (a *Act) identities(contact db.ContactID) (known []*db.ContactIdentity) {
	for _, i := range a.read.identities {
		if i.ContactID == contact {
			known = append(known, i)
		}
	}
	return known
}
