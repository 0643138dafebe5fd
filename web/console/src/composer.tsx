import { signal } from '@preact/signals'
import type { OpenFields } from '@switchboard/client'
import { useLayoutEffect, useReducer, useRef } from 'preact/hooks'
import { expect, typed } from './ahead'
import { useDesk } from './desk'
import { Icon } from './icon'
import { isolate } from './isolate'
import { begin, complain } from './notices'
import { reason } from './reason'

export type Mode = 'reply' | 'note'

/** Which kind is being written. */
export const mode = signal<Mode>('reply')

/** The texts that are not sent: of each person, for each conversation and kind. They survive going elsewhere. */
const drafts = {
  get: (draft: string) => sessionStorage.getItem(`switchboard:draft ${draft}`) ?? '',
  set(draft: string, text: string) {
    if (text) sessionStorage.setItem(`switchboard:draft ${draft}`, text)
    else sessionStorage.removeItem(`switchboard:draft ${draft}`)
  },
}

/** A text that was sent and is not among the entries yet. */
export interface Sending {
  readonly key: string
  readonly kind: Mode
  readonly body: string
}

interface ComposerProps {
  readonly conversation: OpenFields
  readonly lastMessageId: string | null // the last message that the person has seen
  readonly sending: (one: Sending, done: Promise<string | null>) => void
}

/** The field for replies and notes. */
export function Composer({ conversation, lastMessageId, sending }: ComposerProps) {
  const { board, person, replying } = useDesk()
  const { id, contact, canReply, cannotReplyReason } = conversation
  const area = useRef<HTMLTextAreaElement>(null)
  const kind: Mode = canReply ? mode.value : 'note'
  const draftOf = (kind: Mode) => `${person.agent.id} ${id} ${kind}` // somebody else may sign in in this tab
  const text = drafts.get(draftOf(kind))
  const [, again] = useReducer((count: number) => count + 1, 0)
  const write = (value: string, to = kind) => {
    drafts.set(draftOf(to), value)
    again(undefined)
  }
  useLayoutEffect(() => {
    const ahead = typed(id)
    if (!ahead) return
    write(drafts.get(draftOf(ahead.kind)) + ahead.text, ahead.kind)
    if (ahead.kind === kind) area.current!.focus()
  }, [])
  const send = () => {
    const body = text.trim()
    if (!body) return
    write('')
    begin() // what was sent cannot be taken back
    const pending =
      kind === 'reply'
        ? board.reply({
            conversationId: id,
            body,
            ...(lastMessageId && { onlyIfLastMessageId: lastMessageId }),
          })
        : board.note({ conversationId: id, body })
    if (kind === 'reply') {
      replying.add(id)
      void pending.catch(() => {}).then(() => replying.delete(id))
    }
    const done = pending.then(
      ({ userErrors: [refusal], conversation: now }) => {
        if (!refusal) return now?.lastMessage?.id ?? null
        restore(body, kind, refusal.message)
        return null
      },
      (error: Error) => {
        restore(body, kind, error.message)
        return null
      },
    )
    sending({ key: crypto.randomUUID(), kind, body }, done)
  }
  /** Gives the text of a refused message back, unless another one was begun. */
  const restore = (body: string, kind: Mode, why: string) => {
    const isKept = !drafts.get(draftOf(kind))
    if (isKept) write(body, kind)
    complain(
      `Not sent to ${isolate(contact.name)}: ${why}.${isKept ? ' The text is there as a draft.' : ''}`,
    )
  }
  const press = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault()
      send()
    } else if (event.key === 'Escape') {
      area.current!.blur()
    }
  }
  return (
    <div class={`composer ${kind}`}>
      <div class="modes" role="group" aria-label="What to write">
        <button
          type="button"
          aria-pressed={kind === 'reply'}
          disabled={!canReply}
          onClick={() => (mode.value = 'reply')}
        >
          <Icon name="send" size={14} /> Reply
        </button>
        <button type="button" aria-pressed={kind === 'note'} onClick={() => (mode.value = 'note')}>
          <Icon name="sticky-note" size={14} /> Note
        </button>
        {!canReply && <span class="hint">No reply: {reason(cannotReplyReason)}</span>}
      </div>
      <textarea
        id="composer"
        dir="auto"
        ref={area}
        rows={3}
        maxLength={16000}
        aria-label={kind === 'reply' ? `Reply to ${contact.name}` : 'Note for colleagues'}
        placeholder={
          kind === 'reply'
            ? `Reply to ${isolate(contact.name)} …`
            : 'A note that only colleagues see …'
        }
        value={text}
        onInput={(event) => write(event.currentTarget.value)}
        onKeyDown={press}
      />
      <div class="send">
        <span class="hint">Ctrl Enter</span>
        <button type="button" class="primary" disabled={!text.trim()} onClick={send}>
          {kind === 'reply' ? 'Send' : 'Add note'}
        </button>
      </div>
    </div>
  )
}

/** Puts the focus into the field of a conversation, as soon as it is there. */
export function compose(kind: Mode, id: string) {
  mode.value = kind
  if (document.getElementById('composer'))
    requestAnimationFrame(() => document.getElementById('composer')?.focus())
  else expect(kind, id)
}
