// urql: fetchExchange for queries (by GET) and mutations, subscriptionExchange over graphql-ws.
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core'
import { authorization, graphql, run } from './scenario.mjs'
import { socket } from './socket.mjs'

const client = new Client({
  url: graphql,
  fetchOptions: { headers: { authorization } },
  preferGetMethod: true,
  exchanges: [
    cacheExchange,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe: sink => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
      }),
    }),
  ],
})

run({
  request: async (document, variables) => {
    const { data, error } = await (document.startsWith('mutation') ? client.mutation(document, variables) : client.query(document, variables))
    if (error) throw error
    return data
  },
  subscribe: (document, variables, { next, error }) => {
    const { unsubscribe } = client.subscription(document, { ...variables }).subscribe(result => {
      if (!result.error) return next(result.data)
      unsubscribe()
      error(result.error)
    })
  },
})
