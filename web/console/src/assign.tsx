import type { Fields } from '@switchboard/client'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Actions } from './actions'
import { Avatar } from './avatar'
import { assignMany } from './bulk'
import { useDesk } from './desk'
import { Icon, type IconName } from './icon'
import { isolate } from './isolate'
import { useLive } from './live'
import { Modal } from './modal'
import { dialog } from './screen'

interface Choice {
  readonly id: string
  readonly title: string
  readonly detail: string
  readonly icon: IconName | null
  readonly agent?: { id: string; name: string; avatarUrl: string | null; availability: string }
  pick(): void
}

const plain = (text: string) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
const availability = { ONLINE: 'Online', AWAY: 'Away', OFFLINE: 'Offline' }

/** The menu from which an agent is chosen for a conversation, or for several. */
export function AssignDialog({ rows }: { rows: readonly Fields[] }) {
  const desk = useDesk()
  const { value: known, error } = useLive(desk.agents)
  const [words, setWords] = useState('')
  const [at, setAt] = useState(0)
  const list = useRef<HTMLUListElement>(null)
  const choices = choicesFor(desk, rows, words)
  const place = Math.min(at, choices.length - 1)
  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' })
  }, [place])

  const pick = (choice: Choice | undefined) => {
    if (!choice) return
    dialog.value = null
    choice.pick()
  }
  const press = (event: KeyboardEvent) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (move) setAt((place + move + choices.length) % choices.length)
    else if (event.key === 'Enter' && !event.isComposing) pick(choices[place])
    else return
    event.preventDefault()
  }
  return (
    <Modal
      title={
        rows.length === 1
          ? `Assign ${isolate(rows[0]!.contact.name)}`
          : `Assign ${rows.length} conversations`
      }
    >
      <div class="picker">
        <Icon name="search" />
        <input
          type="text"
          autofocus
          role="combobox"
          aria-label="Agent"
          aria-expanded="true"
          aria-controls="agents"
          aria-autocomplete="list"
          aria-activedescendant={choices[place] ? `choice-${choices[place].id}` : undefined}
          placeholder="Search by name or e-mail"
          autocomplete="off"
          value={words}
          onInput={(event) => {
            setWords(event.currentTarget.value)
            setAt(0)
          }}
          onKeyDown={press}
        />
      </div>
      <ul id="agents" role="listbox" aria-label="Agents" class="choices" ref={list}>
        {choices.map((choice, index) => (
          <li
            key={choice.id}
            id={`choice-${choice.id}`}
            role="option"
            aria-selected={index === place}
            onMouseMove={() => setAt(index)}
            onClick={() => pick(choice)}
          >
            {choice.agent ? <Avatar person={choice.agent} /> : <Icon name={choice.icon!} />}
            <span class="title">
              <bdi>{choice.title}</bdi>
            </span>
            <span class="detail">{choice.detail}</span>
          </li>
        ))}
      </ul>
      {choices.length === 0 && <p class="hint empty">No agent is called that.</p>}
      {!known && <p class="hint empty">{error?.message ?? 'Loading the agents …'}</p>}
    </Modal>
  )
}

function choicesFor(
  desk: ReturnType<typeof useDesk>,
  rows: readonly Fields[],
  words: string,
): Choice[] {
  const actions = new Actions(desk)
  const only = rows.length === 1 ? rows[0]! : null
  const choices: Choice[] = []
  if (only?.assignee?.id !== desk.viewer) {
    choices.push({
      id: 'me',
      title: 'Assign to me',
      detail: 'm',
      icon: 'user-check',
      pick: () => void (only ? actions.take(only) : assignMany(desk, rows, desk.viewer)),
    })
  }
  if (rows.some((row) => row.assignee)) {
    choices.push({
      id: 'nobody',
      title: 'Unassign',
      detail: 'u',
      icon: 'user-x',
      pick: () => void (only ? actions.unassign(only) : assignMany(desk, rows, null)),
    })
  }
  for (const agent of desk.team()) {
    choices.push({
      id: agent.id,
      title: agent.id === desk.viewer ? `${agent.name} (you)` : agent.name,
      detail: `${availability[agent.availability]} · ${agent.openConversations} open`,
      icon: null,
      agent,
      pick: () => void (only ? actions.assign(only, agent) : assignMany(desk, rows, agent.id)),
    })
  }
  const searched = plain(words).split(/\s+/).filter(Boolean)
  const emails = new Map(desk.agents.get().value?.map(({ id, email }) => [id, email]))
  return choices.filter(({ id, title }) =>
    searched.every((word) => plain(`${title} ${emails.get(id) ?? ''}`).includes(word)),
  )
}
