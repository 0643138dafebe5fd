package service

import (
	"context"

	"github.com/google/uuid"

	"switchboard/db"
)

// Total is how many rows a list has.
type Total struct {
	Count  int
	Capped bool // there are more than Count
}

// countLimit is the largest count that is reported exactly.
const countLimit = 1000

// total returns the Total for a count that stopped at one more than the limit.
func total(counted int) Total { return Total{min(counted, countLimit), counted > countLimit} }

// TotalOf returns a List's Total for a function that counts up to a limit.
func TotalOf(count func(ctx context.Context, limit int) (int, error)) func(context.Context) (Total, error) {
	return func(ctx context.Context) (Total, error) {
		n, err := count(ctx, countLimit+1)
		return total(n), err
	}
}

// MessageTotals counts the messages of each conversation.
func (s *Service) MessageTotals(ctx context.Context, actor Actor, ids []db.ConversationID) ([]Total, error) {
	return totals(ctx, s, actor, db.ConversationMessages, ids, func(id db.ConversationID) uuid.UUID { return id.UUID })
}

// ConversationTimelineTotals counts the events of each conversation.
func (s *Service) ConversationTimelineTotals(ctx context.Context, actor Actor, ids []db.ConversationID) ([]Total, error) {
	return totals(ctx, s, actor, db.ConversationEvents, ids, func(id db.ConversationID) uuid.UUID { return id.UUID })
}

// EntryTotals counts the entries of each conversation.
func (s *Service) EntryTotals(ctx context.Context, actor Actor, ids []db.ConversationID) ([]Total, error) {
	return totals(ctx, s, actor, db.ConversationEntries, ids, func(id db.ConversationID) uuid.UUID { return id.UUID })
}

// ContactTimelineTotals counts the events of each contact.
func (s *Service) ContactTimelineTotals(ctx context.Context, actor Actor, ids []db.ContactID) ([]Total, error) {
	return totals(ctx, s, actor, db.ContactEvents, ids, func(id db.ContactID) uuid.UUID { return id.UUID })
}

// ConversationTotals counts the conversations of each contact.
func (s *Service) ConversationTotals(ctx context.Context, actor Actor, ids []db.ContactID) ([]Total, error) {
	return totals(ctx, s, actor, db.ContactConversations, ids, func(id db.ContactID) uuid.UUID { return id.UUID })
}

// RunTotals counts the runs of each workflow.
func (s *Service) RunTotals(ctx context.Context, actor Actor, ids []db.WorkflowID) ([]Total, error) {
	return totals(ctx, s, actor, db.WorkflowRuns, ids, func(id db.WorkflowID) uuid.UUID { return id.UUID })
}

// totals counts the rows of each parent's list, all in one statement.
func totals[K any](ctx context.Context, s *Service, actor Actor, of db.Nested, parents []K, id func(K) uuid.UUID) ([]Total, error) {
	ids := make([]uuid.UUID, len(parents))
	for i, parent := range parents {
		ids[i] = id(parent)
	}
	counted, err := s.DB.ForWorkspace(actor.Workspace).CountNested(ctx, of, ids, countLimit+1)
	all := make([]Total, len(ids))
	for i, id := range ids {
		all[i] = total(counted[id])
	}
	return all, err
}
