package service

import (
	"context"
	"time"

	"switchboard/db"
)

const (
	searchEvery = 5 * time.Second // between two looks for rows without search text
	searchBatch = 200             // rows per transaction
)

// keepSearchable adds missing search text and deletes unused search words until the context ends.
// Any number of processes may run it.
func (s *Service) keepSearchable(ctx context.Context) {
	for ctx.Err() == nil {
		if err := s.makeSearchable(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("making text searchable was interrupted; trying again", "error", err)
		}
		_ = SleepUntil(ctx, time.Now().Add(searchEvery))
	}
}

// makeSearchable adds the search text that is missing, batch by batch: to old rows, to rows that a
// server of the previous version has written, and to phone numbers after a change of the country.
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

// inBatches repeats a transaction until it processes less than a whole batch.
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

// foldAgents logs agents whose e-mail addresses differ only in their spelling, which older versions
// allowed: a person has to decide who keeps the address.
func (s *Service) foldAgents(ctx context.Context, tx db.Tx) (int, error) {
	done, taken, err := tx.FoldAgents(ctx, searchBatch)
	for _, a := range taken {
		s.Log.Warn("two agents have e-mail addresses that differ only in their spelling; change one of them with updateAgent",
			"agent", a.ID.String(), "email", *a.Email)
	}
	return done, err
}

func foldContacts(ctx context.Context, tx db.Tx) (int, error) {
	return tx.FoldContacts(ctx, searchBatch)
}
func foldNotes(ctx context.Context, tx db.Tx) (int, error)   { return tx.FoldNotes(ctx, searchBatch) }
func forgetWords(ctx context.Context, tx db.Tx) (int, error) { return tx.ForgetWords(ctx, searchBatch) }
