// What the peers' servers have in common: as many processes as processors, which share one port,
// and a first line on standard output that says where.
import cluster from 'node:cluster'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { cpus } from 'node:os'

export const options = JSON.parse(process.argv[2])
const processes = options.processes ?? cpus().length

/** Connections to PostgreSQL for each process: 16 for all, as the server that is compared has. */
export const poolSize = Math.max(1, Math.floor(16 / processes))

const version = name => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version

/** Serves what addTo adds to a server, in each process, until standard input ends. */
export async function serve(names, addTo) {
  if (!cluster.isPrimary) {
    const server = createServer()
    await addTo(server)
    server.listen(0, '127.0.0.1', 4096)
    return
  }
  let listening = 0
  cluster.on('listening', (_worker, { address, port }) => {
    if (++listening < processes) return
    const versions = Object.fromEntries([['node', process.version], ...names.map(n => [n, version(n)])])
    process.stdout.write(JSON.stringify({ addr: `${address}:${port}`, versions, pids: Object.values(cluster.workers).map(w => w.process.pid) }) + '\n')
  })
  cluster.on('exit', () => process.exit(1))
  for (let i = 0; i < processes; i++) cluster.fork()
  process.stdin.resume().on('end', () => process.exit(0))
}
