import type { ConversationEntry } from '@switchboard/client'
import { Avatar } from './avatar'
import { Icon, type IconName } from './icon'
import { isolate } from './isolate'
import { inFull, timeOfDay } from './time'

type Message = Extract<ConversationEntry, { kind: string }>
type Happened = Exclude<ConversationEntry, { kind: string }>

/** A message, or something else that happened in a conversation. */
export function Entry({ entry }: { entry: ConversationEntry }) {
  return 'kind' in entry ? <MessageEntry message={entry} /> : <EventEntry event={entry} />
}

function MessageEntry({ message }: { message: Message }) {
  const { kind, author, body, createdAt, automated, withheld, truncated } = message
  const name = author?.name ?? (kind === 'INBOUND' ? 'Contact' : 'Unknown')
  return (
    <li class={`message ${kind.toLowerCase()}${withheld ? ' withheld' : ''}`}>
      <Avatar
        person={{ name, avatarUrl: author && 'avatarUrl' in author ? author.avatarUrl : null }}
        size={28}
      />
      <div class="bubble">
        <p class="by">
          <strong>
            <bdi>{name}</bdi>
          </strong>
          {kind === 'NOTE' && <span class="tag">Note</span>}
          {automated && <span class="tag">Automated</span>}
          {withheld && <span class="tag">Withheld: the contact is blocked</span>}
          <time dateTime={createdAt} title={inFull(createdAt)}>
            {timeOfDay(createdAt)}
          </time>
        </p>
        <p class="body" dir="auto">
          {body}
        </p>
        {truncated && (
          <p class="hint">The end was cut off: the message is longer than 100,000 characters.</p>
        )}
      </div>
    </li>
  )
}

const icons: Readonly<Record<string, IconName>> = {
  ConversationAssigned: 'user-check',
  ConversationUnassigned: 'user-x',
  ConversationClosed: 'archive',
  ConversationOpened: 'message-circle',
  ConversationReopened: 'rotate-ccw',
  ContactBlocked: 'ban',
  ContactUnblocked: 'circle-check',
}

const reasons: Readonly<Record<string, string>> = {
  REPLY: ' by replying',
  WORKFLOW: ' by a workflow',
  OWNER_POLICY: ' by the owner policy',
  AGENT_DEACTIVATED: ': the agent was deactivated',
}

function EventEntry({ event }: { event: Happened }) {
  const text = describe(event)
  return (
    <li class="event">
      <Icon name={icons[event.__typename] ?? 'zap'} size={14} />
      <span>{text}</span>
      <time dateTime={event.occurredAt} title={inFull(event.occurredAt)}>
        {timeOfDay(event.occurredAt)}
      </time>
    </li>
  )
}

function describe(event: Happened): string {
  const who = !event.actor
    ? 'Switchboard'
    : 'name' in event.actor
      ? isolate(event.actor.name)
      : 'A program'
  switch (event.__typename) {
    case 'ConversationAssigned': {
      const to = event.to ? isolate(event.to.name) : 'somebody'
      const from = event.from ? ` from ${isolate(event.from.name)}` : ''
      const isOwn = event.actor && 'id' in event.actor && event.actor.id === event.to?.id
      return `${isOwn ? `${who} took it${from}` : `${who} assigned it to ${to}${event.from ? `, before ${isolate(event.from.name)}` : ''}`}${reasons[event.reason] ?? ''}`
    }
    case 'ConversationUnassigned':
      return `${who} unassigned ${event.from ? isolate(event.from.name) : 'it'}${reasons[event.reason] ?? ''}`
    case 'ConversationClosed': {
      const note = [event.closingNote?.category, event.closingNote?.text].filter(Boolean).join(': ')
      return `${who} closed it${note && ` – ${note}`}`
    }
    case 'ConversationOpened':
      return `${who} opened it`
    case 'ConversationReopened':
      return `${who} reopened it`
    case 'ContactBlocked':
      return `${who} blocked the contact`
    case 'ContactUnblocked':
      return `${who} unblocked the contact`
    case 'ContactUpdated':
      return `${who} changed ${event.changes.map(({ field }) => field).join(', ')} of the contact`
    case 'BusinessEventRecorded':
      return `${who} recorded ${event.type}`
    case 'ContactCreated':
      return `${who} created the contact`
    default:
      return `${event.__typename.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()} (${who})`
  }
}
