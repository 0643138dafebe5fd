import type { InboxView } from '@switchboard/client'
import { Link } from 'wouter-preact'
import { Avatar } from './avatar'
import { useDesk } from './desk'
import { Icon, type IconName } from './icon'
import { useLive } from './live'
import { addressOf, type Place, views } from './place'
import { dialog } from './screen'
import { anotherTab, chooseWorkspace, keys, signOut } from './session'

export const titles: Readonly<Record<InboxView, string>> = {
  MINE: 'Mine',
  UNASSIGNED: 'Unassigned',
  ALL: 'All open',
  CLOSED: 'Closed',
  BLOCKED: 'Blocked',
}
const icons: Readonly<Record<InboxView, IconName>> = {
  MINE: 'user-round',
  UNASSIGNED: 'circle-dashed',
  ALL: 'layers',
  CLOSED: 'archive',
  BLOCKED: 'ban',
}

/** The views with their counts, and who is signed in. */
export function Sidebar({ place }: { place: Place }) {
  const desk = useDesk()
  const { value: counts } = useLive(desk.counts)
  const of = (view: InboxView) =>
    counts?.[view.toLowerCase() as 'mine' | 'unassigned' | 'all' | 'closed' | 'blocked']
  return (
    <nav class="sidebar" aria-label="Views">
      <p class="workspace">
        <span class="mark" aria-hidden="true" />
        <span title={desk.person.workspace.name}>
          <bdi>{desk.person.workspace.name}</bdi>
        </span>
      </p>
      <ul class="views">
        {views.map((view) => (
          <li key={view}>
            <Link
              href={addressOf({ view, id: null, search: '', order: place.order, filter: {} })}
              aria-current={place.view === view ? 'page' : undefined}
            >
              <Icon name={icons[view]} />
              <span>{titles[view]}</span>
              <span class="number">{of(view)?.toLocaleString()}</span>
            </Link>
          </li>
        ))}
      </ul>
      <div class="tools">
        {desk.connector && (
          <button type="button" onClick={() => (dialog.value = 'customer')}>
            <Icon name="message-square-plus" />
            <span>A customer writes</span>
          </button>
        )}
        <button type="button" onClick={() => (dialog.value = 'help')}>
          <Icon name="keyboard" />
          <span>Keys</span>
        </button>
        {keys.value.workspace && (
          <button type="button" onClick={() => chooseWorkspace(null)}>
            <Icon name="layers" />
            <span>Other workspace</span>
          </button>
        )}
        {keys.value.offered.length > 1 && (
          <a href={anotherTab()} target="_blank" rel="noopener">
            <Icon name="external-link" />
            <span>Second window</span>
          </a>
        )}
      </div>
      <div class="person">
        <Me />
        <button
          type="button"
          class="plain"
          aria-label="Sign out"
          title="Sign out"
          onClick={() => signOut()}
        >
          <Icon name="log-out" />
        </button>
      </div>
    </nav>
  )
}

/** The signed-in person with the present availability. */
function Me() {
  const desk = useDesk()
  const { value } = useLive(desk.agents)
  const me = value?.find(({ id }) => id === desk.viewer) ?? desk.person.agent
  return (
    <>
      <Avatar person={me} size={28} />
      <span class="name">
        <bdi>{me.name}</bdi>
      </span>
    </>
  )
}
