package service

import (
	"context"
	"fmt"
	"time"

	"switchboard/db"
	"switchboard/feed"
)

// Stream delivers items to a subscriber, each exactly once and in log order (P3), from the position
// that the subscriber asked for. Call Next until it has no item, then Wait. Only one goroutine at a
// time may use it.
type Stream[T any] struct {
	watcher  *feed.Watcher
	events   []*db.Event     // read, but not yet processed
	position db.EventCursor  // of the last processed event
	commit   time.Time       // of the last processed event; see db.Event
	states   bool            // the items are states, not events
	due      time.Time       // Wait waits only until then, even without events; zero: until there are events
	reads    *feed.ReadWatch // Wait waits for these as well; nil: there are none
	until    time.Time       // Wait waits for events, but no longer than until then; zero: without limit
	next     func(ctx context.Context) (T, bool, error)
}

// follow returns a stream of the items that convert returns for events, from the watcher's
// position.
func follow[T any](w *feed.Watcher, convert func(*db.Event) (item T, ok bool)) *Stream[T] {
	s := &Stream[T]{watcher: w, position: w.Position()}
	s.next = func(ctx context.Context) (item T, ok bool, err error) {
		for {
			e, err := s.Event(ctx)
			if e == nil {
				return item, false, err
			}
			if item, ok = convert(e); ok {
				return item, true, nil
			}
		}
	}
	return s
}

// readAgain is how long a stream waits before it reads again what the database could not answer.
const readAgain = 250 * time.Millisecond

// followRead is follow for a convert that reads the database. While the database is unreachable,
// the event stays the next one.
func followRead[T any](w *feed.Watcher, convert func(context.Context, *db.Event) (item T, ok bool, err error)) *Stream[T] {
	s := &Stream[T]{watcher: w, position: w.Position()}
	s.next = func(ctx context.Context) (item T, ok bool, err error) {
		s.due = time.Time{}
		for {
			before, commit := s.position, s.commit
			e, err := s.Event(ctx)
			if e == nil {
				return item, false, err
			}
			item, ok, err = convert(ctx, e)
			if err == nil && !ok {
				continue
			}
			if err != nil {
				s.events, s.position, s.commit = append([]*db.Event{e}, s.events...), before, commit
			}
			if err != nil && db.Unavailable(err) {
				s.due, err = time.Now().Add(readAgain), nil
			}
			return item, ok, err
		}
	}
	return s
}

// NewStateStream returns a stream of states. next computes them from the events, which it reads
// with the stream's Event.
func NewStateStream[T any](w *feed.Watcher, next func(ctx context.Context) (T, bool, error)) *Stream[T] {
	return &Stream[T]{watcher: w, states: true, next: next}
}

// Next returns the next item without waiting; ok is false if there is none yet, once all events up
// to the end of the log are processed, or while the database is unreachable. An error ends the
// stream: it is CURSOR_EXPIRED if the log was replaced, or the context's.
func (s *Stream[T]) Next(ctx context.Context) (item T, ok bool, err error) {
	if err := ctx.Err(); err != nil { // events that were read must not reach a caller who lost access
		return item, false, err
	}
	return s.next(ctx)
}

// Wait waits until Next may have another item. The error is the context's.
func (s *Stream[T]) Wait(ctx context.Context) error {
	switch {
	case !s.due.IsZero():
		return SleepUntil(ctx, s.due)
	case len(s.events) > 0:
		return ctx.Err()
	}
	if s.reads != nil {
		return s.watcher.WaitOr(ctx, s.reads.Heard())
	}
	if s.until.IsZero() {
		return s.watcher.Wait(ctx)
	}
	waiting, cancel := context.WithDeadline(ctx, s.until)
	defer cancel()
	_ = s.watcher.Wait(waiting)
	return ctx.Err()
}

// Position returns the position of the last processed event, which right after Next is that of the
// item's event. A stream that starts after it continues without a gap. ok is false for streams of
// states, which cannot be resumed.
func (s *Stream[T]) Position() (position db.EventCursor, ok bool) { return s.position, !s.states }

// Committed returns about when the last processed event was committed, or zero if it was read later
// than it could have been.
func (s *Stream[T]) Committed() time.Time { return s.commit }

// Confirm reports whether the log has all events that the stream was given from memory; see
// feed.Watcher. It may be called by any goroutine.
func (s *Stream[T]) Confirm(ctx context.Context) bool { return s.watcher.Confirm(ctx) }

// Behind returns how many events were after the stream's first position when it began.
func (s *Stream[T]) Behind() int64 { return s.watcher.Behind() }

// Close ends the stream.
func (s *Stream[T]) Close() {
	s.watcher.Close()
	if s.reads != nil {
		s.reads.Close()
	}
}

