package service

import (
	"context"
	"slices"

	"switchboard/db"
)

// AuditEvents returns one page of the events about who may do what, the latest first (managers
// only).
func (s *Service) AuditEvents(ctx context.Context, actor Actor, in PageInput) (*List[*db.Event], error) {
	if err := Permit(actor, "auditEvents"); err != nil {
		return nil, err
	}
	p, err := CheckPage(actor.Workspace, in, db.AuditOrder)
	if err != nil {
		return nil, err
	}
	w := s.DB.ForWorkspace(actor.Workspace)
	rows, next, previous, err := w.AuditPage(ctx, p)
	if err != nil {
		return nil, BadKey(p, err)
	}
	return &List[*db.Event]{
		Rows: rows, HasNext: next, HasPrevious: previous,
		Cursor: func(e *db.Event) string { return db.AuditOrder.Cursor(actor.Workspace, e.Key()) },
		Total:  TotalOf(w.AuditCount),
	}, nil
}

// maySee reports whether a caller who may read events may see this one: those about tokens are for
// managers.
func maySee(actor Actor, e *db.Event) bool {
	isAboutToken := e.Type == db.TokenCreated || e.Type == db.TokenRevoked
	return !isAboutToken || Permit(actor, "auditEvents") == nil
}

// visible returns the events that a caller may see.
func visible(actor Actor, events []*db.Event) []*db.Event {
	return slices.DeleteFunc(events, func(e *db.Event) bool { return !maySee(actor, e) })
}
