import { Failure } from './failure.js'
import { ask, follow } from './follow.js'
import type { Shared } from './switchboard.js'
import type { Operation } from './wire.js'

/** How up to date something live is. */
export type Status = 'loading' | 'live' | 'catching-up' | 'offline'

/** Something that changes: `get` returns the present value, the same object until it changes. */
export interface Live<Value> {
  get(): Value
  /** Calls the listener after each change, at most once per animation frame. Returns how to stop. */
  subscribe(listener: () => void): () => void
  close(): void
}

/** What the live values of one client share. */
export interface Frames {
  /** Calls flush with the next animation frame, once for however many calls. */
  request(one: { flush(): void }): void
}

/** Collects what changed until the browser draws the next frame. */
export function animationFrames(): Frames {
  const waiting = new Set<{ flush(): void }>()
  const flush = () => {
    const all = [...waiting]
    waiting.clear()
    for (const one of all) one.flush()
  }
  return {
    request(one) {
      if (waiting.size === 0) {
        if (typeof requestAnimationFrame === 'function' && !document.hidden) requestAnimationFrame(flush)
        else setTimeout(flush, 16)
      }
      waiting.add(one)
    },
  }
}

/** What every live value shows beside its own. */
export interface Standing {
  readonly status: Status
  readonly error?: Failure // why it does not go on
}

/** The part of every live value that is about listeners and status. */
export abstract class LiveValue<Value extends Standing> implements Live<Value> {
  #listeners = new Set<() => void>()
  #shown: Value | undefined
  protected status: Status = 'loading'
  protected error: Failure | undefined
  protected closed = false
  protected stop = () => {} // ends the present subscription

  constructor(protected readonly shared: Shared) {}

  protected abstract show(): Omit<Value, keyof Standing>

  get(): Value {
    return (this.#shown ??= { ...this.show(), status: this.status, ...(this.error && { error: this.error }) } as Value)
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Notes that the value has changed. */
  touch(): void {
    this.#shown = undefined
    if (this.#listeners.size > 0) this.shared.frames.request(this)
  }

  flush(): void {
    for (const listener of this.#listeners) listener()
  }

  /** Takes what was loaded. */
  protected live(): void {
    this.status = 'live'
    this.error = undefined
    this.touch()
  }

  /** Takes the state of the connection. */
  connection(status: 'offline' | 'catching-up' | 'live'): void {
    if (this.status === 'loading' || this.status === status) return
    this.status = status
    this.touch()
  }

  protected fail = (error: Failure): void => {
    if (this.closed) return
    this.error = error
    this.touch()
  }

  close(): void {
    this.closed = true
    this.#listeners.clear()
    this.stop()
    this.shared.leave(this)
  }
}

/** A live value that is loaded with a position of the log, which it follows from there. */
export abstract class Following<Value extends Standing> extends LiveValue<Value> {
  /** Loads the value. Returns what to follow, and after which position. */
  protected abstract load(): Promise<[Operation, string]>
  /** Takes an item and returns its position. */
  protected abstract next(data: any): string
  protected delivered(_cursor: string): void {}

  protected async begin(): Promise<void> {
    this.stop()
    try {
      const [operation, after] = await this.load()
      this.live()
      this.stop = follow(this.shared.wire, operation, after, {
        next: (data) => this.next(data),
        delivered: (cursor) => this.delivered(cursor),
        expired: () => void this.begin(),
        refused: this.fail,
      })
    } catch (failure) {
      this.fail(failure as Failure)
    }
  }

  /** Requests something until an answer comes. It fails once the value is closed. */
  protected async ask(document: string, variables: Operation['variables']): Promise<any> {
    const answer = await ask(this.shared.wire, { document, variables }, () => !this.closed)
    if (this.closed) throw new Failure('CLOSED', 'closed')
    return answer
  }
}
