package service

import (
	"context"

	"switchboard/db"
)

// CursorKey returns the key that makes positions of the caller's log opaque. It reads each
// workspace's key once.
func (s *Service) CursorKey(ctx context.Context, actor Actor) (db.CursorKey, error) {
	if key, known := s.cursorKeys.Load(actor.Workspace); known {
		return key.(db.CursorKey), nil
	}
	key, err := s.DB.ForWorkspace(actor.Workspace).CursorKey(ctx)
	if err == nil {
		s.cursorKeys.Store(actor.Workspace, key)
	}
	return key, err
}
