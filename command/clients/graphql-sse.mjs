// graphql-sse, everything over event streams: one for each operation, or with "single" after
// WHERE one for all, since browsers open few at a time. It reconnects by itself and then sends
// the variables as they are by then, which is all that resuming takes.
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'graphql-sse'
import { authorization, graphql, run } from './scenario.mjs'

const client = createClient({
  url: graphql,
  headers: () => ({ authorization }),
  singleConnection: process.argv[3] === 'single',
  retryAttempts: Infinity,
  retry: () => sleep(20),
})

const fail = error => {
  console.error('graphql-sse gave up:', error)
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
