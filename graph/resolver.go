// Package graph serves the GraphQL API. Its resolvers decode the arguments, make one call of the
// service, and encode the result. Only this package and graph/live import gqlgen.
package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"

	"switchboard/service"
	"switchboard/service/workflow"
)

//go:generate go run ./compiled/generate

// Resolver resolves the root fields. What objects refer to is read by relations, such as
// conversationRelations, for all objects of a level together.
type Resolver struct{ service *workflow.Service }

// The resolvers of the schema's types; each is in the file of its noun.
type (
	queryResolver        struct{ *Resolver }
	mutationResolver     struct{ *Resolver }
	subscriptionResolver struct{ *Resolver }

	receiveMessageInputResolver      struct{ *Resolver }
	recordBusinessEventInputResolver struct{ *Resolver }
)

var _ ResolverRoot = (*Resolver)(nil)

// Query answers the fields of Query.
func (r *Resolver) Query() QueryResolver { return queryResolver{r} }

// Mutation answers the fields of Mutation.
func (r *Resolver) Mutation() MutationResolver { return mutationResolver{r} }

// Subscription answers the fields of Subscription.
func (r *Resolver) Subscription() SubscriptionResolver { return subscriptionResolver{r} }

// ReceiveMessageInput reads the fields of ReceiveMessageInput.
func (r *Resolver) ReceiveMessageInput() ReceiveMessageInputResolver {
	return receiveMessageInputResolver{r}
}

// RecordBusinessEventInput reads the fields of RecordBusinessEventInput.
func (r *Resolver) RecordBusinessEventInput() RecordBusinessEventInputResolver {
	return recordBusinessEventInputResolver{r}
}

// contextKey is the type of this package's keys of context values.
type contextKey int

const (
	actorKey contextKey = iota
	audienceKey
	readsKey
	batchKey
	asOfKey
	requestKey
	networkKey
	recalledKey
	traceKey
	cursorKeyKey
	attendanceKey
)

// withActor returns a context with the caller.
func withActor(ctx context.Context, actor service.Actor) context.Context {
	return context.WithValue(ctx, actorKey, actor)
}

// withAudience returns a context for an execution that several callers share, with the audience
// that will see the result.
func withAudience(ctx context.Context, audience service.Actor) context.Context {
	return context.WithValue(ctx, audienceKey, audience)
}

// callerOf returns the caller; ok is false in a shared execution, which has none.
func callerOf(ctx context.Context) (actor service.Actor, ok bool) {
	actor, ok = ctx.Value(actorKey).(service.Actor)
	return actor, ok
}

// actorOf returns the caller. It panics in a shared execution, because a value that depends on
// one caller must not be shown to others.
func actorOf(ctx context.Context) service.Actor {
	actor, ok := callerOf(ctx)
	if !ok {
		panic("a shared execution has no caller")
	}
	return actor
}

// audienceOf returns the actor whose rights limit what is read: the caller, or in a shared
// execution an actor for all callers with the same rights. Do not use it to identify an agent.
func audienceOf(ctx context.Context) service.Actor {
	if audience, ok := ctx.Value(audienceKey).(service.Actor); ok {
		return audience
	}
	return actorOf(ctx)
}

// anonymous returns the error of fields that depend on the caller if the execution is shared.
func anonymous(ctx context.Context) error {
	if _, ok := callerOf(ctx); !ok {
		return errors.New("a field that depends on the caller was asked for in a shared execution")
	}
	return nil
}

// perCaller implements the directive @perCaller for gqlgen's executor.
func perCaller(ctx context.Context, _ any, next graphql.Resolver) (any, error) {
	if err := anonymous(ctx); err != nil {
		return nil, err
	}
	return next(ctx)
}

func withReads(ctx context.Context, r *reads) context.Context {
	return context.WithValue(ctx, readsKey, r)
}

func readsOf(ctx context.Context) *reads { return ctx.Value(readsKey).(*reads) }