// Event returns the next event of the log, or nil if there is none yet.
func (s *Stream[T]) Event(ctx context.Context) (*db.Event, error) {
	if len(s.events) == 0 {
		events, err := s.watcher.Next(ctx)
		if err != nil || len(events) == 0 {
			return nil, err
		}
		s.events = events
	}
	e := s.events[0]
	s.events, s.position, s.commit = s.events[1:], e.Cursor(), e.Committed
	return e, nil
}

// SleepUntil waits until a time. The error is the context's.
func SleepUntil(ctx context.Context, moment time.Time) error {
	timer := time.NewTimer(time.Until(moment))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watch returns a stream of the events for which picks is true.
func (s *Service) watch(ctx context.Context, actor Actor, after *db.EventCursor, picks func(*db.Event) bool) (*Stream[*db.Event], error) {
	w, err := s.Feed.Watch(ctx, actor.Workspace, after)
	if err != nil {
		return nil, err
	}
	return follow(w, func(e *db.Event) (*db.Event, bool) { return e, picks(e) }), nil
}

// WatchAssignments streams each change of assignment: with a conversation, only of that one; with
// an agent, only from or to that one. The error is NOT_FOUND for an unknown id, CURSOR_EXPIRED or
// CURSOR_INVALID, as for the other streams.
func (s *Service) WatchAssignments(ctx context.Context, actor Actor, conversation *db.ConversationID, agent *db.AgentID, after *db.EventCursor) (*Stream[*db.Event], error) {
	if err := Permit(actor, "assignmentChanged"); err != nil {
		return nil, err
	}
	if err := s.mustExist(ctx, actor, conversation, agent); err != nil {
		return nil, err
	}
	return s.watch(ctx, actor, after, func(e *db.Event) bool {
		switch e.Type {
		case db.ConversationAssigned, db.ConversationUnassigned:
			return isAbout(e, conversation) &&
				(agent == nil || SameAgent(e.Before.Assignee, agent) || SameAgent(e.After.Assignee, agent))
		}
		return false
	})
}

// WatchStatus streams each opening, reopening and closing: with a conversation, only of that one.
func (s *Service) WatchStatus(ctx context.Context, actor Actor, conversation *db.ConversationID, after *db.EventCursor) (*Stream[*db.Event], error) {
	if err := Permit(actor, "statusChanged"); err != nil {
		return nil, err
	}
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

// WatchConversations streams every event of these conversations.
func (s *Service) WatchConversations(ctx context.Context, actor Actor, ids []db.ConversationID, after *db.EventCursor) (*Stream[*db.Event], error) {
	if err := Permit(actor, "conversationChanged"); err != nil {
		return nil, err
	}
	if len(ids) < 1 || len(ids) > MaxPage {
		return nil, NewBadInput(fmt.Sprintf("conversationIds must have 1 to %d ids; open several subscriptions for more", MaxPage))
	}
	wanted := map[db.ConversationID]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	rows, err := s.DB.ForWorkspace(actor.Workspace).Conversations(ctx, ids)
	if err != nil {
		return nil, err
	}
	if len(rows) < len(wanted) {
		return nil, NewNotFound("conversation")
	}
	return s.watch(ctx, actor, after, func(e *db.Event) bool { return e.ConversationID != nil && wanted[*e.ConversationID] })
}

func isAbout(e *db.Event, conversation *db.ConversationID) bool {
	return conversation == nil || (e.ConversationID != nil && *e.ConversationID == *conversation)
}

// mustExist returns NOT_FOUND if an id is unknown or of another workspace; nil ids are not checked.
func (s *Service) mustExist(ctx context.Context, actor Actor, conversation *db.ConversationID, agent *db.AgentID) error {
	w := s.DB.ForWorkspace(actor.Workspace)
	if conversation != nil {
		rows, err := w.Conversations(ctx, []db.ConversationID{*conversation})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return NewNotFound("conversation")
		}
	}
	if agent != nil {
		_, err := One(w.Agents(ctx, []db.AgentID{*agent}))
		return err
	}
	return nil
}

// InboxChange is one change of a live view.
type InboxChange struct {
	Kind   InboxChangeKind
	Event  *db.Event
	Counts *Counts // after the event; nil for replayed events

	// FilteredCount is the number of conversations of the view that meet the filter, after the event;
	// nil for replayed events and with a search.
	FilteredCount *int
}

// InboxChangeKind is what an event did to a conversation's membership in a view.
type InboxChangeKind string

// The kinds of changes.
const (
	Entered InboxChangeKind = "ENTERED"
	Updated InboxChangeKind = "UPDATED"
	Left    InboxChangeKind = "LEFT"
)

// WatchInbox streams the changes of a live view: conversations that enter it, change in it or leave
// it. Membership is computed from the events alone, by the same predicate as the list (I2); with a
// search also from the contacts as they were at the events.
func (s *Service) WatchInbox(ctx context.Context, actor Actor, view db.View, filter *db.InboxFilter, typed *string, after *db.EventCursor) (*Stream[InboxChange], error) {
	if err := Permit(actor, "inboxChanged"); err != nil {
		return nil, err
	}
	if filter != nil && filter.Unread != nil {
		return nil, NewBadInput("what is unread is not in the log, so it cannot be followed; filter the list by it, and follow the view without")
	}
	f, err := inboxFilter(actor, view, filter)
	if err != nil {
		return nil, err
	}
	searched, err := s.searchView(ctx, actor, view, typed)
	if err != nil {
		return nil, err
	}
	w, counts, err := s.watchCounted(ctx, actor, after)
	if err != nil {
		return nil, err
	}
	filtered := counts
	if !f.IsZero() && searched == nil { // counted later than the others: the watcher begins where those end
		if filtered, err = s.tally(ctx, actor, view, f); err != nil {
			w.Close()
			return nil, err
		}
	}
	holds := func(c *db.Facets) bool { return view.Holds(c, actor.Agent) && f.Holds(c) }
	apply := func(e *db.Event, kind InboxChangeKind) (change InboxChange, ok bool) {
		change = InboxChange{Kind: kind, Event: e}
		if e.Seq > counts.AsOf.Seq {
			counts.Apply(e, actor.Agent)
			if change.Kind != "" {
				now := counts
				change.Counts = &now
			}
		}
		if e.Seq > filtered.AsOf.Seq && searched == nil {
			filtered.Add(view, change.Kind.step())
			if change.Kind != "" {
				change.FilteredCount = new(filtered.Of(view))
			}
		}
		return change, change.Kind != ""
	}
	if searched == nil {
		return follow(w, func(e *db.Event) (InboxChange, bool) { return apply(e, membership(e, holds)) }), nil
	}
	return followRead(w, func(ctx context.Context, e *db.Event) (change InboxChange, ok bool, err error) {
		kind, err := searched.membership(ctx, e, holds)
		if err != nil {
			return change, false, err
		}
		change, ok = apply(e, kind)
		return change, ok, nil
	}), nil
}

// step returns by how much a change changes the number of conversations in the view.
func (k InboxChangeKind) step() int { return map[InboxChangeKind]int{Entered: 1, Left: -1}[k] }

// membership returns what an event did to a conversation's membership; empty if it did nothing.
func membership(e *db.Event, holds func(*db.Facets) bool) InboxChangeKind {
	if e.ConversationID == nil || e.Type == db.WorkflowRan { // a run changes no list
		return ""
	}
	return changeOf(holds(e.Before), holds(e.After))
}

// changeOf returns how a conversation changed that the view held before, or holds now; empty if
// neither.
func changeOf(was, is bool) InboxChangeKind {
	switch {
	case was && is:
		return Updated
	case is:
		return Entered
	case was:
		return Left
	}
	return ""
}

// watchCounted returns a watcher and the counts at the present end of the log. Events up to there
// are replayed and do not change the counts; later ones are live.
func (s *Service) watchCounted(ctx context.Context, actor Actor, after *db.EventCursor) (*feed.Watcher, Counts, error) {
	if err := Permit(actor, "inboxCounts"); err != nil {
		return nil, Counts{}, err
	}
	counts, err := s.inbox.RenewedCounts(ctx, s.DB.ForWorkspace(actor.Workspace), actor.Agent)
	if err != nil {
		return nil, counts, err
	}
	var w *feed.Watcher
	if after == nil {
		w, err = s.Feed.WatchFrom(ctx, counts.AsOf)
	} else {
		w, err = s.Feed.Watch(ctx, actor.Workspace, after)
	}
	return w, counts, err
}

// countsEvery is the shortest time between two pushes of counts.
const countsEvery = 250 * time.Millisecond

// WatchCounts streams the caller's counts: immediately, then after each change, at most four times
// a second.
func (s *Service) WatchCounts(ctx context.Context, actor Actor) (*Stream[Counts], error) {
	if err := Permit(actor, "inboxCountsChanged"); err != nil {
		return nil, err
	}
	w, counts, err := s.watchCounted(ctx, actor, nil)
	if err != nil {
		return nil, err
	}
	var sent *Counts
	var sentAt time.Time
	stream := &Stream[Counts]{watcher: w, states: true, due: time.Now()}
	stream.next = func(ctx context.Context) (Counts, bool, error) {
		if err := stream.apply(ctx, &counts, actor.Agent); err != nil {
			return Counts{}, false, err
		}
		stream.due = time.Time{}
		switch {
		case sent != nil && sent.Equal(counts):
			return Counts{}, false, nil
		case sent != nil && time.Since(sentAt) < countsEvery:
			stream.due = sentAt.Add(countsEvery)
			return Counts{}, false, nil
		}
		now := counts
		sent, sentAt = &now, time.Now()
		return now, true, nil
	}
	return stream, nil
}

// apply updates counts by the events up to the present end of the log.
func (s *Stream[T]) apply(ctx context.Context, c *Counts, viewer *db.AgentID) error {
	for {
		e, err := s.Event(ctx)
		if e == nil {
			return err
		}
		c.Apply(e, viewer)
	}
}
