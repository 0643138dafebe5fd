import { openWire, type Operation, type WireOptions, type Wire } from './wire.js'
import type { ToTabs } from './tabs.js'

/** A subscription that several tabs share. Recent items are kept for tabs that join later. */
interface SharedSubscription {
  readonly ids: Set<string>
  readonly stop: () => void
  from: string | undefined // the position after which the recent items begin; undefined: items are states
  recent: { cursor: string; data: any }[]
}

const kept = 500 // items of a subscription

/** The tab that has the socket. It runs equal subscriptions of all tabs once. */
export class Leader {
  readonly id = crypto.randomUUID()
  connected = false
  readonly #wire: Wire
  readonly #shared = new Map<string, SharedSubscription>()

  constructor(
    options: WireOptions,
    private readonly tell: (message: ToTabs) => void,
  ) {
    this.#wire = openWire(options, {
      connected: (is) => {
        this.connected = is
        this.tell({ type: 'connected', is })
      },
    })
  }

  subscribe(id: string, { document, variables }: Operation): void {
    const { after, ...rest } = variables as { after?: string }
    const key = document + JSON.stringify(rest)
    const shared = this.#shared.get(key)
    if (!shared) return this.#begin(key, id, { document, variables })
    if (shared.from !== undefined && after! < shared.from) return this.#begin(key + id, id, { document, variables })
    shared.ids.add(id)
    for (const { cursor, data } of shared.recent) {
      if (shared.from === undefined || cursor > after!) this.tell({ type: 'next', ids: [id], data })
    }
  }

  unsubscribe(id: string): void {
    for (const [key, { ids, stop }] of this.#shared) {
      if (!ids.delete(id) || ids.size > 0) continue
      stop()
      this.#shared.delete(key)
    }
  }

  ask(): void {
    this.#wire.ask()
  }

  close(): void {
    this.#wire.close()
  }

  #begin(key: string, id: string, operation: Operation): void {
    const variables = { ...operation.variables } as { after?: string }
    const stop = this.#wire.subscribe({ document: operation.document, variables }, {
      next: (data) => {
        const { cursor } = Object.values<any>(data)[0]
        if (shared.from === undefined) shared.recent = []
        else variables.after = cursor
        shared.recent.push({ cursor, data })
        if (shared.recent.length > kept) shared.from = shared.recent.shift()!.cursor
        this.tell({ type: 'next', ids: [...shared.ids], data })
      },
      delivered: (cursor) => this.tell({ type: 'delivered', ids: [...shared.ids], cursor }),
      error: ({ code, message }) => {
        this.#shared.delete(key)
        this.tell({ type: 'error', ids: [...shared.ids], code, message })
      },
    })
    const shared: SharedSubscription = { ids: new Set([id]), stop, from: variables.after, recent: [] }
    this.#shared.set(key, shared)
  }
}
