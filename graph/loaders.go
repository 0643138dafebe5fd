package graph

import (
	"context"
	"time"

	"github.com/vikstrous/dataloadgen"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/workflow"
)

// loaders read the nested objects of one response, all objects of a kind in one statement. Each
// response has its own, because a socket lives for hours and must not show outdated rows. They
// read with the rights of the audience. Values that depend on the caller are loaded only if the
// audience is that caller.
type loaders struct {
	agents        *loader[db.AgentID, *db.Agent]
	contacts      *loader[db.ContactID, *db.Contact]
	identities    *loader[db.ContactID, []*db.ContactIdentity]
	conversations *loader[db.ConversationID, *db.Conversation]
	latest        *loader[db.ContactID, *db.Conversation]
	messages      *loader[db.MessageID, *db.Message]
	events        *loader[db.EventID, *db.Event]
	tokens        *loader[db.TokenID, *db.Token]
	workspaces    *loader[db.WorkspaceID, *db.Workspace]
	workflows     *loader[db.WorkflowID, *db.Workflow]
	runs          *loader[db.RunID, *db.WorkflowRun]
	loads         *loader[db.AgentID, int]
	unread        *loader[db.ConversationID, int] // of the caller, where there is one

	conversationMessages *loader[pageOf[db.ConversationID], *service.List[*db.Message]]
	conversationTimeline *loader[pageOf[db.ConversationID], *service.List[*db.Event]]
	contactTimeline      *loader[pageOf[db.ContactID], *service.List[*db.Event]]
	contactConversations *loader[pageOf[db.ContactID], *service.List[*db.Conversation]]
	workflowRuns         *loader[pageOf[db.WorkflowID], *service.List[*db.WorkflowRun]]
	workflowProblems     *loader[*db.Workflow, []*service.Refusal]

	messageTotals              *loader[db.ConversationID, service.Total]
	conversationTimelineTotals *loader[db.ConversationID, service.Total]
	contactTimelineTotals      *loader[db.ContactID, service.Total]
	conversationTotals         *loader[db.ContactID, service.Total]
	runTotals                  *loader[db.WorkflowID, service.Total]
}

func newLoaders(s *workflow.Service, actor service.Actor) *loaders {
	return &loaders{
		agents:        byID(actor, s.AgentsByID, func(a *db.Agent) db.AgentID { return a.ID }),
		contacts:      byID(actor, s.ContactsByID, func(c *db.Contact) db.ContactID { return c.ID }),
		conversations: byID(actor, s.ConversationsByID, func(c *db.Conversation) db.ConversationID { return c.ID }),
		latest:        byID(actor, s.LatestConversations, func(c *db.Conversation) db.ContactID { return c.ContactID }),
		messages:      byID(actor, s.MessagesByID, func(m *db.Message) db.MessageID { return m.ID }),
		events:        byID(actor, s.EventsByID, func(e *db.Event) db.EventID { return e.ID }),
		tokens:        byID(actor, s.TokensByID, func(t *db.Token) db.TokenID { return t.ID }),
		workspaces:    byID(actor, s.WorkspacesByID, func(w *db.Workspace) db.WorkspaceID { return w.ID }),
		workflows:     byID(actor, s.WorkflowsByID, func(f *db.Workflow) db.WorkflowID { return f.ID }),
		runs:          byID(actor, s.RunsByID, func(r *db.WorkflowRun) db.RunID { return r.ID }),
		identities:    load(actor, s.ContactIdentities),
		loads:         load(actor, s.OpenConversations),
		unread:        load(actor, s.UnreadCounts),

		conversationMessages: pages(actor, s.MessagesOf),
		conversationTimeline: pages(actor, s.ConversationTimelines),
		contactTimeline:      pages(actor, s.ContactTimelines),
		contactConversations: pages(actor, s.ConversationsOf),
		workflowRuns:         pages(actor, s.RunsOf),
		workflowProblems:     load(actor, s.WorkflowProblems),

		messageTotals:              load(actor, s.MessageTotals),
		conversationTimelineTotals: load(actor, s.ConversationTimelineTotals),
		contactTimelineTotals:      load(actor, s.ContactTimelineTotals),
		conversationTotals:         load(actor, s.ConversationTotals),
		runTotals:                  load(actor, s.RunTotals),
	}
}

// loader reads values by key, each key once. A field loads its own key with Load; before that,
// ahead usually reads the keys of all rows together.
type loader[K comparable, V any] struct {
	*dataloadgen.Loader[K, V]
	read batchRead[K, V]

	turn  chan struct{} // a mutex for ahead that can be waited for with a context
	known map[K]V       // values that ahead has read; guarded by turn
}

// batchRead returns the values of the keys in their order. The errors are one for each key, or
// nil; the last result is an error for all keys.
type batchRead[K comparable, V any] func(ctx context.Context, keys []K) ([]V, []error, error)

// batchWait is how long a loader collects keys that were not read ahead.
const batchWait = 200 * time.Microsecond

func newLoader[K comparable, V any](read batchRead[K, V]) *loader[K, V] {
	return &loader[K, V]{read: read, turn: make(chan struct{}, 1), known: map[K]V{}, Loader: dataloadgen.NewLoader(func(ctx context.Context, keys []K) ([]V, []error) {
		values, errs, err := read(ctx, keys)
		if err != nil {
			return nil, []error{err}
		}
		return values, errs
	}, dataloadgen.WithWait(batchWait))}
}

