// Shows the inbox and follows it live with Apollo Client. Type the id of a conversation to take it.
//
//   npm install
//   SWITCHBOARD_TOKEN=… npm start
import { createInterface } from 'node:readline'
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { OperationTypeNode } from 'graphql'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

const url = process.env.SWITCHBOARD_URL ?? 'http://127.0.0.1:8080/graphql'
const token = process.env.SWITCHBOARD_TOKEN || quit('Set SWITCHBOARD_TOKEN to a token that the server printed.')
globalThis.WebSocket ??= WebSocket // GraphQLWsLink asks for it before Node.js 22

const inboxQuery = gql`query Inbox {
  inbox(view: ALL, first: 5) { asOf totalCount nodes { id contact { name } assignee { name } } }
}`
const takeMutation = gql`mutation Take($input: AssignToMeInput!) {
  assignToMe(input: $input) { conversation { id assignee { name } } userErrors { code message } }
}`
const changesSubscription = gql`subscription Changes($after: EventCursor) {
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

const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: url, headers: { authorization: `Bearer ${token}` } }),
  ),
})

// after is the place in the log up to which everything was seen. It comes from the list at
// first, then from each change, so nothing is missed and nothing comes twice.
let after, failures = 0

async function follow() {
  try {
    after ?? await load()
    const subscription = client.subscribe({ query: changesSubscription, variables: { after } }).subscribe(({ data, error }) => {
      if (error) {
        subscription.unsubscribe()
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
  const { data: { inbox } } = await client.query({ query: inboxQuery, fetchPolicy: 'network-only' })
  showInbox(inbox)
  after = inbox.asOf
}

// again resumes, later each time, as the close codes 1012 and 1013 ask for. After
// CURSOR_EXPIRED the place lies too far back, so the list is loaded again.
function again(error) {
  if (error.statusCode === 401) quit('The token is not accepted.')
  if (CombinedGraphQLErrors.is(error) && error.errors[0].extensions?.code === 'CURSOR_EXPIRED') after = undefined
  console.error(after ? 'resuming:' : 'loading again:', error.message)
  setTimeout(follow, Math.random() * Math.min(30_000, 500 * 2 ** failures++))
}

// The idempotency key lets a client repeat the mutation when its answer was lost.
async function take(conversationId) {
  try {
    const input = { conversationId, idempotencyKey: crypto.randomUUID() }
    const { data } = await client.mutate({ mutation: takeMutation, variables: { input } })
    showTaken(data.assignToMe)
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
createInterface({ input: process.stdin }).on('line', take)
