import { createClient } from 'graphql-ws'
import { Failure } from './failure.js'
import { pause } from './pause.js'
import type { Connection, ConnectionEvents, Sink, WireOptions } from './wire.js'

const alive = 10_000 // milliseconds between two pings
const patience = 5_000 // for the answer to a ping
const attempts = 3 // that fail in a row before sockets count as unreachable

/** Opens a WebSocket, over which all subscriptions run. After a disconnect they go on after their positions. */
export function openSocket(options: WireOptions, events: ConnectionEvents): Connection {
  const running = new Map<Sink, number>() // with the number of pings that were sent before it
  let socket: WebSocket | undefined
  let failures = 0
  let sent = 0 // pings, and how many of them were answered
  let answered = 0
  let missing: ReturnType<typeof setTimeout> | undefined

  const expectAnswer = () => {
    sent++
    clearTimeout(missing)
    missing = setTimeout(() => socket?.close(4408, 'no answer to a ping'), patience)
  }
  // A position that was written before the server knew of a subscription says nothing about it, so
  // it counts only once a ping was answered that was sent after the subscription.
  const delivered = (payload: Record<string, unknown> | undefined) => {
    const cursor = payload?.['cursor']
    if (typeof cursor !== 'string') return
    for (const [sink, before] of running) if (answered > before) sink.delivered?.(cursor)
  }

  const client = createClient({
    url: options.url.replace(/^http/, 'ws'),
    webSocketImpl: options.webSocketImpl,
    connectionParams: async () => ({
      authorization: `Bearer ${await options.token()}`,
      ...(options.workspace && { workspace: options.workspace }),
    }),
    keepAlive: alive,
    lazyCloseTimeout: 5_000,
    retryAttempts: Infinity,
    shouldRetry: () => true,
    retryWait: () => pause(failures),
    on: {
      opened: (opened) => (socket = opened as WebSocket),
      connected() {
        failures = 0
        events.connected(true)
      },
      ping: (received, payload) => (received ? delivered(payload) : expectAnswer()),
      pong(received, payload) {
        if (!received) return
        clearTimeout(missing)
        answered++
        delivered(payload)
      },
      closed() {
        clearTimeout(missing)
        socket = undefined
        sent = answered = 0
        for (const sink of running.keys()) running.set(sink, 0)
        events.connected(false)
        failures = events.failed()
        if (failures >= attempts) events.unreachable()
      },
    },
  })

  return {
    subscribe({ document, variables }, sink) {
      let stopped = false
      running.set(sink, sent)
      const fail = (failure: Failure) => {
        if (stopped) return
        stopped = true
        running.delete(sink)
        sink.error(failure)
      }
      const stop = client.subscribe<any>(
        { query: document, variables },
        {
          next({ data, errors }) {
            if (stopped) return
            if (!errors) return sink.next(data)
            fail(Failure.of(errors)) // an item is missing: the caller subscribes again after its position
            stop()
          },
          error: (cause) => fail(Failure.of(cause)),
          complete: () => fail(new Failure('NETWORK', 'the subscription ended')),
        },
      )
      return () => {
        stopped = true
        running.delete(sink)
        stop()
      }
    },
    ask() {
      setTimeout(() => {
        if (socket?.readyState !== 1) return
        socket.send('{"type":"ping"}')
        expectAnswer()
      }, 10) // after the subscriptions that graphql-ws is about to send
    },
    close() {
      clearTimeout(missing)
      // Rejects if an attempt to connect is under way and fails.
      Promise.resolve(client.dispose()).catch(() => {})
    },
  }
}
