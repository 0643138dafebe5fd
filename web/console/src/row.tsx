import type { Fields, InboxView } from '@switchboard/client'
import { Avatar } from './avatar'
import { useDesk } from './desk'
import { Icon } from './icon'
import { now } from './live'
import { active, choose, chosen } from './screen'
import { ago, inFull } from './time'

interface RowProps {
  readonly row: Fields
  readonly index: number
  readonly start: number // in pixels from the top of the list
  readonly isOpen: boolean
  readonly view: InboxView
  readonly open: (id: string) => void
}

/** A conversation in the list. */
export function ListRow({ row, index, start, isOpen, view, open }: RowProps) {
  const { contact, assignee, lastMessage, unreadCount } = row
  const { viewer, activity } = useDesk()
  const happened = activity.recent.value.get(row.id)
  const isChosen = chosen.value.has(row.id)
  const classes = ['row']
  if (isOpen) classes.push('open')
  if (active.value === row.id) classes.push('active')
  if (happened) classes.push('happened')
  if (unreadCount > 0) classes.push('unread')
  if (isChosen) classes.push('chosen')
  return (
    <div
      role="row"
      id={`row-${row.id}`}
      class={classes.join(' ')}
      aria-rowindex={index + 1}
      aria-selected={isOpen}
      style={{ transform: `translateY(${start}px)` }}
      onClick={() => {
        active.value = row.id
        open(row.id)
      }}
    >
      <span role="gridcell" class="choice">
        <Avatar person={contact} size={32} />
        <input
          type="checkbox"
          tabIndex={-1}
          aria-label={`Choose ${contact.name}`}
          checked={isChosen}
          onClick={(event) => event.stopPropagation()}
          onChange={(event) => choose(row.id, event.currentTarget.checked)}
        />
      </span>
      <span role="gridcell" class="about">
        <span class="name">
          <bdi>{contact.name}</bdi>
        </span>
        {happened ? (
          <span class="preview event">
            <Icon name="zap" size={12} /> {happened}
          </span>
        ) : (
          <span class="preview">
            {lastMessage && lastMessage.kind !== 'INBOUND' && (
              <Icon name={lastMessage.kind === 'NOTE' ? 'sticky-note' : 'send'} size={12} />
            )}{' '}
            <bdi>{lastMessage?.preview ?? 'No messages'}</bdi>
          </span>
        )}
      </span>
      <span role="gridcell" class="facts">
        <time dateTime={row.lastActivityAt} title={inFull(row.lastActivityAt)}>
          {ago(row.lastActivityAt, now.value)}
        </time>
        <span class="badges">
          {unreadCount > 0 && (
            <b class="count" title={`${unreadCount} unread`}>
              {unreadCount}
              <span class="unseen"> unread</span>
            </b>
          )}
          {row.waitingSince && (
            <span class="waiting" title={`Waiting since ${inFull(row.waitingSince)}`}>
              <Icon name="clock" size={12} />
              {ago(row.waitingSince, now.value)}
              <span class="unseen"> waiting</span>
            </span>
          )}
          {contact.blocked && view !== 'BLOCKED' && <Icon name="ban" size={13} />}
          {assignee ? (
            <span class={assignee.id === viewer ? 'owner mine' : 'owner'} title={assignee.name}>
              <Avatar person={assignee} size={20} />
              <span class="unseen">{assignee.name}</span>
            </span>
          ) : (
            <span class="owner" title="Unassigned">
              <Icon name="circle-dashed" size={18} />
              <span class="unseen">Unassigned</span>
            </span>
          )}
        </span>
      </span>
    </div>
  )
}
