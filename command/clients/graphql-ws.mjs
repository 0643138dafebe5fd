// graphql-ws, everything over the socket, used as the README shows: it reconnects by itself
// and then sends the variables as they are by then, which is all that resuming takes.
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import { authorization, run, webSocket } from './scenario.mjs'

const client = createClient({
  url: webSocket,
  connectionParams: { authorization },
  retryAttempts: Infinity,
  shouldRetry: ({ code }) => code !== 4403,
  retryWait: () => sleep(20),
})

const fail = error => {
  console.error('graphql-ws gave up:', error)
  process.exit(1)
}

run({
  request: async (query, variables) => {
    for await (const { data, errors } of client.iterate({ query, variables })) {
      if (errors) throw new Error(JSON.stringify(errors))
      return data
    }
  },
  subscribe: (query, variables, { next }) => client.subscribe({ query, variables }, {
    next: ({ data, errors }) => errors ? fail(errors) : next(data),
    error: fail,
    complete: () => fail('the subscription is complete'),
  }),
})
