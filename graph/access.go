package graph

import (
	"context"

	"switchboard/db"
	"switchboard/service"
)

// The connection and edges of the access log.
type (
	AccessRecordConnection = Connection[*db.AccessRecord]
	AccessRecordEdge       = Edge[*db.AccessRecord]
)

func (r queryResolver) AccessLog(ctx context.Context, first *int, after *string, last *int, before *string) (*AccessRecordConnection, error) {
	l, err := r.service.AccessLog(ctx, actorOf(ctx), service.PageInput{First: first, After: after, Last: last, Before: before})
	if err != nil {
		return nil, err
	}
	return rootConnection(l, l.Total), nil
}

// accessRecordRelations are the relations of AccessRecord.
type accessRecordRelations struct{ *reads }

// Agent reads the agents that the callers are; nil for programs.
func (r accessRecordRelations) Agent(ctx context.Context, rows []*db.AccessRecord) ([]*db.Agent, []error) {
	return refer(ctx, r.agents, rows, func(a *db.AccessRecord) *db.AgentID { return a.AgentID })
}

// Token reads the API tokens that the callers used; nil for other credentials.
func (r accessRecordRelations) Token(ctx context.Context, rows []*db.AccessRecord) ([]*db.Token, []error) {
	return refer(ctx, r.allTokens, rows, func(a *db.AccessRecord) *db.TokenID { return a.TokenID })
}
