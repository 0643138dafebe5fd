import { contactChanged, conversationPage } from './documents.js'
import { Failure } from './failure.js'
import type { EventEntryFragment, MessageEntryFragment, OpenFieldsFragment } from './generated.js'
import { Following, type Standing } from './live.js'
import { guessed, unseen } from './overlay.js'
import type { Shared } from './switchboard.js'
import type { Operation } from './wire.js'

/** A conversation with what can be done with it. */
export type OpenFields = OpenFieldsFragment

/** What a conversation consists of: messages, and what else happened. */
export type Entry = MessageEntryFragment | EventEntryFragment

/** What a live conversation shows. */
export interface Conversation extends Standing {
  readonly conversation: OpenFields | null // null until it is known
  readonly entries: readonly Entry[] // by time
  readonly hasEarlier: boolean
}

const timeOf = (entry: Entry) => ('createdAt' in entry ? entry.createdAt : entry.occurredAt)
const before = (a: Entry, b: Entry) =>
  timeOf(a) !== timeOf(b) ? timeOf(a) < timeOf(b) : 'createdAt' in a !== 'createdAt' in b ? 'createdAt' in a : a.id < b.id

/** A live conversation: its state, its messages and what happened to it. */
export class LiveConversation extends Following<Conversation> {
  #conversation: OpenFields | undefined
  #entries = new Map<string, Entry>()
  #earlier: { readonly hasPreviousPage: boolean; readonly startCursor: string | null } | undefined // before what was read
  #cursor = ''
  #reading = false

  constructor(
    shared: Shared,
    private readonly id: string,
  ) {
    super(shared)
    void this.begin()
  }

  /** Reads what came before the entries that are shown. */
  async earlier(): Promise<void> {
    if (this.#reading || !this.#earlier?.hasPreviousPage) return
    this.#reading = true
    try {
      this.#add((await this.#read(this.#earlier.startCursor)).conversation)
    } catch (failure) {
      this.fail(failure as Failure)
    } finally {
      this.#reading = false
    }
  }

  protected show() {
    const { people, overlay } = this.shared
    const known = this.#conversation
    return {
      conversation: known ? ({ ...known, ...guessed(people.resolve(known), unseen(overlay, this.#cursor)) } as OpenFields) : null,
      entries: [...this.#entries.values()].sort((a, b) => (before(a, b) ? -1 : 1)),
      hasEarlier: Boolean(this.#earlier?.hasPreviousPage),
    }
  }

  protected async load(): Promise<[Operation, string]> {
    const { asOf, conversation } = await this.#read(null)
    if (!conversation) throw new Failure('NOT_FOUND', 'unknown conversation')
    this.#entries = new Map()
    this.#cursor = asOf
    this.#add(conversation)
    this.shared.loaded(asOf)
    return [{ document: contactChanged, variables: { contactId: conversation.contact.id } }, asOf]
  }

  #read(before: string | null): Promise<any> {
    return this.ask(conversationPage, { id: this.id, before })
  }

  #add({ entries: { pageInfo, nodes }, ...conversation }: any): void {
    this.#earlier = pageInfo
    for (const entry of nodes) this.#entries.set(entry.id, entry)
    this.#become(conversation)
  }

  #become(conversation: OpenFields): void {
    if (!this.#conversation || conversation.revision >= this.#conversation.revision) this.#conversation = conversation
    this.touch()
  }

  protected next({ events: { cursor, message, conversation, ...event } }: any): string {
    if (cursor <= this.#cursor) return this.#cursor
    this.#cursor = cursor
    if (conversation?.id === this.id) {
      const entry = message ?? event // a message stands for its own event
      this.#entries.set(entry.id, entry)
      this.#become(conversation)
    } else {
      void this.#again() // what can be done with a conversation depends on its contact and on newer ones
    }
    return cursor
  }

  async #again(): Promise<void> {
    try {
      const { entries, ...present } = (await this.#read(null)).conversation
      this.#become(present)
    } catch (failure) {
      this.fail(failure as Failure)
    }
  }
}
