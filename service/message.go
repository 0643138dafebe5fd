package service

import (
	"context"
	"slices"
	"strings"

	"switchboard/db"
)

// The rules of messages.

// CheckReply refuses a reply unless the conversation is open and its contact is not blocked (S4,
// S10). Notes need no check: they are always possible.
func CheckReply(contact *db.Contact, c *db.Conversation) *Refusal {
	if r := CheckUnblocked(contact); r != nil {
		return r
	}
	if c.Status != db.StatusOpen {
		return Refuse(NotOpen, "the conversation is closed; open it first")
	}
	return nil
}

// checkSeen refuses if another agent has replied since the message that the caller saw last; seen
// is nil if the caller does not ask for this check.
func (a *Act) checkSeen(c db.ConversationID, seen *db.MessageID) error {
	if seen == nil {
		return nil
	}
	known, newer, err := a.repliesSince(c, *seen)
	switch {
	case err != nil:
		return err
	case !known:
		return NewNotFound("message of the conversation")
	case newer:
		return Refuse(StaleReply, "somebody else has replied meanwhile; look at it before you send yours", "onlyIfLastMessageId")
	}
	return nil
}

// SendMessageInput is a reply to a contact.
type SendMessageInput struct {
	ConversationID      db.ConversationID
	Body                string        // 1 to 16,000 characters
	OnlyIfLastMessageID *db.MessageID // the last message that the sender saw; nil: do not check
	Channel             *string       `json:",omitempty"` // one on which the contact is known; nil: that of its last message
	Keyed
}

// SendMessage replies to the contact (agents only). An unassigned conversation is assigned to the
// sender (A5), and is marked as read by the sender (I3). Refusals: CONTACT_BLOCKED, NOT_OPEN,
// STALE_REPLY, UNKNOWN_CHANNEL.
func (s *Service) SendMessage(ctx context.Context, actor Actor, in SendMessageInput) (*Outcome, error) {
	if err := mayActAsAgent(actor, "sendMessage"); err != nil {
		return nil, err
	}
	if err := CheckText("body", in.Body, 1, MaxBody); err != nil {
		return nil, err
	}
	return s.mutate(ctx, actor, "sendMessage", &in,
		inConversation(in.ConversationID, nil), Replying(*actor.Agent, in.Body, in.Channel, in.OnlyIfLastMessageID))
}

// Replying is the verb by which an agent replies to the conversation that was named. If it is
// unassigned, it is assigned to the agent (A5). channel and seen may be nil.
func Replying(me db.AgentID, body string, channel *string, seen *db.MessageID) Verb {
	return Verb{
		needs: func(contact *db.Contact) Needs {
			needs := Needs{Seen: seen, Identities: channel != nil}
			if contact.AssigneeID == nil {
				needs.Agents = []db.AgentID{me}
			}
			return needs
		},
		check: func(t *Thread) *Refusal { return CheckReply(t.Contact, t.Asked) },
		do: func(a *Act, t *Thread) (Changes, error) {
			if err := a.checkSeen(t.Asked.ID, seen); err != nil {
				return nil, err
			}
			on, err := a.replyChannel(t.Asked, channel)
			if err != nil {
				return nil, err
			}
			return a.reply(t, body, on)
		},
	}
}

// replyChannel returns the channel on which a reply is sent (S10): the chosen one, on which the
// contact must have an identity; else that of the contact's last message in the conversation; else
// the conversation's.
func (a *Act) replyChannel(c *db.Conversation, chosen *string) (string, error) {
	switch {
	case chosen == nil && c.LastInboundChannel != nil:
		return *c.LastInboundChannel, nil
	case chosen == nil:
		return c.Channel, nil
	}
	var known []string
	for _, i := range a.identities(c.ContactID) {
		if channel := db.FoldChannel(i.Channel); !slices.Contains(known, channel) {
			known = append(known, channel)
		}
	}
	channel := db.FoldChannel(*chosen)
	if !slices.Contains(known, channel) {
		return "", Refuse(UnknownChannel, "the contact is not known on this channel, but on ["+strings.Join(known, ", ")+
			"]; choose one of these, or leave it out to reply where the contact wrote last", "channel")
	}
	return channel, nil
}

