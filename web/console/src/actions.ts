import { type Agent, Failure, type Fields, type Payload, type Pending } from '@switchboard/client'
import type { Desk } from './desk'
import { isolate } from './isolate'
import { begin, complain, giveUp, notify } from './notices'

type Person = Pick<Agent, 'id' | 'name'>

/** Tells what became of an action. Until its notice goes, there may be a way back. */
async function report(pending: Pending, text: string, undo?: () => void): Promise<void> {
  const back = begin(undo)
  try {
    const payload = await pending
    const refusal = payload.userErrors[0]
    if (!refusal) return notify(text, back)
    const isLate = refusal.code === 'CONFLICT' || refusal.code === 'ALREADY_ASSIGNED'
    complain(isLate ? overtaken(payload) : refusal.message)
  } catch (error) {
    complain(error instanceof Failure ? error.message : String(error))
  }
  giveUp(back)
}

/** Returns what others have made of a conversation before an action reached it. */
function overtaken({ conversation }: Payload): string {
  if (!conversation) return 'Somebody has changed it meanwhile. Nothing was done.'
  const { contact, assignee, status } = conversation
  const now = [
    assignee ? `assigned to ${isolate(assignee.name)}` : 'unassigned',
    status === 'CLOSED' && 'closed',
    contact.blocked && 'blocked',
  ].filter(Boolean)
  return `Somebody was faster: ${isolate(contact.name)} is ${now.join(', ')}. Nothing was done.`
}

/**
 * What an agent can do with a conversation. Each is shown at once and taken back if the server refuses it. It is
 * meant for the conversation as it was shown: if somebody else has changed that, nothing is done.
 */
export class Actions {
  constructor(private readonly desk: Desk) {}

  assign(row: Fields, agent: Person) {
    return this.#assign(row, agent, this.#back(row))
  }

  /** Takes a conversation for the viewer. */
  take(row: Fields) {
    return this.assign(row, this.desk.person.agent)
  }

  unassign(row: Fields) {
    return this.#unassign(row, this.#back(row))
  }

  close(row: Fields, note: { category: string | null; text: string | null }) {
    return report(
      this.desk.board.closeConversation({
        ...this.desk.seen(row),
        ...((note.category || note.text) && { note }),
      }),
      `The conversation with ${isolate(row.contact.name)} is closed.`,
      () => this.reopen(row),
    )
  }

  reopen(row: Fields) {
    return report(
      this.desk.board.reopenConversation(this.desk.seen(row)),
      `The conversation with ${isolate(row.contact.name)} is open again.`,
    )
  }

  /** Starts a new conversation with a contact who has none open. */
  open(contact: Person, channel: string) {
    return report(
      this.desk.board.openConversation({ contactId: contact.id, channel }),
      `A conversation with ${isolate(contact.name)} is open.`,
    )
  }

  block(contact: Person) {
    return report(
      this.desk.board.block({ contactId: contact.id }),
      `${isolate(contact.name)} is blocked.`,
      () => this.#unblock(contact),
    )
  }

  unblock(contact: Person) {
    return this.#unblock(contact, () => this.block(contact))
  }

  #assign(row: Fields, agent: Person, undo?: () => void) {
    const isMine = agent.id === this.desk.viewer
    // A conversation that nobody has is taken only if nobody else was faster.
    const pending =
      isMine && !row.assignee && row.status === 'OPEN'
        ? this.desk.board.assignToMe(this.desk.seen(row))
        : this.desk.board.assign({ ...this.desk.seen(row), assigneeId: agent.id })
    const to = isMine ? 'you' : isolate(agent.name)
    return report(pending, `${isolate(row.contact.name)} is assigned to ${to}.`, undo)
  }

  #unassign(row: Fields, undo?: () => void) {
    return report(
      this.desk.board.unassign(this.desk.seen(row)),
      `${isolate(row.contact.name)} is unassigned.`,
      undo,
    )
  }

  #unblock(contact: Person, undo?: () => void) {
    return report(
      this.desk.board.unblock({ contactId: contact.id }),
      `${isolate(contact.name)} is not blocked any more.`,
      undo,
    )
  }

  /** Returns how to give a conversation back; undefined if its assignee cannot be assigned any more. */
  #back(row: Fields): (() => void) | undefined {
    const before = row.assignee
    if (!before) return () => void this.#unassign(row)
    return before.active ? () => void this.#assign(row, before) : undefined
  }
}
