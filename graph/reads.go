package graph

import (
	"context"
	"sync/atomic"

	"github.com/google/uuid"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/workflow"
)

// reads reads what the objects of one response refer to, all objects of a kind in one statement,
// and each object once. Each response has its own, because a socket lives for hours and must not
// show outdated rows. They read with the rights of the audience. Values that depend on the caller
// are read only if the audience is that caller.
type reads struct {
	service *workflow.Service
	actor   service.Actor
	away    atomic.Bool                  // a read found the database unreachable
	kept    atomic.Pointer[service.Kept] // for rows in memory; nil unless a page or a conversation was read

	agents        *reader[db.AgentID, *db.Agent]
	contacts      *reader[db.ContactID, *db.Contact]
	identities    *reader[db.ContactID, []*db.ContactIdentity]
	conversations *reader[db.ConversationID, *db.Conversation]
	latest        *reader[db.ContactID, *db.Conversation]
	messages      *reader[db.MessageID, *db.Message]
	events        *reader[db.EventID, *db.Event]
	tokens        *reader[db.TokenID, *db.Token]
	allTokens     *reader[db.TokenID, *db.Token] // of agents, too
	workspaces    *reader[db.WorkspaceID, *db.Workspace]
	workflows     *reader[db.WorkflowID, *db.Workflow]
	runs          *reader[db.RunID, *db.WorkflowRun]
	loads         *reader[db.AgentID, int]
	unread        *reader[db.ConversationID, int] // of the caller, where there is one

	conversationMessages *lists[db.ConversationID, *db.Message]
	conversationTimeline *lists[db.ConversationID, *db.Event]
	conversationEntries  *lists[db.ConversationID, *db.Entry]
	contactTimeline      *lists[db.ContactID, *db.Event]
	contactConversations *lists[db.ContactID, *db.Conversation]
	workflowRuns         *lists[db.WorkflowID, *db.WorkflowRun]
	workflowProblems     *reader[*db.Workflow, []*service.Refusal]
	workflowsFrom        *reader[string, []*db.Workflow] // by the key of the template
}

func newReads(s *workflow.Service, actor service.Actor) *reads {
	r := &reads{service: s, actor: actor}
	r.agents = byID(r, orKept(r, s.AgentsByID, (*service.Kept).AgentsByID), func(a *db.Agent) db.AgentID { return a.ID })
	r.contacts = byID(r, orKept(r, s.ContactsByID, (*service.Kept).ContactsByID), func(c *db.Contact) db.ContactID { return c.ID })
	r.conversations = byID(r, s.ConversationsByID, func(c *db.Conversation) db.ConversationID { return c.ID })
	r.latest = byID(r, s.LatestConversations, func(c *db.Conversation) db.ContactID { return c.ContactID })
	r.messages = byID(r, orKept(r, s.MessagesByID, (*service.Kept).MessagesByID), func(m *db.Message) db.MessageID { return m.ID })
	r.events = byID(r, s.EventsByID, func(e *db.Event) db.EventID { return e.ID })
	r.tokens = byID(r, s.TokensByID, func(t *db.Token) db.TokenID { return t.ID })
	r.allTokens = byID(r, s.AllTokensByID, func(t *db.Token) db.TokenID { return t.ID })
	r.workspaces = byID(r, s.WorkspacesByID, func(w *db.Workspace) db.WorkspaceID { return w.ID })
	r.workflows = byID(r, s.WorkflowsByID, func(f *db.Workflow) db.WorkflowID { return f.ID })
	r.runs = byID(r, s.RunsByID, func(run *db.WorkflowRun) db.RunID { return run.ID })
	r.identities = newReader(r, s.ContactIdentities)
	r.loads = newReader(r, s.OpenConversations)
	r.unread = newReader(r, s.UnreadCounts)
	r.conversationMessages = newLists(r, s.MessagesOf, s.MessageTotals)
	r.conversationTimeline = newLists(r, s.ConversationTimelines, s.ConversationTimelineTotals)
	r.conversationEntries = newLists(r, s.EntriesOf, s.EntryTotals)
	r.contactTimeline = newLists(r, s.ContactTimelines, s.ContactTimelineTotals)
	r.contactConversations = newLists(r, s.ConversationsOf, s.ConversationTotals)
	r.workflowRuns = newLists(r, s.RunsOf, s.RunTotals)
	r.workflowProblems = newReader(r, s.WorkflowProblems)
	r.workflowsFrom = newReader(r, s.WorkflowsFrom)
	return r
}

// batchRead returns the values of keys in their order.
type batchRead[K comparable, V any] func(ctx context.Context, actor service.Actor, keys []K) ([]V, error)

// A reader reads values by key and keeps them. It is safe for concurrent use.
type reader[K comparable, V any] struct {
	*reads
	read  batchRead[K, V]
	turn  chan struct{} // a mutex that can be waited for with a context
	known map[K]V       // guarded by turn
}

func newReader[K comparable, V any](r *reads, read batchRead[K, V]) *reader[K, V] {
	return &reader[K, V]{reads: r, read: read, turn: make(chan struct{}, 1)}
}

