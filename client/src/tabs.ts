import { nameOf } from './account.js'
import { Failure } from './failure.js'
import type { Leader } from './leader.js'
import { request } from './request.js'
import type { Operation, Reports, Sink, Wire, WireOptions } from './wire.js'

/** What the leading tab tells the others, and itself. */
export type ToTabs =
  | { type: 'leading'; id: string; connected: boolean } // also the answer to a question
  | { type: 'connected'; is: boolean }
  | { type: 'next'; ids: readonly string[]; data: any }
  | { type: 'delivered'; ids: readonly string[]; cursor: string }
  | { type: 'error'; ids: readonly string[]; code: string; message: string }

/** What tabs tell the leading one. */
export type ToLeader =
  | { type: 'subscribe'; id: string; operation: Operation }
  | { type: 'unsubscribe'; id: string }
  | { type: 'ask' }
  | { type: 'question' }

const pause = 5_000 // milliseconds between two questions to the leader
const silence = 2_000 // after which the leader is taken for frozen

/**
 * Opens a wire that the tabs of a browser share: the tab that holds a lock has the socket, the others
 * reach it by a channel. When it is closed or frozen, another tab leads, and every subscription goes
 * on after its position. Requests go their own way. Without locks, as in Node.js, it leads at once.
 */
export function openTabs(options: WireOptions, reports: Reports): Wire {
  return new Tab(options, reports)
}

class Tab implements Wire {
  readonly #locks = typeof navigator === 'undefined' ? undefined : navigator.locks
  readonly #name: string
  readonly #channel: BroadcastChannel | undefined
  readonly #closing = new AbortController()
  readonly #running = new Map<string, { operation: Operation; sink: Sink }>()
  readonly #tab = crypto.randomUUID()
  readonly #questions: ReturnType<typeof setInterval>
  #leader: Leader | undefined // if this tab leads
  #known: string | undefined // the leader that has the subscriptions of this tab
  #missing: ReturnType<typeof setTimeout> | undefined
  #last = 0

  constructor(
    private readonly options: WireOptions,
    private readonly reports: Reports,
  ) {
    this.#name = nameOf(options)
    if (this.#locks) {
      this.#channel = new BroadcastChannel(this.#name)
      this.#channel.onmessage = ({ data: { leader, tabs } }) => (tabs ? this.#hear(tabs) : this.#serve(leader))
    }
    this.#compete(false)
    this.#question()
    this.#questions = setInterval(() => this.#question(), pause)
  }

  request(operation: Operation): Promise<any> {
    return request(this.options, operation)
  }

  subscribe(operation: Operation, sink: Sink): () => void {
    const id = `${this.#tab} ${++this.#last}`
    this.#running.set(id, { operation, sink })
    if (this.#known) this.#tellLeader({ type: 'subscribe', id, operation })
    return () => {
      if (this.#running.delete(id)) this.#tellLeader({ type: 'unsubscribe', id })
    }
  }

  ask(): void {
    this.#tellLeader({ type: 'ask' })
  }

  close(): void {
    for (const id of this.#running.keys()) this.#tellLeader({ type: 'unsubscribe', id })
    this.#running.clear()
    clearInterval(this.#questions)
    clearTimeout(this.#missing)
    this.#closing.abort()
    this.#leader?.close()
    this.#channel?.close()
  }

  #tellLeader(message: ToLeader): void {
    if (this.#leader) this.#serve(message)
    else this.#channel?.postMessage({ leader: message })
  }

  #tellTabs(message: ToTabs): void {
    this.#channel?.postMessage({ tabs: message })
    this.#hear(message)
  }

  /** Leads as soon as no other tab does. A frozen one loses the lock, and learns of it when it wakes up. */
  #compete(steal: boolean): void {
    if (!this.#locks) return void this.#lead()
    this.#locks
      .request(this.#name, steal ? { steal } : { signal: this.#closing.signal }, () => this.#lead())
      .catch(() => {
        this.#leader?.close()
        this.#leader = undefined
        if (!this.#closing.signal.aborted) this.#compete(false)
      })
  }

  /** Leads until this tab is closed. Only the leader loads the code for sockets. */
  async #lead(): Promise<void> {
    const { Leader } = await import('./leader.js')
    if (this.#closing.signal.aborted) return
    this.#leader = new Leader(this.options, (message) => this.#tellTabs(message))
    this.#present()
    await new Promise((resolve) => this.#closing.signal.addEventListener('abort', resolve))
  }

  #present(): void {
    if (this.#leader) this.#tellTabs({ type: 'leading', id: this.#leader.id, connected: this.#leader.connected })
  }

  #question(): void {
    if (this.#leader || this.#missing || !this.#locks) return
    this.#missing = setTimeout(() => {
      this.#missing = undefined
      if (!this.#leader && this.#known) this.#compete(true)
    }, silence)
    this.#channel?.postMessage({ leader: { type: 'question' } })
  }

  #serve(message: ToLeader): void {
    if (!this.#leader) return
    switch (message.type) {
      case 'subscribe':
        return this.#leader.subscribe(message.id, message.operation)
      case 'unsubscribe':
        return this.#leader.unsubscribe(message.id)
      case 'ask':
        return this.#leader.ask()
      case 'question': // messages reach a frozen page as well, but its timers stand still
        setTimeout(() => this.#present())
    }
  }

  #hear(message: ToTabs): void {
    switch (message.type) {
      case 'leading':
        clearTimeout(this.#missing)
        this.#missing = undefined
        if (message.id === this.#known) return
        this.#known = message.id
        for (const [id, { operation }] of this.#running) this.#tellLeader({ type: 'subscribe', id, operation })
        return this.reports.connected(message.connected)
      case 'connected':
        return this.reports.connected(message.is)
      case 'next':
        for (const id of message.ids) this.#running.get(id)?.sink.next(message.data)
        return
      case 'delivered':
        for (const id of message.ids) this.#running.get(id)?.sink.delivered?.(message.cursor)
        return
      case 'error':
        for (const id of message.ids) {
          const one = this.#running.get(id)
          this.#running.delete(id)
          one?.sink.error(new Failure(message.code, message.message))
        }
    }
  }
}
