// Random mutations, while connections are cut, frames come late and twice, tabs are closed and the
// server is killed. Then what every live list shows must be what a fresh query shows.
//
// Environment: SWITCHBOARD_URL, MANAGER, AGENTS (tokens, by commas), INTEGRATION; SEED, STEPS, ROUND
// (steps between two comparisons), CLIENT (the folder of another build of the library). It prints "kill" when the server is to be killed and started
// again, and goes on when a line comes in.
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { faulty, Proxy } from './faults.mjs'
import { pretend, webSocketImpl } from './browser.mjs'
import { firstSeed, randomOf } from './random.mjs'

pretend()
const built = (name) => import(new URL(name, new URL(process.env.CLIENT ?? '../dist/', import.meta.url)))
const { createSwitchboard } = await built('index.js')
const { openTabs } = await built('tabs.js')
const { openWire } = await built('wire.js')
const documents = await built('documents.js')

const seed = firstSeed()
const steps = Number(process.env.STEPS ?? 300)
const round = Number(process.env.ROUND ?? 10)
const url = new URL(process.env.SWITCHBOARD_URL)
const random = randomOf(seed)
const chance = (of) => random() < of
const one = (list) => list[Math.floor(random() * list.length)]
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
console.log(`seed ${seed}, ${steps} steps`)

const manager = process.env.MANAGER
const tokens = process.env.AGENTS.split(',')

async function post(token, query, variables = {}) {
  const response = await fetch(url, {
    method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = await response.json()
  if (errors) throw new Error(`${JSON.stringify(errors)} for ${query}`)
  return data
}

const call = (token, field, input) => post(token, `mutation($input: ${field[0].toUpperCase()}${field.slice(1)}Input!) { ${field}(input: $input) { __typename } }`, { input })

// ---------------------------------------------------------------- the world

const agents = (await post(manager, '{ agents(first: 100) { nodes { id } } }')).agents.nodes.map(({ id }) => id)
const contacts = [] // ids
let names = 0

async function conversations() {
  const { inbox, closed } = await post(manager, `{ inbox(view: ALL, first: 60) { nodes { id contact { id } } }
    closed: inbox(view: CLOSED, first: 40) { nodes { id contact { id } } } }`)
  return [...inbox.nodes, ...closed.nodes]
}

async function addContact() {
  const input = { sender: { contact: { channel: one(['email', 'chat']), externalId: `customer-${seed}-${names++}`, name: `Customer ${names}` } }, body: 'Hello?' }
  const { receiveMessage } = await post(process.env.INTEGRATION, 'mutation($input: ReceiveMessageInput!) { receiveMessage(input: $input) { contact { id } } }', { input })
  contacts.push(receiveMessage.contact.id)
}

for (let i = 0; i < 25; i++) await addContact()

/** One change by somebody else. */
async function change() {
  const known = await conversations()
  const { id: conversationId, contact } = one(known)
  const contactId = contact.id
  const token = one(tokens)
  const dice = Math.floor(random() * 13)
  if (dice < 3) return call(token, 'assignConversation', { conversationId, assigneeId: one(agents) })
  if (dice === 3) return call(token, 'unassignConversation', { conversationId })
  if (dice === 4) return call(token, 'closeConversation', { conversationId })
  if (dice === 5) return call(token, 'reopenConversation', { conversationId })
  if (dice === 6) return call(token, one(['blockContact', 'unblockContact', 'unblockContact']), { contactId: one(contacts) })
  if (dice === 7) return call(token, 'sendMessage', { conversationId, body: `An answer ${step}` })
  if (dice === 8) return call(token, 'addNote', { conversationId, body: `A note ${step}` })
  if (dice === 9) return call(token, 'updateContact', { contactId, name: `Renamed ${step}` })
  if (dice === 10) return call(manager, 'updateAgent', { agentId: one(agents), name: `Agent ${step}` })
  if (dice === 11) return call(process.env.INTEGRATION, 'receiveMessage', { sender: { known: { contactId, channel: 'chat' } }, body: `Still there? ${step}` })
  return addContact()
}

// ---------------------------------------------------------------- the clients

const views = ['MINE', 'UNASSIGNED', 'ALL', 'CLOSED', 'BLOCKED']
const orders = ['LAST_ACTIVITY', 'WAITING_SINCE', 'OPENED_AT'].flatMap((field) => ['ASC', 'DESC'].map((direction) => ({ field, direction })))
const filters = [null, null, { channels: ['chat'] }, { waiting: true }, { assignees: [agents[0], null] }]

class Client {
  lists = []
  wires = []

  static async open(token, proxy, open) {
    const client = new Client()
    client.token = token
    client.proxy = proxy
    client.start = () => {
      client.board = createSwitchboard({
        url: proxy.url, token: () => token, webSocketImpl, frames: { request: (list) => setTimeout(() => list.flush()) },
        open: (options, reports) => (client.wire = faulty(random, open)(options, reports)),
      })
      client.lists = []
      client.pane = undefined
      for (let i = 0; i < 4; i++) client.addList()
    }
    client.start()
    return client
  }

  addList() {
    const options = { view: one(views), orderBy: one(orders), filter: one(filters), window: 3 + Math.floor(random() * 6) }
    const list = this.board.inbox(options)
    const seen = new Map()
    list.subscribe(() => {
      for (const row of list.get().rows) {
        const before = seen.get(row.id) ?? 0
        assert.ok(row.revision >= before, `seed ${seed}: a list shows revision ${row.revision} after ${before}`)
        seen.set(row.id, row.revision)
      }
    })
    this.lists.push({ list, options, wanted: options.window })
  }

  /** Opens another conversation than before. */
  look() {
    const shown = one(this.lists)?.list.get().rows ?? []
    if (shown.length === 0) return
    this.pane?.close()
    const { id } = one(shown)
    this.pane = Object.assign(this.board.conversation(id), { of: id })
  }

  /** A mutation through the library. */
  async act() {
    const shown = one(this.lists)?.list.get().rows ?? []
    if (shown.length === 0) return
    const conversationId = one(shown).id
    const verb = one(['assign', 'assignToMe', 'unassign', 'closeConversation', 'reopenConversation', 'note'])
    const input = { conversationId, ...(verb === 'assign' && { assigneeId: one(agents) }), ...(verb === 'note' && { body: 'Noted' }) }
    await this.board[verb](input)
  }

  /** Compares every list with a fresh query. Nothing changes meanwhile. */
  async compare() {
    for (const { list, options, wanted } of this.lists) {
      const variables = { ...options, first: Math.min(wanted, 100), after: null, counted: true }
      const { inbox, inboxCounts } = await post(this.token, documents.inboxPage, variables)
      const rows = inbox.nodes.map(({ sortKey, unreadCount, ...row }) => row)
      const present = () => list.get().rows.map(({ unreadCount, ...row }) => row)
      const isSame = () => JSON.stringify(sorted(present())) === JSON.stringify(sorted(rows))
      for (const deadline = Date.now() + 60_000; list.cursor < inbox.asOf || !isSame(); await pause(20)) {
        if (Date.now() < deadline && (list.cursor === null || list.cursor < inbox.asOf || list.get().rows.length < rows.length)) {
          this.wire.ask()
          continue
        }
        assert.equal(list.cursor >= inbox.asOf, true, `seed ${seed}, step ${step}: a list is still at ${list.cursor}, before ${inbox.asOf}`)
        assert.deepEqual(present(), rows, `seed ${seed}, step ${step}: ${JSON.stringify(options)}`)
      }
      const { total, hasMore } = list.get()
      assert.equal(total, inboxCounts[options.view.toLowerCase()], `seed ${seed}, step ${step}: the total of ${JSON.stringify(options)}`)
      assert.equal(hasMore, total > rows.length, `seed ${seed}, step ${step}: whether ${JSON.stringify(options)} has more`)
      compared++
    }
    if (this.pane) await this.comparePane()
  }

  /** Compares the open conversation with a fresh query. */
  async comparePane() {
    const { conversation } = await post(this.token, documents.conversationPage, { id: this.pane.of, before: null })
    const { entries: { nodes }, ...fresh } = conversation
    const short = ({ id, __typename, body }) => ({ id, __typename, body }) // names are as of when it was read
    const wanted = sorted({ ...fresh, unreadCount: 0, entries: nodes.map(short) })
    const present = () => {
      const { conversation, entries } = this.pane.get()
      return sorted({ ...conversation, unreadCount: 0, entries: entries.slice(-nodes.length).map(short) })
    }
    for (const deadline = Date.now() + 60_000; JSON.stringify(present()) !== JSON.stringify(wanted) && Date.now() < deadline; await pause(20)) this.wire.ask()
    assert.deepEqual(present(), wanted, `seed ${seed}, step ${step}: the conversation ${this.pane.of}`)
    compared++
  }
}

const sorted = (value) =>
  Array.isArray(value) ? value.map(sorted)
  : value && typeof value === 'object' ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]))
  : value

