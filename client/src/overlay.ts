import type { InboxView } from './generated.js'
import type { Fields } from './list.js'

/** What changes in a row, and whether its contact is blocked then. */
export type Patch = Partial<Fields> & { readonly blocked?: boolean }

/** What a mutation will probably change, shown until its event or its answer comes. */
export interface Guess {
  readonly key: string // the idempotency key of the mutation
  readonly subject: string // the id of the conversation or of the contact that it is about
  readonly patch: Patch
  readonly answered: string | null // the position of the log that includes the outcome; null: not known yet
}

/** The guesses about mutations that are under way, in the order in which they were made. */
export type Overlay = readonly Guess[]

/** Returns an overlay in which a mutation was answered: what has passed the position shows the outcome. */
export function answered(overlay: Overlay, key: string, asOf: string): Overlay {
  return overlay.map((guess) => (guess.key === key ? { ...guess, answered: asOf } : guess))
}

/** Returns the guesses whose outcome a position of the log does not include. */
export function unseen(overlay: Overlay, cursor: string): Overlay {
  return overlay.filter(({ answered }) => answered === null || cursor < answered)
}

/** Returns an overlay without the guess about a mutation. */
export function without(overlay: Overlay, key: string): Overlay {
  return overlay.filter((guess) => guess.key !== key)
}

/** Returns a row as it will probably be; the same object if no guess concerns it. */
export function guessed(row: Fields, overlay: Overlay): Fields {
  for (const { subject, patch: { blocked = row.contact.blocked, ...patch } } of overlay) {
    if (subject === row.id || subject === row.contact.id) row = { ...row, ...patch, contact: { ...row.contact, blocked } }
  }
  return row
}

/** Reports whether a view would hold a row; viewer is the calling agent. */
export function holds(view: InboxView, row: Fields, viewer: string | undefined): boolean {
  if (view === 'BLOCKED') return row.contact.blocked
  if (row.contact.blocked) return false
  if (view === 'CLOSED') return row.status === 'CLOSED'
  if (row.status !== 'OPEN' || view === 'ALL') return row.status === 'OPEN'
  return view === 'MINE' ? row.assignee?.id === viewer : row.assignee === null
}
