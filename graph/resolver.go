// Package graph is GraphQL in, GraphQL out: the resolvers of the schema, each a few lines
// that decode, make one call of the service, and encode. With graph/live it is the only
// importer of gqlgen.
package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"

	"switchboard/service"
	"switchboard/service/workflow"
)

//go:generate go tool gqlgen generate

// Resolver answers every field that is not simply read from a row.
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

// contextKey keeps what a request carries apart from other packages' values.
type contextKey int

const (
	actorKey contextKey = iota
	audienceKey
	loadersKey
	batchKey
	asOfKey
	requestKey
)

// withActor says who is calling.
func withActor(ctx context.Context, actor service.Actor) context.Context {
	return context.WithValue(ctx, actorKey, actor)
}

// withAudience says who will see what is executed for nobody in particular.
func withAudience(ctx context.Context, audience service.Actor) context.Context {
	return context.WithValue(ctx, audienceKey, audience)
}

// callerOf gives who is calling; not ok in an execution that is shared.
func callerOf(ctx context.Context) (actor service.Actor, ok bool) {
	actor, ok = ctx.Value(actorKey).(service.Actor)
	return actor, ok
}

// actorOf gives who is calling. It panics where nobody is: what depends on a person must
// fail in a shared execution rather than show one's own to all.
func actorOf(ctx context.Context) service.Actor {
	actor, ok := callerOf(ctx)
	if !ok {
		panic("nobody is calling: the execution is shared")
	}
	return actor
}

// audienceOf gives who will see what is read: the caller, or in a shared execution
// everybody with the same rights. What it says of a person must not be relied on.
func audienceOf(ctx context.Context) service.Actor {
	if audience, ok := ctx.Value(audienceKey).(service.Actor); ok {
		return audience
	}
	return actorOf(ctx)
}

// perCaller is the directive: without a caller there is no value.
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
