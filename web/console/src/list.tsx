import type { Fields, Inbox } from '@switchboard/client'
import { useEffect, useRef } from 'preact/hooks'
import { Icon } from './icon'
import type { Rows } from './inboxes'
import type { Place } from './place'
import { ListRow } from './row'
import { active } from './screen'
import { useVirtual } from './virtual'

export const rowHeight = 68

/** The conversations of a view. Rows that are not loaded yet have placeholders, and are loaded when they come into sight. */
export function List({
  rows,
  inbox,
  place,
  open,
}: {
  rows: Rows
  inbox: Inbox
  place: Place
  open: (id: string) => void
}) {
  const scroller = useRef<HTMLDivElement>(null)
  const total = Math.max(inbox.total ?? 0, inbox.rows.length)
  const virtual = useVirtual(total, rowHeight, scroller)
  const visible = virtual.getVirtualItems()
  const last = visible.at(-1)?.index ?? 0
  const at = inbox.rows.findIndex(({ id }) => id === active.value)
  const known = useRef<string | null>(null)

  useEffect(() => {
    scroller.current!.scrollTop = 0
  }, [rows])
  useEffect(() => {
    if (last + 20 >= inbox.rows.length && inbox.hasMore) rows.more()
  }, [rows, last, inbox.rows.length, inbox.hasMore])
  useEffect(() => {
    // Only the person moves the list: a row that moved because of others is not followed.
    if (known.current !== active.value && at >= 0) virtual.scrollToIndex(at, { align: 'auto' })
    known.current = active.value
  })

  return (
    <div
      class="list"
      role="grid"
      aria-label="Conversations"
      aria-rowcount={total}
      aria-busy={inbox.status === 'loading'}
      aria-activedescendant={
        visible.some(({ index }) => index === at) ? `row-${active.value}` : undefined
      }
      tabIndex={0}
      ref={scroller}
    >
      {inbox.total === null ? (
        <Skeletons />
      ) : (
        <div role="rowgroup" class="rows" style={{ height: `${virtual.getTotalSize()}px` }}>
          {visible.map(({ index, start }) => {
            const row = inbox.rows[index]
            return row ? (
              <ListRow
                key={row.id}
                row={row}
                index={index}
                start={start}
                isOpen={place.id === row.id}
                open={open}
                view={place.view}
              />
            ) : (
              <Placeholder key={`missing-${index}`} index={index} start={start} />
            )
          })}
        </div>
      )}
      {inbox.total === 0 && <Nothing place={place} />}
    </div>
  )
}

function Placeholder({ index, start }: { index: number; start: number }) {
  return (
    <div
      role="row"
      class="row skeleton"
      aria-rowindex={index + 1}
      style={{ transform: `translateY(${start}px)` }}
    >
      <span role="gridcell" class="unseen">
        Loading
      </span>
    </div>
  )
}

function Skeletons() {
  return (
    <div role="rowgroup" class="rows">
      {Array.from({ length: 8 }, (_, index) => (
        <Placeholder key={index} index={index} start={index * rowHeight} />
      ))}
    </div>
  )
}

const nothing = {
  MINE: ['Nothing is waiting for you', 'Take a conversation from Unassigned, or enjoy the quiet.'],
  UNASSIGNED: ['Every conversation has an owner', 'New ones appear here by themselves.'],
  ALL: ['No conversation is open', 'New ones appear here by themselves.'],
  CLOSED: ['Nothing was closed yet', 'Closed conversations stay here and can be searched.'],
  BLOCKED: ['Nobody is blocked', 'Conversations with blocked contacts are kept here.'],
} as const

function Nothing({ place: { view, search, filter } }: { place: Place }) {
  const isNarrowed = search !== '' || Object.keys(filter).length > 0
  const [title, hint] = isNarrowed
    ? ['Nothing matches', 'Try fewer words, or another filter.']
    : nothing[view]
  return (
    <div role="row" class="nothing">
      <div role="gridcell">
        <Icon name={isNarrowed ? 'search' : 'circle-check'} size={28} />
        <strong>{title}</strong>
        <span>{hint}</span>
      </div>
    </div>
  )
}

/** Returns the row that is so many rows away from the active one, or from where it was. */
export function neighbour(rows: readonly Fields[], at: number, step: number): Fields | undefined {
  const index = rows.findIndex(({ id }) => id === active.value)
  if (index < 0) return rows[Math.min(Math.max(at, 0), rows.length - 1)]
  return rows[Math.min(Math.max(index + step, 0), rows.length - 1)]
}
