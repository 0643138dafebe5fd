package db

import (
	"context"
	"slices"
)

// auditTypes are the types of events about who may do what. The index events_audit holds them.
var auditTypes = []EventType{AgentCreated, AgentUpdated, AgentDeactivated, AgentReactivated, IdentityLinked, TokenCreated, TokenRevoked}

const isAudited = "type IN ('AGENT_CREATED', 'AGENT_UPDATED', 'AGENT_DEACTIVATED', 'AGENT_REACTIVATED', 'IDENTITY_LINKED', 'TOKEN_CREATED', 'TOKEN_REVOKED')"

// IsAudited reports whether an event is about who may do what.
func (e *Event) IsAudited() bool { return slices.Contains(auditTypes, e.Type) }

// AuditOrder lists audited events, the latest first.
var AuditOrder = Order{Name: "audit", Columns: []string{"seq"}, Desc: true}

// AuditPage returns one page of the audited events, and whether rows follow and precede it.
func (w ForWorkspace) AuditPage(ctx context.Context, p Page) ([]*Event, bool, bool, error) {
	var rows []*Event
	q := w.bun.NewSelect().Model(&rows).Where("workspace_id = ?", w.Key).Where(isAudited)
	if err := p.apply(q, AuditOrder).Scan(ctx); err != nil {
		return nil, false, false, err
	}
	rows, next, previous := Trim(rows, p)
	return rows, next, previous, nil
}

// AuditCount counts audited events up to a limit.
func (w ForWorkspace) AuditCount(ctx context.Context, limit int) (int, error) {
	return w.count(ctx, w.bun.NewSelect().Model((*Event)(nil)).Where("workspace_id = ?", w.Key).Where(isAudited), limit)
}
