import { Failure } from './failure.js'
import { ask } from './follow.js'
import type { Wire } from './wire.js'
import { verbs, type Payload, type VerbName } from './verbs.js'

interface Input {
  readonly idempotencyKey: string
  readonly conversationId?: string
  readonly expectedVersion?: number | null
}

/** A mutation that waits for its answer, as it is stored. */
export interface Entry {
  readonly key: string // its idempotency key
  readonly verb: VerbName
  readonly input: Input
  readonly at: number // when it was called, in milliseconds since 1970
}

/** Where mutations are kept until they are answered, so that they survive a reload of the page. */
export interface Storage {
  /** Returns the mutations that were stored before the page was reloaded, in their order, as this page's own. */
  left(): Promise<Entry[]>
  put(entry: Entry): Promise<void>
  delete(key: string): Promise<void>
}

/** How long the server remembers idempotency keys, so that repeating a mutation is safe. */
export const keysLive = 24 * 60 * 60 * 1000

/** Sends mutations one after the other, each until it is answered. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve()
  readonly #made = new Map<string, number>() // what own mutations made of versions

  constructor(
    private readonly wire: Wire,
    private readonly storage: Promise<Storage | undefined>,
  ) {}

  /** Sends a mutation after those before it, and again with the same key while its outcome is unknown. */
  send(entry: Entry): Promise<Payload> {
    const stored = this.storage.then((storage) => storage?.put(entry))
    const sent = this.#last.then(() => stored).then(() => this.#attempt(entry))
    this.#last = sent.catch(() => {})
    return sent
  }

  /** Sends a mutation. It expects what own ones have made of the version that the caller saw. */
  async #attempt({ key, verb, input, at }: Entry): Promise<Payload> {
    let expectedVersion
    const seen = () => `${input.conversationId ?? key} ${input.expectedVersion}`
    try {
      while ((expectedVersion = this.#made.get(seen()))) {
        input = { ...input, expectedVersion }
        // With the same key the server wants the same input again, also after a reload.
        await (await this.storage)?.put({ key, verb, input, at })
      }
      const isFresh = () => Date.now() - at < keysLive
      if (!isFresh()) throw new Failure('NETWORK', 'it waited for over a day')
      const data = await ask(this.wire, { document: verbs[verb].document, variables: { input } }, isFresh)
      const payload = Object.values(data)[0] as Payload
      const version = payload.conversation?.version ?? 0
      if (version > (input.expectedVersion ?? version) && !payload.userErrors[0]) this.#made.set(seen(), version)
      return payload
    } finally {
      await (await this.storage)?.delete(key)
    }
  }
}
