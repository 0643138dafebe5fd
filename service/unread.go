package service

import (
	"context"
	"maps"
	"slices"
	"time"

	"switchboard/db"
)

// UnreadChange is how much of a conversation, and of all its own conversations, an agent has not
// read.
type UnreadChange struct {
	ConversationID db.ConversationID
	UnreadCount    int // messages of the conversation
	MineUnread     int // see MineUnread
}

// MineUnread counts the conversations of the caller's MINE that meet a filter and have messages that
// the caller has not read (I3), up to 1,000. It is 0 for callers that are not agents.
func (s *Service) MineUnread(ctx context.Context, actor Actor, filter *db.InboxFilter) (int, error) {
	var f db.InboxFilter
	if filter != nil {
		f = *filter
	}
	if actor.Agent == nil || f.Unread != nil && !*f.Unread {
		return 0, nil
	}
	f.Unread = new(true)
	q := db.InboxQuery{View: db.ViewMine, Viewer: actor.Agent, Filter: f}
	return s.DB.ForWorkspace(actor.Workspace).InboxCount(ctx, q, countLimit)
}

// unreadEvery is the shortest time between two looks at what an agent has not read.
const unreadEvery = 500 * time.Millisecond

// WatchUnread streams what the calling agent has not read of each conversation in which that may
// have changed: by a new message, a reply of the agent, MarkRead on any device, or because the
// conversation came to the agent or went. It looks at most twice a second, at all such conversations
// together. Reading is not in the log, so after an interruption the stream does not go back.
func (s *Service) WatchUnread(ctx context.Context, actor Actor) (*Stream[UnreadChange], error) {
	if err := mayActAsAgent(actor, "unreadChanged"); err != nil {
		return nil, err
	}
	w, err := s.Feed.Watch(ctx, actor.Workspace, nil)
	if err != nil {
		return nil, err
	}
	stream := &Stream[UnreadChange]{watcher: w, states: true, reads: s.Feed.WatchReads(actor.Workspace, *actor.Agent)}
	moved := map[db.ConversationID]bool{} // and not looked at yet
	var found []UnreadChange
	var readAt time.Time
	stream.next = func(ctx context.Context) (change UnreadChange, ok bool, err error) {
		if len(found) == 0 {
			if err := stream.collectUnread(ctx, *actor.Agent, moved); err != nil {
				return change, false, err
			}
			stream.due = time.Time{}
			switch now := time.Now(); {
			case len(moved) == 0:
				return change, false, nil
			case now.Sub(readAt) < unreadEvery:
				stream.due = readAt.Add(unreadEvery)
				return change, false, nil
			default:
				readAt = now
			}
			if found, err = s.unreadOf(ctx, actor, slices.Collect(maps.Keys(moved))); err != nil {
				stream.due = readAt.Add(unreadEvery)
				return change, false, ctx.Err()
			}
			clear(moved)
		}
		change, found = found[0], found[1:]
		return change, true, nil
	}
	return stream, nil
}

// collectUnread adds the conversations of which the agent may have read more or less by now.
func (s *Stream[T]) collectUnread(ctx context.Context, agent db.AgentID, moved map[db.ConversationID]bool) error {
	for _, id := range s.reads.Take() {
		moved[id] = true
	}
	for {
		e, err := s.Event(ctx)
		if e == nil {
			return err
		}
		if e.ConversationID != nil && changesUnread(e, agent) {
			moved[*e.ConversationID] = true
		}
	}
}

// changesUnread reports whether an event may change what an agent has not read of its conversation,
// or whether it is among the agent's.
func changesUnread(e *db.Event, agent db.AgentID) bool {
	return e.Type == db.MessageReceived || e.Type == db.MessageSent && e.Actor == agent.Ref() ||
		db.ViewMine.Holds(e.Before, &agent) != db.ViewMine.Holds(e.After, &agent)
}

func (s *Service) unreadOf(ctx context.Context, actor Actor, ids []db.ConversationID) ([]UnreadChange, error) {
	counts, err := s.UnreadCounts(ctx, actor, ids)
	if err != nil {
		return nil, err
	}
	mine, err := s.MineUnread(ctx, actor, nil)
	changes := make([]UnreadChange, len(ids))
	for i, id := range ids {
		changes[i] = UnreadChange{id, counts[i], mine}
	}
	return changes, err
}
