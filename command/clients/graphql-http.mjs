// The audits of graphql-http, which is the reference implementation of GraphQL over HTTP:
// what a server must, should and may do.
import { serverAudits } from 'graphql-http'
import { authorization, graphql, tell } from './scenario.mjs'

const audits = serverAudits({
  url: graphql,
  fetchFn: (url, options) => fetch(url, { ...options, headers: { ...options?.headers, authorization } }),
})
let failed = 0
for (const { id, name, fn } of audits) {
  const { status, reason } = await fn()
  if (status === 'ok') continue
  failed++
  tell(status, { id, name, reason })
}
tell('audits', { all: audits.length, failed })
process.exitCode = failed ? 1 : 0
