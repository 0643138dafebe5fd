package service

import (
	"context"
	"sync/atomic"
	"time"

	"switchboard/db"
	"switchboard/feed"
)

// Stream is what a subscriber gets: items one by one, each exactly once and in log order
// (P3), beginning where the subscriber asked.
type Stream[T any] struct {
	watcher *feed.Watcher
	events  []*db.Event                    // read, but not yet looked at
	last    db.EventCursor                 // of the event looked at last
	at      atomic.Pointer[db.EventCursor] // nil if the items are states, not events
	next    func(ctx context.Context, s *Stream[T]) (T, error)
}

// follow makes a stream of events that begins where the watcher does.
func follow[T any](w *feed.Watcher, next func(ctx context.Context, s *Stream[T]) (T, error)) *Stream[T] {
	s := &Stream[T]{watcher: w, last: w.Start(), next: next}
	at := s.last
	s.at.Store(&at)
	return s
}

// Next waits for the next item. After an error the stream is of no more use: it is
// CURSOR_EXPIRED if the log was replaced, and the context's if that ended.
func (s *Stream[T]) Next(ctx context.Context) (T, error) { return s.next(ctx, s) }

// Close ends the stream.
func (s *Stream[T]) Close() { s.watcher.Close() }

// Position is how far the stream has looked into the log: up to there every item was
// given out before the present call of Next. It is nil if the items are states of
// something, not events of the log, and may be asked for at any time.
func (s *Stream[T]) Position() *db.EventCursor { return s.at.Load() }

// event waits for the next event of the log.
func (s *Stream[T]) event(ctx context.Context) (*db.Event, error) {
	if s.at.Load() != nil {
		at := s.last
		s.at.Store(&at)
	}
	if len(s.events) == 0 {
		events, err := s.watcher.Next(ctx)
		if err != nil {
			return nil, err
		}
		s.events = events
	}
	e := s.events[0]
	s.events, s.last = s.events[1:], e.Cursor()
	return e, nil
}

// watch makes a stream of the events that the caller picks.
func (s *Service) watch(ctx context.Context, actor Actor, after *db.EventCursor, picks func(*db.Event) bool) (*Stream[*db.Event], error) {
	w, err := s.feed.Watch(ctx, actor.Workspace, after)
	if err != nil {
		return nil, err
	}
	return follow(w, func(ctx context.Context, s *Stream[*db.Event]) (*db.Event, error) {
		for {
			if e, err := s.event(ctx); err != nil || picks(e) {
				return e, err
			}
		}
	}), nil
}

// WatchAssignments streams each change of assignment, of one conversation and from or to
// one agent if asked for. The error is NOT_FOUND for an unknown id, CURSOR_EXPIRED or
// CURSOR_INVALID; so it is for the other streams.
func (s *Service) WatchAssignments(ctx context.Context, actor Actor, conversation *db.ConversationID, agent *db.AgentID, after *db.EventCursor) (*Stream[*db.Event], error) {
	if err := s.mustExist(ctx, actor, conversation, agent); err != nil {
		return nil, err
	}
	return s.watch(ctx, actor, after, func(e *db.Event) bool {
		switch e.Type {
		case db.ConversationAssigned, db.ConversationUnassigned:
			return isAbout(e, conversation) &&
				(agent == nil || sameAgent(e.Before.Assignee, agent) || sameAgent(e.After.Assignee, agent))
		}
		return false
	})
}

// WatchStatus streams each opening, reopening and closing, of one conversation if asked for.
func (s *Service) WatchStatus(ctx context.Context, actor Actor, conversation *db.ConversationID, after *db.EventCursor) (*Stream[*db.Event], error) {
	if err := s.mustExist(ctx, actor, conversation, nil); err != nil {
		return nil, err
	}
	return s.watch(ctx, actor, after, func(e *db.Event) bool {
		switch e.Type {
		case db.ConversationOpened, db.ConversationReopened, db.ConversationClosed:
			return isAbout(e, conversation)
		}
		return false
	})
}

// WatchConversation streams every event of one conversation.
func (s *Service) WatchConversation(ctx context.Context, actor Actor, conversation db.ConversationID, after *db.EventCursor) (*Stream[*db.Event], error) {
	if err := s.mustExist(ctx, actor, &conversation, nil); err != nil {
		return nil, err
	}
	return s.watch(ctx, actor, after, func(e *db.Event) bool { return isAbout(e, &conversation) })
}

func isAbout(e *db.Event, conversation *db.ConversationID) bool {
	return conversation == nil || (e.ConversationID != nil && *e.ConversationID == *conversation)
}