// reply adds the caller's message and, if the thread is unassigned, assigns it to the caller. The
// conversation counts as read by the caller up to the message; later ones have a later time.
func (a *Act) reply(t *Thread, body, channel string) (Changes, error) {
	unassigned := t.IsAssignedTo(nil)
	if unassigned {
		if err := a.requireActive(); err != nil {
			return nil, err
		}
	}
	events := a.addMessage(t, db.Outbound, body, channel)
	if unassigned {
		events = append(events, t.Assign(a.Recorder, a.Actor.Agent, db.ReasonReply))
	}
	a.marks = append(a.marks, readMark(*a.Actor.Agent, t.Asked))
	return events, nil
}

// addMessage adds a reply or a note by the caller to the thread's conversation.
func (a *Act) addMessage(t *Thread, kind db.MessageKind, body, channel string) Changes {
	c := t.Conversation()
	m := &db.Message{
		ID: db.MessageID{UUID: db.NewUUID()}, ConversationID: &c.ID, ContactID: c.ContactID,
		Kind: kind, Author: a.By, Body: body, Channel: channel,
	}
	a.messages = append(a.messages, m)
	return Changes{t.Message(a.Recorder, m)}
}

// readMark marks a conversation as read by an agent up to its last activity.
func readMark(agent db.AgentID, c *db.Conversation) *db.ReadMark {
	return &db.ReadMark{AgentID: agent, ConversationID: c.ID, ReadAt: c.LastActivityAt}
}

// AddNoteInput is an internal note.
type AddNoteInput struct {
	ConversationID db.ConversationID
	Body           string // 1 to 16,000 characters
	Keyed
}

// AddNote adds an internal note (agents only). Closed, older and blocked conversations accept notes
// too (S10), and a note does not assign the conversation (A5).
func (s *Service) AddNote(ctx context.Context, actor Actor, in AddNoteInput) (*Outcome, error) {
	if err := mayActAsAgent(actor, "addNote"); err != nil {
		return nil, err
	}
	if err := CheckText("body", in.Body, 1, MaxBody); err != nil {
		return nil, err
	}
	return s.mutate(ctx, actor, "addNote", &in,
		inConversation(in.ConversationID, nil), Noting(in.Body))
}

// Noting is the verb that adds an internal note to the thread's conversation, whatever its state.
func Noting(body string) Verb {
	return Verb{do: func(a *Act, t *Thread) (Changes, error) {
		return a.addMessage(t, db.Note, body, t.Conversation().Channel), nil
	}}
}

// MarkReadInput is the conversation to mark as read.
type MarkReadInput struct {
	ConversationID db.ConversationID
	Keyed
}

// MarkRead marks a conversation as read by the caller, up to the state that it returns (agents
// only). It records no event (I3).
func (s *Service) MarkRead(ctx context.Context, actor Actor, in MarkReadInput) (*Outcome, error) {
	if err := mayActAsAgent(actor, "markRead"); err != nil {
		return nil, err
	}
	outcome, err := s.Write(ctx, actor, "markRead", &in, func(w *Writer) (Changes, error) {
		rows, err := w.Conversations(ctx, []db.ConversationID{in.ConversationID})
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return nil, NewNotFound("conversation")
		}
		w.Outcome.Conversation = rows[0]
		return Unchanged, w.SaveReadMarks(ctx, []*db.ReadMark{readMark(*w.Actor.Agent, rows[0])})
	})
	if err == nil {
		s.Feed.TellRead(actor.Workspace, *actor.Agent, in.ConversationID)
	}
	return outcome, err
}

// UnreadCounts counts the messages that the caller has not read in each conversation (I3), in the
// order of the ids; for a program's token they are 0.
func (s *Service) UnreadCounts(ctx context.Context, actor Actor, ids []db.ConversationID) ([]int, error) {
	counts := make([]int, len(ids))
	if actor.Agent == nil {
		return counts, nil
	}
	found, err := s.DB.ForWorkspace(actor.Workspace).UnreadCounts(ctx, *actor.Agent, ids)
	for i, id := range ids {
		counts[i] = found[id]
	}
	return counts, err
}
