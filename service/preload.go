package service

import (
	"context"
	"time"

	"switchboard/db"
)

const (
	preloadSince = 24 * time.Hour // of a workspace's last event
	preloadLimit = 100            // workspaces
	preloadOpen  = 500_000        // open conversations, of all workspaces together
)

// Preload computes the counts, reads the open conversations and computes the dashboards of the
// workspaces with recent events, the latest first, so that the first callers after a start need not
// wait for it. Other callers begin the same for theirs meanwhile.
func (s *Service) Preload(ctx context.Context) {
	workspaces, err := s.DB.RecentWorkspaces(ctx, s.Now().Add(-preloadSince), preloadLimit)
	note := func(failed error) bool {
		if failed != nil {
			err = failed
		}
		return failed == nil
	}
	var read []db.WorkspaceKey
	open := 0
	for _, w := range workspaces {
		counts, failed := s.InboxCounts(ctx, System(w))
		if open += counts.All; note(failed) && open <= preloadOpen {
			read = append(read, w)
		}
	}
	for _, w := range read {
		note(s.open.Preload(ctx, s.DB.ForWorkspace(w)))
	}
	for _, w := range workspaces {
		_, failed := s.Dashboard(ctx, System(w))
		note(failed)
	}
	if err != nil && ctx.Err() == nil {
		s.Log.Debug("counts, inboxes and dashboards were not all computed ahead; the first callers wait for them", "error", err)
	}
}
