import type { InboxFilter } from '@switchboard/client'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useDesk } from './desk'
import { Icon } from './icon'
import { useLive } from './live'
import { orders, type Place } from './place'

const channels = ['email', 'chat', 'phone', 'sms', 'twitter', 'whatsapp']

/** The search field, the filters and the order of the list. */
export function Filters({ place, go }: { place: Place; go: (change: Partial<Place>) => void }) {
  const count = Object.keys(place.filter).length
  return (
    <div class="filters">
      <Search place={place} go={go} />
      <details
        class="menu"
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return
          event.stopPropagation()
          event.currentTarget.open = false
        }}
        onFocusOut={({ currentTarget, relatedTarget }) => {
          if (relatedTarget && !currentTarget.contains(relatedTarget as Node))
            currentTarget.open = false
        }}
      >
        <summary aria-label={count > 0 ? `Filters, ${count} set` : 'Filters'} title="Filters">
          <Icon name="list-filter" />
          {count > 0 && <b class="count">{count}</b>}
        </summary>
        <FilterForm place={place} go={go} />
      </details>
      <label class="order" title="Order">
        <Icon name="arrow-down-up" />
        <span class="unseen">Order</span>
        <select value={place.order} onChange={(event) => go({ order: event.currentTarget.value })}>
          {Object.entries(orders).map(([name, { title }]) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      </label>
    </div>
  )
}

let due: ReturnType<typeof setTimeout>

/** The search field. What is being typed stays as it is while the list changes beside it. */
function Search({ place, go }: { place: Place; go: (change: Partial<Place>) => void }) {
  const [text, setText] = useState(place.search)
  const searched = useRef(place.search) // the last search of this field, to tell it from others
  useEffect(() => {
    if (place.search === searched.current) return
    searched.current = place.search
    setText(place.search)
  }, [place.search])
  const search = (words: string) => {
    searched.current = words.trim()
    go({ search: searched.current })
  }
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        document.querySelector<HTMLElement>('.list')?.focus()
      }}
    >
      <Icon name="search" />
      <input
        id="search"
        type="search"
        aria-label="Search name, e-mail, phone and closing note"
        placeholder="Search"
        autocomplete="off"
        value={text}
        onInput={({ currentTarget: { value } }) => {
          setText(value)
          later(() => search(value))
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return
          event.currentTarget.blur()
          clearTimeout(due)
          setText('')
          search('')
        }}
      />
    </form>
  )
}

/** Waits until somebody pauses while typing. */
function later(act: () => void) {
  clearTimeout(due)
  due = setTimeout(act, 200)
}

function FilterForm({ place, go }: { place: Place; go: (change: Partial<Place>) => void }) {
  const desk = useDesk()
  useLive(desk.agents)
  const { filter } = place
  const set = (name: keyof InboxFilter, value: unknown) => {
    const { [name]: _, ...others } = filter
    go({ filter: value === undefined ? others : { ...others, [name]: value } })
  }
  const answer = (value: string) => (value === '' ? undefined : value === 'yes')
  return (
    <div class="panel">
      <label>
        Waiting for an answer
        <select
          value={text(filter.waiting)}
          onChange={(event) => set('waiting', answer(event.currentTarget.value))}
        >
          <option value="">Any</option>
          <option value="yes">Waiting</option>
          <option value="no">Not waiting</option>
        </select>
      </label>
      <label>
        Unread
        <select
          value={text(filter.unread)}
          onChange={(event) => set('unread', answer(event.currentTarget.value))}
        >
          <option value="">Any</option>
          <option value="yes">Unread</option>
          <option value="no">Read</option>
        </select>
      </label>
      {place.view !== 'MINE' && place.view !== 'UNASSIGNED' && (
        <label>
          Assignee
          <select
            value={filter.assignees ? (filter.assignees[0] ?? 'nobody') : ''}
            onChange={({ currentTarget: { value } }) =>
              set('assignees', value === '' ? undefined : [value === 'nobody' ? null : value])
            }
          >
            <option value="">Any</option>
            <option value="nobody">Nobody</option>
            {desk.team().map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      <label>
        Channel
        <select
          value={filter.channels?.[0] ?? ''}
          onChange={({ currentTarget: { value } }) => set('channels', value ? [value] : undefined)}
        >
          <option value="">Any</option>
          {channels.map((channel) => (
            <option key={channel}>{channel}</option>
          ))}
        </select>
      </label>
      {(place.view === 'CLOSED' || place.view === 'BLOCKED') && (
        <label>
          Closing category
          <select
            value={filter.closingCategories?.[0] ?? ''}
            onChange={({ currentTarget: { value } }) =>
              set('closingCategories', value ? [value] : undefined)
            }
          >
            <option value="">Any</option>
            {desk.person.workspace.closingCategories.map((category) => (
              <option key={category}>{category}</option>
            ))}
          </select>
        </label>
      )}
      {Object.keys(filter).length > 0 && (
        <button type="button" onClick={() => go({ filter: {} })}>
          Clear filters
        </button>
      )}
    </div>
  )
}

const text = (value: boolean | null | undefined) => (value == null ? '' : value ? 'yes' : 'no')
