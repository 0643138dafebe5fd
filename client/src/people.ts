import type { AgentRefFragment, ContactRefFragment } from './generated.js'
import type { Fields } from './list.js'

export type Agent = AgentRefFragment
export type Contact = ContactRefFragment

/** The newest known data of contacts and agents, which rows refer to. */
export class People {
  #known = new Map<string, Agent | Contact>()

  /** Returns the newest known data of a person. */
  newest<P extends Agent | Contact>(person: P): P {
    const known = this.#known.get(person.id)
    if (known && known.revision >= person.revision) return known as P
    this.#known.set(person.id, person)
    return person
  }

  /** Returns what is known of an agent. */
  agent(id: string): Agent | undefined {
    return this.#known.get(id) as Agent | undefined
  }

  /** Returns a row with the newest people: the same object if nobody has changed. */
  resolve(fields: Fields): Fields {
    const contact = this.newest(fields.contact)
    const assignee = fields.assignee && this.newest(fields.assignee)
    return contact === fields.contact && assignee === fields.assignee ? fields : { ...fields, contact, assignee }
  }
}
