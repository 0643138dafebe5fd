package service

import (
	"bytes"
	"context"
	"slices"
	"time"

	"switchboard/db"
)

// board is a log folded into what a dashboard shows (I6). It starts from the open
// conversations and from those events of the last days that ended something. When that
// began they do not say; the log does, in which an index finds a conversation's events.
type board struct {
	now  func() time.Time
	asOf db.EventCursor
	zone *time.Location
	days map[day]*daily

	// Of open conversations, blocked ones left out (S4); those of nobody have the zero id.
	active map[db.AgentID]bool // the agents who may have any
	loads  map[db.AgentID]int
	queues map[db.AgentID]*queue
	waits  map[db.ConversationID]*wait
}

// daily is what ended on one day.
type daily struct {
	firstResponse, resolution, assignment sketch
	closed                                map[db.AgentID]int // by who closed
}

const (
	boardDays = 7                  // of the calendar, the last one today
	boardSpan = 8 * 24 * time.Hour // which holds these, though clocks differ by hours
)

// endings are the events that may end something that is measured.
var endings = []db.EventType{db.MessageSent, db.ConversationClosed, db.ConversationAssigned}

func (b *board) start(ctx context.Context, w db.ForWorkspace) (db.Head, error) {
	tally, err := w.OpenTally(ctx)
	if err != nil {
		return db.Head{}, err
	}
	zone, err := time.LoadLocation(tally.TimeZone)
	if err != nil {
		return db.Head{}, err
	}
	*b = board{
		now: b.now, asOf: tally.Head.Cursor(), zone: zone, days: map[day]*daily{},
		active: map[db.AgentID]bool{}, loads: map[db.AgentID]int{}, queues: map[db.AgentID]*queue{}, waits: map[db.ConversationID]*wait{},
	}
	for _, id := range tally.Agents {
		b.active[id] = true
	}
	for _, load := range tally.Loads {
		b.loads[whose(load.Assignee)] = load.Count
	}
	for _, open := range tally.Waiting {
		b.wait(open.ConversationID, open.Assignee, open.Since)
	}
	return tally.Head, b.lookBack(ctx, w, tally.Head.Seq)
}

// lookBack measures what ended in the last days, up to an event.
func (b *board) lookBack(ctx context.Context, w db.ForWorkspace, end int64) error {
	at, err := w.SeqAt(ctx, b.now().Add(-boardSpan))
	for err == nil && at < end {
		var ended []*db.Event
		if ended, err = w.EventsOfTypes(ctx, endings, at, end, foldBatch); err != nil || len(ended) == 0 {
			return err
		}
		at, err = ended[len(ended)-1].Seq, b.measure(ctx, w, ended)
	}
	return err
}

func (b *board) next(ctx context.Context, w db.ForWorkspace, events []*db.Event) (ok bool, err error) {
	if slices.ContainsFunc(events, movesDays) {
		return false, nil
	}
	if err := b.measure(ctx, w, events); err != nil {
		return false, err
	}
	for _, e := range events {
		b.move(e)
	}
	return true, nil
}

// movesDays says that from now on other hours make a day, also in the past.
func movesDays(e *db.Event) bool {
	return e.Type == db.WorkspaceUpdated &&
		slices.ContainsFunc(e.Data.Changes, func(c db.FieldChange) bool { return c.Field == "timeZone" })
}

// measure adds how long that took which events ended.
func (b *board) measure(ctx context.Context, w db.ForWorkspace, events []*db.Event) error {
	var ended []int64
	for _, e := range events {
		if isResolution(e) || isFirstAssignment(e) {
			ended = append(ended, e.Seq)
		}
	}
	var began map[int64]time.Time
	if len(ended) > 0 {
		var err error
		if began, err = w.BeganAt(ctx, ended); err != nil {
			return err
		}
	}
	for _, e := range events {
		b.book(e, began)
	}
	return nil
}

// isFirstResponse: an agent replies to who has been waiting. What no agent wrote is automated.
func isFirstResponse(e *db.Event) bool {
	return e.Type == db.MessageSent && e.Actor.Prefix == db.AgentPrefix &&
		e.Before != nil && e.Before.WaitingSince != nil
}

// isResolution: a conversation is closed. Imported ones came closed.
func isResolution(e *db.Event) bool { return e.Type == db.ConversationClosed }

// isFirstAssignment: somebody becomes responsible for what is open and was nobody's. That
// the contact was blocked for a time makes the wait no shorter.
func isFirstAssignment(e *db.Event) bool {
	return e.Type == db.ConversationAssigned && db.ViewUnassigned.Holds(e.Before, nil)
}

