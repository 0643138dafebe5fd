import { inboxChanged, inboxPage } from './documents.js'
import type { InboxFilter, InboxOrder, InboxView } from './generated.js'
import { asked, changed, inOrder, loaded, paged, passed, position, refreshed, trimmed, unasked, type Change, type Fields, type List, type Page, type Total } from './list.js'
import { Following, type Standing } from './live.js'
import { guessed, holds, unseen } from './overlay.js'
import type { Shared } from './switchboard.js'
import type { Operation } from './wire.js'

/** Which conversations a live list shows. */
export interface InboxOptions {
  view?: InboxView
  filter?: InboxFilter
  orderBy?: InboxOrder
  /** The number of rows to show at first, and how many `more` adds; 50 if left out. */
  window?: number
}

/** What a live list shows. */
export interface Inbox extends Standing {
  readonly rows: readonly Fields[]
  readonly total: number | null // of the whole view; null until it is known
  readonly hasMore: boolean
}

const largestPage = 100

/** A live list of conversations. It holds a few rows more than it shows, in place of those that leave. */
export class LiveInbox extends Following<Inbox> {
  #list: List | undefined
  #reading: object | undefined // the page that is on its way for this list
  #wanted: number
  readonly #window: number
  readonly #view: InboxView
  readonly #variables: Record<string, unknown>

  constructor(shared: Shared, options: InboxOptions) {
    super(shared)
    this.#view = options.view ?? 'MINE'
    this.#variables = { view: this.#view, filter: options.filter ?? null, orderBy: options.orderBy ?? null }
    this.#window = this.#wanted = options.window ?? 50
    void this.begin()
  }

  /** Shows another window of rows. */
  more(): void {
    this.#wanted += this.#window
    this.touch()
    this.#fill()
  }

  /** The position of the log that the list shows; null while it is loaded. */
  get cursor(): string | null {
    return this.#list ? position(this.#list) : null
  }

  /** Takes newer fields of a conversation, such as those of a mutation's payload. */
  refresh(fields: Fields): void {
    if (this.#list) this.#become(refreshed(this.#list, fields))
  }

  /** Takes how much of a conversation is unread. */
  unread(id: string, unreadCount: number): void {
    const row = this.#list?.rows.get(id)
    if (row) this.refresh({ ...row.fields, unreadCount })
  }

  protected show() {
    const { people, viewer } = this.shared
    const list = this.#list
    const overlay = unseen(this.shared.overlay, this.cursor ?? '')
    const rows: Fields[] = []
    for (const { fields } of list ? inOrder(list) : []) {
      if (rows.length === this.#wanted) break
      const known = people.resolve(fields)
      const row = guessed(known, overlay)
      if (row === known || holds(this.#view, row, viewer)) rows.push(row)
    }
    const total = list?.total.count ?? null
    return { rows, total, hasMore: total !== null && total > this.#wanted }
  }

  protected async load(): Promise<[Operation, string]> {
    const { page, asOf, total } = await this.#read(null)
    let list = loaded(page, asOf, total!)
    while (list.boundary !== null && list.rows.size < this.#wanted) {
      list = paged(asked(list), (await this.#read(list.boundary)).page)
    }
    this.#reading = undefined
    this.#become(list)
    const from = this.cursor!
    this.shared.loaded(from)
    return [{ document: inboxChanged, variables: this.#variables }, from]
  }

  protected next({ inboxChanged: change }: { inboxChanged: Change & { event: { idempotencyKey: string | null } } }): string {
    if (change.event.idempotencyKey) this.shared.happened(change.event.idempotencyKey, change.cursor)
    this.#become(changed(this.#list!, change))
    return this.cursor!
  }

  protected override delivered(cursor: string): void {
    this.#become(passed(this.#list!, cursor))
  }

  async #read(after: string | null): Promise<{ page: Page; asOf: string; total?: Total }> {
    const variables = { ...this.#variables, after, first: Math.min(largestPage, this.#spare), counted: after === null }
    const { inbox, inboxCounts: counts } = await this.ask(inboxPage, variables)
    return {
      page: { rows: inbox.nodes, hasMore: inbox.pageInfo.hasNextPage },
      asOf: inbox.asOf,
      ...(counts && { total: { count: counts[this.#view.toLowerCase()], asOf: counts.asOf } }),
    }
  }

  /** The number of rows to hold. */
  get #spare(): number {
    return this.#wanted + Math.max(10, this.#wanted >> 2)
  }

  #become(list: List): void {
    if (list === this.#list) return
    this.#list = list.rows.size > 2 * this.#spare ? trimmed(list, this.#spare) : list
    this.touch()
    this.#fill()
  }

  /** Reads a page behind the boundary if fewer rows are held than are wanted. */
  #fill(): void {
    const list = this.#list
    if (!list || list.boundary === null || list.sincePage || list.rows.size >= this.#wanted) return
    this.#list = asked(list)
    const reading = (this.#reading = this.#read(list.boundary))
    reading.then(
      ({ page }) => reading === this.#reading && this.#become(paged(this.#list!, page)),
      (failure) => {
        if (reading !== this.#reading) return
        this.#list = unasked(this.#list!)
        this.fail(failure)
      },
    )
  }
}
