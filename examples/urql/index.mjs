// Shows the inbox and follows it live with urql. Type the id of a conversation to take it.
//
//   npm install
//   SWITCHBOARD_TOKEN=… npm start
import { createInterface } from 'node:readline'
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

const url = process.env.SWITCHBOARD_URL ?? 'http://127.0.0.1:8080/graphql'
const token = process.env.SWITCHBOARD_TOKEN || quit('Set SWITCHBOARD_TOKEN to a token that the server printed.')

const inboxQuery = `query Inbox {
  inbox(view: ALL, first: 5) { asOf totalCount nodes { id contact { name } assignee { name } } }
}`
const takeMutation = `mutation Take($input: AssignToMeInput!) {
  assignToMe(input: $input) { conversation { id assignee { name } } userErrors { code message } }
}`
const changesSubscription = `subscription Changes($after: EventCursor) {
  inboxChanged(view: ALL, after: $after) {
    kind cursor conversationId
    conversation { id contact { name } assignee { name } }
    event { __typename id }
  }
}`
// Code 4403 refuses the token, or says that the agent's role has changed. After that the same
// token is accepted again, so one more connection is tried.
let refused = false
function closed({ code, reason }) {
  if (code === 4403 && refused) quit(`The token is not accepted: ${reason}`)
  refused ||= code === 4403
}

// The socket is opened anew by again, which knows where to resume.
const socket = createClient({
  url: url.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket, // browsers, and Node.js from 22 on, have their own
  connectionParams: { authorization: `Bearer ${token}` },
  retryAttempts: 0,
  on: { connected: () => { refused = false }, closed },
})

const client = new Client({
  url,
  fetchOptions: { headers: { authorization: `Bearer ${token}` } },
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

// after is the place in the log up to which everything was seen. It comes from the list at
// first, then from each change, so nothing is missed and nothing comes twice.
let after, failures = 0

async function follow() {
  try {
    after ?? await load()
    const { unsubscribe } = client.subscription(changesSubscription, { after }).subscribe(({ data, error }) => {
      if (error) {
        unsubscribe()
        return again(error)
      }
      showChange(data.inboxChanged)
      after = data.inboxChanged.cursor
      failures = 0
    })
  } catch (error) {
    again(error)
  }
}

async function load() {
  const { data, error } = await client.query(inboxQuery, {}, { requestPolicy: 'network-only' })
  if (error) throw error
  showInbox(data.inbox)
  after = data.inbox.asOf
}

// again resumes, later each time, as the close codes 1012 and 1013 ask for. After
// CURSOR_EXPIRED the place lies too far back, so the list is loaded again.
function again(error) {
  if (error.response?.status === 401) quit('The token is not accepted.')
  if (error.graphQLErrors?.[0]?.extensions?.code === 'CURSOR_EXPIRED') after = undefined
  console.error(after ? 'resuming:' : 'loading again:', error.message)
  setTimeout(follow, Math.random() * Math.min(30_000, 500 * 2 ** failures++))
}

// The idempotency key lets a client repeat the mutation when its answer was lost.
async function take(conversationId) {
  const input = { conversationId, idempotencyKey: crypto.randomUUID() }
  const { data, error } = await client.mutation(takeMutation, { input })
  if (error) return console.error('not taken:', error.message)
  showTaken(data.assignToMe)
}

function showInbox({ totalCount, nodes }) {
  console.log(`inbox ${totalCount} open conversations, the latest:`)
  for (const { id, contact, assignee } of nodes) console.log(' ', id, `${contact.name}, ${assignee?.name ?? 'nobody'}`)
}

function showChange({ kind, conversationId, conversation, event }) {
  const now = conversation ? `${conversation.contact.name}, ${conversation.assignee?.name ?? 'nobody'}` : ''
  console.log(kind, conversationId, event.__typename, event.id, now)
}

function showTaken({ conversation, userErrors: [refusal] }) {
  console.log(refusal ? `refused ${refusal.code} ${refusal.message}` : `taken ${conversation.id} by ${conversation.assignee.name}`)
}

function quit(why) {
  console.error(why)
  process.exit(1)
}

follow()
createInterface({ input: process.stdin }).on('line', take)
