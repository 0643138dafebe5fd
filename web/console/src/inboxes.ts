import type { Inbox, Live, Switchboard } from '@switchboard/client'
import type { Activity } from './activity'
import { orders, type Place } from './place'
import { SearchResults } from './search'

/** A list of conversations, of a view or of a search. */
export interface Rows extends Live<Inbox> {
  more(): void
}

const kept = 5
const window = 100

/** The lists that were shown last. They stay live, so that going back to one shows it at once. */
export class Inboxes {
  #open = new Map<string, Rows>()

  constructor(
    private readonly board: Switchboard,
    private readonly activity: Activity,
  ) {}

  at({ view, filter, order, search }: Place): Rows {
    const key = JSON.stringify([view, filter, order, search])
    const rows =
      this.#open.get(key) ?? this.#make({ view, filter, orderBy: orders[order]!.order }, search)
    this.#open.delete(key)
    this.#open.set(key, rows)
    for (const [oldest, one] of this.#open) {
      if (this.#open.size <= kept) break
      this.#open.delete(oldest)
      one.close()
    }
    return rows
  }

  // Searches and the filter for unread conversations have no live view.
  #make(
    options: Pick<Place, 'view' | 'filter'> & { orderBy: (typeof orders)[string]['order'] },
    search: string,
  ): Rows {
    return search || options.filter.unread != null
      ? new SearchResults(this.board, this.activity, { ...options, search })
      : this.board.inbox({ ...options, window })
  }
}
