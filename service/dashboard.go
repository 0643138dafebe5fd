package service

import (
	"context"
	"reflect"
	"time"

	"switchboard/db"
)

// Dashboard is how a workspace is doing at one place of the log (I6).
type Dashboard struct {
	Counts           DashboardCounts
	Agents           []DashboardAgent // the active ones and who else closed something today, in the order of their creation
	OldestWaiting    *time.Time       // since when who has waited longest is waiting; nil if nobody is
	FirstResponse    Durations        // from the contact's first unanswered message to an agent's reply
	Resolution       Durations        // from opening or reopening to the close
	TimeToAssignment Durations        // from unassigned and open to assigned
	AsOf             db.EventCursor

	dayEnds time.Time // when today is over
}

// DashboardCounts count open conversations; those of blocked contacts are in none.
type DashboardCounts struct{ Open, Unassigned, Waiting int }

// DashboardAgent is how one agent is doing.
type DashboardAgent struct {
	AgentID           db.AgentID
	OpenConversations int
	ClosedToday       int        // closings by the agent
	LongestWaiting    *time.Time // since when who has waited longest for the agent is waiting; nil if nobody is
}

// Durations are those that ended today, and in the seven days of which today is the last,
// by the workspace's calendar.
type Durations struct{ Today, Last7Days Quantiles }

// Quantiles tell of durations, in seconds: half of them and nine tenths of them are at
// most this long, within 2 %. They are nil if there are none.
type Quantiles struct {
	P50, P90 *float64
	Count    int
}

// Dashboard gives how the caller's workspace is doing, exact at its asOf.
func (s *Service) Dashboard(ctx context.Context, actor Actor) (d *Dashboard, err error) {
	err = s.boards.read(ctx, s.db.ForWorkspace(actor.Workspace), func(b *board) { d = b.dashboard() })
	return d, err
}

// equal compares what is shown, not the place.
func (d Dashboard) equal(o Dashboard) bool {
	d.AsOf, d.dayEnds = o.AsOf, o.dayEnds
	return reflect.DeepEqual(d, o)
}

const (
	dashboardEvery = 500 * time.Millisecond // how often it is pushed at most
	dashboardAgain = time.Second            // when it could not be read
)

// WatchDashboard streams the dashboard: at once, then when it changes, also because a day
// is over, at most twice a second. The events only tell that it may have.
func (s *Service) WatchDashboard(ctx context.Context, actor Actor) (*Stream[*Dashboard], error) {
	w, err := s.feed.Watch(ctx, actor.Workspace, nil)
	if err != nil {
		return nil, err
	}
	var sent *Dashboard
	var looked time.Time // when it was read last
	stale := true
	stream := &Stream[*Dashboard]{watcher: w, states: true, due: time.Now()}
	stream.next = func(ctx context.Context) (*Dashboard, bool, error) {
		moved, err := stream.skip(ctx)
		if err != nil {
			return nil, false, err
		}
		stale = stale || moved || !s.now().Before(sent.dayEnds)
		stream.due = time.Time{}
		switch {
		case !stale:
			stream.until = time.Now().Add(sent.dayEnds.Sub(s.now()))
			return nil, false, nil
		case time.Since(looked) < dashboardEvery:
			stream.due = looked.Add(dashboardEvery)
			return nil, false, nil
		}
		now, err := s.Dashboard(ctx, actor)
		if err != nil {
			stream.due = time.Now().Add(dashboardAgain)
			return nil, false, ctx.Err()
		}
		stale, looked = false, time.Now()
		changed := sent == nil || !sent.equal(*now)
		sent = now
		return now, changed, nil
	}
	return stream, nil
}

// skip goes to the present end of the log; moved says that something was on the way.
func (s *Stream[T]) skip(ctx context.Context) (moved bool, err error) {
	for {
		e, err := s.event(ctx)
		if e == nil {
			return moved, err
		}
		moved = true
	}
}
