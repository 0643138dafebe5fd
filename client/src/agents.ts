import { agentsChanged, agentsPage } from './documents.js'
import type { AgentLoadFragment } from './generated.js'
import { Following } from './live.js'
import type { State } from './state.js'
import type { Shared } from './switchboard.js'
import type { Operation } from './wire.js'

/** An agent with the number of open conversations. */
export type AgentLoad = AgentLoadFragment

/** The active agents with their availability and load, in one order. */
export class LiveAgents extends Following<State<readonly AgentLoad[]>> {
  #agents: Map<string, AgentLoad> | null = null
  #cursor = ''

  constructor(
    shared: Shared,
    private readonly orderBy: 'NAME' | 'LOAD',
  ) {
    super(shared)
    void this.begin()
  }

  protected show() {
    const active = this.#agents && [...this.#agents.values()].filter((agent) => agent.active)
    const load = (agent: AgentLoad) => (this.orderBy === 'LOAD' ? agent.openConversations : 0)
    active?.sort((a, b) => load(a) - load(b) || a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1))
    return { value: active }
  }

  protected async load(): Promise<[Operation, string]> {
    const agents = new Map<string, AgentLoad>()
    let begin: string | undefined
    for (let after: string | null = null, more = true; more; ) {
      const answer: any = await this.ask(agentsPage, { after })
      for (const agent of answer.agents.nodes) agents.set(agent.id, agent)
      begin ??= answer.asOf as string
      after = answer.agents.pageInfo.endCursor
      more = answer.agents.pageInfo.hasNextPage
    }
    this.#agents = agents
    this.#cursor = begin!
    return [{ document: agentsChanged, variables: {} }, begin!]
  }

  protected next({ agentsChanged: { cursor, agents } }: { agentsChanged: { cursor: string; agents: AgentLoad[] } }): string {
    if (cursor > this.#cursor) {
      this.#cursor = cursor
      for (const agent of agents) this.#agents!.set(agent.id, agent)
      this.touch()
    }
    return this.#cursor
  }
}