// ahead reads those of the keys that are not known yet in one statement and returns the values
// found. On error the fields retry; away reports that the database is unreachable.
func (l *loader[K, V]) ahead(ctx context.Context, keys []K) (found []V, away bool) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, true
	}
	defer func() { <-l.turn }()
	var fresh []K
	asked := make(map[K]bool, len(keys))
	for _, key := range keys {
		if _, ok := l.known[key]; !ok && !asked[key] {
			asked[key], fresh = true, append(fresh, key)
		}
	}
	if len(fresh) > 0 {
		values, errs, err := l.read(ctx, fresh)
		for i, key := range fresh {
			failed := err
			if failed == nil && errs != nil {
				failed = errs[i]
			}
			if failed == nil {
				l.known[key] = values[i]
				l.Prime(key, values[i])
			}
			away = away || failed != nil && service.Explain(failed).Code == service.Unavailable
		}
	}
	found = make([]V, 0, len(keys))
	for _, key := range keys {
		if value, ok := l.known[key]; ok {
			found = append(found, value)
		}
	}
	return found, away
}

// load returns a loader for a read that returns values in the order of its keys.
func load[K comparable, V any](actor service.Actor, read func(context.Context, service.Actor, []K) ([]V, error)) *loader[K, V] {
	return newLoader(func(ctx context.Context, keys []K) ([]V, []error, error) {
		values, err := read(ctx, actor, keys)
		return values, nil, err
	})
}

// byID returns a loader for a read that returns rows in any order. The value of an id without a
// row is nil.
func byID[K comparable, V any](actor service.Actor, read func(context.Context, service.Actor, []K) ([]*V, error), id func(*V) K) *loader[K, *V] {
	return load(actor, func(ctx context.Context, actor service.Actor, keys []K) ([]*V, error) {
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

// pageOf is the key of a page of one parent's list.
type pageOf[K comparable] struct {
	parent K
	page   pageArgs
}

// pageArgs are the arguments of a page in a comparable form, so that they can be part of a key.
type pageArgs struct {
	first, last   argument[int]
	after, before argument[string]
}

// argument is an argument that may be left out.
type argument[T comparable] struct {
	value T
	given bool
}

func argumentOf[T comparable](p *T) (a argument[T]) {
	if p != nil {
		a = argument[T]{*p, true}
	}
	return a
}

func (a argument[T]) pointer() *T {
	if !a.given {
		return nil
	}
	return &a.value
}

func argsOf(first *int, after *string, last *int, before *string) pageArgs {
	return pageArgs{argumentOf(first), argumentOf(last), argumentOf(after), argumentOf(before)}
}

func (a pageArgs) input() service.PageInput {
	return service.PageInput{First: a.first.pointer(), Last: a.last.pointer(), After: a.after.pointer(), Before: a.before.pointer()}
}

// pages returns a loader for nested lists, which reads the same page of all parents together.
func pages[K comparable, T any](actor service.Actor,
	read func(context.Context, service.Actor, []K, service.PageInput) ([]*service.List[T], error)) *loader[pageOf[K], *service.List[T]] {
	return newLoader(func(ctx context.Context, keys []pageOf[K]) ([]*service.List[T], []error, error) {
		parents, indexes := map[pageArgs][]K{}, map[pageArgs][]int{}
		for i, key := range keys {
			parents[key.page] = append(parents[key.page], key.parent)
			indexes[key.page] = append(indexes[key.page], i)
		}
		lists, errs := make([]*service.List[T], len(keys)), make([]error, len(keys))
		for args, of := range parents {
			found, err := read(ctx, actor, of, args.input())
			for n, i := range indexes[args] {
				if errs[i] = err; err == nil {
					lists[i] = found[n]
				}
			}
		}
		return lists, errs, nil
	})
}

// loadOptional loads the row of a nullable reference.
func loadOptional[K comparable, V any](ctx context.Context, l *loader[K, *V], id *K) (*V, error) {
	if id == nil {
		return nil, nil
	}
	return l.Load(ctx, *id)
}

// Actor is the author of a change: *db.Agent, *db.Contact, *db.Token (an integration) or
// *db.Workflow.
type Actor any

// Author is the author of a message: *db.Agent, *db.Contact or *db.Workflow.
type Author any

// loadActor loads the actor of a reference; nil for the system.
func loadActor(ctx context.Context, ref db.ActorRef) (Actor, error) {
	switch l := loadersOf(ctx); ref.Prefix {
	case db.AgentPrefix:
		return known(l.agents.Load(ctx, db.AgentID{UUID: ref.ID}))
	case db.ContactPrefix:
		return known(l.contacts.Load(ctx, db.ContactID{UUID: ref.ID}))
	case db.TokenPrefix:
		return known(l.tokens.Load(ctx, db.TokenID{UUID: ref.ID}))
	case db.WorkflowPrefix:
		return known(l.workflows.Load(ctx, db.WorkflowID{UUID: ref.ID}))
	}
	return nil, nil
}

// known returns a row as an interface, and nil for a nil pointer, which would otherwise become an
// interface that is not nil.
func known[T any](row *T, err error) (any, error) {
	if row == nil {
		return nil, err
	}
	return row, err
}
