import type { Fields } from '@switchboard/client'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { useLocation, useSearch } from 'wouter-preact'
import { Actions } from './actions'
import { AssignDialog } from './assign'
import { Banner } from './banner'
import { CloseDialog } from './close'
import { compose } from './composer'
import { ConversationPane } from './conversation'
import { CustomerDialog } from './customer'
import { useDesk } from './desk'
import { Filters } from './filter'
import { HelpDialog } from './help'
import { Icon } from './icon'
import { useKeys } from './keyboard'
import { List, neighbour } from './list'
import { useLive } from './live'
import { undoLast } from './notices'
import { addressOf, type Place, placeOf, views } from './place'
import { active, choose, chosen, dialog, drawer, opened } from './screen'
import { signOut } from './session'
import { Sidebar, titles } from './sidebar'
import { TakeDialog } from './take'

/** The inbox: the views, the list, and the open conversation. */
export function InboxPage() {
  const desk = useDesk()
  const [path, navigate] = useLocation()
  const query = useSearch()
  const place = useMemo(() => placeOf(path, query), [path, query])
  const go = (change: Partial<Place>) =>
    navigate(addressOf({ ...place, ...change }), { replace: !('id' in change || 'view' in change) })
  const rows = desk.inboxes.at(place)
  const inbox = useLive(rows)
  const at = useRef(0)

  useEffect(() => {
    if (inbox.error?.code === 'UNAUTHENTICATED') signOut(`Sign in again: ${inbox.error.message}`)
  }, [inbox.error])
  useEffect(() => {
    if (place.id) active.value = place.id
  }, [place.id])
  useEffect(() => {
    chosen.value = new Set()
  }, [rows])
  useEffect(() => {
    document.title = `${titles[place.view]} · ${desk.person.workspace.name}`
  }, [place.view, desk])

  const index = inbox.rows.findIndex(({ id }) => id === active.value)
  if (index >= 0) at.current = index
  const subject = opened.value?.id === active.value ? opened.value : inbox.rows[index]
  const subjects =
    chosen.value.size > 0
      ? inbox.rows.filter(({ id }) => chosen.value.has(id))
      : subject
        ? [subject]
        : []
  useInboxKeys({ place, go, rows: inbox.rows, at: at.current, subjects })

  return (
    <div class={place.id ? 'inbox has-open' : 'inbox'}>
      <Sidebar place={place} />
      <main>
        <h1 class="unseen">{titles[place.view]}</h1>
        <div class="column">
          <header class="column-head">
            <h2>
              {titles[place.view]} <span class="number">{inbox.total?.toLocaleString()}</span>
            </h2>
            <Filters place={place} go={go} />
          </header>
          <Banner inbox={inbox} />
          {chosen.value.size > 0 && <Bulk count={chosen.value.size} rows={inbox.rows} />}
          <List rows={rows} inbox={inbox} place={place} open={(id) => go({ id })} />
        </div>
        {place.id ? (
          <ConversationPane
            key={place.id}
            id={place.id}
            place={place}
            back={() => go({ id: null })}
          />
        ) : (
          <NoneOpen />
        )}
      </main>
      <Dialogs subjects={subjects} connector={desk.connector} />
    </div>
  )
}

function Dialogs({
  subjects,
  connector,
}: {
  subjects: readonly Fields[]
  connector: string | null
}) {
  // What a dialog is about stays the same while it is open, whatever happens to the list.
  const about = useRef(subjects)
  if (dialog.value === null) about.current = subjects
  const rows = about.current
  const isEmpty = rows.length === 0 && /^(assign|take|release|close)$/.test(dialog.value ?? '')
  useEffect(() => {
    if (isEmpty) dialog.value = null // else it would go on waiting for something to be about
  }, [isEmpty])
  switch (dialog.value) {
    case 'assign':
      return rows.length > 0 ? <AssignDialog rows={rows} /> : null
    case 'take':
    case 'release':
      return rows.length > 0 ? (
        <TakeDialog row={rows[0]!} isRelease={dialog.value === 'release'} />
      ) : null
    case 'close':
      return rows.length > 0 ? <CloseDialog rows={rows} /> : null
    case 'customer':
      return connector ? <CustomerDialog connector={connector} row={rows[0] ?? null} /> : null
    case 'help':
      return <HelpDialog />
    default:
      return null
  }
}

interface Situation {
  readonly place: Place
  readonly go: (change: Partial<Place>) => void
  readonly rows: readonly Fields[]
  readonly at: number // where the active row is, or was
  readonly subjects: readonly Fields[]
}

function useInboxKeys({ place, go, rows, at, subjects }: Situation) {
  const desk = useDesk()
  const actions = new Actions(desk)
  const subject = subjects[0]
  const move = (step: number) => {
    const row = neighbour(rows, at, step)
    if (!row) return
    active.value = row.id
    if (place.id) go({ id: row.id })
  }
  const isColleagues = ({ assignee }: Fields) => assignee && assignee.id !== desk.viewer
  const one = (act: (row: Fields) => void) => () => subjects.length === 1 && act(subject!)
  const show = (name: 'assign' | 'close') => () => {
    if (subject) dialog.value = name
  }
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: () => active.value && go({ id: active.value }),
    Escape: () => {
      if (chosen.value.size > 0) chosen.value = new Set()
      else if (drawer.value) drawer.value = false
      else if (place.id) go({ id: null })
    },
    a: show('assign'),
    e: show('close'),
    m: one((row) => {
      if (isColleagues(row)) dialog.value = 'take'
      else if (!row.assignee) void actions.take(row)
    }),
    u: one((row) => {
      if (isColleagues(row)) dialog.value = 'release'
      else if (row.assignee) void actions.unassign(row)
    }),
    r: () => place.id && compose('reply', place.id),
    n: () => place.id && compose('note', place.id),
    c: () => place.id && (drawer.value = !drawer.value),
    z: undoLast,
    x: () => active.value && choose(active.value, !chosen.value.has(active.value)),
    '/': () => document.getElementById('search')?.focus(),
    '?': () => (dialog.value = 'help'),
    ...Object.fromEntries(
      views.map((view, index) => [index + 1, () => go({ view, id: null, search: '', filter: {} })]),
    ),
  })
}

/** What can be done with the chosen rows. */
function Bulk({ count, rows }: { count: number; rows: readonly Fields[] }) {
  return (
    <div class="bulk" role="toolbar" aria-label="Chosen conversations">
      <span>{count} chosen</span>
      <button
        type="button"
        title="Choose all that are loaded, at most 500"
        onClick={() => (chosen.value = new Set(rows.slice(0, 500).map(({ id }) => id)))}
      >
        All
      </button>
      <button type="button" aria-haspopup="dialog" onClick={() => (dialog.value = 'assign')}>
        <Icon name="user-plus" /> Assign
      </button>
      <button type="button" aria-haspopup="dialog" onClick={() => (dialog.value = 'close')}>
        <Icon name="check" /> Close
      </button>
      <button
        type="button"
        class="plain"
        aria-label="Choose none"
        onClick={() => (chosen.value = new Set())}
      >
        <Icon name="x" />
      </button>
    </div>
  )
}

function NoneOpen() {
  return (
    <section class="pane none" aria-label="Conversation">
      <div class="nothing">
        <Icon name="inbox" size={32} />
        <strong>No conversation is open</strong>
        <span>
          <kbd>j</kbd> and <kbd>k</kbd> move, <kbd>Enter</kbd> opens, <kbd>?</kbd> shows all keys.
        </span>
      </div>
    </section>
  )
}
