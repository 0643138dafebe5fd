// What every client does with a running server. The test in ../clients_test.go starts one
// with `node CLIENT.mjs WHERE`, reads a line of JSON for each step, and answers the step
// "kill" when it has killed the server, changed things, and started the server again.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'

export const { graphql, webSocket, token, conversation, agents } = JSON.parse(process.argv[2])

export const authorization = `Bearer ${token}`

globalThis.WebSocket = WebSocket // browsers have one, and Node.js from 22 on

export const tell = (step, more) => console.log(JSON.stringify({ step, ...more }))

// Each object with an id says its type: normalizing caches want to know.
const where = 'query Where { asOf viewer { __typename id } }'

const assign = `mutation Assign($input: AssignConversationInput!) {
  assignConversation(input: $input) {
    __typename
    conversation { __typename id assignee { __typename id } }
    events { __typename id }
    userErrors { __typename code }
  }
}`

const watched = {
  assignmentChanged: `subscription Assignments($after: EventCursor) {
    assignmentChanged(after: $after) { __typename id cursor }
  }`,
  inboxChanged: `subscription Inbox($after: EventCursor) {
    inboxChanged(view: ALL, after: $after) { __typename cursor kind event { __typename id } }
  }`,
}

// run takes a client, which is
//   request(document, variables)            a promise of the data of a query or mutation
//   subscribe(document, variables, sink)    calls sink.next with data, sink.error when it ended
export async function run(client) {
  const { asOf, viewer } = await client.request(where, {})
  tell('query', { viewer: viewer.id })

  const seen = {}
  for (const field of Object.keys(watched)) seen[field] = follow(client, field, asOf)
  const reach = async count => {
    while (Object.values(seen).some(ids => ids.length < count)) await sleep(10)
  }

  let count = 0
  const change = async assigneeId => {
    const { assignConversation: done } = await client.request(assign, { input: { conversationId: conversation, assigneeId } })
    if (done.userErrors.length || done.conversation.assignee.id !== assigneeId) throw new Error(JSON.stringify(done))
    const events = done.events.map(event => event.id)
    tell('mutation', { events })
    await reach(count += events.length)
  }
  await change(agents[0])
  await change(agents[1])

  tell('kill')
  const [answer] = await once(process.stdin, 'data')
  await reach(count += JSON.parse(answer).events)
  await change(agents[0])

  await sleep(100) // for what should not come
  tell('subscription', seen)
  process.exit()
}

// follow subscribes, and whenever that ended again, after the last item that came.
function follow(client, field, after) {
  const ids = []
  const variables = { after }
  const subscribe = () => client.subscribe(watched[field], variables, {
    next: data => {
      const item = data[field]
      variables.after = item.cursor
      ids.push((item.event ?? item).id)
    },
    error: () => setTimeout(subscribe, 20),
  })
  subscribe()
  return ids
}
