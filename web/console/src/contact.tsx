import type { OpenFields } from '@switchboard/client'
import { useEffect, useState } from 'preact/hooks'
import { Link } from 'wouter-preact'
import { Actions } from './actions'
import { Avatar } from './avatar'
import { useDesk } from './desk'
import { Icon } from './icon'
import { now } from './live'
import { addressOf, type Place } from './place'
import { reason } from './reason'
import { dialog, drawer } from './screen'
import { ago, inFull } from './time'

const document = `query Contact($conversationId: ID!) { conversation(id: $conversationId) { contact { id name email phone avatarUrl blocked blockedAt
  identities { channel externalId } assignee { id name avatarUrl availability } canOpen cannotOpenReason
  latestConversation { id }
  conversations(first: 20) { totalCount nodes { id status channel openedAt closedAt closingNote { category text } assignee { name } lastMessage { preview } } } } } }`

interface Past {
  readonly id: string
  readonly status: 'OPEN' | 'CLOSED'
  readonly channel: string
  readonly openedAt: string
  readonly closedAt: string | null
  readonly closingNote: { readonly category: string | null; readonly text: string | null } | null
  readonly assignee: { readonly name: string } | null
  readonly lastMessage: { readonly preview: string } | null
}

interface Contact {
  readonly id: string
  readonly name: string
  readonly email: string | null
  readonly phone: string | null
  readonly avatarUrl: string | null
  readonly blocked: boolean
  readonly blockedAt: string | null
  readonly identities: readonly { channel: string; externalId: string }[]
  readonly assignee: {
    readonly id: string
    readonly name: string
    readonly avatarUrl: string | null
    readonly availability: string
  } | null
  readonly canOpen: boolean
  readonly cannotOpenReason: Parameters<typeof reason>[0]
  readonly latestConversation: { readonly id: string } | null
  readonly conversations: { readonly totalCount: number; readonly nodes: readonly Past[] }
}

/** Reads the contact of a conversation, and again when the conversation or the contact has changed. */
function useContact(id: string, change: string): { contact: Contact | null; problem: string } {
  const { board } = useDesk()
  const [contact, setContact] = useState<Contact | null>(null)
  const [problem, setProblem] = useState('')
  useEffect(() => {
    let isOld = false
    board.wire.request({ document, variables: { conversationId: id } }).then(
      (data) => isOld || (setContact(data.conversation.contact), setProblem('')),
      (error) => isOld || setProblem(error.message),
    )
    return () => {
      isOld = true
    }
  }, [board, id, change])
  return { contact, problem }
}

/** The contact of the open conversation, with the history. */
export function ContactDrawer({ conversation, place }: { conversation: OpenFields; place: Place }) {
  return (
    <aside id="contact" class="drawer" aria-label="Contact">
      <header>
        <h2>Contact</h2>
        <button
          type="button"
          class="plain"
          aria-label="Hide the contact"
          onClick={() => (drawer.value = false)}
        >
          <Icon name="x" />
        </button>
      </header>
      <About conversation={conversation} place={place} />
    </aside>
  )
}

function About({ conversation, place }: { conversation: OpenFields; place: Place }) {
  const desk = useDesk()
  const { revision, version, contact: shown } = conversation
  const { contact, problem } = useContact(
    conversation.id,
    `${revision} ${version} ${shown.revision} ${shown.blocked}`,
  )
  const actions = new Actions(desk)
  if (!contact) return <p class={problem ? 'problem' : 'hint'}>{problem || 'Loading …'}</p>
  return (
    <>
      <div class="card">
        <Avatar person={contact} size={48} />
        <strong>
          <bdi>{contact.name}</bdi>
        </strong>
        {contact.blocked && (
          <span
            class="tag danger"
            title={contact.blockedAt ? inFull(contact.blockedAt) : undefined}
          >
            Blocked
          </span>
        )}
      </div>
      <dl class="facts">
        {contact.email && <Fact icon="mail" name="E-mail" value={contact.email} />}
        {contact.phone && <Fact icon="phone" name="Phone" value={contact.phone} />}
        {contact.identities.map(({ channel, externalId }) => (
          <Fact
            key={channel + externalId}
            icon="message-circle"
            name={channel}
            value={externalId}
          />
        ))}
      </dl>
      <div class="buttons">
        <button
          type="button"
          aria-haspopup="dialog"
          disabled={!conversation.canAssign}
          title={reason(conversation.cannotAssignReason)}
          onClick={() => (dialog.value = 'assign')}
        >
          {contact.assignee ? (
            <Avatar person={contact.assignee} size={20} />
          ) : (
            <Icon name="user-plus" />
          )}
          <bdi>{contact.assignee?.name ?? 'Assign'}</bdi>
        </button>
        {conversation.assignee && (
          <button
            type="button"
            disabled={!conversation.canAssign}
            onClick={() => void actions.unassign(conversation)}
          >
            <Icon name="user-x" /> Unassign
          </button>
        )}
        {conversation.status === 'CLOSED' && (
          <button
            type="button"
            disabled={!contact.canOpen}
            title={reason(contact.cannotOpenReason)}
            onClick={() => void actions.open(contact, conversation.channel)}
          >
            <Icon name="message-square-plus" /> New conversation
          </button>
        )}
        {contact.blocked ? (
          <button type="button" onClick={() => void actions.unblock(contact)}>
            <Icon name="circle-check" /> Unblock
          </button>
        ) : (
          <button type="button" class="danger" onClick={() => void actions.block(contact)}>
            <Icon name="ban" /> Block
          </button>
        )}
      </div>
      <h3>
        Conversations <span class="number">{contact.conversations.totalCount}</span>
      </h3>
      <ul class="history">
        {contact.conversations.nodes.map((past) => (
          <li key={past.id}>
            <Link
              href={addressOf({ ...place, id: past.id })}
              aria-current={past.id === conversation.id ? 'true' : undefined}
            >
              <span class="line">
                <b class={past.status === 'OPEN' ? 'state open' : 'state'}>
                  {past.status === 'OPEN' ? 'Open' : 'Closed'}
                </b>
                <span>{past.channel}</span>
                <time dateTime={past.openedAt} title={inFull(past.openedAt)}>
                  {ago(past.openedAt, now.value)}
                </time>
              </span>
              <span class="preview">
                {past.closingNote?.text ??
                  past.closingNote?.category ??
                  past.lastMessage?.preview ??
                  'No messages'}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </>
  )
}

function Fact({
  icon,
  name,
  value,
}: {
  icon: 'mail' | 'phone' | 'message-circle'
  name: string
  value: string
}) {
  return (
    <div>
      <dt title={name}>
        <Icon name={icon} size={14} />
        <span class="unseen">{name}</span>
      </dt>
      <dd title={value}>{value}</dd>
    </div>
  )
}
