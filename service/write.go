package service

import (
	"context"
	"errors"
	"time"

	"switchboard/db"
)

// Keyed is embedded by the input of every mutation.
type Keyed struct {
	// IdempotencyKey lets a repeated call return the outcome of the first (P6).
	IdempotencyKey *string
}

func (k *Keyed) key() *string { return k.IdempotencyKey }

// Input is the input of a mutation; it embeds Keyed.
type Input interface{ key() *string }

// Outcome is the result of a mutation that was carried out or refused: the present state of its
// objects and the events in log order (at most the first 100).
type Outcome struct {
	Conversation  *db.Conversation
	Conversations []*ConversationOutcome // of a bulk, in the order of its items
	Contact       *db.Contact
	Agent         *db.Agent
	Workspace     *db.Workspace
	Workflow      *db.Workflow
	Workflows     []*db.Workflow // those in which the mutation caused a problem
	Run           *db.WorkflowRun
	Token         *db.Token
	Secret        string // of a token that was just created; never stored
	Events        []*db.Event
	Ignored       []*Refusal // INVALID_FIELD: input fields that were left out, cut or replaced
}

// Changes are the events of a transaction in the order of rule A8. A verb that changed nothing
// returns Unchanged.
type Changes []*db.Event

// Unchanged are the Changes of a verb that changed nothing.
var Unchanged Changes

// Writer is the transaction of one mutation: it reads and writes rows, stamps events and collects
// the outcome. Write makes it, and nothing else may change anything.
type Writer struct {
	db.Tx
	Recorder
	Actor   Actor    // who calls
	Outcome *Outcome // filled as objects become known, so that a refusal shows them too
}

const eventsReturned = 100 // by one mutation

// Write is the way of a mutation that is not only about threads: it looks up the idempotency key,
// calls fn, which checks the rules and changes rows, appends the events, commits, and wakes the
// feed. It has a transaction of its own. A refusal by fn is returned as the error, with the present
// objects in the outcome; only its idempotency key is stored.
func (s *Service) Write(ctx context.Context, actor Actor, verb string, input Input,
	fn func(w *Writer) (Changes, error)) (_ *Outcome, err error) {
	began := time.Now()
	defer func() { s.measures.mutation(ctx, verb, began, err) }()
	if err := permitWrite(actor, verb); err != nil {
		return nil, err
	}
	key, err := s.newClaim(actor, verb, input)
	if err != nil {
		return &Outcome{}, err
	}
	for attempt := 1; ; attempt++ {
		outcome, wrote, err := s.transact(ctx, actor, key, fn)
		var refusal *Refusal
		switch {
		case err == nil:
			if wrote {
				s.Feed.Poke(actor.Workspace)
				s.measures.company.Observe(1)
			}
			return outcome, nil
		case errors.As(err, &refusal) && key != nil && key.earlier == nil:
			return s.storeRefusal(ctx, actor, key, outcome, refusal)
		case !mayRetry(err, attempt) && !key.tells(err, attempt):
			return outcome, err
		}
	}
}

// transact runs fn in one transaction with its idempotency key and its events; wrote reports
// whether there were any events.
func (s *Service) transact(ctx context.Context, actor Actor, key *claim, fn func(w *Writer) (Changes, error)) (outcome *Outcome, wrote bool, err error) {
	outcome = &Outcome{}
	err = s.DB.Transact(ctx, actor.Workspace, func(tx db.Tx) error {
		if done, err := s.claimOrRecall(ctx, tx, key, outcome); done || err != nil {
			return err
		}
		w := &Writer{Tx: tx, Actor: actor, Outcome: outcome, Recorder: Recorder{By: actor.Ref(), At: s.Now(), Origin: key.origin()}}
		events, err := fn(w)
		if err != nil {
			return err
		}
		if len(events) > 0 { // else keep those that a repeated delivery recalled
			outcome.show(events)
		}
		wrote = len(events) > 0
		return s.finish(ctx, tx, key, outcome, nil, events)
	})
	return outcome, wrote, err
}

// about sets the contact and the conversation of the outcome.
func (o *Outcome) about(t *Thread) { o.Contact, o.Conversation = t.Contact, t.Conversation() }

// show sets the events of the outcome, at most as many as are returned.
func (o *Outcome) show(events Changes) { o.Events = events[:min(len(events), eventsReturned)] }

// finish stores the outcome under the key, if there is one, and appends the events to the log,
// which is the last thing that a transaction does.
func (s *Service) finish(ctx context.Context, tx db.Tx, key *claim, o *Outcome, refusal *Refusal, events Changes) error {
	b := tx.Batch()
	if key != nil {
		if err := key.settle(o, refusal); err != nil {
			return err
		}
		s.storeClaims(b, key)
	}
	b.AppendEvents(events)
	return b.Send(ctx)
}

// storeRefusal stores a refusal under its key. It uses another transaction, as the refused one is
// rolled back. If a call with the same key was carried out in between, its outcome is returned.
func (s *Service) storeRefusal(ctx context.Context, actor Actor, key *claim, o *Outcome, refusal *Refusal) (*Outcome, error) {
	var earlier *Outcome
	err := s.DB.Transact(ctx, actor.Workspace, func(tx db.Tx) error {
		before := &Outcome{}
		if done, err := s.claimOrRecall(ctx, tx, key, before); done || err != nil {
			earlier = before
			return err
		}
		return s.finish(ctx, tx, key, o, refusal, nil)
	})
	switch {
	case earlier != nil:
		return earlier, err
	case err != nil:
		return nil, err
	}
	return o, refusal
}

// First returns the first row, or nil if there is none.
func First[T any](rows []*T) *T {
	if len(rows) == 0 {
		return nil
	}
	return rows[0]
}
