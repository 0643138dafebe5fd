// Shows the inbox and follows it live with graphql-ws. Type the id of a conversation to take it.
//
//   npm install
//   SWITCHBOARD_TOKEN=… npm start
import { createInterface } from 'node:readline'
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
const countsSubscription = 'subscription Counts { inboxCountsChanged { mine unassigned all } }'

// Code 4403 refuses the token, or says that the agent's role has changed. After that the same
// token is accepted again, so one more connection is tried.
let refused = false
function closed({ code, reason }) {
  if (code === 4403 && refused) quit(`The token is not accepted: ${reason}`)
  refused ||= code === 4403
}

// The client reconnects by itself, later each time. Codes 1012 (the server restarts) and 1013
// (too many sockets, or this client reads too slowly) ask for just that.
const client = createClient({
  url: url.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket, // browsers, and Node.js from 22 on, have their own
  connectionParams: { authorization: `Bearer ${token}` },
  retryAttempts: Infinity,
  shouldRetry: () => true, // also while nobody listens there
  on: { connected: () => { refused = false }, closed },
})

// Load, then subscribe after the place in the log at which the list was read: nothing is
// missed in between. The client sends `variables` anew with each reconnect, so it resumes
// after the last change that was seen.
async function follow() {
  try {
    const { inbox } = await request(inboxQuery)
    showInbox(inbox)
    const variables = { after: inbox.asOf }
    client.subscribe({ query: changesSubscription, variables }, {
      next({ data }) {
        showChange(data.inboxChanged)
        variables.after = data.inboxChanged.cursor
      },
      error: again,
      complete() {},
    })
  } catch (reason) {
    again(reason)
  }
}

// again loads and subscribes anew after what the client does not mend by itself:
// CURSOR_EXPIRED, which says that the place lies too far back, or a fault of the server.
function again(reason) {
  console.error('loading again:', reason[0]?.message ?? reason.message ?? reason.code)
  setTimeout(follow, 1000 * Math.random())
}

// The counts begin with the present state, so they need no place to resume from.
function count() {
  client.subscribe({ query: countsSubscription }, {
    next: ({ data }) => console.log('counts', JSON.stringify(data.inboxCountsChanged)),
    error: () => setTimeout(count, 1000 * Math.random()),
    complete() {},
  })
}

async function request(query, variables) {
  for await (const { data, errors } of client.iterate({ query, variables })) {
    if (errors) throw errors
    return data
  }
}

// The idempotency key lets the client repeat the mutation when its answer was lost.
async function take(conversationId) {
  try {
    const input = { conversationId, idempotencyKey: crypto.randomUUID() }
    const { assignToMe } = await request(takeMutation, { input })
    showTaken(assignToMe)
  } catch (reason) {
    console.error('not taken:', reason[0]?.message ?? reason)
  }
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
count()
createInterface({ input: process.stdin }).on('line', take)
