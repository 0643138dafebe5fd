import { signal } from '@preact/signals'

/** A sentence that is shown for some seconds. */
export interface Notice {
  readonly id: number
  readonly text: string
  readonly isProblem: boolean
  readonly back?: WayBack
}

/** How to take an action back, as long as that is possible. */
export interface WayBack {
  undo: (() => void) | undefined
}

export const notices = signal<readonly Notice[]>([])

/** What a screen reader is told of what others did. */
export const heard = signal('')

const shownFor = 6_000
const most = 4
let ids = 0

function show(notice: Omit<Notice, 'id'>) {
  const id = ++ids
  notices.value = [...notices.value, { ...notice, id }].slice(-most)
  setTimeout(() => dismiss(id), notice.isProblem ? 2 * shownFor : shownFor)
}

export function notify(text: string, back?: WayBack) {
  show({ text, isProblem: false, ...(back?.undo && { back }) })
}

export function complain(text: string) {
  show({ text, isProblem: true })
}

/** The way back from the last action, which is the only one that a key takes back. */
let last: WayBack = { undo: undefined }

/** Notes that an action begins. Without a way back, there is nothing to undo after it. */
export function begin(undo?: () => void): WayBack {
  last = { undo }
  return last
}

/** Closes the way back from an action. */
export function giveUp(back: WayBack) {
  back.undo = undefined
}

/** Takes an action back, once. */
export function takeBack(back: WayBack) {
  const { undo } = back
  giveUp(back)
  notices.value = notices.value.filter((notice) => notice.back !== back)
  undo?.()
}

/** Takes the last action back. */
export function undoLast() {
  if (last.undo) takeBack(last)
  else notify('There is nothing to undo.')
}

/** Leaves nothing to read for the next person who signs in. */
export function clearNotices() {
  notices.value = []
  heard.value = ''
  begin()
}

/** Takes a notice away, and with it the way back that it offers. */
export function dismiss(id: number) {
  const back = notices.value.find((notice) => notice.id === id)?.back
  if (back) giveUp(back)
  notices.value = notices.value.filter((notice) => notice.id !== id)
}
