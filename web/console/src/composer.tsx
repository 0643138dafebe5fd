import { signal } from '@preact/signals'
import type { OpenFields } from '@switchboard/client'
import { useRef, useState } from 'preact/hooks'
import { useDesk } from './desk'
import { Icon } from './icon'
import { complain } from './notices'
import { reason } from './reason'

export type Mode = 'reply' | 'note'

/**
 * What is being written: which kind, and the text of each person for each conversation. It survives going elsewhere.
 */
export const mode = signal<Mode>('reply')
const drafts = new Map<string, string>()

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
  const { board, person } = useDesk()
  const { id, contact, canReply, cannotReplyReason } = conversation
  const draft = `${person.agent.id} ${id}` // in a tab in which somebody else may sign in
  const [text, setText] = useState(() => drafts.get(draft) ?? '')
  const area = useRef<HTMLTextAreaElement>(null)
  const kind: Mode = canReply ? mode.value : 'note'
  const write = (value: string) => {
    drafts.set(draft, value)
    setText(value)
  }
  const send = () => {
    const body = text.trim()
    if (!body) return
    write('')
    const pending =
      kind === 'reply'
        ? board.reply({
            conversationId: id,
            body,
            ...(lastMessageId && { onlyIfLastMessageId: lastMessageId }),
          })
        : board.note({ conversationId: id, body })
    const done = pending.then(
      ({ userErrors: [refusal], conversation: now }) => {
        if (!refusal) return now?.lastMessage?.id ?? null
        complain(refusal.message)
        restore(body)
        return null
      },
      (error: Error) => {
        complain(error.message)
        restore(body)
        return null
      },
    )
    sending({ key: crypto.randomUUID(), kind, body }, done)
  }
  /** Gives the text of a refused message back, unless another one was begun. */
  const restore = (body: string) => {
    if (!drafts.get(draft)) drafts.set(draft, body)
    if (area.current?.isConnected && !area.current.value) setText(body)
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
          kind === 'reply' ? `Reply to ${contact.name} …` : 'A note that only colleagues see …'
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

/** Puts the focus into the field. */
export function compose(kind: Mode) {
  mode.value = kind
  requestAnimationFrame(() => document.getElementById('composer')?.focus())
}
