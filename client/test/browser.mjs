// The parts of a browser that Node.js 20 lacks: Web Locks within this process.
import { WebSocket } from 'ws'

const held = new Map() // name → { release, waiting }

async function request(name, options, act) {
  if (typeof options === 'function') return request(name, {}, options)
  const lock = held.get(name) ?? { holder: undefined, waiting: [] }
  held.set(name, lock)
  if (options.steal && lock.holder) lock.holder.lose(new DOMException('The lock was stolen', 'AbortError'))
  else if (lock.holder) {
    await new Promise((resolve, reject) => {
      lock.waiting.push(resolve)
      options.signal?.addEventListener('abort', () => {
        lock.waiting = lock.waiting.filter((one) => one !== resolve)
        reject(new DOMException('The request was aborted', 'AbortError'))
      })
    })
  }
  const holder = {}
  const lost = new Promise((_, reject) => (holder.lose = reject))
  lost.catch(() => {})
  lock.holder = holder
  try {
    return await Promise.race([lost, act({ name })])
  } finally {
    if (lock.holder === holder) {
      lock.holder = undefined
      lock.waiting.shift()?.()
    }
  }
}

export function pretend() {
  const locks = { request, query: async () => ({ held: [...held].filter(([, lock]) => lock.holder).map(([name]) => ({ name })) }) }
  Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true })
}

export const webSocketImpl = globalThis.WebSocket ?? WebSocket
