package service

import (
	"context"
	"errors"
	"time"
)

const (
	saveEvery = time.Minute     // between two checkpoints
	saveTime  = 5 * time.Second // for one of all workspaces
)

// KeepCheckpoints stores counts, and what dashboards have measured, once a minute and when the
// context ends, so that the first readers after the next start need not wait for them.
func (s *Service) KeepCheckpoints(ctx context.Context) {
	for ctx.Err() == nil {
		_ = SleepUntil(ctx, time.Now().Add(saveEvery))
		s.SaveCheckpoints(ctx)
	}
}

// SaveCheckpoints stores counts and what dashboards have measured. It does so although the context
// has ended.
func (s *Service) SaveCheckpoints(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	if err := errors.Join(s.inbox.Save(ctx, s.DB), s.dashboards.Save(ctx, s.DB)); err != nil {
		s.Log.Debug("counts and what dashboards have measured were not stored; the first readers after the next start wait longer", "error", err)
	}
}
