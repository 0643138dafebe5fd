// Mutations over a wire that the test controls: repeated, kept over a reload, shown before their answer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import 'fake-indexeddb/auto'
import { pretend } from './browser.mjs'

pretend()
const { createSwitchboard, Failure } = await import('../dist/index.js')
const { browserStorage } = await import('../dist/storage.js')

const contact = { id: 'contact_1', revision: 1, name: 'Ada', email: null, phone: null, avatarUrl: null, blocked: false }
const agent = { id: 'agent_1', revision: 1, name: 'Bo', avatarUrl: null, availability: 'ONLINE', active: true }
const row = { id: 'conv_1', revision: 1, version: 1, status: 'OPEN', channel: 'email', unreadCount: 1, waitingSince: 'then', assignee: null, contact, sortKey: 'a' }
const payload = (conversation, userErrors = []) => ({ asOf: userErrors.length > 0 ? '1' : '2', conversation, userErrors })

/** A client whose mutations are answered by the test. */
function client(answer, options = {}) {
  const sent = []
  const sinks = []
  const board = createSwitchboard({
    url: 'http://switchboard.example/graphql', token: () => 'token', frames: { request: (one) => queueMicrotask(() => one.flush()) }, ...options,
    open: () => ({
      async request({ document, variables }) {
        if (document.startsWith('query Session')) return { asOf: '1', session: { agent, role: 'AGENT', workspace: {} } }
        if (document.startsWith('query InboxPage')) {
          return { inboxCounts: { all: 1, unassigned: 1, asOf: '1' }, inbox: { asOf: '1', pageInfo: { hasNextPage: false }, nodes: [row] } }
        }
        sent.push(variables.input)
        return { answer: await answer(variables.input, sent.length) }
      },
      subscribe(operation, sink) {
        sinks.push({ operation, sink })
        return () => {}
      },
      ask: () => sinks.forEach(({ sink }) => sink.delivered?.('2')),
      close() {},
    }),
  })
  return { board, sent, sinks }
}

const until = async (holds) => {
  for (const deadline = Date.now() + 10_000; !holds(); await new Promise((resolve) => setTimeout(resolve, 5))) {
    assert.ok(Date.now() < deadline, `it does not become true: ${holds}`)
  }
}

test('a mutation whose answer was lost is sent again with its key, before the next one', async () => {
  const { board, sent } = client((_, times) => {
    if (times === 1) throw new Failure('NETWORK', 'gone')
    return payload(row)
  })
  await Promise.all([board.unassign({ conversationId: 'conv_1' }), board.note({ conversationId: 'conv_1', body: 'Second' })])
  assert.equal(sent.length, 3)
  assert.equal(sent[0].idempotencyKey, sent[1].idempotencyKey)
  assert.equal(sent[2].body, 'Second')
  board.close()
})

test('a mutation that was not answered before a reload is sent after it, and its outcome is reported', async () => {
  const before = client(() => new Promise(() => {}))
  void before.board.note({ conversationId: 'conv_1', body: 'Kept' })
  await until(() => before.sent.length === 1)
  // The page is left without a word: its entries are those of a tab that holds no lock any more.
  const left = await new Promise((resolve, reject) => {
    const opening = indexedDB.open('switchboard http://switchboard.example/graphql')
    opening.onerror = reject
    opening.onsuccess = () => {
      const store = opening.result.transaction('mutations', 'readwrite').objectStore('mutations')
      store.getAll().onsuccess = ({ target: { result } }) => {
        for (const entry of result) store.put({ ...entry, owner: 'a tab that is gone' })
        resolve(result)
      }
    }
  })
  assert.equal(left.length, 1)
  const outcomes = []
  const after = client(() => payload(row), { onOutcome: (outcome) => outcomes.push(outcome) })
  await until(() => outcomes.length === 1)
  assert.deepEqual([outcomes[0].verb, outcomes[0].input.body, after.sent[0].idempotencyKey], ['note', 'Kept', before.sent[0].idempotencyKey])
  const storage = browserStorage('switchboard http://switchboard.example/graphql')
  await until(() => outcomes.length === 1)
  assert.deepEqual(await storage.left(), [])
  before.board.close()
  after.board.close()
})

