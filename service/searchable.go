package service

import (
	"context"
	"time"

	"switchboard/db"
)

const (
	searchEvery = 5 * time.Second // until what others wrote is looked for
	searchBatch = 200             // rows of one transaction
)

// keepSearchable folds what is not folded yet, and forgets words that nothing has any
// more, until the context ends. It may run in any number of processes.
func (s *Service) keepSearchable(ctx context.Context) {
	for ctx.Err() == nil {
		if err := s.makeSearchable(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("making text searchable was interrupted; trying again", "error", err)
		}
		_ = SleepUntil(ctx, time.Now().Add(searchEvery))
	}
}

// makeSearchable folds all that is to be folded, batch by batch: rows from before text was
// folded by the server, what a server of the version before has written since, and phone
// numbers after a change of the country.
func (s *Service) makeSearchable(ctx context.Context) error {
	workspaces, err := s.DB.UnfoldedWorkspaces(ctx)
	if err != nil {
		return err
	}
	for _, workspace := range workspaces {
		for _, fold := range []func(context.Context, db.Tx) (int, error){s.foldAgents, foldContacts, foldNotes, forgetWords} {
			if err := s.inBatches(ctx, workspace, fold); err != nil {
				return err
			}
		}
	}
	return nil
}

// inBatches repeats a transaction until it finds less than a whole batch.
func (s *Service) inBatches(ctx context.Context, workspace db.WorkspaceKey, work func(context.Context, db.Tx) (int, error)) error {
	for done := searchBatch; done == searchBatch; {
		err := s.DB.Transact(ctx, workspace, func(tx db.Tx) (err error) {
			done, err = work(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// foldAgents tells of addresses that two agents had before they were the same: which of
// the two keeps it is for a person to say.
func (s *Service) foldAgents(ctx context.Context, tx db.Tx) (int, error) {
	done, taken, err := tx.FoldAgents(ctx, searchBatch)
	for _, a := range taken {
		s.Log.Warn("two agents have the same e-mail address but for its writing; change one of them with updateAgent",
			"agent", a.ID.String(), "email", *a.Email)
	}
	return done, err
}

func foldContacts(ctx context.Context, tx db.Tx) (int, error) {
	return tx.FoldContacts(ctx, searchBatch)
}
func foldNotes(ctx context.Context, tx db.Tx) (int, error)   { return tx.FoldNotes(ctx, searchBatch) }
func forgetWords(ctx context.Context, tx db.Tx) (int, error) { return tx.ForgetWords(ctx, searchBatch) }
