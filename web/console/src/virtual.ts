import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
} from '@tanstack/virtual-core'
import type { RefObject } from 'preact'
import { useEffect, useLayoutEffect, useReducer, useRef } from 'preact/hooks'

type Rows = Virtualizer<HTMLElement, HTMLElement>

/** Returns which rows of a list are in sight; all have the same height. */
export function useVirtual(
  count: number,
  height: number,
  scroller: RefObject<HTMLElement | null>,
): Rows {
  const [, again] = useReducer((renders: number) => renders + 1, 0)
  const options = {
    count,
    overscan: 6,
    estimateSize: () => height,
    getScrollElement: () => scroller.current,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => again(undefined),
  }
  const made = useRef<Rows | null>(null)
  const rows = (made.current ??= new Virtualizer<HTMLElement, HTMLElement>(options))
  rows.setOptions(options)
  useEffect(() => rows._didMount(), [rows])
  useLayoutEffect(() => rows._willUpdate())
  useEffect(() => rows.measure(), [rows, height])
  return rows
}
