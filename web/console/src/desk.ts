import {
  type AgentLoad,
  type Counts,
  createSwitchboard,
  type Fields,
  type LiveAgents,
  type LiveState,
  type Switchboard,
} from '@switchboard/client'
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { Activity } from './activity'
import { Inboxes } from './inboxes'
import { complain } from './notices'
import { freshToken, keys, type Person } from './session'

/** What a signed-in person works with. */
export class Desk {
  readonly board: Switchboard
  readonly counts: LiveState<Counts>
  readonly agents: LiveAgents
  readonly inboxes: Inboxes
  readonly activity: Activity
  readonly replying = new Set<string>() // conversations to which a reply is on its way

  constructor(
    readonly person: Person,
    readonly connector: string | null,
  ) {
    this.board = createSwitchboard({
      url: `${location.origin}/graphql`,
      token: freshToken,
      account: person.agent.id,
      ...(keys.value.workspace && { workspace: keys.value.workspace }),
      onOutcome: ({ payload, failure }) => {
        const problem = payload?.userErrors[0]?.message ?? (failure as Error | undefined)?.message
        if (problem) complain(problem)
      },
    })
    this.counts = this.board.counts()
    this.agents = this.board.agents()
    this.activity = new Activity(this.board, this.viewer)
    this.inboxes = new Inboxes(this.board, this.activity)
    this.board.unread() // what was read on another device is read here
  }

  get viewer(): string {
    return this.person.agent.id
  }

  /** Returns the active agents: those who are online first, of these who has least to do. */
  team(): AgentLoad[] {
    const rank = { ONLINE: 0, AWAY: 1, OFFLINE: 2 }
    return [...(this.agents.get().value ?? [])].sort(
      (a, b) =>
        rank[a.availability] - rank[b.availability] ||
        a.openConversations - b.openConversations ||
        a.name.localeCompare(b.name),
    )
  }

  /**
   * Names a conversation for an action, in the version that was shown. A reply on its way to it may assign it, so then
   * no version is named.
   */
  seen({ id, version }: Fields) {
    return { conversationId: id, ...(!this.replying.has(id) && { expectedVersion: version }) }
  }

  close() {
    this.activity.close()
    this.board.close()
  }
}

export const DeskContext = createContext<Desk>(undefined as unknown as Desk)
export const useDesk = (): Desk => useContext(DeskContext)
