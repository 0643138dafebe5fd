package service

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"time"

	"switchboard/db"
)

// keyLifetime is the time until an idempotency key expires.
const keyLifetime = 24 * time.Hour

// claim is the idempotency key of one mutation call.
type claim struct {
	db.IdempotencyKey
	earlier *db.IdempotencyKey // the call that has stored its outcome under this key; nil if there is none
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
	if err := CheckQuota(s.keys.add(actor.Ref(), s.Now()), s.Quotas.Keys, "you have used %d idempotency keys today; try again tomorrow", "idempotencyKey"); err != nil {
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

// keyName identifies a key: it belongs to one caller (P6).
type keyName struct {
	caller db.ActorRef
	key    string
}

func (c *claim) name() keyName { return keyName{c.Caller, c.Key} }

// origin returns the key for the events of its mutation; nil without a key.
func (c *claim) origin() *string {
	if c == nil {
		return nil
	}
	return &c.Key
}

// lookUps is how often a key is looked up after a commit whose outcome is unknown.
const lookUps = 2

// tells reports whether, after this attempt, the key tells the outcome of a commit that is unknown.
// The transaction can then run again: it waits until the earlier one with the key has ended, and
// repeats its outcome if that was committed.
func (c *claim) tells(err error, attempt int) bool {
	return c != nil && db.Uncertain(err) && attempt <= lookUps
}

// expired returns the time before which keys have expired.
func (s *Service) expired() time.Time { return s.Now().Add(-keyLifetime) }

// lockClaims adds the statements that lock keys until the transaction ends and look up earlier
// calls with them. free reports for each key whether it is locked now.
func (s *Service) lockClaims(b *db.Batch, claims []*claim, wait bool, free *[]bool) {
	if len(claims) == 0 {
		return
	}
	keys := make([]*db.IdempotencyKey, len(claims))
	for i, c := range claims {
		keys[i] = &c.IdempotencyKey
	}
	var found []*db.IdempotencyKey
	b.LockKeys(keys, wait, free)
	b.Keys(keys, s.expired(), &found)
	b.Then(func() {
		for _, c := range claims {
			c.earlier = nil
			for _, k := range found {
				if c.name() == (keyName{k.Caller, k.Key}) {
					c.earlier = k
				}
			}
		}
	})
}

// claimOrRecall locks the key in this transaction, or fills in the outcome of the earlier call with
// it.
func (s *Service) claimOrRecall(ctx context.Context, tx db.Tx, key *claim, outcome *Outcome) (done bool, err error) {
	if key == nil {
		return false, nil
	}
	var free []bool
	b := tx.Batch()
	s.lockClaims(b, []*claim{key}, true, &free)
	if err := b.Send(ctx); err != nil || key.earlier == nil {
		return false, err
	}
	return true, key.recall(ctx, tx.ForWorkspace, outcome)
}

// recall fills in the outcome of the earlier call with the key, and returns its refusal if it was
// refused.
func (c *claim) recall(ctx context.Context, in db.ForWorkspace, outcome *Outcome) error {
	if !slices.Equal(c.earlier.Request, c.Request) {
		return Refuse(KeyReused, "this idempotency key was used for another mutation or another input; use a fresh one", "idempotencyKey")
	}
	var r remembered
	if err := json.Unmarshal(c.earlier.Outcome, &r); err != nil {
		return err
	}
	if err := recall(ctx, in, r, outcome); err != nil {
		return err
	}
	if r.Refusal != nil {
		return r.Refusal
	}
	return nil
}

// settle sets the outcome to store under the key.
func (c *claim) settle(o *Outcome, refusal *Refusal) (err error) {
	c.Outcome, err = json.Marshal(newRemembered(o, refusal))
	return err
}

// storeClaims adds the statement that stores keys with their outcomes.
func (s *Service) storeClaims(b *db.Batch, claims ...*claim) {
	var keys []*db.IdempotencyKey
	for _, c := range claims {
		keys = append(keys, &c.IdempotencyKey)
	}
	b.InsertKeys(keys, s.expired())
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
	Token         *db.TokenID            `json:"token,omitempty"`
	Events        []db.EventID           `json:"events,omitempty"`
	Refusal       *Refusal               `json:"refusal,omitempty"`
	Ignored       []*Refusal             `json:"ignored,omitempty"`
}

// recall reads the present objects and the events of a remembered outcome.
func recall(ctx context.Context, in db.ForWorkspace, r remembered, o *Outcome) (err error) {
	if o.Conversation, err = readOne(ctx, r.Conversation, in.Conversations); err != nil {
		return err
	}
	if o.Conversations, err = recallConversations(ctx, in, r.Conversations); err != nil {
		return err
	}
	if o.Contact, err = readOne(ctx, r.Contact, in.Contacts); err != nil {
		return err
	}
	if o.Agent, err = readOne(ctx, r.Agent, in.Agents); err != nil {
		return err
	}
	if o.Workflow, err = readOne(ctx, r.Workflow, in.Workflows); err != nil {
		return err
	}
	if o.Run, err = readOne(ctx, r.Run, in.Runs); err != nil {
		return err
	}
	if o.Token, err = readOne(ctx, r.Token, in.TokensByID); err != nil {
		return err
	}
	if o.Workflows, err = recallWorkflows(ctx, in, r.Workflows); err != nil {
		return err
	}
	if r.Workspace {
		if o.Workspace, err = in.Workspace(ctx); err != nil {
			return err
		}
	}
	o.Ignored = r.Ignored
	o.Events, err = in.Events(ctx, r.Events)
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
	if o.Token != nil {
		r.Token = &o.Token.ID
	}
	for _, f := range o.Workflows {
		r.Workflows = append(r.Workflows, f.ID)
	}
	for _, e := range o.Events {
		r.Events = append(r.Events, e.ID)
	}
	return r
}
