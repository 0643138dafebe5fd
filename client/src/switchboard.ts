import { nameOf } from './account.js'
import { LiveAgents } from './agents.js'
import { LiveConversation } from './conversation.js'
import { countsChanged, dashboardChanged, peopleChanged, session, unreadChanged } from './documents.js'
import { ask, follow } from './follow.js'
import type { CountsChangedSubscription, DashboardChangedSubscription, SessionQuery, UnreadChangedSubscription } from './generated.js'
import { LiveInbox, type InboxOptions } from './inbox.js'
import { animationFrames, type Frames } from './live.js'
import { answered, without, type Overlay } from './overlay.js'
import { People } from './people.js'
import { Queue, type Entry, type Storage } from './queue.js'
import { LiveState } from './state.js'
import { openTabs } from './tabs.js'
import { verbs, type Inputs, type Payload, type VerbName } from './verbs.js'
import type { Reports, Wire, WireOptions } from './wire.js'

export type Session = SessionQuery['session']
export type Counts = CountsChangedSubscription['inboxCountsChanged']
export type Unread = UnreadChangedSubscription['unreadChanged']
export type Dashboard = DashboardChangedSubscription['dashboardChanged']

/** How to reach a server. */
export interface SwitchboardOptions extends WireOptions {
  /** Reports the outcome of a mutation that was called before the page was reloaded. */
  onOutcome?: (outcome: { verb: VerbName; input: object; payload?: Payload; failure?: unknown }) => void
  /** Where mutations wait; by default IndexedDB, where there is one. */
  storage?: Storage
  /** When to show changes; by default with animation frames. */
  frames?: Frames
  /** Opens the wire; by default one that the tabs of the browser share. */
  open?: (options: WireOptions, reports: Reports) => Wire
}

/** A mutation that was called. It resolves with its payload. */
export interface Pending extends Promise<Payload> {
  /** Resolves when every live list shows the outcome. */
  readonly settled: Promise<Payload>
}

/** What the parts of one client share. */
export interface Shared {
  readonly wire: Wire
  readonly frames: Frames
  readonly people: People
  readonly overlay: Overlay
  readonly viewer: string | undefined
  loaded(cursor: string): void
  happened(key: string, cursor: string): void
  leave(one: object): void
}

/** Creates a client. */
export function createSwitchboard(options: SwitchboardOptions): Switchboard {
  return new Switchboard(options)
}

/** Returns where mutations wait. The code for IndexedDB is loaded only where there is one. */
async function storageOf(options: SwitchboardOptions): Promise<Storage | undefined> {
  if (options.storage || typeof indexedDB === 'undefined') return options.storage
  return (await import('./storage.js')).browserStorage(nameOf(options))
}

const poll = 200 // milliseconds between two questions how far everything was delivered

/** The mutations, each by its name. */
type Mutations = { readonly [Name in VerbName]: (input: Inputs[Name]) => Pending }

/** Its mutations are methods that are added below. */
export interface Switchboard extends Mutations {}

/** A client of one workspace. Its lists stay up to date until they are closed. */
export class Switchboard {
  readonly #frames: Frames
  /** The connection to the server, for operations that the library does not have. */
  readonly wire: Wire
  readonly #storage: Promise<Storage | undefined>
  readonly #queue: Queue
  readonly #people = new People()
  readonly #inboxes = new Set<LiveInbox>()
  readonly #states = new Set<LiveState<any> | LiveAgents | LiveConversation>()
  readonly #shared: Shared
  readonly session: Promise<Session>
  #overlay: Overlay = []
  #viewer: string | undefined
  #followed: string | undefined // the position after which changes of people are followed
  #unfollow = () => {}
  #connections = 0
  #closed = false

