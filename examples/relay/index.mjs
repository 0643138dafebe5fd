// Shows the inbox and follows it live with Relay. Type the id of a conversation to take it.
//
//   npm install
//   SWITCHBOARD_TOKEN=… npm start
import { createInterface } from 'node:readline'
import { createClient } from 'graphql-ws'
import relay from 'relay-runtime'
import WebSocket from 'ws'
import changesSubscription from './src/__generated__/documentsChangesSubscription.graphql.js'
import inboxQuery from './src/__generated__/documentsInboxQuery.graphql.js'
import takeMutation from './src/__generated__/documentsTakeMutation.graphql.js'

const { Environment, Network, Observable, RecordSource, Store, commitMutation, fetchQuery, requestSubscription } = relay

const url = process.env.SWITCHBOARD_URL ?? 'http://127.0.0.1:8080/graphql'
const token = process.env.SWITCHBOARD_TOKEN || quit('Set SWITCHBOARD_TOKEN to a token that the server printed.')

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

const environment = new Environment({
  store: new Store(new RecordSource()),
  network: Network.create(
    async ({ text }, variables) => {
      const response = await fetch(url, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/graphql-response+json' },
        body: JSON.stringify({ query: text, variables }),
      })
      if (response.status === 401) quit('The token is not accepted.')
      return response.json()
    },
    ({ text, name }, variables) => Observable.create(sink => socket.subscribe({ query: text, operationName: name, variables }, sink)),
  ),
})

// after is the place in the log up to which everything was seen. It comes from the list at
// first, then from each change, so nothing is missed and nothing comes twice.
let after, failures = 0

async function follow() {
  try {
    after ?? await load()
    requestSubscription(environment, {
      subscription: changesSubscription,
      variables: { after },
      onNext({ inboxChanged }) {
        showChange(inboxChanged)
        after = inboxChanged.cursor
        failures = 0
      },
      onError: again,
    })
  } catch (error) {
    again(error)
  }
}

async function load() {
  const { inbox } = await fetchQuery(environment, inboxQuery, {}, { fetchPolicy: 'network-only' }).toPromise()
  showInbox(inbox)
  after = inbox.asOf
}

// again resumes, later each time, as the close codes 1012 and 1013 ask for. After
// CURSOR_EXPIRED the place lies too far back, so the list is loaded again.
function again(error) {
  if (error[0]?.extensions?.code === 'CURSOR_EXPIRED') after = undefined
  console.error(after ? 'resuming:' : 'loading again:', error[0]?.message ?? error.message ?? error.reason)
  setTimeout(follow, Math.random() * Math.min(30_000, 500 * 2 ** failures++))
}

// The idempotency key lets a client repeat the mutation when its answer was lost.
function take(conversationId) {
  commitMutation(environment, {
    mutation: takeMutation,
    variables: { input: { conversationId, idempotencyKey: crypto.randomUUID() } },
    onCompleted: ({ assignToMe }) => showTaken(assignToMe),
    onError: error => console.error('not taken:', error.message),
  })
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
