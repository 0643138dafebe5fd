// Runs the audits of graphql-http, the reference implementation of GraphQL over HTTP, against
// the server: what it must, should and may do.
//
//   npm install
//   SWITCHBOARD_TOKEN=… npm start
import { serverAudits } from 'graphql-http'

const url = process.env.SWITCHBOARD_URL ?? 'http://127.0.0.1:8080/graphql'
const authorization = `Bearer ${process.env.SWITCHBOARD_TOKEN}`

const audits = serverAudits({
  url,
  fetchFn: (url, options) => fetch(url, { ...options, headers: { ...options?.headers, authorization } }),
})
let passed = 0
for (const { id, name, fn } of audits) {
  const { status, reason } = await fn()
  if (status === 'ok') passed++
  else console.error(status, id, name, reason)
}
console.log(`${passed} of ${audits.length} audits passed`)
process.exitCode = passed === audits.length ? 0 : 1