// mustExist answers ids that are unknown, or of another workspace, with NOT_FOUND.
func (s *Service) mustExist(ctx context.Context, actor Actor, conversation *db.ConversationID, agent *db.AgentID) error {
	w := s.db.ForWorkspace(actor.Workspace)
	if conversation != nil {
		rows, err := w.Conversations(ctx, []db.ConversationID{*conversation})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return notFound("conversation")
		}
	}
	if agent != nil {
		_, err := one(w.Agents(ctx, []db.AgentID{*agent}))
		return err
	}
	return nil
}

// InboxChange is one step of a live view.
type InboxChange struct {
	Kind   InboxChangeKind
	Event  *db.Event
	Counts *Counts // right after the event; nil for events from before the subscription
}

// InboxChangeKind is what an event did to a conversation's membership in a view.
type InboxChangeKind string

// The kinds of steps.
const (
	Entered InboxChangeKind = "ENTERED"
	Updated InboxChangeKind = "UPDATED"
	Left    InboxChangeKind = "LEFT"
)

// WatchInbox streams a live view: what enters it, changes in it and leaves it, decided
// from the events alone by the predicate of the list (I2).
func (s *Service) WatchInbox(ctx context.Context, actor Actor, view db.View, filter *db.InboxFilter, after *db.EventCursor) (*Stream[InboxChange], error) {
	f, err := inboxFilter(actor, view, filter)
	if err != nil {
		return nil, err
	}
	w, counts, err := s.watchCounted(ctx, actor, after)
	if err != nil {
		return nil, err
	}
	holds := func(c *db.Facets) bool { return view.Holds(c, actor.Agent) && f.Holds(c) }
	return follow(w, func(ctx context.Context, s *Stream[InboxChange]) (InboxChange, error) {
		for {
			e, err := s.event(ctx)
			if err != nil {
				return InboxChange{}, err
			}
			change := InboxChange{Event: e}
			if e.Seq > counts.AsOf.Seq {
				counts.apply(e, actor.Agent)
				now := counts
				change.Counts = &now
			}
			if change.Kind = membership(e, holds); change.Kind != "" {
				return change, nil
			}
		}
	}), nil
}

// membership says what an event did to a conversation's membership; empty for nothing.
func membership(e *db.Event, holds func(*db.Facets) bool) InboxChangeKind {
	if e.ConversationID == nil {
		return ""
	}
	switch was, is := holds(e.Before), holds(e.After); {
	case was && is:
		return Updated
	case is:
		return Entered
	case was:
		return Left
	}
	return ""
}

// watchCounted begins to watch with the counts at the present end of the log; events up
// to there are replayed, later ones are live.
func (s *Service) watchCounted(ctx context.Context, actor Actor, after *db.EventCursor) (*feed.Watcher, Counts, error) {
	counts, err := s.InboxCounts(ctx, actor)
	if err != nil {
		return nil, counts, err
	}
	if after == nil {
		after = &counts.AsOf
	}
	w, err := s.feed.Watch(ctx, actor.Workspace, after)
	return w, counts, err
}

// countsEvery is how often counts are pushed at most.
const countsEvery = 250 * time.Millisecond

// WatchCounts streams the caller's counts: at once, then when they change, at most four
// times a second.
func (s *Service) WatchCounts(ctx context.Context, actor Actor) (*Stream[Counts], error) {
	w, counts, err := s.watchCounted(ctx, actor, nil)
	if err != nil {
		return nil, err
	}
	var sent *Counts
	var sentAt time.Time
	return &Stream[Counts]{watcher: w, next: func(ctx context.Context, s *Stream[Counts]) (Counts, error) {
		for sent != nil && sent.equal(counts) {
			if err := s.fold(ctx, &counts, actor.Agent); err != nil {
				return Counts{}, err
			}
			if err := s.settle(ctx, &counts, actor.Agent, sentAt.Add(countsEvery)); err != nil {
				return Counts{}, err
			}
		}
		now := counts
		sent, sentAt = &now, time.Now()
		return now, nil
	}}, nil
}

// equal compares the numbers, not the place.
func (c Counts) equal(d Counts) bool {
	c.AsOf = d.AsOf
	return c == d
}

// fold waits for the next event and folds it.
func (s *Stream[T]) fold(ctx context.Context, c *Counts, viewer *db.AgentID) error {
	e, err := s.event(ctx)
	if err == nil {
		c.apply(e, viewer)
	}
	return err
}

// settle folds what else happens until a moment.
func (s *Stream[T]) settle(ctx context.Context, c *Counts, viewer *db.AgentID, until time.Time) error {
	soon, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	for {
		switch err := s.fold(soon, c, viewer); {
		case ctx.Err() != nil:
			return ctx.Err()
		case soon.Err() != nil:
			return nil
		case err != nil:
			return err
		}
	}
}
