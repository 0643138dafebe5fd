// The list without a network: random changes, pages that are read early or late, frames that come
// late and twice. Whenever the list has seen the whole log, it must show what a fresh page shows.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstSeed, randomOf } from './random.mjs'

const list = await import(process.env.CLIENT_LIST ?? '../dist/list.js')

/** A log with the conversations that it leads to. */
class Log {
  conversations = new Map() // id → { revision, key, inside }
  events = []

  constructor(random) {
    this.random = random
    for (let i = 0; i < 12; i++) this.change(`c${i}`)
  }

  get cursor() {
    return cursor(this.events.length)
  }

  /** Changes a conversation: it enters, changes its place, or leaves. */
  change(id = `c${Math.floor(this.random() * 20)}`) {
    const was = this.conversations.get(id)
    const inside = !was?.inside || this.random() < 0.7
    const now = { id, revision: (was?.revision ?? 0) + 1, inside, key: String(Math.floor(this.random() * 1000)).padStart(4, '0') + id }
    this.conversations.set(id, now)
    const kind = !was?.inside && inside ? 'ENTERED' : was?.inside && !inside ? 'LEFT' : was?.inside ? 'UPDATED' : null
    this.events.push({ kind, id })
  }

  row(id) {
    const { revision, key } = this.conversations.get(id)
    return { id, revision, sortKey: key }
  }

  /** The conversations of the view in order. */
  view() {
    const inside = [...this.conversations.values()].filter((one) => one.inside)
    return inside.sort((a, b) => (a.key < b.key ? -1 : 1)).map((one) => this.row(one.id))
  }

  page(after, first) {
    const rows = this.view().filter((row) => after === null || row.sortKey > after)
    return { rows: rows.slice(0, first), hasMore: rows.length > first }
  }

  /** The item for an event, whose row is read now. */
  item(number) {
    const { kind, id } = this.events[number - 1]
    return { cursor: cursor(number), kind, conversationId: id, filteredCount: null, conversation: this.row(id) }
  }
}

const cursor = (number) => String(number).padStart(8, '0')
const shown = (state, size) => list.inOrder(state).slice(0, size).map((row) => [row.fields.id, row.fields.revision])

function play(seed, steps) {
  const random = randomOf(seed)
  const log = new Log(random)
  const wanted = 3 + Math.floor(random() * 5)
  const count = () => ({ count: log.view().length, asOf: log.cursor })
  const between = () => { // the page and the total are read one after the other
    while (random() < 0.5) log.change()
  }
  let total = random() < 0.5 ? count() : null
  between()
  const [page1, cursor1] = [log.page(null, wanted), log.cursor]
  between()
  let state = list.loaded(page1, cursor1, (total ??= count()))
  let sent = Number(list.position(state)) // the last event whose frame is on its way
  let frames = []
  let past = [] // frames that were delivered, which may come again
  let payload = null // a mutation's, that is on its way
  let page = null // that is on its way
  let compared = 0

  /** Becomes the next state, in which no row may be older than before. */
  const become = (next) => {
    for (const [id, { fields }] of next.rows) {
      const before = state.rows.get(id)?.fields.revision ?? 0
      assert.ok(fields.revision >= before, `seed ${seed}: ${id} goes back from revision ${before} to ${fields.revision}`)
    }
    state = next
  }

  const send = () => {
    while (sent < log.events.length) if (log.events[sent++].kind) frames.push(log.item(sent))
  }
  const deliver = () => {
    const frame = frames.shift()
    if (!frame) return become(list.passed(state, cursor(sent)))
    become(list.changed(state, frame))
    past.push(frame)
    if (random() < 0.15) become(list.changed(state, past[Math.floor(random() * past.length)]))
  }
  const answer = () => {
    if (payload) return become(list.refreshed(state, payload)), (payload = null)
    const coming = frames.map((frame) => frame.conversationId).filter((id) => state.rows.has(id))
    const held = coming.length > 0 ? coming : [...state.rows.keys()]
    if (held.length === 0) return
    const id = held[Math.floor(random() * held.length)]
    log.change(id)
    payload = log.row(id)
  }
  const fill = () => {
    if (state.boundary !== null && !state.sincePage && state.rows.size < wanted) {
      become(list.asked(state))
      page = { after: state.boundary, answer: null }
    }
    if (page && !page.answer && random() < 0.4) page.answer = log.page(page.after, 4) // read now, delivered later
    else if (page?.answer && random() < 0.4) {
      become(random() < 0.1 ? list.unasked(state) : list.paged(state, page.answer))
      page = null
    }
  }

  for (let step = 0; step < steps; step++) {
    const dice = random()
    if (dice < 0.35) log.change()
    else if (dice < 0.55) send()
    else if (dice < 0.8) deliver()
    else if (dice < 0.84) frames = [] // the connection is lost; it resumes after the list's position
    else if (dice < 0.86) become(list.trimmed(state, wanted))
    else if (dice < 0.95) {
      answer()
      if (random() < 0.5) answer() // at once, before frames that are on their way
    }
    fill()
    if (frames.length === 0 && dice >= 0.8) sent = Number(list.position(state))
    if (step % 10 === 9) {
      for (send(); frames.length > 0; ) deliver()
      become(list.passed(state, log.cursor))
      while (page || (state.boundary !== null && state.rows.size < wanted)) fill()
      assert.deepEqual(shown(state, wanted), log.view().slice(0, wanted).map((row) => [row.id, row.revision]), `seed ${seed}, step ${step}`)
      assert.equal(state.total.count, log.view().length, `the total with seed ${seed}, step ${step}`)
      compared++
    }
  }
  return compared
}

test('a list shows what a fresh page shows', () => {
  const seed = firstSeed()
  let compared = 0
  for (let run = 0; run < 200; run++) compared += play(seed + run, 200)
  console.log(`seeds ${seed} to ${seed + 199}: compared ${compared} times`)
})
