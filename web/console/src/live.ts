import { signal } from '@preact/signals'
import type { Live } from '@switchboard/client'
import { useEffect, useReducer } from 'preact/hooks'

/** Returns the present value of something live, and renders again when it changes. */
export function useLive<Value>(live: Live<Value>): Value {
  const [, again] = useReducer((count: number) => count + 1, 0)
  useEffect(() => live.subscribe(() => again(undefined)), [live])
  return live.get()
}

/** The time in milliseconds, renewed every half a minute for what shows how long ago something was. */
export const now = signal(Date.now())
setInterval(() => (now.value = Date.now()), 30_000)
