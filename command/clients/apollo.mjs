// Apollo Client: HttpLink for queries and mutations, GraphQLWsLink for subscriptions.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { OperationTypeNode } from 'graphql'
import { authorization, graphql, run } from './scenario.mjs'
import { socket } from './socket.mjs'

const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: graphql, headers: { authorization } }),
  ),
})

run({
  request: async (document, variables) => {
    const parsed = gql(document)
    const { data } = await (parsed.definitions[0].operation === 'mutation'
      ? client.mutate({ mutation: parsed, variables })
      : client.query({ query: parsed, variables }))
    return data
  },
  subscribe: (document, variables, { next, error }) =>
    client.subscribe({ query: gql(document), variables }).subscribe({
      next: result => result.error ? error(result.error) : next(result.data),
    }),
})
