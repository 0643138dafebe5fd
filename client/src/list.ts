import type { FieldsFragment, InboxChangeKind } from './generated.js'

/** What a list shows of a conversation. */
export type Fields = FieldsFragment

/** A conversation with its place in one order: the smaller sort key comes first. */
export type PlacedFields = Fields & { readonly sortKey: string }

/** A conversation that a list holds. Its fields may be newer than its place. */
export interface Row {
  readonly fields: Fields
  readonly sortKey: string
  readonly placed: number // the revision that the sort key belongs to
}

/** An item of `inboxChanged`. */
export interface Change {
  readonly cursor: string
  readonly kind: InboxChangeKind
  readonly conversationId: string
  readonly filteredCount: number | null
  readonly conversation: PlacedFields | null
}

/** A number of conversations as of a position of the log. */
export interface Total {
  readonly count: number
  readonly asOf: string
}

/** A page that was read. */
export interface Page {
  readonly rows: readonly PlacedFields[]
  readonly hasMore: boolean
}

/**
 * The first part of a view: all conversations whose sort key is at most the boundary. The functions
 * below return the next state of a list and change nothing.
 */
export interface List {
  readonly rows: ReadonlyMap<string, Row>
  readonly boundary: string | null // null: every conversation of the view is held
  readonly cursor: string // the position of the log that the rows show, apart from newer fields
  readonly total: Total // of the whole view
  readonly sincePage: readonly Change[] | null // the changes since a page was asked for that has not come
}

/** Returns a list that was loaded as of a position of the log. */
export function loaded(page: Page, cursor: string, total: Total): List {
  const list: List = { rows: new Map(), boundary: '', cursor, total, sincePage: null }
  return addPage(list, page)
}

/** Returns a list to which a change happened. One that it has seen already leaves it as it is. */
export function changed(list: List, change: Change): List {
  const total = counted(list.total, change)
  if (change.cursor <= list.cursor) return total === list.total ? list : { ...list, total }
  return {
    ...list,
    rows: moved(list.rows, list.boundary, change),
    cursor: change.cursor,
    total,
    sincePage: list.sincePage && [...list.sincePage, change],
  }
}

function counted(total: Total, { cursor, kind, filteredCount }: Change): Total {
  if (cursor <= total.asOf) return total
  const step = kind === 'ENTERED' ? 1 : kind === 'LEFT' ? -1 : 0
  return { count: filteredCount ?? total.count + step, asOf: cursor }
}

/** Returns a list that has seen everything up to a position of the log, at which nothing changed it. */
export function passed(list: List, cursor: string): List {
  if (cursor <= position(list)) return list
  return { ...list, cursor: later(cursor, list.cursor), total: { ...list.total, asOf: later(cursor, list.total.asOf) } }
}

/**
 * Returns the position of the log up to which the list shows everything. The rows and the total are
 * counted from positions of their own until what lies between has come.
 */
export function position({ cursor, total: { asOf } }: List): string {
  return cursor < asOf ? cursor : asOf
}

function later(one: string, other: string): string {
  return one > other ? one : other
}

/** Returns a list for which a page behind the boundary is asked for. */
export function asked(list: List): List {
  return { ...list, sincePage: [] }
}

/** Returns a list whose page did not come. */
export function unasked(list: List): List {
  return { ...list, sincePage: null }
}

/**
 * Returns a list with the page behind its boundary. The page may have been read before or after the
 * list's cursor. What happened meanwhile to conversations behind the boundary was not held, so it is
 * done again; what is still to come will be done then.
 */
export function paged(list: List, page: Page): List {
  const whole = addPage(list, page)
  let rows = whole.rows
  for (const change of list.sincePage ?? []) rows = moved(rows, whole.boundary, change)
  return { ...whole, rows, sincePage: null }
}

/** Returns a list without the rows behind the first ones. It keeps all while a page is on its way. */
export function trimmed(list: List, size: number): List {
  if (list.rows.size <= size || list.sincePage) return list
  const kept = inOrder(list).slice(0, size)
  return { ...list, rows: new Map(kept.map((row) => [row.fields.id, row])), boundary: kept[size - 1]!.sortKey }
}

/** Returns a list with newer fields of a conversation that it holds, whose place they leave as it is. */
export function refreshed(list: List, fields: Fields): List {
  const row = list.rows.get(fields.id)
  if (!row || fields.revision < row.fields.revision) return list
  return { ...list, rows: new Map(list.rows).set(fields.id, { ...row, fields }) }
}

/** Returns the rows of a list in its order. */
export function inOrder(list: List): Row[] {
  return [...list.rows.values()].sort((a, b) => (a.sortKey < b.sortKey ? -1 : 1))
}

function addPage(list: List, page: Page): List {
  const rows = new Map(list.rows)
  for (const row of page.rows) put(rows, row)
  const last = page.rows.at(-1)
  const boundary = page.hasMore && last ? last.sortKey : null
  dropBeyond(rows, boundary)
  return { ...list, rows, boundary }
}

function moved(held: ReadonlyMap<string, Row>, boundary: string | null, change: Change): Map<string, Row> {
  const rows = new Map(held)
  if (change.kind === 'LEFT') {
    rows.delete(change.conversationId)
  } else if (change.conversation) {
    put(rows, change.conversation)
    drop(rows, change.conversationId, boundary)
  }
  return rows
}

/** Keeps the fields and the place with the highest revision each. */
function put(rows: Map<string, Row>, { sortKey, ...fields }: PlacedFields) {
  const held = rows.get(fields.id)
  rows.set(fields.id, {
    fields: held && held.fields.revision > fields.revision ? held.fields : fields,
    ...(held && held.placed > fields.revision
      ? { sortKey: held.sortKey, placed: held.placed }
      : { sortKey, placed: fields.revision }),
  })
}

function dropBeyond(rows: Map<string, Row>, boundary: string | null) {
  for (const id of [...rows.keys()]) drop(rows, id, boundary)
}

function drop(rows: Map<string, Row>, id: string, boundary: string | null) {
  if (boundary !== null && rows.get(id)!.sortKey > boundary) rows.delete(id)
}
