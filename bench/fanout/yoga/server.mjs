// GraphQL Yoga with graphql-ws as Yoga's documentation puts them together, and Yoga's own
// pub/sub. It uses the messages of ../server.go.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { useServer } from 'graphql-ws/use/ws'
import { createPubSub, createSchema, createYoga } from 'graphql-yoga'
import { WebSocketServer } from 'ws'

const { schema, data } = JSON.parse(process.argv[2])
const sample = JSON.parse(data).inboxChanged
const note = sample.event.closingNote
const noteText = note.text.slice(note.text.indexOf(' ', note.text.indexOf(' ') + 1))

const pubSub = createPubSub()
let subscribers = 0

const yoga = createYoga({
  graphiql: false,
  schema: createSchema({
    typeDefs: readFileSync(schema, 'utf8'),
    resolvers: {
      Subscription: {
        inboxChanged: {
          subscribe: (_root, _args, { socket }) => {
            subscribers++
            socket.once('close', () => subscribers--)
            return pubSub.subscribe('change')
          },
          resolve: change => change,
        },
      },
    },
  }),
})

const server = createServer(yoga)
useServer({
  execute: args => args.rootValue.execute(args),
  subscribe: args => args.rootValue.subscribe(args),
  onSubscribe: async (ctx, _id, params) => {
    const { schema, execute, subscribe, contextFactory, parse, validate } =
      yoga.getEnveloped({ ...ctx, req: ctx.extra.request, socket: ctx.extra.socket, params })
    const document = parse(params.query)
    const errors = validate(schema, document)
    if (errors.length) return errors
    return {
      schema,
      document,
      operationName: params.operationName,
      variableValues: params.variables,
      contextValue: await contextFactory(),
      rootValue: { execute, subscribe },
    }
  },
}, new WebSocketServer({ server, path: yoga.graphqlEndpoint }))

let seq = 0
const now = () => performance.timeOrigin + performance.now() // ms

function publish(at) {
  const [ms, ns] = [Math.floor(at), Math.floor(at % 1 * 1e6)]
  const mark = `@@${String(++seq).padStart(10, '0')} ${ms}${String(ns).padStart(6, '0')}`
  const text = mark + noteText
  pubSub.publish('change', { ...sample, event: { ...sample.event, closingNote: { ...note, text } } })
}

async function handle({ publish: events, every }) {
  const begin = now()
  for (let i = 0; i < events; i++) {
    let due = begin + i * every / 1000
    if (every > 0 && due > now()) {
      await sleep(due - now())
      due = Math.max(due, now())
    }
    publish(due)
  }
  const { user, system } = process.cpuUsage()
  send({ subscribers, cpu: user + system })
}

const send = line => process.stdout.write(JSON.stringify(line) + '\n')
const version = name => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version

server.listen(0, '127.0.0.1', 4096, async () => {
  const { address, port } = server.address()
  const names = ['graphql', 'graphql-yoga', 'graphql-ws', 'ws']
  send({ addr: `${address}:${port}`, versions: Object.fromEntries([['node', process.version], ...names.map(n => [n, version(n)])]) })
  for await (const line of createInterface({ input: process.stdin })) await handle(JSON.parse(line))
  process.exit(0)
})
