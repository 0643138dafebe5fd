package service

import (
	"context"
	"time"

	"switchboard/service/projection"
)

// What a dashboard shows is computed by its projection.
type (
	Dashboard       = projection.Dashboard
	DashboardCounts = projection.DashboardCounts
	DashboardAgent  = projection.DashboardAgent
	Durations       = projection.Durations
	Quantiles       = projection.Quantiles
)

// Dashboard returns how the caller's workspace is doing, exact at its asOf.
func (s *Service) Dashboard(ctx context.Context, actor Actor) (*Dashboard, error) {
	if err := Permit(actor, "dashboard"); err != nil {
		return nil, err
	}
	return s.dashboards.Read(ctx, s.DB.ForWorkspace(actor.Workspace))
}

const (
	dashboardEvery = 500 * time.Millisecond // shortest time between two pushes
	dashboardAgain = time.Second            // pause after an error
)

// WatchDashboard streams the dashboard: immediately, then after each change, also at the end of a
// day, at most twice a second. An event only means that the dashboard may have changed.
func (s *Service) WatchDashboard(ctx context.Context, actor Actor) (*Stream[*Dashboard], error) {
	if err := Permit(actor, "dashboardChanged"); err != nil {
		return nil, err
	}
	w, err := s.Feed.Watch(ctx, actor.Workspace, nil)
	if err != nil {
		return nil, err
	}
	var sent *Dashboard
	var readAt time.Time // of the last read
	stale := true
	stream := &Stream[*Dashboard]{watcher: w, states: true, due: time.Now()}
	stream.next = func(ctx context.Context) (*Dashboard, bool, error) {
		moved, err := stream.skip(ctx)
		if err != nil {
			return nil, false, err
		}
		stale = stale || moved || !s.Now().Before(sent.DayEnds)
		stream.due = time.Time{}
		switch {
		case !stale:
			stream.until = time.Now().Add(sent.DayEnds.Sub(s.Now()))
			return nil, false, nil
		case time.Since(readAt) < dashboardEvery:
			stream.due = readAt.Add(dashboardEvery)
			return nil, false, nil
		}
		now, err := s.Dashboard(ctx, actor)
		if err != nil {
			stream.due = time.Now().Add(dashboardAgain)
			return nil, false, ctx.Err()
		}
		stale, readAt = false, time.Now()
		changed := sent == nil || !sent.Equal(*now)
		sent = now
		return now, changed, nil
	}
	return stream, nil
}

// skip moves to the present end of the log; moved reports whether there was any event.
func (s *Stream[T]) skip(ctx context.Context) (moved bool, err error) {
	for {
		e, err := s.Event(ctx)
		if e == nil {
			return moved, err
		}
		moved = true
	}
}
