package service

import (
	"context"
	"slices"
	"strings"

	"switchboard/db"
)

// The rules of messages.

// checkReply: only in an open conversation of an unblocked contact (S4, S10). Notes have
// no rule: they are always possible.
func checkReply(contact *db.Contact, c *db.Conversation) *Refusal {
	if r := checkUnblocked(contact); r != nil {
		return r
	}
	if c.Status != db.StatusOpen {
		return refuse(NotOpen, "the conversation is closed; open it first")
	}
	return nil
}

// checkSeen: whoever says which message was the last they saw is refused if somebody else
// has replied since.
func (w *writer) checkSeen(ctx context.Context, c db.ConversationID, seen *db.MessageID) error {
	if seen == nil {
		return nil
	}
	known, newer, err := w.NewerReply(ctx, c, *seen, w.by)
	switch {
	case err != nil:
		return err
	case !known:
		return notFound("message of the conversation")
	case newer:
		return refuse(StaleReply, "somebody else has replied meanwhile; look at it before you send yours", "onlyIfLastMessageId")
	}
	return nil
}

// SendMessageInput is a reply to a contact.
type SendMessageInput struct {
	ConversationID      db.ConversationID
	Body                string        // 1 to 16,000 characters
	OnlyIfLastMessageID *db.MessageID // the last message that the sender saw; nil: whatever there is
	Channel             *string       `json:",omitempty"` // one of the contact's; nil: that of the contact's last message
	Keyed
}

// SendMessage replies to the contact. Whoever replies in an unassigned conversation
// becomes responsible for it (A5), and has read it (I3). Only for agents. Refusals:
// CONTACT_BLOCKED, NOT_OPEN, STALE_REPLY, UNKNOWN_CHANNEL.
func (s *Service) SendMessage(ctx context.Context, actor Actor, in SendMessageInput) (*Outcome, error) {
	if err := mayActAsAgent(actor); err != nil {
		return nil, err
	}
	if err := checkText("body", in.Body, 1, maxBody); err != nil {
		return nil, err
	}
	check := func(t *thread) *Refusal { return checkReply(t.contact, t.asked) }
	return s.writeThread(ctx, actor, "sendMessage", &in, threadOf(in.ConversationID), nil, check,
		func(w *writer, t *thread) (changes, error) {
			if err := w.checkSeen(ctx, in.ConversationID, in.OnlyIfLastMessageID); err != nil {
				return nil, err
			}
			way, err := w.replyChannel(ctx, t.asked, in.Channel)
			if err != nil {
				return nil, err
			}
			return w.reply(ctx, t, in.Body, way)
		})
}

// replyChannel returns the channel on which a reply goes out: the one that the sender
// chose, on which the contact must be known, else that of the contact's last message in
// the conversation, else the conversation's (S10).
func (w *writer) replyChannel(ctx context.Context, c *db.Conversation, chosen *string) (string, error) {
	switch {
	case chosen == nil && c.LastInboundChannel != nil:
		return *c.LastInboundChannel, nil
	case chosen == nil:
		return c.Channel, nil
	}
	identities, err := w.ContactIdentities(ctx, []db.ContactID{c.ContactID})
	if err != nil {
		return "", err
	}
	var known []string
	for _, i := range identities {
		if channel := db.FoldChannel(i.Channel); !slices.Contains(known, channel) {
			known = append(known, channel)
		}
	}
	way := db.FoldChannel(*chosen)
	if !slices.Contains(known, way) {
		return "", refuse(UnknownChannel, "the contact is not known on this channel, but on ["+strings.Join(known, ", ")+
			"]; choose one of these, or leave it out to reply where the contact wrote last", "channel")
	}
	return way, nil
}

// reply sends the caller's message and, if nobody has the conversation, gives it to the caller.
func (w *writer) reply(ctx context.Context, t *thread, body, channel string) (changes, error) {
	takes := t.isAssignedTo(nil)
	if takes {
		if err := w.stayActive(ctx); err != nil {
			return nil, err
		}
	}
	events, err := w.say(ctx, t, db.Outbound, body, channel)
	if err != nil {
		return nil, err
	}
	if takes {
		events = append(events, t.assign(w.recorder, w.actor.Agent, db.ReasonReply))
	}
	if err := w.read(ctx, t.asked); err != nil {
		return nil, err
	}
	return w.save(ctx, events, t)
}

// say writes a message of the caller's into the thread's conversation.
func (w *writer) say(ctx context.Context, t *thread, kind db.MessageKind, body, channel string) (changes, error) {
	c := t.conversation()
	m := &db.Message{
		ID: db.MessageID{UUID: db.NewUUID()}, ConversationID: &c.ID, ContactID: c.ContactID,
		Kind: kind, Author: w.by, Body: body, Channel: channel,
	}
	events := changes{t.message(w.recorder, m)}
	return events, w.InsertMessages(ctx, []*db.Message{m})
}

// read marks all of a conversation that is known here as read by the caller. What comes
// later is younger.
func (w *writer) read(ctx context.Context, c *db.Conversation) error {
	return w.SaveReadMarks(ctx, []*db.ReadMark{{AgentID: *w.actor.Agent, ConversationID: c.ID, ReadAt: c.LastActivityAt}})
}

// AddNoteInput is an internal note.
type AddNoteInput struct {
	ConversationID db.ConversationID
	Body           string // 1 to 16,000 characters
	Keyed
}

// AddNote adds an internal note to any conversation: closed, older and blocked ones too
// (S10). It assigns nobody (A5). Only for agents.
func (s *Service) AddNote(ctx context.Context, actor Actor, in AddNoteInput) (*Outcome, error) {
	if err := mayActAsAgent(actor); err != nil {
		return nil, err
	}
	if err := checkText("body", in.Body, 1, maxBody); err != nil {
		return nil, err
	}
	return s.writeThread(ctx, actor, "addNote", &in, threadOf(in.ConversationID), nil, checkNothing,
		func(w *writer, t *thread) (changes, error) { return w.note(ctx, t, in.Body) })
}

// note is what addNote does to a thread.
func (w *writer) note(ctx context.Context, t *thread, body string) (changes, error) {
	events, err := w.say(ctx, t, db.Note, body, t.conversation().Channel)
	if err != nil {
		return nil, err
	}
	return w.save(ctx, events, t)
}

// MarkReadInput says which conversation was read.
type MarkReadInput struct {
	ConversationID db.ConversationID
	Keyed
}

// MarkRead marks a conversation as read by the caller, up to what the answer shows. Marks
// are not in the log (I3). Only for agents.
func (s *Service) MarkRead(ctx context.Context, actor Actor, in MarkReadInput) (*Outcome, error) {
	if err := mayActAsAgent(actor); err != nil {
		return nil, err
	}
	return s.write(ctx, actor, "markRead", &in, func(w *writer) (changes, error) {
		rows, err := w.Conversations(ctx, []db.ConversationID{in.ConversationID})
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return nil, notFound("conversation")
		}
		w.outcome.Conversation = rows[0]
		return unchanged, w.read(ctx, rows[0])
	})
}

// UnreadCounts counts the messages that the caller has not read in each conversation (I3),
// in the order of the ids; none for callers who are no agent.
func (s *Service) UnreadCounts(ctx context.Context, actor Actor, ids []db.ConversationID) ([]int, error) {
	counts := make([]int, len(ids))
	if actor.Agent == nil {
		return counts, nil
	}
	found, err := s.db.ForWorkspace(actor.Workspace).UnreadCounts(ctx, *actor.Agent, ids)
	for i, id := range ids {
		counts[i] = found[id]
	}
	return counts, err
}
