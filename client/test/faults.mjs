// What goes wrong between a client and its server.
import { createServer, connect } from 'node:net'

/** A TCP proxy whose connections can be cut, and which can refuse WebSockets. */
export class Proxy {
  sockets = new Set()

  static async open(target, refuseSockets = false) {
    const proxy = new Proxy()
    proxy.server = createServer((client) => proxy.pass(client, target, refuseSockets))
    await new Promise((resolve) => proxy.server.listen(0, '127.0.0.1', resolve))
    proxy.url = `http://127.0.0.1:${proxy.server.address().port}/graphql`
    return proxy
  }

  pass(client, { hostname, port }, refuseSockets) {
    const server = connect(Number(port), hostname)
    for (const socket of [client, server]) {
      this.sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.sockets.delete(socket)
        client.destroy()
        server.destroy()
      })
    }
    client.on('data', (data) => (refuseSockets && /\r\nUpgrade: websocket/i.test(data.toString('latin1')) ? client.destroy() : server.write(data)))
    server.on('data', (data) => client.write(data))
  }

  cut() {
    for (const socket of this.sockets) socket.destroy()
  }

  close() {
    this.cut()
    this.server.close()
  }
}

/** Returns how to open a wire whose answers come late, and so do its frames, in order, and some of them again later. */
export function faulty(random, open) {
  return (options, reports) => {
    const wire = open(options, reports)
    let asleep = Promise.resolve()
    return {
      ...wire,
      async request(operation) {
        const late = random() < 0.3 ? random() * 300 : 0 // behind frames that were sent after it
        const answer = await wire.request(operation)
        if (late) await new Promise((resolve) => setTimeout(resolve, late))
        return answer
      },
      ask: () => wire.ask(),
      close: () => wire.close(),
      sleep(milliseconds) {
        asleep = new Promise((resolve) => setTimeout(resolve, milliseconds))
      },
      subscribe(operation, sink) {
        let before = Promise.resolve()
        const past = []
        const later = (act) => {
          const late = random() < 0.1 ? random() * 80 : 0
          before = before.then(() => asleep).then(() => late && new Promise((resolve) => setTimeout(resolve, late))).then(act)
        }
        return wire.subscribe(operation, {
          next(data) {
            later(() => {
              sink.next(data)
              past.push(data)
              if (random() < 0.2) sink.next(past[Math.floor(random() * past.length)])
              if (past.length > 50) past.shift()
            })
          },
          delivered: (cursor) => later(() => sink.delivered?.(cursor)),
          error: (failure) => later(() => sink.error(failure)),
        })
      },
    }
  }
}
