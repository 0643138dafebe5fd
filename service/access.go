package service

import (
	"context"

	"switchboard/db"
)

// AccessLog returns one page of the access log, the latest record first (managers only).
func (s *Service) AccessLog(ctx context.Context, actor Actor, in PageInput) (*List[*db.AccessRecord], error) {
	if err := Permit(actor, "accessLog"); err != nil {
		return nil, err
	}
	p, err := CheckPage(actor.Workspace, in, db.AccessOrder)
	if err != nil {
		return nil, err
	}
	w := s.DB.ForWorkspace(actor.Workspace)
	rows, next, previous, err := w.AccessPage(ctx, p)
	if err != nil {
		return nil, BadKey(p, err)
	}
	return &List[*db.AccessRecord]{
		Rows: rows, HasNext: next, HasPrevious: previous,
		Cursor: func(r *db.AccessRecord) string { return db.AccessOrder.Cursor(actor.Workspace, r.Key()) },
		Total:  TotalOf(w.AccessCount),
	}, nil
}
