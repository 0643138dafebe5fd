import type { Entry, Storage } from './queue.js'

/** A mutation with the tab that sends it. */
type Owned = Entry & { readonly owner: string }

/** Opens the storage of this browser. */
export function browserStorage(name: string): Storage {
  const opened = new Promise<IDBDatabase>((resolve, reject) => {
    const opening = indexedDB.open(name, 1)
    opening.onupgradeneeded = () => opening.result.createObjectStore('mutations', { keyPath: 'key' })
    opening.onsuccess = () => resolve(opening.result)
    opening.onerror = () => reject(opening.error)
  })
  const run = async <T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> => {
    const store = (await opened).transaction('mutations', mode).objectStore('mutations')
    return new Promise((resolve, reject) => {
      const request = act(store)
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
  }
  // A tab holds a lock of its own name while it is there, so that others know whose mutations are left.
  const tab = crypto.randomUUID()
  const present = new Promise((resolve) => {
    if (!navigator.locks) return resolve(undefined)
    void navigator.locks.request(`${name} ${tab}`, () => (resolve(undefined), new Promise(() => {})))
  })
  return {
    async left() {
      await present
      const tabs = new Set((await navigator.locks?.query())?.held?.map((lock) => lock.name))
      const all: Owned[] = await run('readonly', (store) => store.getAll())
      return all.filter(({ owner }) => owner !== tab && !tabs.has(`${name} ${owner}`)).sort((a, b) => a.at - b.at)
    },
    put: async (entry) => void (await run('readwrite', (store) => store.put({ ...entry, owner: tab } satisfies Owned))),
    delete: (key) => run('readwrite', (store) => store.delete(key)),
  }
}
