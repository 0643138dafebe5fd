package service_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// next returns the next item of a stream.
func next[T any](t *testing.T, s *service.Stream[T]) T {
	t.Helper()
	item, err := servicetest.Await(servicetest.Context(t), s)
	servicetest.Fine(t, err)
	return item
}

// today is newWorld at the present time, because the usual world's log is too old to resume from.
func today(t *testing.T) (*world, db.EventCursor) {
	t.Helper()
	w := newWorld(t)
	w.Clock = time.Now()
	start, err := w.AsOf(t.Context(), w.Manager)
	servicetest.Fine(t, err)
	return w, start
}

// TestStreams: each stream delivers its events once and in order, whether it is live or resumes
// later.
func TestStreams(t *testing.T) {
	t.Parallel()
	w, start := today(t)
	ctx := t.Context()
	agents := w.Team("A", "B")
	start, err := w.AsOf(ctx, w.Manager)
	servicetest.Fine(t, err)
	one, other := w.Open(), w.Open()
	begun, err := w.AsOf(ctx, w.Manager)
	servicetest.Fine(t, err)

	open := func(after *db.EventCursor) map[string]*service.Stream[*db.Event] {
		streams := map[string]*service.Stream[*db.Event]{}
		add := func(name string, s *service.Stream[*db.Event], err error) {
			servicetest.Fine(t, err)
			t.Cleanup(s.Close)
			streams[name] = s
		}
		s, err := w.WatchAssignments(ctx, w.Manager, nil, nil, after)
		add("assignments", s, err)
		s, err = w.WatchAssignments(ctx, w.Manager, &one.ID, nil, after)
		add("assignments of one", s, err)
		s, err = w.WatchAssignments(ctx, w.Manager, nil, agents[1].Agent, after)
		add("assignments of B", s, err)
		s, err = w.WatchAssignments(ctx, w.Manager, &other.ID, agents[0].Agent, after)
		add("assignments of other to A", s, err)
		s, err = w.WatchStatus(ctx, w.Manager, nil, after)
		add("status", s, err)
		s, err = w.WatchStatus(ctx, w.Manager, &other.ID, after)
		add("status of other", s, err)
		s, err = w.WatchConversations(ctx, w.Manager, []db.ConversationID{one.ID}, after)
		add("one", s, err)
		return streams
	}
	live := open(nil)

	assign := func(c *db.Conversation, to service.Actor) {
		_, err := w.AssignConversation(ctx, w.Manager, service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *to.Agent})
		servicetest.Fine(t, err)
	}
	assign(one, agents[0])                                             // 1
	assign(one, agents[1])                                             // 2
	assign(other, agents[1])                                           // 3
	_, err = w.PutMessage(ctx, w.Manager, one.ID, db.Inbound, "hello") // 4
	servicetest.Fine(t, err)
	_, err = w.CloseConversation(ctx, w.Manager, service.CloseConversationInput{ConversationID: other.ID}) // 5
	servicetest.Fine(t, err)
	_, err = w.BlockContact(ctx, w.Manager, service.BlockContactInput{ContactID: one.ContactID}) // 6
	servicetest.Fine(t, err)
	_, err = w.UnassignConversation(ctx, w.Manager, service.UnassignConversationInput{ConversationID: one.ID}) // 7
	servicetest.Fine(t, err)
	_, err = w.ReopenConversation(ctx, w.Manager, service.ReopenConversationInput{ConversationID: other.ID}) // 8
	servicetest.Fine(t, err)
	_, err = w.UpdateContact(ctx, w.Manager, service.UpdateContactInput{ContactID: other.ContactID, Name: new("New")}) // 9
	servicetest.Fine(t, err)

	want := map[string][]db.Seq{
		"assignments": {1, 2, 3, 7}, "assignments of one": {1, 2, 7}, "assignments of B": {2, 3, 7}, "assignments of other to A": nil,
		"status": {5, 8}, "status of other": {5, 8}, "one": {1, 2, 4, 6, 7},
	}
	check := func(name string, s *service.Stream[*db.Event], seqs []db.Seq) {
		t.Helper()
		for _, seq := range seqs {
			if e := next(t, s); e.Seq != begun.Seq+seq {
				t.Errorf("%s: event %d instead of %d", name, e.Seq-begun.Seq, seq)
			}
		}
	}
	resumed := open(&begun)
	for name, seqs := range want {
		check(name, live[name], seqs)
		check(name+", resumed", resumed[name], seqs)
	}
	early := open(&start)["status"]
	for range 2 {
		if e := next(t, early); e.Type != db.ConversationOpened {
			t.Errorf("%s instead of an opening", e.Type)
		}
	}
	// No stream has another event.
	assign(other, agents[0])
	_, err = w.UnassignConversation(ctx, w.Manager, service.UnassignConversationInput{ConversationID: other.ID})
	servicetest.Fine(t, err)
	if e := next(t, live["assignments of other to A"]); e.Type != db.ConversationAssigned {
		t.Errorf("%s instead of the last assignment", e.Type)
	}
	for _, s := range []*service.Stream[*db.Event]{live["assignments"], resumed["assignments"]} {
		if e := next(t, s); e.Seq != begun.Seq+10 {
			t.Errorf("event %d too many", e.Seq-begun.Seq)
		}
	}
}

