package service

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
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

// keyLifetime is the time until an idempotency key expires.
const keyLifetime = 24 * time.Hour

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

// OnBehalfOf returns a writer whose events have another actor than the caller, such as the contact
// whose message an integration delivers.
func (w *Writer) OnBehalfOf(who db.ActorRef) *Writer {
	other := *w
	other.By, other.Via = who, w.By
	return &other
}

const (
	attempts       = 10  // of a transaction that deadlocks or has to start over
	eventsReturned = 100 // by one mutation
)

// Write is the one way to change anything: it looks up the idempotency key, calls fn, which checks
// the rules and changes rows, appends the events, commits, and wakes the feed. A refusal by fn is
// returned as the error, with the present objects in the outcome; only its idempotency key is
// stored.
func (s *Service) Write(ctx context.Context, actor Actor, verb string, input Input,
	fn func(w *Writer) (Changes, error)) (*Outcome, error) {
	if err := mayWrite(actor); err != nil {
		return nil, err
	}
	key, err := s.newClaim(actor, verb, input)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		outcome, wrote, err := s.transact(ctx, actor, key, fn)
		var refusal *Refusal
		switch {
		case err == nil:
			if wrote {
				s.Feed.Poke(actor.Workspace)
			}
			return outcome, nil
		case errors.As(err, &refusal) && key != nil && !key.settled:
			return s.storeRefusal(ctx, actor, key, outcome, refusal)
		case !mayRetry(err, attempt):
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
		w := &Writer{Tx: tx, Actor: actor, Outcome: outcome, Recorder: Recorder{By: actor.Ref(), At: s.Now()}}
		if key != nil {
			w.Origin = &key.Key
		}
		events, err := fn(w)
		if err != nil {
			return err
		}
		if len(events) > 0 { // else keep those that a repeated delivery recalled
			outcome.Events = events[:min(len(events), eventsReturned)]
		}
		if err := key.settle(ctx, tx, outcome, nil); err != nil {
			return err
		}
		wrote = len(events) > 0
		return tx.AppendEvents(ctx, events)
	})
	return outcome, wrote, err
}

// claim is the idempotency key of one mutation call.
type claim struct {
	db.IdempotencyKey
	settled bool // an earlier call has stored its outcome
}

// remembered is the stored form of an outcome. It has only the ids of objects, whose present state
// is read when the outcome is recalled.
type remembered struct {
	Conversation  *db.ConversationID     `json:"conversation,omitempty"`
	Conversations []*ConversationOutcome `json:"conversations,omitempty"`
	Contact       *db.ContactID          `json:"contact,omitempty"`
	Agent         *db.AgentID            `json:"agent,omitempty"`
	Workspace     bool                   `json:"workspace,omitempty"`
	Workflow      *db.WorkflowID         `json:"workflow,omitempty"`
	Workflows     []db.WorkflowID        `json:"workflows,omitempty"`
	Run           *db.RunID              `json:"run,omitempty"`
	Events        []db.EventID           `json:"events,omitempty"`
	Refusal       *Refusal               `json:"refusal,omitempty"`
	Ignored       []*Refusal             `json:"ignored,omitempty"`
}

// newClaim returns the claim of the input's idempotency key; nil without a key.
func (s *Service) newClaim(actor Actor, verb string, input Input) (*claim, error) {
	key := input.key()
	if key == nil {
		return nil, nil
	}
	if err := CheckText("idempotencyKey", *key, 1, maxKey); err != nil {
		return nil, err
	}
	request, err := json.Marshal([]any{verb, input})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(request)
	return &claim{IdempotencyKey: db.IdempotencyKey{
		Caller: actor.Ref(), Key: *key, Request: sum[:], CreatedAt: s.Now(),
	}}, nil
}

// claimOrRecall claims the key in this transaction, or fills in the outcome of the earlier call
// with it.
func (s *Service) claimOrRecall(ctx context.Context, tx db.Tx, key *claim, outcome *Outcome) (done bool, err error) {
	if key == nil {
		return false, nil
	}
	ours, err := tx.ClaimKey(ctx, &key.IdempotencyKey, keyLifetime)
	if ours || err != nil {
		return false, err
	}
	key.settled = true
	before, err := tx.KeyOutcome(ctx, key.Caller, key.Key)
	if err != nil {
		return false, err
	}
	if !slices.Equal(before.Request, key.Request) {
		return true, Refuse(KeyReused, "this idempotency key was used for another mutation or another input; use a fresh one", "idempotencyKey")
	}
	var r remembered
	if err := json.Unmarshal(before.Outcome, &r); err != nil {
		return false, err
	}
	if err := recall(ctx, tx, r, outcome); err != nil {
		return false, err
	}
	if r.Refusal != nil {
		return true, r.Refusal
	}
	return true, nil
}

// recall reads the present objects and the events of a remembered outcome.
func recall(ctx context.Context, tx db.Tx, r remembered, o *Outcome) (err error) {
	if o.Conversation, err = readOne(ctx, r.Conversation, tx.Conversations); err != nil {
		return err
	}
	if o.Conversations, err = recallConversations(ctx, tx, r.Conversations); err != nil {
		return err
	}
	if o.Contact, err = readOne(ctx, r.Contact, tx.Contacts); err != nil {
		return err
	}
	if o.Agent, err = readOne(ctx, r.Agent, tx.Agents); err != nil {
		return err
	}
	if o.Workflow, err = readOne(ctx, r.Workflow, tx.Workflows); err != nil {
		return err
	}
	if o.Run, err = readOne(ctx, r.Run, tx.Runs); err != nil {
		return err
	}
	if o.Workflows, err = recallWorkflows(ctx, tx, r.Workflows); err != nil {
		return err
	}
	if r.Workspace {
		if o.Workspace, err = tx.Workspace(ctx); err != nil {
			return err
		}
	}
	o.Ignored = r.Ignored
	o.Events, err = tx.Events(ctx, r.Events)
	slices.SortFunc(o.Events, func(a, b *db.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return err
}

// readOne reads the present state of an object; nil without an id.
func readOne[K, T any](ctx context.Context, id *K, read func(context.Context, []K) ([]*T, error)) (*T, error) {
	if id == nil {
		return nil, nil
	}
	rows, err := read(ctx, []K{*id})
	return First(rows), err
}

// settle stores the outcome of a key.
func (c *claim) settle(ctx context.Context, tx db.Tx, o *Outcome, refusal *Refusal) error {
	if c == nil {
		return nil
	}
	var err error
	if c.Outcome, err = json.Marshal(newRemembered(o, refusal)); err != nil {
		return err
	}
	return tx.SettleKey(ctx, &c.IdempotencyKey)
}

// newRemembered returns the stored form of an outcome.
func newRemembered(o *Outcome, refusal *Refusal) remembered {
	r := remembered{Conversations: o.Conversations, Workspace: o.Workspace != nil, Refusal: refusal, Ignored: o.Ignored}
	if o.Conversation != nil {
		r.Conversation = &o.Conversation.ID
	}
	if o.Contact != nil {
		r.Contact = &o.Contact.ID
	}
	if o.Agent != nil {
		r.Agent = &o.Agent.ID
	}
	if o.Workflow != nil {
		r.Workflow = &o.Workflow.ID
	}
	if o.Run != nil {
		r.Run = &o.Run.ID
	}
	for _, f := range o.Workflows {
		r.Workflows = append(r.Workflows, f.ID)
	}
	for _, e := range o.Events {
		r.Events = append(r.Events, e.ID)
	}
	return r
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
		return key.settle(ctx, tx, o, refusal)
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
