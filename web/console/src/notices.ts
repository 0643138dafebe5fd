import { signal } from '@preact/signals'

/** A sentence that is shown for some seconds. */
export interface Notice {
  readonly id: number
  readonly text: string
  readonly isProblem: boolean
  readonly undo?: () => void
}

export const notices = signal<readonly Notice[]>([])

/** What a screen reader is told of what others did. */
export const heard = signal('')

const shownFor = 6_000
const most = 4
let last = 0

function show(notice: Omit<Notice, 'id'>) {
  const id = ++last
  notices.value = [...notices.value, { ...notice, id }].slice(-most)
  setTimeout(() => dismiss(id), notice.isProblem ? 2 * shownFor : shownFor)
}

export function notify(text: string, undo?: () => void) {
  show({ text, isProblem: false, ...(undo && { undo }) })
}

export function complain(text: string) {
  show({ text, isProblem: true })
}

/** The newest action that the server has not answered yet; it becomes whether it was done. */
let newest: Promise<boolean> | null = null

/** Remembers an action that is shown already, so that undoing waits for it. */
export function begin(action: Promise<boolean>) {
  newest = action
  void action.then(() => {
    if (newest === action) newest = null
  })
}

/** Takes the last action back for which there is a way. An action under way is meant first: if it is refused, nothing is undone. */
export async function undoLast() {
  if (newest && !(await newest)) return
  const notice = notices.value.findLast(({ undo }) => undo)
  if (!notice) return
  dismiss(notice.id)
  notice.undo!()
}

/** Leaves nothing to read for the next person who signs in. */
export function clearNotices() {
  notices.value = []
  heard.value = ''
}

export function dismiss(id: number) {
  notices.value = notices.value.filter((notice) => notice.id !== id)
}