  constructor(private readonly options: SwitchboardOptions) {
    this.#frames = options.frames ?? animationFrames()
    this.wire = (options.open ?? openTabs)(options, { connected: (is) => this.#connected(is) })
    this.#storage = storageOf(options)
    this.#queue = new Queue(this.wire, this.#storage)
    const client = this
    this.#shared = {
      wire: this.wire,
      frames: this.#frames,
      people: this.#people,
      get overlay() { return client.#overlay },
      get viewer() { return client.#viewer },
      loaded: (cursor) => this.#follow(cursor),
      happened: (key, cursor) => (this.#overlay = answered(this.#overlay, key, cursor)),
      leave: (one) => void (this.#inboxes.delete(one as LiveInbox) || this.#states.delete(one as LiveAgents)),
    }
    this.session = this.#start()
    this.session.catch(() => {})
  }

  /** A live list of conversations. */
  inbox(options: InboxOptions = {}): LiveInbox {
    const inbox = new LiveInbox(this.#shared, options)
    this.#inboxes.add(inbox)
    return inbox
  }

  /** One conversation with its messages and events. */
  conversation(id: string): LiveConversation {
    return this.#state(new LiveConversation(this.#shared, id))
  }

  /** The number of conversations in each view. */
  counts(): LiveState<Counts> {
    return this.#state(new LiveState<Counts>(this.#shared, countsChanged, (data) => data.inboxCountsChanged))
  }

  /** The last change of what the caller has not read. While it is open, the rows of lists follow it. */
  unread(): LiveState<Unread> {
    return this.#state(new LiveState<Unread>(this.#shared, unreadChanged, ({ unreadChanged: change }: UnreadChangedSubscription) => {
      for (const inbox of this.#inboxes) inbox.unread(change.conversationId, change.unreadCount)
      return change
    }))
  }

  /** The figures of the workspace. */
  dashboard(): LiveState<Dashboard> {
    return this.#state(new LiveState<Dashboard>(this.#shared, dashboardChanged, (data) => data.dashboardChanged))
  }

  /** The active agents with their loads, by name or those with the least load first. */
  agents(orderBy: 'NAME' | 'LOAD' = 'NAME'): LiveAgents {
    return this.#state(new LiveAgents(this.#shared, orderBy))
  }

  /** Calls a mutation. What it will probably change is shown at once. */
  mutate<Name extends VerbName>(verb: Name, input: Inputs[Name]): Pending {
    const key = input.idempotencyKey ?? crypto.randomUUID()
    return this.#send({ key, verb, input: { ...input, idempotencyKey: key }, at: Date.now() })
  }

  /** Ends all subscriptions. Mutations that are under way are not reported any more. */
  close(): void {
    this.#closed = true
    this.#unfollow()
    for (const one of [...this.#inboxes, ...this.#states]) one.close()
    this.wire.close()
  }

  #send(entry: Entry): Pending {
    const { key, verb, input } = entry
    const now = { at: new Date().toISOString(), viewer: this.#viewer, agent: (id: string) => this.#people.agent(id) }
    const patch = verbs[verb].guess?.(input as any, now)
    const { conversationId, contactId } = input as { conversationId?: string; contactId?: string }
    if (patch) this.#show([...this.#overlay, { key, subject: conversationId ?? contactId!, patch, answered: null }])
    const answer = this.#queue.send(entry).then(
      (payload) => this.#answered(key, payload),
      (failure) => {
        this.#show(without(this.#overlay, key))
        throw failure
      },
    )
    const settled = answer.then(async (payload) => {
      await this.#reached(payload.asOf)
      this.#show(without(this.#overlay, key))
      return payload
    })
    settled.catch(() => {})
    return Object.assign(answer, { settled })
  }

  #answered(key: string, payload: Payload): Payload {
    this.#overlay = payload.userErrors.length > 0 ? without(this.#overlay, key) : answered(this.#overlay, key, payload.asOf)
    if (payload.contact) this.#people.newest(payload.contact)
    for (const inbox of this.#inboxes) if (payload.conversation) inbox.refresh(payload.conversation)
    this.#show(this.#overlay)
    return payload
  }

  #show(overlay: Overlay): void {
    this.#overlay = overlay
    this.#touch()
  }

  #touch(): void {
    for (const one of [...this.#inboxes, ...this.#states]) one.touch()
  }

  #state<State extends LiveState<any> | LiveAgents | LiveConversation>(state: State): State {
    this.#states.add(state)
    return state
  }

  async #start(): Promise<Session> {
    const { session: who } = await ask(this.wire, { document: session, variables: {} }, () => !this.#closed)
    if (who.agent) this.#viewer = this.#people.newest(who.agent as NonNullable<Session['agent']>).id
    for (const entry of (await (await this.#storage)?.left()) ?? []) {
      const { verb, input } = entry
      this.#send(entry).then(
        (payload) => this.options.onOutcome?.({ verb, input, payload }),
        (failure) => this.options.onOutcome?.({ verb, input, failure }),
      )
    }
    return who
  }

  /** Follows changes of people from the first position that a list was loaded at. */
  #follow(from: string): void {
    if (this.#followed !== undefined) return
    this.#followed = from
    this.#unfollow = follow(this.wire, { document: peopleChanged, variables: {} }, from, {
      next: ({ events: { cursor, contact, agent } }) => {
        if (contact) this.#people.newest(contact)
        if (agent) this.#people.newest(agent)
        this.#touch()
        return cursor
      },
      delivered: (cursor) => (this.#followed = cursor),
      expired: () => {
        this.#followed = undefined // the lists expire as well, and follow again when they have loaded
      },
      refused: () => {},
    })
  }

  async #connected(is: boolean): Promise<void> {
    const connection = ++this.#connections
    if (!is) return this.#tell('offline')
    this.#tell('catching-up')
    try {
      const { asOf } = await ask(this.wire, { document: session, variables: {} }, () => connection === this.#connections)
      await this.#reached(asOf)
      if (connection === this.#connections) this.#tell('live')
    } catch {
      // the connection is gone again, or the token is not accepted, which the lists report
    }
  }

  #tell(status: 'offline' | 'catching-up' | 'live'): void {
    for (const one of [...this.#inboxes, ...this.#states]) one.connection(status)
  }

  /** Waits until every live list has passed a position of the log. */
  async #reached(cursor: string): Promise<void> {
    while (!this.#closed && [...this.#inboxes].some((inbox) => inbox.cursor !== null && inbox.cursor < cursor)) {
      this.wire.ask()
      await new Promise((resolve) => setTimeout(resolve, poll))
    }
  }
}

for (const name of Object.keys(verbs) as VerbName[]) {
  Object.assign(Switchboard.prototype, {
    [name](this: Switchboard, input: Inputs[VerbName]) {
      return this.mutate(name, input)
    },
  })
}
