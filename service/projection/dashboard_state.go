package projection

import (
	"bytes"
	"context"
	"slices"
	"time"

	"switchboard/db"
)

// dashboard is the state behind the dashboard of one workspace (I6). It starts from the open
// conversations and from the events of the last days that ended something measured. Those events
// lack their start time, so it is looked up in the log by conversation.
type dashboard struct {
	now  func() time.Time
	asOf db.EventCursor
	zone *time.Location
	days map[day]*daily

	// About open conversations without blocked ones (S4); unassigned ones have the zero id.
	active  map[db.AgentID]bool // the agents who may have any
	loads   map[db.AgentID]int
	waiting map[db.AgentID]*waitingList
	waits   map[db.ConversationID]*wait
}

// daily is what ended on one day.
type daily struct {
	firstResponse, resolution, assignment sketch
	closed                                map[db.AgentID]int // by the agent who closed
}

const (
	daysShown = 7                  // of the calendar, the last one today
	spanRead  = 8 * 24 * time.Hour // includes these days, though clocks differ by hours

	lookBackSize = 10_000 // events read in one statement, which must end within its time-out
)

// endings are the events that may end something that is measured.
var endings = []db.EventType{db.MessageSent, db.ConversationClosed, db.ConversationAssigned}

// resume returns no place: start takes over what was stored.
func (s *dashboard) resume(context.Context, db.ForWorkspace, db.Head) (db.Head, error) {
	return db.Head{}, nil
}

func (s *dashboard) start(ctx context.Context, w db.ForWorkspace) (db.Head, error) {
	tally, err := w.OpenTally(ctx)
	if err != nil {
		return db.Head{}, err
	}
	zone, err := time.LoadLocation(tally.TimeZone)
	if err != nil {
		return db.Head{}, err
	}
	*s = dashboard{
		now: s.now, asOf: tally.Head.Cursor(), zone: zone, days: map[day]*daily{},
		active: map[db.AgentID]bool{}, loads: map[db.AgentID]int{}, waiting: map[db.AgentID]*waitingList{}, waits: map[db.ConversationID]*wait{},
	}
	for _, id := range tally.Agents {
		s.active[id] = true
	}
	for _, load := range tally.Loads {
		s.loads[idOrZero(load.Assignee)] = load.Count
	}
	for _, open := range tally.Waiting {
		s.wait(open.ConversationID, open.Assignee, open.Since)
	}
	return tally.Head, s.lookBack(ctx, w, tally.Head.Seq)
}

// lookBack measures what ended in the last days, up to the event numbered end, unless it was
// measured before.
func (s *dashboard) lookBack(ctx context.Context, w db.ForWorkspace, end db.Seq) error {
	at, err := w.LastSeqBefore(ctx, s.now().Add(-spanRead))
	if err == nil {
		at, err = s.restore(ctx, w, at, end)
	}
	for err == nil && at < end {
		var ended []db.Ending
		if ended, err = w.Endings(ctx, endings, at, end, lookBackSize); err != nil || len(ended) == 0 {
			return err
		}
		for _, e := range ended {
			s.book(&db.Event{Type: e.Type, Actor: e.Actor, Before: e.Before, CreatedAt: e.CreatedAt}, e.Started)
		}
		at = ended[len(ended)-1].Seq
	}
	return err
}

func (s *dashboard) next(ctx context.Context, w db.ForWorkspace, events []*db.Event) (ok bool, err error) {
	if slices.ContainsFunc(events, movesDays) {
		return false, nil
	}
	if err := s.measure(ctx, w, events); err != nil {
		return false, err
	}
	for _, e := range events {
		s.move(e)
	}
	return true, nil
}

// movesDays reports whether an event changes where days begin, also in the past.
func movesDays(e *db.Event) bool {
	return e.Type == db.WorkspaceUpdated &&
		slices.ContainsFunc(e.Data.Changes, func(c db.FieldChange) bool { return c.Field == "timeZone" })
}

// measure adds the durations that events ended.
func (s *dashboard) measure(ctx context.Context, w db.ForWorkspace, events []*db.Event) error {
	var ended []db.Seq
	for _, e := range events {
		if isResolution(e) || isFirstAssignment(e) {
			ended = append(ended, e.Seq)
		}
	}
	var began map[db.Seq]time.Time
	if len(ended) > 0 {
		var err error
		if began, err = w.StartTimes(ctx, ended); err != nil {
			return err
		}
	}
	for _, e := range events {
		var started *time.Time
		if at, known := began[e.Seq]; known {
			started = &at
		}
		s.book(e, started)
	}
	return nil
}

// isFirstResponse reports whether an agent replied to a contact who was waiting. A message that no
// agent wrote is automated.
func isFirstResponse(e *db.Event) bool {
	return e.Type == db.MessageSent && e.Actor.Prefix == db.AgentPrefix &&
		e.Before != nil && e.Before.WaitingSince != nil
}

// isResolution reports whether a conversation was closed; imported ones were never open.
func isResolution(e *db.Event) bool { return e.Type == db.ConversationClosed }

