import type {
  Failure,
  Fields,
  Inbox,
  InboxFilter,
  InboxOrder,
  InboxView,
  Switchboard,
} from '@switchboard/client'
import type { Activity } from './activity'
import type { Rows } from './inboxes'

const document = `query Search($view: InboxView!, $filter: InboxFilter, $orderBy: InboxOrder, $search: String, $after: String) {
  inbox(view: $view, filter: $filter, orderBy: $orderBy, search: $search, first: 50, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { id revision version status channel openedAt closedAt closingNote { category text } lastActivityAt waitingSince unreadCount
      lastMessage { id kind preview createdAt } assignee { id revision name avatarUrl availability active }
      contact { id revision name email phone avatarUrl blocked } } } }`

const rest = 400 // milliseconds between an event and the next query, in which others may follow

/** The conversations that words match. It asks again after events, and shows the earlier answer meanwhile. */
export class SearchResults implements Rows {
  #shown: Inbox = { rows: [], total: null, hasMore: false, status: 'loading' }
  #listeners = new Set<() => void>()
  #pages = 1
  #stop: () => void
  #due: ReturnType<typeof setTimeout> | undefined
  #asked = 0

  constructor(
    private readonly board: Switchboard,
    activity: Activity,
    private readonly variables: {
      view: InboxView
      filter: InboxFilter
      orderBy: InboxOrder
      search: string
    },
  ) {
    this.#stop = activity.subscribe(() => {
      this.#due ??= setTimeout(() => this.#read(), rest)
    })
    void this.#read()
  }

  get(): Inbox {
    return this.#shown
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  more() {
    this.#pages = Math.floor(this.#shown.rows.length / 50) + 1
    void this.#read()
  }

  close() {
    this.#stop()
    clearTimeout(this.#due)
    this.#listeners.clear()
    this.#asked++
  }

  async #read() {
    this.#due = undefined
    const asked = ++this.#asked
    try {
      const rows: Fields[] = []
      let after: string | null = null
      let total = 0
      for (let page = 0; page < this.#pages && (page === 0 || after); page++) {
        const { inbox } = await this.board.wire.request({
          document,
          variables: { ...this.variables, after },
        })
        rows.push(...inbox.nodes)
        total = inbox.totalCount
        after = inbox.pageInfo.hasNextPage ? inbox.pageInfo.endCursor : null
      }
      this.#show(asked, { rows, total, hasMore: after !== null, status: 'live' })
    } catch (error) {
      const failure = error as Failure
      this.#show(asked, {
        ...this.#shown,
        status: failure.code === 'NETWORK' ? 'offline' : 'live',
        error: failure,
      })
      if (failure.passes) this.#due ??= setTimeout(() => this.#read(), 1000)
    }
  }

  #show(asked: number, inbox: Inbox) {
    if (asked !== this.#asked) return // a later question was asked meanwhile
    this.#shown = inbox
    for (const listener of this.#listeners) listener()
  }
}
