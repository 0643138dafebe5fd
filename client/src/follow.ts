import { Failure } from './failure.js'
import { pause } from './pause.js'
import type { Operation, Wire } from './wire.js'

/** What follows a part of the log. */
export interface Follower {
  /** Takes an item and returns its position. */
  next(data: any): string
  /** The position cannot be resumed from: load again. Nothing follows. */
  expired(): void
  /** The subscription is refused for good. Nothing follows. */
  refused(failure: Failure): void
  delivered?(cursor: string): void
}

/** Follows the log after a position until stop is called; failures that pass are survived. */
export function follow(wire: Wire, { document, variables }: Operation, after: string, to: Follower): () => void {
  const position = { ...variables, after }
  let stopped = false
  let stop = () => {}
  let failures = 0

  const begin = () => {
    stop = wire.subscribe({ document, variables: position }, {
      next(data) {
        failures = 0
        position.after = to.next(data)
      },
      error(failure) {
        if (stopped) return
        if (failure.expired) to.expired()
        else if (!failure.passes) to.refused(failure)
        else void wait(failure, failures++).then(() => stopped || begin())
      },
      delivered: (cursor) => to.delivered?.(cursor),
    })
  }
  begin()
  return () => {
    stopped = true
    stop()
  }
}

/** Requests something until an answer comes or the request is refused for good. */
export async function ask(wire: Wire, operation: Operation, isWanted: () => boolean = () => true): Promise<any> {
  for (let failures = 0; ; failures++) {
    try {
      return await wire.request(operation)
    } catch (cause) {
      const failure = Failure.of(cause)
      if (!failure.passes || !isWanted()) throw failure
      await wait(failure, failures)
    }
  }
}

function wait(failure: Failure, failures: number): Promise<void> {
  return failure.retryAfterMs ? new Promise((resolve) => setTimeout(resolve, failure.retryAfterMs)) : pause(failures)
}
