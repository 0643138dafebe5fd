import type { Failure } from './failure.js'
import { request } from './request.js'
import { openSocket } from './socket.js'

/** An operation. A subscription begins after `variables.after`, which moves on with what arrives. */
export interface Operation {
  readonly document: string
  readonly variables: Record<string, unknown>
}

/** What receives the items of a subscription. Nothing follows an error. */
export interface Sink {
  next(data: any): void
  error(failure: Failure): void
  /** Everything up to this position of the log was delivered. */
  delivered?(cursor: string): void
}

/** What the rest of the library needs of a network. */
export interface Wire {
  request(operation: Operation): Promise<any>
  subscribe(operation: Operation, sink: Sink): () => void
  /** Asks how far everything was delivered; each sink is told. */
  ask(): void
  close(): void
}

/** What a wire reports. */
export interface Reports {
  connected(is: boolean): void
}

export interface WireOptions {
  url: string
  token: () => string | Promise<string>
  /** Who signed in. Tabs share a socket and stored mutations only if they have the same account and workspace. */
  account?: string
  /** The id of the workspace to work in, for a sign-in with agents in several. */
  workspace?: string
  webSocketImpl?: unknown
  fetch?: typeof fetch
}

/** A connection over which subscriptions run. It reconnects by itself until it is closed. */
export interface Connection {
  subscribe(operation: Operation, sink: Sink): () => void
  ask(): void
  close(): void
}

export interface ConnectionEvents extends Reports {
  failed(): number // an attempt has failed; returns how many have since the last success
  unreachable(): void // another kind of connection should be tried
}

interface Running {
  readonly operation: Operation
  readonly sink: Sink
  stop: () => void
}

/** Opens a wire: requests by POST, subscriptions over a WebSocket or, if none gets through, over server-sent events. */
export function openWire(options: WireOptions, reports: Reports): Wire {
  const running = new Set<Running>()
  let closed = false
  let failures = 0
  let kind = openSocket
  let connection = connect(kind)

  /** Changes to the other kind of connection; the code for streams is loaded only when it is needed. */
  async function change(from: typeof openSocket) {
    // Where the server that is away has this code too, sockets are tried further, with their pauses.
    const to = from === openSocket ? await import('./stream.js').then(({ openStream }) => openStream, () => null) : openSocket
    if (closed || !to || kind !== from || failures === 0) return
    kind = to
    for (const one of running) one.stop()
    connection.close()
    connection = connect(to)
    for (const one of running) run(one)
  }

  function connect(open: typeof openSocket): Connection {
    return open(options, {
      connected(is) {
        if (closed) return
        if (is) failures = 0
        reports.connected(is)
      },
      failed: () => ++failures,
      unreachable: () => void (closed || change(open)),
    })
  }

  function run(one: Running) {
    one.stop = connection.subscribe(one.operation, {
      next: (data) => running.has(one) && one.sink.next(data),
      delivered: (cursor) => running.has(one) && one.sink.delivered?.(cursor),
      error(failure) {
        if (running.delete(one)) one.sink.error(failure)
      },
    })
  }

  return {
    request: (operation) => request(options, operation),
    subscribe(operation, sink) {
      const one: Running = { operation, sink, stop() {} }
      running.add(one)
      run(one)
      return () => {
        if (running.delete(one)) one.stop()
      }
    },
    ask: () => connection.ask(),
    close() {
      closed = true
      running.clear()
      connection.close()
    },
  }
}
