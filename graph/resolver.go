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

//go:generate go tool gqlgen generate

// Resolver resolves the fields that are not simply a column of a row.
type Resolver struct{ service *workflow.Service }

// The resolvers of the schema's types; each is in the file of its noun.
type (
	queryResolver        struct{ *Resolver }
	mutationResolver     struct{ *Resolver }
	subscriptionResolver struct{ *Resolver }
	agentResolver        struct{ *Resolver }
	contactResolver      struct{ *Resolver }
	conversationResolver struct{ *Resolver }
	messageResolver      struct{ *Resolver }
	sessionResolver      struct{ *Resolver }

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

// Agent answers the fields of Agent.
func (r *Resolver) Agent() AgentResolver { return agentResolver{r} }

// Contact answers the fields of Contact.
func (r *Resolver) Contact() ContactResolver { return contactResolver{r} }

// Conversation answers the fields of Conversation.
func (r *Resolver) Conversation() ConversationResolver { return conversationResolver{r} }

// ReceiveMessageInput reads the fields of ReceiveMessageInput.
func (r *Resolver) ReceiveMessageInput() ReceiveMessageInputResolver {
	return receiveMessageInputResolver{r}
}

// RecordBusinessEventInput reads the fields of RecordBusinessEventInput.
func (r *Resolver) RecordBusinessEventInput() RecordBusinessEventInputResolver {
	return recordBusinessEventInputResolver{r}
}

// Session answers the fields of Session.
func (r *Resolver) Session() SessionResolver { return sessionResolver{r} }

// Message answers the fields of Message.
func (r *Resolver) Message() MessageResolver { return messageResolver{r} }

// contextKey is the type of this package's keys of context values.
type contextKey int

const (
	actorKey contextKey = iota
	audienceKey
	loadersKey
	batchKey
	asOfKey
	requestKey
	recalledKey
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

// perCaller implements the directive @perCaller: its fields return an error in a shared execution.
func perCaller(ctx context.Context, _ any, next graphql.Resolver) (any, error) {
	if _, ok := callerOf(ctx); !ok {
		return nil, errors.New("a field that depends on the caller was asked for in a shared execution")
	}
	return next(ctx)
}

func withLoaders(ctx context.Context, l *loaders) context.Context {
	return context.WithValue(ctx, loadersKey, l)
}

func loadersOf(ctx context.Context) *loaders { return ctx.Value(loadersKey).(*loaders) }
