import type { ConversationEntry, LiveConversation, OpenFields } from '@switchboard/client'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { Actions } from './actions'
import { Avatar } from './avatar'
import { Composer, type Sending } from './composer'
import { ContactDrawer } from './contact'
import { useDesk } from './desk'
import { Entry } from './entry'
import { Icon } from './icon'
import { isolate } from './isolate'
import { useLive } from './live'
import type { Place } from './place'
import { reason } from './reason'
import { dialog, drawer, opened } from './screen'
import { dayOf } from './time'

/** The open conversation. */
export function ConversationPane({
  id,
  place,
  back,
}: {
  id: string
  place: Place
  back: () => void
}) {
  const { board } = useDesk()
  const live = useMemo(() => board.conversation(id), [board, id])
  useEffect(() => () => live.close(), [live])
  const { conversation, entries, hasEarlier, error } = useLive(live)
  const [sent, setSent] = useState<readonly Sending[]>([])
  useRead(conversation)
  useLayoutEffect(() => {
    opened.value = conversation
    return () => {
      opened.value = null
    }
  }, [conversation])

  if (!conversation)
    return (
      <section class="pane" aria-label="Conversation" aria-busy={!error}>
        {error ? (
          <div class="nothing" role="alert">
            <Icon name="triangle-alert" size={28} />
            <strong>This conversation cannot be shown</strong>
            <span>{error.message}</span>
            <button type="button" onClick={back}>
              Back to the list
            </button>
          </div>
        ) : (
          <div class="loading" role="status">
            <span class="unseen">Loading the conversation</span>
            <i class="skeleton" />
            <i class="skeleton" />
            <i class="skeleton" />
          </div>
        )}
      </section>
    )

  const waiting = (one: Sending, done: Promise<string | null>) => {
    setSent((all) => [...all, one])
    void done
      .then((messageId) => settle(live, messageId))
      .then(() => setSent((all) => all.filter(({ key }) => key !== one.key)))
  }
  const lastMessage = entries.findLast((entry) => 'kind' in entry)
  return (
    <>
      <section class="pane" aria-label={`Conversation with ${conversation.contact.name}`}>
        <Head conversation={conversation} back={back} />
        {conversation.contact.blocked && (
          <p class="strip blocked">
            <Icon name="ban" /> {isolate(conversation.contact.name)} is blocked: what this contact
            writes is withheld, and nothing can be sent.
          </p>
        )}
        {conversation.cannotAssignReason && (
          <p class="strip">
            <Icon name="archive" /> {reason(conversation.cannotAssignReason)} This one can be read,
            and noted on.
          </p>
        )}
        <Entries live={live} entries={entries} hasEarlier={hasEarlier} sent={sent} />
        <Composer
          key={id}
          conversation={conversation}
          lastMessageId={lastMessage?.id ?? null}
          sending={waiting}
        />
      </section>
      {drawer.value && <ContactDrawer conversation={conversation} place={place} />}
    </>
  )
}

/** Waits until the entries contain a message, so that what is shown meanwhile does not vanish before it. */
function settle(live: LiveConversation, messageId: string | null): Promise<void> {
  return new Promise((resolve) => {
    const has = () => !messageId || live.get().entries.some(({ id }) => id === messageId)
    if (has()) return resolve()
    const patience = setTimeout(finish, 5000)
    const stop = live.subscribe(() => has() && finish())
    function finish() {
      clearTimeout(patience)
      stop()
      resolve()
    }
  })
}

/** Marks the conversation as read while somebody looks at it. */
function useRead(conversation: OpenFields | null) {
  const { board } = useDesk()
  const unread = conversation?.unreadCount ?? 0
  useEffect(() => {
    if (!conversation || unread === 0) return
    const read = () => {
      if (document.hidden) return
      document.removeEventListener('visibilitychange', read)
      board.markRead({ conversationId: conversation.id }).catch(() => {})
    }
    document.addEventListener('visibilitychange', read)
    read()
    return () => document.removeEventListener('visibilitychange', read)
  }, [board, conversation?.id, unread])
}