// byID returns a reader for a read that returns rows in any order. The value of an id without a row
// is nil.
func byID[K comparable, V any](r *reads, read func(context.Context, service.Actor, []K) ([]*V, error), id func(*V) K) *reader[K, *V] {
	return newReader(r, func(ctx context.Context, actor service.Actor, keys []K) ([]*V, error) {
		rows, err := read(ctx, actor, keys)
		if err != nil {
			return nil, err
		}
		found := make(map[K]*V, len(rows))
		for _, row := range rows {
			found[id(row)] = row
		}
		values := make([]*V, len(keys))
		for i, key := range keys {
			values[i] = found[key]
		}
		return values, nil
	})
}

// orKept returns a read that uses the rows in memory once a page or a conversation was read, which
// says how recent they must be.
func orKept[K, V any](r *reads, read func(context.Context, service.Actor, []K) ([]*V, error),
	kept func(*service.Kept, context.Context, service.Actor, []K) ([]*V, error)) func(context.Context, service.Actor, []K) ([]*V, error) {
	return func(ctx context.Context, actor service.Actor, keys []K) ([]*V, error) {
		if k := r.kept.Load(); k != nil {
			return kept(k, ctx, actor, keys)
		}
		return read(ctx, actor, keys)
	}
}

// all returns the values of keys in their order. It reads those that are not known yet in one
// statement; an error is that of each of these.
func (r *reader[K, V]) all(ctx context.Context, keys []K) (values []V, errs []error) {
	values = make([]V, len(keys))
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return values, failures(len(keys), context.Cause(ctx))
	}
	err := r.learn(ctx, keys)
	for i, key := range keys {
		value, ok := r.known[key]
		if values[i] = value; !ok {
			if errs == nil {
				errs = make([]error, len(keys))
			}
			errs[i] = err
		}
	}
	return values, errs
}

