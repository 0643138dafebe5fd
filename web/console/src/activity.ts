import { signal } from '@preact/signals'
import { follow, type Switchboard } from '@switchboard/client'
import { isolate } from './isolate'
import { heard, notify } from './notices'

interface Named {
  readonly id: string
  readonly name: string
}

interface Happened {
  readonly cursor: string
  readonly __typename: string
  readonly actor: Named | null
  readonly contact: Named | null
  readonly conversation: { readonly id: string } | null
  readonly from?: Named | null
  readonly to?: Named | null
}

const document = `subscription Activity($after: EventCursor) { events(types: [CONVERSATION_ASSIGNED, CONVERSATION_UNASSIGNED,
    CONVERSATION_OPENED, CONVERSATION_REOPENED, CONVERSATION_CLOSED, MESSAGE_RECEIVED, CONTACT_UPDATED, CONTACT_BLOCKED,
    CONTACT_UNBLOCKED], after: $after) {
  cursor __typename contact { id name } conversation { id }
  actor { ... on Agent { id name } ... on Contact { id name } ... on Integration { id name } ... on Workflow { id name } }
  ... on AssignmentEvent { from { id name } to { id name } } } }`

const shownFor = 8_000

/** What others do, as it happens: shown at the row, told to a screen reader, and noticed if it concerns the viewer. */
export class Activity {
  /** What has just happened to conversations, by their ids. */
  readonly recent = signal<ReadonlyMap<string, string>>(new Map())
  #listeners = new Set<() => void>()
  #stop = () => {}
  #closed = false

  constructor(
    private readonly board: Switchboard,
    private readonly viewer: string,
  ) {
    void this.#begin()
  }

  /** Calls the listener after each event. Returns how to stop. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close() {
    this.#closed = true
    this.#stop()
  }

  /** Begins at the present end of the log: what is past needs no notice. */
  async #begin() {
    try {
      const { asOf } = await this.board.wire.request({
        document: 'query Now { asOf }',
        variables: {},
      })
      if (this.#closed) return
      this.#stop = follow(this.board.wire, { document, variables: {} }, asOf, {
        next: ({ events }: { events: Happened }) => {
          this.#take(events)
          return events.cursor
        },
        expired: () => void this.#begin(),
        refused: () => {}, // the lists report it
      })
    } catch {
      if (!this.#closed) setTimeout(() => this.#begin(), shownFor)
    }
  }

  #take(event: Happened) {
    for (const listener of this.#listeners) listener()
    const { conversation, actor } = event
    const text = this.#describe(event)
    if (!text || !conversation || actor?.id === this.viewer) return
    heard.value = text
    if (event.from?.id === this.viewer || event.to?.id === this.viewer) notify(text)
    this.#show(conversation.id, text)
  }

  #show(id: string, text: string) {
    this.recent.value = new Map(this.recent.value).set(id, text)
    setTimeout(() => {
      if (this.recent.value.get(id) !== text) return
      const recent = new Map(this.recent.value)
      recent.delete(id)
      this.recent.value = recent
    }, shownFor)
  }

  #describe({ __typename, actor, contact, from, to }: Happened): string | null {
    const who = actor ? isolate(actor.name) : 'Switchboard'
    const whom = contact ? isolate(contact.name) : 'a contact'
    const name = (agent: Named) => (agent.id === this.viewer ? 'you' : isolate(agent.name))
    switch (__typename) {
      case 'ConversationAssigned':
        if (to && actor?.id === to.id)
          return from ? `${who} took ${whom} from ${name(from)}` : `${who} took ${whom}`
        return `${who} assigned ${whom} to ${to ? name(to) : 'nobody'}${from ? `, before ${name(from)}` : ''}`
      case 'ConversationUnassigned':
        return `${who} took ${whom} from ${from ? name(from) : 'nobody'}: unassigned`
      case 'ConversationClosed':
        return `${who} closed ${whom}`
      case 'ConversationReopened':
        return `${whom} was reopened by ${who}`
      case 'ConversationOpened':
        return `${whom} was opened by ${who}`
      case 'MessageReceived':
        return `${whom} wrote`
      default:
        return null
    }
  }
}
