import { signal } from '@preact/signals'
import type { OpenFields } from '@switchboard/client'

export type DialogName = 'assign' | 'take' | 'release' | 'close' | 'help' | 'customer'

/** The dialog that is open. */
export const dialog = signal<DialogName | null>(null)

/** The row that the keyboard is at, by the id of its conversation. */
export const active = signal<string | null>(null)

/** The open conversation as it now is, which may have left the list; null until it is known. */
export const opened = signal<OpenFields | null>(null)

/** The rows that are chosen for an action on several, by the ids of their conversations. */
export const chosen = signal<ReadonlySet<string>>(new Set())

/** Whether the contact of the open conversation is shown. */
export const drawer = signal(false)

/** Leaves nothing on the screen for the next person who signs in. */
export function clear() {
  dialog.value = active.value = opened.value = null
  chosen.value = new Set()
  drawer.value = false
}

export function choose(id: string, isChosen: boolean) {
  const ids = new Set(chosen.value)
  if (isChosen) ids.add(id)
  else ids.delete(id)
  chosen.value = ids
}