function Head({ conversation, back }: { conversation: OpenFields; back: () => void }) {
  const desk = useDesk()
  const actions = new Actions(desk)
  const { contact, assignee, status, channel } = conversation
  return (
    <header class="head">
      <button type="button" class="plain back" aria-label="Back to the list" onClick={back}>
        <Icon name="arrow-left" />
      </button>
      <button
        type="button"
        class="contact"
        aria-expanded={drawer.value}
        aria-controls="contact"
        onClick={() => (drawer.value = !drawer.value)}
      >
        <Avatar person={contact} size={32} />
        <span>
          <strong>
            <bdi>{contact.name}</bdi>
          </strong>
          <small>
            {channel} · {status === 'OPEN' ? 'open' : 'closed'}
          </small>
        </span>
      </button>
      <div class="actions">
        <button
          type="button"
          class="assignee"
          aria-haspopup="dialog"
          disabled={!conversation.canAssign}
          title={reason(conversation.cannotAssignReason)}
          onClick={() => (dialog.value = 'assign')}
        >
          {assignee ? <Avatar person={assignee} size={20} /> : <Icon name="user-plus" />}
          <span>
            <bdi>{assignee ? (assignee.id === desk.viewer ? 'You' : assignee.name) : 'Assign'}</bdi>
          </span>
          <Icon name="chevron-down" size={14} />
        </button>
        {status === 'OPEN' ? (
          <button
            type="button"
            aria-haspopup="dialog"
            disabled={!conversation.canClose}
            title={reason(conversation.cannotCloseReason)}
            onClick={() => (dialog.value = 'close')}
          >
            <Icon name="check" /> <span>Close</span>
          </button>
        ) : (
          <button
            type="button"
            disabled={!conversation.canReopen}
            title={reason(conversation.cannotReopenReason)}
            onClick={() => void actions.reopen(conversation)}
          >
            <Icon name="rotate-ccw" /> <span>Open</span>
          </button>
        )}
      </div>
    </header>
  )
}

interface EntriesProps {
  readonly live: LiveConversation
  readonly entries: readonly ConversationEntry[]
  readonly hasEarlier: boolean
  readonly sent: readonly Sending[]
}

const timeOf = (entry: ConversationEntry) =>
  'createdAt' in entry ? entry.createdAt : entry.occurredAt

function Entries({ live, entries, hasEarlier, sent }: EntriesProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const atEnd = useRef(true)
  const fromEnd = useRef(0) // pixels from the bottom, which stay when earlier entries come
  const first = entries[0]?.id
  useLayoutEffect(() => {
    const element = scroller.current!
    if (atEnd.current) element.scrollTop = element.scrollHeight
  }, [entries, sent])
  useLayoutEffect(() => {
    const element = scroller.current!
    if (!atEnd.current) element.scrollTop = element.scrollHeight - fromEnd.current
  }, [first])
  const scroll = ({ scrollHeight, scrollTop, clientHeight }: HTMLElement) => {
    fromEnd.current = scrollHeight - scrollTop
    atEnd.current = fromEnd.current - clientHeight < 40
  }
  let day = ''
  return (
    <div
      class="entries"
      ref={scroller}
      onScroll={(event) => scroll(event.currentTarget)}
      tabIndex={0}
      role="region"
      aria-label="Messages and events"
    >
      {hasEarlier && (
        <button type="button" class="earlier" onClick={() => void live.earlier()}>
          Show earlier
        </button>
      )}
      <ol>
        {entries.map((entry) => {
          const its = dayOf(timeOf(entry))
          const begins = its !== day
          day = its
          return begins ? (
            [
              <li key={`${entry.id} day`} class="day">
                {its}
              </li>,
              <Entry key={entry.id} entry={entry} />,
            ]
          ) : (
            <Entry key={entry.id} entry={entry} />
          )
        })}
        {sent.map(({ key, kind, body }) => (
          <li key={key} class={`message ${kind === 'reply' ? 'outbound' : 'note'} pending`}>
            <span class="avatar size-28" />
            <div class="bubble">
              <p class="by">
                <strong>You</strong>
                <span>Sending …</span>
              </p>
              <p class="body" dir="auto">
                {body}
              </p>
            </div>
          </li>
        ))}
      </ol>
    </div>
  )
}