// learn reads the values of keys that are not known yet.
func (r *reader[K, V]) learn(ctx context.Context, keys []K) error {
	if r.known == nil {
		r.known = make(map[K]V, len(keys))
	}
	var fresh []K
	var unread V
	for _, key := range keys {
		if _, ok := r.known[key]; !ok {
			r.known[key], fresh = unread, append(fresh, key)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	isRead := false
	defer func() { // after a panic, too
		if !isRead {
			for _, key := range fresh {
				delete(r.known, key)
			}
		}
	}()
	values, err := r.read(ctx, r.actor, fresh)
	if err != nil {
		if service.Explain(err).Code == service.Unavailable {
			r.away.Store(true)
		}
		return err
	}
	for i, key := range fresh {
		r.known[key] = values[i]
	}
	isRead = true
	return nil
}

// one returns the value of one key.
func (r *reader[K, V]) one(ctx context.Context, key K) (V, error) {
	values, errs := r.all(ctx, []K{key})
	return values[0], errorOf(errs, 0)
}

// refer reads what rows refer to. The value of a row whose key is nil is the zero value.
func refer[R any, K comparable, V any](ctx context.Context, from *reader[K, V], rows []R, key func(R) *K) ([]V, []error) {
	keys, owners := make([]K, 0, len(rows)), make([]int, 0, len(rows))
	for i, row := range rows {
		if k := key(row); k != nil {
			keys, owners = append(keys, *k), append(owners, i)
		}
	}
	if len(keys) == 0 {
		return make([]V, len(rows)), nil
	}
	found, failed := from.all(ctx, keys)
	if len(keys) == len(rows) {
		return found, failed
	}
	values := make([]V, len(rows))
	var errs []error
	for n, i := range owners {
		values[i] = found[n]
		if err := errorOf(failed, n); err != nil {
			errs = withError(errs, len(rows), i, err)
		}
	}
	return values, errs
}

// referAll is refer for rows that refer to several values each. The value of a row without a list
// is nil.
func referAll[R, K, V any](ctx context.Context, read func(context.Context, []K) ([]V, []error), rows []R, keys func(R) []K) ([][]V, []error) {
	var all []K
	for _, row := range rows {
		all = append(all, keys(row)...)
	}
	found, failed := make([]V, len(all)), []error(nil)
	if len(all) > 0 {
		found, failed = read(ctx, all)
	}
	values := make([][]V, len(rows))
	var errs []error
	first := 0
	for i, row := range rows {
		own := keys(row)
		if own != nil {
			values[i] = found[first : first+len(own) : first+len(own)]
		}
		for n := range own {
			if err := errorOf(failed, first+n); err != nil {
				errs = withError(errs, len(rows), i, err)
			}
		}
		first += len(own)
	}
	return values, errs
}

// derive computes a value for each row, except where reading failed.
func derive[V any](rows int, errs []error, value func(i int) V) ([]V, []error) {
	values := make([]V, rows)
	for i := range values {
		if errorOf(errs, i) == nil {
			values[i] = value(i)
		}
	}
	return values, errs
}

// errorOf returns the error of one row; errs is nil if there are none.
func errorOf(errs []error, i int) error {
	if errs == nil {
		return nil
	}
	return errs[i]
}

// withError sets the error of one of several rows.
func withError(errs []error, rows, i int, err error) []error {
	if errs == nil {
		errs = make([]error, rows)
	}
	errs[i] = err
	return errs
}

// failures returns the same error for each of several rows.
func failures(rows int, err error) []error {
	errs := make([]error, rows)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// joined returns the errors of rows that need several reads.
func joined(errs, more []error) []error {
	for i, err := range more {
		if err != nil && errorOf(errs, i) == nil {
			errs = withError(errs, len(more), i, err)
		}
	}
	return errs
}

// A reference names an object of any kind.
type reference = db.ActorRef

// objects reads the objects of references; nil where there is none. Each kind is one statement.
func (r *reads) objects(ctx context.Context, refs []reference) (objects []any, errs []error) {
	ids, owners := map[string][]uuid.UUID{}, map[string][]int{}
	for i, ref := range refs {
		ids[ref.Prefix], owners[ref.Prefix] = append(ids[ref.Prefix], ref.ID), append(owners[ref.Prefix], i)
	}
	objects = make([]any, len(refs))
	for _, k := range kinds {
		if len(ids[k.prefix]) == 0 {
			continue
		}
		found, failed := k.read(ctx, r, ids[k.prefix])
		for n, i := range owners[k.prefix] {
			objects[i] = found[n]
			if err := errorOf(failed, n); err != nil {
				errs = withError(errs, len(refs), i, err)
			}
		}
	}
	return objects, errs
}

// A kind is a kind of objects that have ids.
type kind struct {
	prefix string
	read   func(ctx context.Context, r *reads, ids []uuid.UUID) ([]any, []error)
}

var kinds = []kind{
	kindOf(db.AgentPrefix, func(r *reads) *reader[db.AgentID, *db.Agent] { return r.agents }, func(id uuid.UUID) db.AgentID { return db.AgentID{UUID: id} }),
	kindOf(db.ContactPrefix, func(r *reads) *reader[db.ContactID, *db.Contact] { return r.contacts }, func(id uuid.UUID) db.ContactID { return db.ContactID{UUID: id} }),
	kindOf(db.ConversationPrefix, func(r *reads) *reader[db.ConversationID, *db.Conversation] { return r.conversations }, func(id uuid.UUID) db.ConversationID { return db.ConversationID{UUID: id} }),
	kindOf(db.MessagePrefix, func(r *reads) *reader[db.MessageID, *db.Message] { return r.messages }, func(id uuid.UUID) db.MessageID { return db.MessageID{UUID: id} }),
	kindOf(db.TokenPrefix, func(r *reads) *reader[db.TokenID, *db.Token] { return r.tokens }, func(id uuid.UUID) db.TokenID { return db.TokenID{UUID: id} }),
	kindOf(db.EventPrefix, func(r *reads) *reader[db.EventID, *db.Event] { return r.events }, func(id uuid.UUID) db.EventID { return db.EventID{UUID: id} }),
	kindOf(db.WorkflowPrefix, func(r *reads) *reader[db.WorkflowID, *db.Workflow] { return r.workflows }, func(id uuid.UUID) db.WorkflowID { return db.WorkflowID{UUID: id} }),
	kindOf(db.RunPrefix, func(r *reads) *reader[db.RunID, *db.WorkflowRun] { return r.runs }, func(id uuid.UUID) db.RunID { return db.RunID{UUID: id} }),
	kindOf(db.WorkspacePrefix, func(r *reads) *reader[db.WorkspaceID, *db.Workspace] { return r.workspaces }, func(id uuid.UUID) db.WorkspaceID { return db.WorkspaceID{UUID: id} }),
}

// kindOf returns the kind of the objects that a reader reads. An id without a row has no object.
func kindOf[K comparable, V any](prefix string, from func(*reads) *reader[K, *V], key func(uuid.UUID) K) kind {
	return kind{prefix, func(ctx context.Context, r *reads, ids []uuid.UUID) ([]any, []error) {
		keys := make([]K, len(ids))
		for i, id := range ids {
			keys[i] = key(id)
		}
		rows, errs := from(r).all(ctx, keys)
		return derive(len(rows), errs, func(i int) any { return object(rows[i]) })
	}}
}

// object returns a row as an object of the schema; nil for a nil pointer.
func object[V any](row *V) any {
	switch row := any(row).(type) {
	case *db.Event:
		if row != nil {
			return toEvent(row)
		}
	case *V:
		if row != nil {
			return row
		}
	}
	return nil
}

// Actor is the author of a change: *db.Agent, *db.Contact, *db.Token (an integration) or
// *db.Workflow.
type Actor any

// Author is the author of a message: *db.Agent, *db.Contact or *db.Workflow.
type Author any

// actors reads the actors to which rows refer; nil for the system.
func actors[R any](ctx context.Context, r *reads, rows []R, of func(R) db.ActorRef) ([]Actor, []error) {
	refs := make([]reference, len(rows))
	for i, row := range rows {
		refs[i] = of(row)
	}
	found, errs := r.objects(ctx, refs)
	return derive(len(rows), errs, func(i int) Actor { return found[i] })
}
