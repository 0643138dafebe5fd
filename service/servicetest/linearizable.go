package servicetest

import (
	"github.com/anishathalye/porcupine"

	"switchboard/db"
	"switchboard/service"
)

// Call is one call of a client about the thread of a contact.
type Call struct {
	Contact      int // of the test's contacts
	Verb         string
	Conversation db.ConversationID // the contact's latest conversation as far as the client knows
	Caller       db.AgentID
	To           db.AgentID // of assign
	Expected     int        // expected version; 0 for any
}

// Reads reports whether the call only reads.
func (c Call) Reads() bool { return c.Verb == "read" || c.Verb == "list" }

// Reply is the answer to a call: the refusal, if any, and the state. For a conversation that is not
// the latest it has no state.
type Reply struct {
	Refusal service.RefusalCode
	Older   bool
	Hidden  bool // the conversation is not in the open inbox
	Unread  bool // the state right after the call is not known, because the answer came later
	State   ThreadState
}

// ThreadState is the state of a contact with its latest conversation.
type ThreadState struct {
	Latest   db.ConversationID
	Open     bool
	Assignee db.AgentID // zero if unassigned
	Version  int
}

// Answered returns the reply that consists of a conversation and a refusal.
func Answered(c *db.Conversation, refusal service.RefusalCode) Reply {
	if !c.Latest {
		return Reply{Refusal: refusal, Older: true}
	}
	s := ThreadState{Latest: c.ID, Open: c.Status == db.StatusOpen, Version: c.Version}
	if c.AssigneeID != nil {
		s.Assignee = *c.AssigneeID
	}
	return Reply{Refusal: refusal, State: s}
}

// next is the specification: it returns the state after a call, and the refusal.
func (s ThreadState) next(c Call, opened db.ConversationID) (ThreadState, service.RefusalCode) {
	older := c.Conversation != s.Latest
	moved := c.Expected != 0 && c.Expected != s.Version
	to := s
	to.Version++
	switch c.Verb {
	case "read", "list":
		return s, ""
	case "assign", "unassign":
		if c.Verb == "unassign" {
			c.To = db.AgentID{}
		}
		switch {
		case older:
			return s, service.NotLatest
		case moved:
			return s, service.Conflict
		case s.Assignee == c.To:
			return s, ""
		}
		to.Assignee = c.To
	case "assignToMe":
		switch {
		case older || !s.Open:
			return s, service.NotOpen
		case s.Assignee != db.AgentID{} && s.Assignee != c.Caller:
			return s, service.AlreadyAssigned
		case moved:
			return s, service.Conflict
		case s.Assignee == c.Caller:
			return s, ""
		}
		to.Assignee = c.Caller
	case "close":
		switch {
		case older || !s.Open:
			return s, service.AlreadyClosed
		case moved:
			return s, service.Conflict
		}
		to.Open = false
	case "reopen", "open":
		switch {
		case s.Open:
			return s, service.AlreadyOpen
		case older && c.Verb == "reopen":
			return s, service.NotLatest
		case moved:
			return s, service.Conflict
		}
		to.Open = true
		if c.Verb == "open" {
			to.Latest = opened
		}
	}
	return to, ""
}

// StateAfter returns the state of a thread after an event.
func StateAfter(e *db.Event) ThreadState {
	if e.ConversationID == nil {
		return ThreadState{}
	}
	s := ThreadState{Latest: *e.ConversationID, Open: e.After.Status == db.StatusOpen, Version: e.After.Version}
	if e.After.Assignee != nil {
		s.Assignee = *e.After.Assignee
	}
	return s
}

// Repeatable returns what is known of a call whose answer may be one that was looked up by its key,
// because a server did not learn whether the call was committed: what the call did, told by the last
// of its events, if any, and what the answer shows, which is the state at a moment of its own. Where
// no commit is cut, as in the test of P5, each call has one moment.
func Repeatable(o porcupine.Operation, last *db.Event) []porcupine.Operation {
	call, reply := o.Input.(Call), o.Output.(Reply)
	switch {
	case last != nil:
		o.Output = Reply{State: StateAfter(last)}
		return []porcupine.Operation{o}
	case call.Reads():
		return []porcupine.Operation{o}
	}
	did, shows := o, o
	did.Output = Reply{Refusal: reply.Refusal, Unread: true}
	call.Verb, reply.Refusal = "read", ""
	shows.Input, shows.Output = call, reply
	return []porcupine.Operation{did, shows}
}

// Linearizable is the model that decides whether a history of calls and answers is linearizable
// (P5).
func Linearizable(initial []ThreadState) porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			parts := make([][]porcupine.Operation, len(initial))
			for _, o := range history {
				contact := o.Input.(Call).Contact
				parts[contact] = append(parts[contact], o)
			}
			return parts
		},
		Init: func() any { return ThreadState{} },
		Step: func(state, input, output any) (bool, any) {
			s, in, out := state.(ThreadState), input.(Call), output.(Reply)
			if s == (ThreadState{}) {
				s = initial[in.Contact]
			}
			if out.Hidden {
				return !s.Open || in.Conversation != s.Latest, s
			}
			to, refusal := s.next(in, out.State.Latest)
			switch {
			case out.Unread:
				return refusal == out.Refusal, to
			case out.Older:
				return refusal == out.Refusal && in.Conversation != s.Latest, s
			}
			return refusal == out.Refusal && to == out.State, to
		},
	}
}