func TestWatchUnknown(t *testing.T) {
	t.Parallel()
	w, _ := today(t)
	elsewhere := w.NewWorkspace("otto@other.example")
	foreign := elsewhere.Open()
	foreignEnd, err := w.AsOf(t.Context(), elsewhere.Manager)
	servicetest.Fine(t, err)
	ctx, me := t.Context(), w.Manager
	for name, err := range map[string]error{
		"conversation of another workspace": last(w.WatchConversations(ctx, me, []db.ConversationID{foreign.ID}, nil)),
		"assignments of it":                 last(w.WatchAssignments(ctx, me, &foreign.ID, nil, nil)),
		"assignments of an agent there":     last(w.WatchAssignments(ctx, me, nil, elsewhere.Manager.Agent, nil)),
		"status of it":                      last(w.WatchStatus(ctx, me, &foreign.ID, nil)),
		"no conversation":                   last(w.WatchConversations(ctx, me, []db.ConversationID{db.ConversationID{UUID: db.NewUUID()}}, nil)),
	} {
		if err == nil || service.Explain(err).Code != service.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	ahead := foreignEnd
	ahead.Workspace, ahead.Seq = me.Workspace, 1000
	for name, c := range map[string]struct {
		after db.EventCursor
		want  service.ErrorCode
	}{"another workspace": {foreignEnd, service.CursorInvalid}, "the future": {ahead, service.CursorExpired}} {
		for _, err := range []error{
			last(w.WatchStatus(ctx, me, nil, &c.after)), last(w.WatchAssignments(ctx, me, nil, nil, &c.after)),
			last(w.WatchInbox(ctx, me, db.ViewAll, nil, nil, &c.after)),
		} {
			if err == nil || service.Explain(err).Code != c.want {
				t.Errorf("a cursor of %s: %v", name, err)
			}
		}
	}
	program := service.Actor{Workspace: me.Workspace, Role: service.RoleReader}
	if err := last(w.WatchInbox(ctx, program, db.ViewMine, nil, nil, nil)); err == nil || service.Explain(err).Code != service.BadInput {
		t.Errorf("MINE of a program: %v", err)
	}
	for _, f := range []db.InboxFilter{{Assignees: []*db.AgentID{}}, {Channels: []string{}}, {ClosingCategories: []string{}}, {Channels: []string{"\x00"}}, {Unread: new(true)}, {Unread: new(false)}} {
		if err := last(w.WatchInbox(ctx, me, db.ViewAll, &f, nil, nil)); err == nil || service.Explain(err).Code != service.BadInput {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

func last[T any](_ T, err error) error { return err }

// TestLiveView makes each kind of change to a conversation in a view, and compares the counts in
// the items with those of a query.
func TestLiveView(t *testing.T) {
	t.Parallel()
	w, start := today(t)
	ctx := t.Context()
	colleague := w.Agent("Colleague")
	views := map[db.View]*service.Stream[service.InboxChange]{}
	for _, v := range db.Views {
		s, err := w.WatchInbox(ctx, w.Manager, v, nil, nil, nil)
		servicetest.Fine(t, err)
		defer s.Close()
		views[v] = s
	}
	c := w.Open()
	seen := map[db.View][]service.InboxChangeKind{}
	expect := func(what string, err error, changes map[db.View]service.InboxChangeKind) {
		t.Helper()
		servicetest.Fine(t, err)
		counts, err := w.InboxCounts(ctx, w.Manager)
		servicetest.Fine(t, err)
		for v, kind := range changes {
			got := next(t, views[v])
			if got.Kind != kind || *got.Event.ConversationID != c.ID || got.Counts == nil || *got.Counts != counts {
				t.Errorf("%s, %s: %s of event %d with %+v; wanted %s with %+v", what, v, got.Kind, got.Event.Seq, got.Counts, kind, counts)
			}
			seen[v] = append(seen[v], kind)
		}
	}
	expect("opened", nil, map[db.View]service.InboxChangeKind{db.ViewUnassigned: service.Entered, db.ViewAll: service.Entered})
	_, err := w.PutMessage(ctx, w.Manager, c.ID, db.Inbound, "hello")
	expect("written to", err, map[db.View]service.InboxChangeKind{db.ViewUnassigned: service.Updated, db.ViewAll: service.Updated})
	_, err = w.AssignToMe(ctx, w.Manager, service.AssignToMeInput{ConversationID: c.ID})
	expect("taken", err, map[db.View]service.InboxChangeKind{db.ViewMine: service.Entered, db.ViewUnassigned: service.Left, db.ViewAll: service.Updated})
	_, err = w.AssignConversation(ctx, w.Manager, service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *colleague.Agent})
	expect("given away", err, map[db.View]service.InboxChangeKind{db.ViewMine: service.Left, db.ViewAll: service.Updated})
	_, err = w.BlockContact(ctx, w.Manager, service.BlockContactInput{ContactID: c.ContactID})
	expect("blocked", err, map[db.View]service.InboxChangeKind{db.ViewAll: service.Left, db.ViewBlocked: service.Entered})
	_, err = w.UnassignContact(ctx, w.Manager, service.UnassignContactInput{ContactID: c.ContactID})
	expect("unassigned while blocked", err, map[db.View]service.InboxChangeKind{db.ViewBlocked: service.Updated})
	_, err = w.UnblockContact(ctx, w.Manager, service.UnblockContactInput{ContactID: c.ContactID})
	expect("unblocked", err, map[db.View]service.InboxChangeKind{db.ViewUnassigned: service.Entered, db.ViewAll: service.Entered, db.ViewBlocked: service.Left})
	_, err = w.CloseConversation(ctx, w.Manager, service.CloseConversationInput{ConversationID: c.ID})
	expect("closed", err, map[db.View]service.InboxChangeKind{db.ViewUnassigned: service.Left, db.ViewAll: service.Left, db.ViewClosed: service.Entered})
	_, err = w.BlockContact(ctx, w.Manager, service.BlockContactInput{ContactID: c.ContactID})
	expect("blocked while closed", err, map[db.View]service.InboxChangeKind{db.ViewClosed: service.Left, db.ViewBlocked: service.Entered})
	_, err = w.UnblockContact(ctx, w.Manager, service.UnblockContactInput{ContactID: c.ContactID})
	expect("unblocked while closed", err, map[db.View]service.InboxChangeKind{db.ViewClosed: service.Entered, db.ViewBlocked: service.Left})
	_, err = w.AssignConversation(ctx, w.Manager, service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *w.Manager.Agent})
	expect("assigned while closed", err, map[db.View]service.InboxChangeKind{db.ViewClosed: service.Updated})
	_, err = w.ReopenConversation(ctx, w.Manager, service.ReopenConversationInput{ConversationID: c.ID})
	expect("reopened", err, map[db.View]service.InboxChangeKind{db.ViewMine: service.Entered, db.ViewAll: service.Entered, db.ViewClosed: service.Left})

	// A subscriber that resumes gets the same items without counts, because they are past.
	for v, kinds := range seen {
		s, err := w.WatchInbox(ctx, w.Manager, v, nil, nil, &start)
		servicetest.Fine(t, err)
		defer s.Close()
		for _, kind := range kinds {
			if got := next(t, s); got.Kind != kind || got.Counts != nil {
				t.Errorf("%s, resumed: %s instead of %s, counts: %v", v, got.Kind, kind, got.Counts)
			}
		}
	}
}

// TestLoadThenSubscribe: no change is missing between a list and the changes after its asOf, even
// under concurrent writes (P4).
func TestLoadThenSubscribe(t *testing.T) {
	t.Parallel()
	w, _ := today(t)
	ctx := t.Context()
	var writers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		c := w.Open()
		writers.Go(func() {
			for taken := false; ; taken = !taken {
				select {
				case <-stop:
					return
				default:
				}
				var err error
				if taken {
					_, err = w.UnassignConversation(ctx, w.Manager, service.UnassignConversationInput{ConversationID: c.ID})
				} else {
					_, err = w.AssignToMe(ctx, w.Manager, service.AssignToMeInput{ConversationID: c.ID})
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	type screen struct {
		loaded  *service.InboxList
		changes *service.Stream[service.InboxChange]
	}
	var screens []screen
	for range 30 {
		l, err := w.Inbox(ctx, w.Manager, service.InboxInput{View: db.ViewMine})
		servicetest.Fine(t, err)
		s, err := w.WatchInbox(ctx, w.Manager, db.ViewMine, nil, nil, &l.AsOf)
		servicetest.Fine(t, err)
		defer s.Close()
		screens = append(screens, screen{l, s})
	}
	close(stop)
	writers.Wait()
	end := w.Open()
	_, err := w.AssignToMe(ctx, w.Manager, service.AssignToMeInput{ConversationID: end.ID})
	servicetest.Fine(t, err)
	final, err := w.Inbox(ctx, w.Manager, service.InboxInput{View: db.ViewMine})
	servicetest.Fine(t, err)

	for _, s := range screens {
		inside := map[db.ConversationID]bool{}
		for _, c := range s.loaded.Rows {
			inside[c.ID] = true
		}
		for !inside[end.ID] {
			change := next(t, s.changes)
			id := *change.Event.ConversationID
			if inside[id] == (change.Kind == service.Entered) || change.Event.Seq <= s.loaded.AsOf.Seq {
				t.Fatalf("loaded as of %d; event %d says %s, but it is inside: %t", s.loaded.AsOf.Seq, change.Event.Seq, change.Kind, inside[id])
			}
			if inside[id] = true; change.Kind == service.Left {
				delete(inside, id)
			}
		}
		if !sameConversations(inside, final.Rows) {
			t.Errorf("loaded as of %d, it ends with %d of %d", s.loaded.AsOf.Seq, len(inside), len(final.Rows))
		}
	}
}

// TestWatchCounts: the present counts are sent at once, then the latest ones at most four times a
// second.
func TestWatchCounts(t *testing.T) {
	t.Parallel()
	w, _ := today(t)
	ctx := t.Context()
	c := w.Open()
	s, err := w.WatchCounts(ctx, w.Manager)
	servicetest.Fine(t, err)
	defer s.Close()
	if got := next(t, s); got.All != 1 || got.Unassigned != 1 || got.Mine != 0 {
		t.Errorf("at first %+v", got)
	}
	w.Open()
	_, err = w.AssignToMe(ctx, w.Manager, service.AssignToMeInput{ConversationID: c.ID})
	servicetest.Fine(t, err)
	began := time.Now()
	const changes = 12
	var pushed []service.Counts
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range changes {
			w.Open()
		}
	}()
	for len(pushed) == 0 || pushed[len(pushed)-1].All != 2+changes {
		pushed = append(pushed, next(t, s))
	}
	<-done
	for i, counts := range pushed {
		if i > 0 && counts.Equal(pushed[i-1]) {
			t.Errorf("pushed twice: %+v", counts)
		}
	}
	if most := int(time.Since(began)/service.CountsEvery) + 2; len(pushed) > most {
		t.Errorf("%d times in %v", len(pushed), time.Since(began))
	}
	want, err := w.InboxCounts(ctx, w.Manager)
	servicetest.Fine(t, err)
	if got := pushed[len(pushed)-1]; !got.Equal(want) || got.Mine != 1 {
		t.Errorf("in the end %+v, not %+v", got, want)
	}
}

// TestCountsAreNotPushedTooSoon: a change within 250 ms after a push is sent when they are over.
func TestCountsAreNotPushedTooSoon(t *testing.T) {
	t.Parallel()
	w, start := today(t)
	events, err := w.WatchStatus(t.Context(), w.Manager, nil, &start)
	servicetest.Fine(t, err)
	defer events.Close()
	s, err := w.WatchCounts(t.Context(), w.Manager)
	servicetest.Fine(t, err)
	defer s.Close()
	// Wait must not wait for an event: the present counts are sent at once.
	servicetest.Fine(t, s.Wait(servicetest.Context(t)))
	asked := time.Now()
	next(t, s)
	for want := 1; want <= 3; want++ {
		w.Open()
		next(t, events) // this process has read the event
		last := asked
		asked = time.Now()
		got, ok, err := s.Next(servicetest.Context(t))
		if err == nil && !ok {
			servicetest.Fine(t, s.Wait(servicetest.Context(t)))
			asked = time.Now()
			got, ok, err = s.Next(servicetest.Context(t))
		}
		if pause := time.Since(last); err != nil || !ok || got.All != want || pause < service.CountsEvery {
			t.Fatalf("after %v: %+v, %t, %v", pause, got, ok, err)
		}
	}
	if _, ok, err := s.Next(servicetest.Context(t)); ok || err != nil || !s.Due().IsZero() {
		t.Errorf("pushed without a change: %t, %v; next at %v", ok, err, s.Due())
	}
}

// TestPosition: a stream that starts at another one's position delivers exactly the items that the
// other has not delivered yet.
func TestPosition(t *testing.T) {
	t.Parallel()
	w, start := today(t)
	ctx := t.Context()
	c := w.Open()
	s, err := w.WatchAssignments(ctx, w.Manager, nil, nil, &start)
	servicetest.Fine(t, err)
	defer s.Close()
	if at, ok := s.Position(); !ok || at != start {
		t.Errorf("it begins at %+v, %t", at, ok)
	}
	for range 3 {
		_, err := w.AssignToMe(ctx, w.Manager, service.AssignToMeInput{ConversationID: c.ID})
		servicetest.Fine(t, err)
		_, err = w.UnassignConversation(ctx, w.Manager, service.UnassignConversationInput{ConversationID: c.ID})
		servicetest.Fine(t, err)
		w.Open() // which the stream does not deliver
	}
	end, err := w.AsOf(ctx, w.Manager)
	servicetest.Fine(t, err)
	for left := 5; left >= 0; left-- {
		e := next(t, s)
		at, ok := s.Position()
		if !ok || at != e.Cursor() {
			t.Errorf("right after event %d it is at %+v, %t", e.Seq, at, ok)
		}
		again, err := w.WatchAssignments(ctx, w.Manager, nil, nil, &at)
		servicetest.Fine(t, err)
		for range left {
			if got := next(t, again); got.Seq <= e.Seq {
				t.Errorf("after event %d it goes on with %d", e.Seq, got.Seq)
			}
		}
		for at.Seq < end.Seq {
			if _, ok, err := again.Next(servicetest.Context(t)); ok || err != nil {
				t.Fatalf("after event %d there is too much: %t, %v", e.Seq, ok, err)
			}
			at, _ = again.Position()
		}
		again.Close()
	}
	if e, ok, err := s.Next(servicetest.Context(t)); ok || err != nil {
		t.Errorf("%+v, %v", e, err)
	}
	if at, ok := s.Position(); !ok || at != end {
		t.Errorf("everything was looked at, but it is at %+v, %t", at, ok)
	}

	counts, err := w.WatchCounts(ctx, w.Manager)
	servicetest.Fine(t, err)
	defer counts.Close()
	next(t, counts)
	if at, ok := counts.Position(); ok {
		t.Errorf("counts are at %+v", at)
	}
}

// TestNoMoreAfterTheEnd: after its context has ended a stream delivers no event that it has read
// already; a later call with another context does.
func TestNoMoreAfterTheEnd(t *testing.T) {
	t.Parallel()
	w, start := today(t)
	w.Open()
	w.Open()
	s, err := w.WatchStatus(t.Context(), w.Manager, nil, &start)
	servicetest.Fine(t, err)
	defer s.Close()
	first := next(t, s)
	servicetest.Fine(t, s.Wait(servicetest.Context(t))) // returns at once, because there is another item
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if e, ok, err := s.Next(ended); ok || err != context.Canceled {
		t.Errorf("%+v, %t, %v", e, ok, err)
	}
	if err := s.Wait(ended); err != context.Canceled {
		t.Error(err)
	}
	if e := next(t, s); e.Seq <= first.Seq {
		t.Errorf("event %d again", e.Seq)
	}
}

// TestFinerThanTheDatabase: the list and the live view agree about a time in a filter that is finer
// than the database's times.
func TestFinerThanTheDatabase(t *testing.T) {
	t.Parallel()
	w, start := today(t)
	w.Clock = w.Clock.Truncate(time.Microsecond)
	w.Open()
	for _, d := range []time.Duration{-time.Microsecond, -1, 0, 1, 500, 999, time.Microsecond} {
		bound := w.Clock.Add(d)
		for name, f := range map[string]db.InboxFilter{"after": {OpenedAfter: &bound}, "before": {OpenedBefore: &bound}} {
			l, err := w.Inbox(t.Context(), w.Manager, service.InboxInput{View: db.ViewAll, Filter: &f})
			servicetest.Fine(t, err)
			events, err := w.DB.ForWorkspace(w.Manager.Workspace).EventsAfter(t.Context(), start.Seq, 10)
			servicetest.Fine(t, err)
			holds := slices.ContainsFunc(events, func(e *db.Event) bool { return f.Holds(e.After) && db.ViewAll.Holds(e.After, nil) })
			if holds != (len(l.Rows) == 1) {
				t.Errorf("%s %v: live %t, listed %d", name, d, holds, len(l.Rows))
			}
		}
	}
}
