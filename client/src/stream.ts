import { Failure } from './failure.js'
import { pause } from './pause.js'
import { send } from './request.js'
import type { Connection, ConnectionEvents, Operation, Sink, WireOptions } from './wire.js'

interface Running {
  readonly operation: Operation
  readonly sink: Sink
  positions: number // that were reported since the server accepted it; the first may have been written before
}

/**
 * Opens one stream of server-sent events, over which all subscriptions run
 * (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, single connection mode).
 */
export function openStream(options: WireOptions, events: ConnectionEvents): Connection {
  const running = new Map<string, Running>()
  const closing = new AbortController()
  let stream: string | undefined // the token of the open stream
  let last = 0
  void keepOpen()

  async function keepOpen() {
    while (!closing.signal.aborted) {
      try {
        const reserved = await send(options, { method: 'PUT', signal: closing.signal })
        if (!reserved.ok) throw new Failure('NETWORK', `the stream was refused with status ${reserved.status}`)
        const token = await reserved.text()
        const response = await send(options, {
          headers: { accept: 'text/event-stream', 'x-graphql-event-stream-token': token }, signal: closing.signal,
        })
        if (!response.ok || !response.body) throw new Failure('NETWORK', `the stream was refused with status ${response.status}`)
        stream = token
        events.connected(true)
        for (const [id, one] of running) void begin(id, one)
        for await (const message of messages(response.body)) receive(message)
      } catch {
        // tried again below
      }
      stream = undefined
      if (closing.signal.aborted) return
      events.connected(false)
      await pause(events.failed())
      events.unreachable() // a WebSocket may get through by now
    }
  }

  function receive({ event, data, comment }: Message) {
    if (comment?.startsWith('{')) {
      const { cursor } = JSON.parse(comment)
      if (cursor) for (const one of running.values()) if (++one.positions > 1) one.sink.delivered?.(cursor)
    }
    if (!event || !data) return
    const { id, payload } = JSON.parse(data)
    const one = running.get(id)
    if (event === 'next' && payload && !payload.errors) one?.sink.next(payload.data)
    else fail(id, payload?.errors ? Failure.of(payload.errors) : new Failure('NETWORK', 'the subscription ended'))
  }

  function fail(id: string, failure: Failure) {
    const one = running.get(id)
    if (!one) return
    end(id)
    one.sink.error(failure)
  }

  async function begin(id: string, one: Running) {
    const on = stream
    const { document, variables } = one.operation
    one.positions = -Infinity
    try {
      const response = await send(options, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json', 'x-graphql-event-stream-token': on! },
        body: JSON.stringify({ query: document, variables, extensions: { operationId: id } }),
        signal: closing.signal,
      })
      if (!response.ok) throw Failure.of((await response.json()).errors)
      one.positions = 0
    } catch (cause) {
      if (stream === on && !closing.signal.aborted) fail(id, Failure.of(cause))
    }
  }

  function end(id: string) {
    if (!running.delete(id) || !stream) return
    const path = `?operationId=${encodeURIComponent(id)}`
    send(options, { method: 'DELETE', headers: { 'x-graphql-event-stream-token': stream } }, path).catch(() => {})
  }

  return {
    subscribe(operation, sink) {
      const id = String(++last)
      running.set(id, { operation, sink, positions: -Infinity })
      if (stream) void begin(id, running.get(id)!)
      return () => end(id)
    },
    ask() {}, // comments report the position
    close: () => closing.abort(),
  }
}

interface Message {
  event?: string
  data?: string
  comment?: string
}

/** Reads the messages of a stream of server-sent events. */
async function* messages(body: ReadableStream<Uint8Array>): AsyncGenerator<Message> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  let text = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    text += value
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const message: Message = {}
      for (const line of text.slice(0, end).split('\n')) {
        const colon = line.indexOf(':')
        const name = line.slice(0, colon) || 'comment'
        message[name as keyof Message] = line.slice(colon + 1).trimStart()
      }
      yield message
    }
  }
}