// book adds what one event ended; began says when, where it does not say so itself.
func (b *board) book(e *db.Event, began map[int64]time.Time) {
	since, known := began[e.Seq]
	switch on := b.day(dayOf(e.CreatedAt, b.zone)); {
	case isFirstResponse(e):
		on.firstResponse.add(e.CreatedAt.Sub(*e.Before.WaitingSince))
	case isFirstAssignment(e) && known:
		on.assignment.add(e.CreatedAt.Sub(since))
	case isResolution(e):
		if known {
			on.resolution.add(e.CreatedAt.Sub(since))
		}
		if e.Actor.Prefix == db.AgentPrefix {
			on.closed[db.AgentID{UUID: e.Actor.ID}]++
		}
	}
}

func (b *board) day(d day) *daily {
	if b.days[d] == nil {
		b.days[d] = &daily{closed: map[db.AgentID]int{}}
	}
	return b.days[d]
}

// move goes on with what is open and who is there.
func (b *board) move(e *db.Event) {
	b.asOf = e.Cursor()
	switch e.Type {
	case db.AgentCreated, db.AgentReactivated:
		b.active[*e.Data.AgentID] = true
	case db.AgentDeactivated:
		delete(b.active, *e.Data.AgentID)
	}
	if e.ConversationID == nil {
		return
	}
	if db.ViewAll.Holds(e.Before, nil) {
		b.loads[whose(e.Before.Assignee)]--
		if w := b.waits[*e.ConversationID]; w != nil {
			w.end()
			delete(b.waits, *e.ConversationID)
		}
	}
	if db.ViewAll.Holds(e.After, nil) {
		b.loads[whose(e.After.Assignee)]++
		if since := e.After.WaitingSince; since != nil {
			b.wait(*e.ConversationID, e.After.Assignee, *since)
		}
	}
}

func (b *board) wait(c db.ConversationID, assignee *db.AgentID, since time.Time) {
	who := whose(assignee)
	if b.queues[who] == nil {
		b.queues[who] = &queue{}
	}
	b.waits[c] = b.queues[who].add(since)
}

// whose gives an assignee's id, and for nobody the zero one.
func whose(assignee *db.AgentID) db.AgentID {
	if assignee == nil {
		return db.AgentID{}
	}
	return *assignee
}

// dashboard gives what there is to show now.
func (b *board) dashboard() *Dashboard {
	today := dayOf(b.now(), b.zone)
	for d := range b.days {
		if d <= today-boardDays {
			delete(b.days, d)
		}
	}
	d := &Dashboard{
		AsOf: b.asOf, dayEnds: endOfDay(b.now(), b.zone),
		Counts:           DashboardCounts{Unassigned: b.loads[db.AgentID{}], Waiting: len(b.waits)},
		FirstResponse:    b.durations(today, func(d *daily) *sketch { return &d.firstResponse }),
		Resolution:       b.durations(today, func(d *daily) *sketch { return &d.resolution }),
		TimeToAssignment: b.durations(today, func(d *daily) *sketch { return &d.assignment }),
	}
	for _, load := range b.loads {
		d.Counts.Open += load
	}
	for _, q := range b.queues {
		if since := q.longest(); since != nil && (d.OldestWaiting == nil || since.Before(*d.OldestWaiting)) {
			d.OldestWaiting = since
		}
	}
	closed := b.day(today).closed
	for _, id := range b.people(closed) {
		d.Agents = append(d.Agents, DashboardAgent{
			AgentID: id, OpenConversations: b.loads[id], ClosedToday: closed[id], LongestWaiting: b.queues[id].longest(),
		})
	}
	return d
}

// people are the active agents, and who else has closed something, in the order in which
// they were created.
func (b *board) people(closed map[db.AgentID]int) []db.AgentID {
	ids := make([]db.AgentID, 0, len(b.active))
	for id := range b.active {
		ids = append(ids, id)
	}
	for id := range closed {
		if !b.active[id] {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(x, y db.AgentID) int { return bytes.Compare(x.UUID[:], y.UUID[:]) })
	return ids
}

func (b *board) durations(today day, of func(*daily) *sketch) Durations {
	var all sketch
	for d, on := range b.days {
		if d <= today { // another server's clock may be ahead
			all.merge(of(on))
		}
	}
	return Durations{Today: quantiles(of(b.day(today))), Last7Days: quantiles(&all)}
}

func quantiles(s *sketch) Quantiles { return Quantiles{s.quantile(0.5), s.quantile(0.9), s.n} }