test('a mutation expects what own ones have made of the version that the caller saw', async () => {
  const versionAfter = (expected) => (expected === 7 ? 7 : expected + 1) // from 7 on it is assigned as it is
  const { board, sent } = client(({ expectedVersion }) =>
    payload({ ...row, version: versionAfter(expectedVersion) }, expectedVersion === 4 ? [{ code: 'CONFLICT' }] : []))
  const conversationId = 'conv_1'
  void board.unassign({ conversationId, expectedVersion: 1 })
  void board.closeConversation({ conversationId, expectedVersion: 1 })
  await board.assign({ conversationId: 'conv_2', assigneeId: 'agent_1', expectedVersion: 1 })
  await board.reopenConversation({ conversationId, expectedVersion: 1 })
  await board.unassign({ conversationId, expectedVersion: 1 }) // refused
  await board.unassign({ conversationId, expectedVersion: 2 }) // which the caller saw in between
  await board.assign({ conversationId, assigneeId: 'agent_1', expectedVersion: 7 })
  await board.assign({ conversationId, assigneeId: 'agent_1', expectedVersion: 7 })
  assert.deepEqual(sent.map(({ expectedVersion }) => expectedVersion), [1, 2, 1, 3, 4, 4, 7, 7])
  board.close()
})

test('a guess is shown at once, gives way to the outcome, and is taken back by a refusal', async () => {
  let answer
  const { board, sinks } = client(() => new Promise((resolve) => (answer = resolve)))
  await board.session
  const inbox = board.inbox({ view: 'UNASSIGNED' })
  const all = board.inbox({ view: 'ALL' })
  await until(() => inbox.get().rows.length === 1 && all.get().rows.length === 1)

  const refused = board.assignToMe({ conversationId: 'conv_1' })
  assert.deepEqual([inbox.get().rows.length, all.get().rows[0].assignee?.name], [0, 'Bo'])
  await until(() => answer)
  answer(payload(row, [{ code: 'CONFLICT', message: 'no', field: null }]))
  assert.equal((await refused).userErrors[0].code, 'CONFLICT')
  assert.deepEqual([inbox.get().rows.length, all.get().rows[0].assignee], [1, null])

  answer = undefined
  const taken = board.assignToMe({ conversationId: 'conv_1' })
  await until(() => answer)
  const now = { ...row, revision: 2, assignee: agent }
  for (const { operation, sink } of sinks) {
    const kind = operation.variables.view === 'ALL' ? 'UPDATED' : 'LEFT'
    if (operation.variables.view) sink.next({ inboxChanged: { cursor: '2', kind, conversationId: 'conv_1', conversation: now, filteredCount: null, event: {} } })
  }
  answer(payload(now))
  await taken.settled
  assert.deepEqual([inbox.get().rows.length, inbox.get().total, all.get().rows[0].assignee.name], [0, 0, 'Bo'])
  board.close()
})

test('a list shows what is unread while that is followed', async () => {
  const { board, sinks } = client(() => payload(row))
  const inbox = board.inbox({ view: 'ALL' })
  await until(() => inbox.get().rows.length === 1)
  const unread = board.unread()
  await until(() => sinks.some(({ operation }) => operation.document.includes('unreadChanged')))
  const { sink } = sinks.find(({ operation }) => operation.document.includes('unreadChanged'))
  assert.equal(unread.get().value, null)
  for (const [conversationId, unreadCount] of [['conv_1', 3], ['conv_2', 7], ['conv_1', 0]]) {
    sink.next({ unreadChanged: { conversationId, unreadCount, mineUnread: 5 } })
    assert.deepEqual(unread.get().value, { conversationId, unreadCount, mineUnread: 5 })
    assert.equal(inbox.get().rows[0].unreadCount, conversationId === 'conv_1' ? unreadCount : 3)
  }
  board.close()
})

test('agents are shown by name, or by load as it changes', async () => {
  const all = [['b', 0], ['a', 2], ['c', 1]].map(([id, openConversations]) => ({ ...agent, id, name: id, openConversations }))
  const sinks = []
  const board = createSwitchboard({
    url: 'http://switchboard.example/graphql', token: () => 'token',
    open: () => ({
      request: async () => ({ asOf: '1', agents: { pageInfo: { hasNextPage: false }, nodes: all }, session: { agent } }),
      subscribe: (_, sink) => (sinks.push(sink), () => {}),
      ask() {},
      close() {},
    }),
  })
  const [byName, byLoad] = [board.agents(), board.agents('LOAD')]
  const shown = (one) => one.get().value?.map(({ id }) => id).join('')
  await until(() => shown(byName) === 'abc' && shown(byLoad) === 'bca')
  for (const sink of sinks) sink.next({ agentsChanged: { cursor: '2', agents: [{ ...all[0], openConversations: 3 }] } })
  assert.deepEqual([shown(byName), shown(byLoad)], ['abc', 'cab'])
  board.close()
})
