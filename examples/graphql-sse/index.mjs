// Shows the inbox and follows it live with graphql-sse, where sockets do not get through. Type the id of a conversation to take it.
//
//   npm install
//   SWITCHBOARD_TOKEN=… npm start
import { createInterface } from 'node:readline'
import { createClient } from 'graphql-sse'

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

// singleConnection sends everything through one stream: browsers open only six connections
// to a server with HTTP/1.1.
const client = createClient({
  url,
  headers: { authorization: `Bearer ${token}` },
  singleConnection: true,
  retryAttempts: 0, // again resumes
})

// after is the place in the log up to which everything was seen. It comes from the list at
// first, then from each change, so nothing is missed and nothing comes twice.
let after, failures = 0

async function follow() {
  try {
    after ?? await load()
    client.subscribe({ query: changesSubscription, variables: { after } }, {
      next({ data, errors }) {
        if (errors) return again(errors[0])
        showChange(data.inboxChanged)
        after = data.inboxChanged.cursor
        failures = 0
      },
      error: again,
      complete() {},
    })
  } catch (error) {
    again(error)
  }
}

async function load() {
  const { inbox } = await request(inboxQuery)
  showInbox(inbox)
  after = inbox.asOf
}

// again resumes, later each time, as a server that restarts, or answers 429, asks for. After
// CURSOR_EXPIRED the place lies too far back, so the list is loaded again.
function again(error) {
  if (error.response?.status === 401) quit('The token is not accepted.')
  if (error.extensions?.code === 'CURSOR_EXPIRED') after = undefined
  console.error(after ? 'resuming:' : 'loading again:', error.message)
  setTimeout(follow, Math.random() * Math.min(30_000, 500 * 2 ** failures++))
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
    if (errors) throw errors[0]
    return data
  }
}

// The idempotency key lets a client repeat the mutation when its answer was lost.
async function take(conversationId) {
  try {
    const input = { conversationId, idempotencyKey: crypto.randomUUID() }
    showTaken((await request(takeMutation, { input })).assignToMe)
  } catch (error) {
    console.error('not taken:', error.message)
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
