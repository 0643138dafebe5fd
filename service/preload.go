package service

import (
	"context"
	"time"
)

const (
	preloadSince = 24 * time.Hour // of a workspace's last event
	preloadLimit = 100            // workspaces
)

// Preload computes the counts and the dashboards of the workspaces with recent events, the latest
// first, so that the first callers after a start need not wait for it. Other callers compute theirs
// meanwhile.
func (s *Service) Preload(ctx context.Context) {
	workspaces, err := s.DB.RecentWorkspaces(ctx, s.Now().Add(-preloadSince), preloadLimit)
	for _, w := range workspaces {
		if _, failed := s.InboxCounts(ctx, System(w)); failed != nil {
			err = failed
		}
	}
	for _, w := range workspaces {
		if _, failed := s.Dashboard(ctx, System(w)); failed != nil {
			err = failed
		}
	}
	if err != nil && ctx.Err() == nil {
		s.Log.Debug("counts and dashboards were not all computed ahead; the first callers wait for them", "error", err)
	}
}