const sockets = await Proxy.open(url)
const streams = await Proxy.open(url, true)
const shared = await Proxy.open(url)
let step = 0
let compared = 0
const clients = [
  await Client.open(tokens[0], sockets, openWire),
  await Client.open(tokens[1], streams, openWire), // falls back to server-sent events
  await Client.open(tokens[0], shared, openTabs),
  await Client.open(tokens[0], shared, openTabs),
  await Client.open(tokens[0], shared, openTabs),
]

// ---------------------------------------------------------------- the play

let calls = []
for (step = 1; step <= steps; step++) {
  if (step % 250 === 0) console.log(`step ${step}, compared ${compared} lists`)
  if (chance(0.6)) await change()
  if (chance(0.3)) calls.push(one(clients).act())
  if (chance(0.04)) one([sockets, streams, shared]).cut()
  if (chance(0.03)) one(clients).wire.sleep(random() * 500)
  if (chance(0.05)) one(clients).look()
  if (chance(0.03)) {
    const { list, options } = one(one(clients).lists) ?? {}
    if (list) {
      list.more()
      for (const client of clients) for (const entry of client.lists) if (entry.list === list) entry.wanted += options.window
    }
  }
  if (chance(0.01)) {
    const tab = one(clients.slice(2))
    tab.board.close()
    tab.start()
  }
  if (chance(Number(process.env.KILLS ?? 0.004))) {
    console.log('kill')
    await lines.next()
  }
  if (step % round === 0) {
    await Promise.all(calls)
    calls = []
    // A stream reports positions only every 15 s, and a list can be compared only at a position.
    const isStreamed = step % (20 * round) === 0 || step > steps - round
    await Promise.all(clients.map((client) => (client.proxy !== streams || isStreamed) && client.compare()))
  }
}
console.log(`compared ${compared} lists`)
for (const client of clients) client.board.close()
for (const proxy of [sockets, streams, shared]) proxy.close()
process.exit(0)
