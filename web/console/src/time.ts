const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** Returns how long ago a time was, in a few letters. */
export function ago(time: string, now: number): string {
  const past = now - Date.parse(time)
  if (past < minute) return 'now'
  if (past < hour) return `${Math.floor(past / minute)}m`
  if (past < day) return `${Math.floor(past / hour)}h`
  if (past < 7 * day) return `${Math.floor(past / day)}d`
  return new Date(time).toLocaleDateString(undefined, { day: 'numeric', month: 'short' })
}

const long = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' })
const short = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })
const date = new Intl.DateTimeFormat(undefined, {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
})

export const inFull = (time: string): string => long.format(new Date(time))
export const timeOfDay = (time: string): string => short.format(new Date(time))
export const dayOf = (time: string): string => date.format(new Date(time))
