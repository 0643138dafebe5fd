import { pause } from './pause.js'
import { LiveValue, type Standing } from './live.js'
import type { Shared } from './switchboard.js'

/** A live value that the server sends as a whole, with the time for which it holds. */
export interface State<Value> extends Standing {
  readonly value: Value | null // null until it is known
}

/** A live state: counts or the dashboard. Its subscription begins with the present state, so it needs no position. */
export class LiveState<Value> extends LiveValue<State<Value>> {
  #value: Value | null = null

  constructor(
    shared: Shared,
    private readonly document: string,
    private readonly read: (data: any) => Value,
  ) {
    super(shared)
    this.#begin()
  }

  protected show() {
    return { value: this.#value }
  }

  #begin(failures = 0): void {
    this.stop = this.shared.wire.subscribe({ document: this.document, variables: {} }, {
      next: (data) => {
        failures = 0
        this.#value = this.read(data)
        this.live()
      },
      error: (failure) => {
        if (!failure.passes) this.fail(failure)
        else void pause(failures).then(() => this.closed || this.#begin(failures + 1))
      },
    })
  }
}