// isFirstAssignment reports whether an open, unassigned conversation was assigned. A block of the
// contact in between does not shorten the wait.
func isFirstAssignment(e *db.Event) bool {
	return e.Type == db.ConversationAssigned && db.ViewUnassigned.Holds(e.Before, nil)
}

// book adds the durations that one event ended. started is when the state that it ended had
// started; nil if the event contains that or the log does not.
func (s *dashboard) book(e *db.Event, started *time.Time) {
	switch on := s.day(dayOf(e.CreatedAt, s.zone)); {
	case isFirstResponse(e):
		on.firstResponse.add(e.CreatedAt.Sub(*e.Before.WaitingSince))
	case isFirstAssignment(e) && started != nil:
		on.assignment.add(e.CreatedAt.Sub(*started))
	case isResolution(e):
		if started != nil {
			on.resolution.add(e.CreatedAt.Sub(*started))
		}
		if e.Actor.Prefix == db.AgentPrefix {
			on.closed[db.AgentID{UUID: e.Actor.ID}]++
		}
	}
}

func (s *dashboard) day(d day) *daily {
	if s.days[d] == nil {
		s.days[d] = &daily{closed: map[db.AgentID]int{}}
	}
	return s.days[d]
}

// move applies one event to the open conversations and the active agents.
func (s *dashboard) move(e *db.Event) {
	s.asOf = e.Cursor()
	switch e.Type {
	case db.AgentCreated, db.AgentReactivated:
		s.active[*e.Data.AgentID] = true
	case db.AgentDeactivated:
		delete(s.active, *e.Data.AgentID)
	}
	if e.ConversationID == nil {
		return
	}
	if db.ViewAll.Holds(e.Before, nil) {
		s.loads[idOrZero(e.Before.Assignee)]--
		if w := s.waits[*e.ConversationID]; w != nil {
			w.end()
			delete(s.waits, *e.ConversationID)
		}
	}
	if db.ViewAll.Holds(e.After, nil) {
		s.loads[idOrZero(e.After.Assignee)]++
		if since := e.After.WaitingSince; since != nil {
			s.wait(*e.ConversationID, e.After.Assignee, *since)
		}
	}
}

func (s *dashboard) wait(c db.ConversationID, assignee *db.AgentID, since time.Time) {
	who := idOrZero(assignee)
	if s.waiting[who] == nil {
		s.waiting[who] = &waitingList{}
	}
	s.waits[c] = s.waiting[who].add(since)
}

// idOrZero returns the id of an assignee, or the zero id for nil.
func idOrZero(assignee *db.AgentID) db.AgentID {
	if assignee == nil {
		return db.AgentID{}
	}
	return *assignee
}

// show returns the dashboard as it is now.
func (s *dashboard) show() *Dashboard {
	today := dayOf(s.now(), s.zone)
	for d := range s.days {
		if d <= today-daysShown {
			delete(s.days, d)
		}
	}
	d := &Dashboard{
		AsOf: s.asOf, DayEnds: endOfDay(s.now(), s.zone),
		Counts:           DashboardCounts{Unassigned: s.loads[db.AgentID{}], Waiting: len(s.waits)},
		FirstResponse:    s.durations(today, func(d *daily) *sketch { return &d.firstResponse }),
		Resolution:       s.durations(today, func(d *daily) *sketch { return &d.resolution }),
		TimeToAssignment: s.durations(today, func(d *daily) *sketch { return &d.assignment }),
	}
	for _, load := range s.loads {
		d.Counts.Open += load
	}
	for _, q := range s.waiting {
		if since := q.longest(); since != nil && (d.OldestWaiting == nil || since.Before(*d.OldestWaiting)) {
			d.OldestWaiting = since
		}
	}
	closed := s.day(today).closed
	for _, id := range s.people(closed) {
		d.Agents = append(d.Agents, DashboardAgent{
			AgentID: id, OpenConversations: s.loads[id], ClosedToday: closed[id], LongestWaiting: s.waiting[id].longest(),
		})
	}
	return d
}

// people returns the active agents and others who have closed something, in the order of their
// creation.
func (s *dashboard) people(closed map[db.AgentID]int) []db.AgentID {
	ids := make([]db.AgentID, 0, len(s.active))
	for id := range s.active {
		ids = append(ids, id)
	}
	for id := range closed {
		if !s.active[id] {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(x, y db.AgentID) int { return bytes.Compare(x.UUID[:], y.UUID[:]) })
	return ids
}

func (s *dashboard) durations(today day, of func(*daily) *sketch) Durations {
	var all sketch
	for d, on := range s.days {
		if d <= today { // another server's clock may be ahead
			all.merge(of(on))
		}
	}
	return Durations{Today: quantiles(of(s.day(today))), Last7Days: quantiles(&all)}
}

func quantiles(s *sketch) Quantiles { return Quantiles{s.quantile(0.5), s.quantile(0.9), s.n} }
