// Package graph is GraphQL in, GraphQL out: the resolvers of the schema, each a few lines
// that decode, make one call of the service, and encode. With graph/live it is the only
// importer of gqlgen.
package graph

import (
	"context"

	"switchboard/service"
)

//go:generate go tool gqlgen generate

// Resolver answers every field that is not simply read from a row.
type Resolver struct{ service *service.Service }

// The resolvers of the schema's types; each is in the file of its noun.
type (
	queryResolver        struct{ *Resolver }
	mutationResolver     struct{ *Resolver }
	subscriptionResolver struct{ *Resolver }
	agentResolver        struct{ *Resolver }
	contactResolver      struct{ *Resolver }
	conversationResolver struct{ *Resolver }
	messageResolver      struct{ *Resolver }
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

// Message answers the fields of Message.
func (r *Resolver) Message() MessageResolver { return messageResolver{r} }

// contextKey keeps what a request carries apart from other packages' values.
type contextKey int

const (
	actorKey contextKey = iota
	loadersKey
	asOfKey
	requestKey
)

// withActor says who is calling.
func withActor(ctx context.Context, actor service.Actor) context.Context {
	return context.WithValue(ctx, actorKey, actor)
}

// actorOf gives who is calling. Nothing is resolved without a caller.
func actorOf(ctx context.Context) service.Actor { return ctx.Value(actorKey).(service.Actor) }

func withLoaders(ctx context.Context, l *loaders) context.Context {
	return context.WithValue(ctx, loadersKey, l)
}

func loadersOf(ctx context.Context) *loaders { return ctx.Value(loadersKey).(*loaders) }
