import { type Agent, Failure, type Fields, type Payload, type Pending } from '@switchboard/client'
import type { Desk } from './desk'
import { isolate } from './isolate'
import { begin, complain, notify } from './notices'

/** Tells what became of an action, with the way back where there is one. Until then, undoing waits for it. */
function report(pending: Pending, text: string, undo?: () => void): Promise<Payload | null> {
  const told = tell(pending, text, undo)
  begin(told.then((payload) => payload?.userErrors.length === 0))
  return told
}

async function tell(pending: Pending, text: string, undo?: () => void): Promise<Payload | null> {
  try {
    const payload = await pending
    const refusal = payload.userErrors[0]
    if (refusal) complain(winner(payload) ?? refusal.message)
    else notify(text, undo)
    return payload
  } catch (error) {
    complain(error instanceof Failure ? error.message : String(error))
    return null
  }
}

/** Returns who was faster, if somebody was. */
function winner({ userErrors, conversation }: Payload): string | null {
  const assignee = conversation?.assignee
  return userErrors[0]?.code === 'ALREADY_ASSIGNED' && assignee
    ? `${isolate(assignee.name)} was faster: ${isolate(conversation.contact.name)} is already assigned.`
    : null
}

/** What an agent can do with a conversation. Each is shown at once and taken back if the server refuses it. */
export class Actions {
  constructor(private readonly desk: Desk) {}

  assign(row: Fields, agent: Pick<Agent, 'id' | 'name'>) {
    const to = agent.id === this.desk.viewer ? 'you' : isolate(agent.name)
    return report(
      this.desk.board.assign({ conversationId: row.id, assigneeId: agent.id }),
      `${isolate(row.contact.name)} is assigned to ${to}.`,
      this.#back(row),
    )
  }

  /** Takes a conversation: one without an assignee only if nobody else was faster. */
  take(row: Fields) {
    if (row.assignee || row.status !== 'OPEN') return this.assign(row, this.desk.person.agent)
    return report(
      this.desk.board.assignToMe({ conversationId: row.id }),
      `${isolate(row.contact.name)} is assigned to you.`,
      this.#back(row),
    )
  }

  unassign(row: Fields) {
    return report(
      this.desk.board.unassign({ conversationId: row.id }),
      `${isolate(row.contact.name)} is unassigned.`,
      this.#back(row),
    )
  }

  close(row: Fields, note: { category: string | null; text: string | null }) {
    return report(
      this.desk.board.closeConversation({
        conversationId: row.id,
        ...((note.category || note.text) && { note }),
      }),
      `The conversation with ${isolate(row.contact.name)} is closed.`,
      () => this.reopen(row),
    )
  }

  reopen(row: Fields) {
    return report(
      this.desk.board.reopenConversation({ conversationId: row.id }),
      `The conversation with ${isolate(row.contact.name)} is open again.`,
    )
  }

  /** Starts a new conversation with a contact who has none open. */
  open(contact: { id: string; name: string }, channel: string) {
    return report(
      this.desk.board.openConversation({ contactId: contact.id, channel }),
      `A conversation with ${isolate(contact.name)} is open.`,
    )
  }

  block(contact: { id: string; name: string }) {
    return report(
      this.desk.board.block({ contactId: contact.id }),
      `${isolate(contact.name)} is blocked.`,
      () => this.unblock(contact),
    )
  }

  unblock(contact: { id: string; name: string }) {
    return report(
      this.desk.board.unblock({ contactId: contact.id }),
      `${isolate(contact.name)} is not blocked any more.`,
      () => this.block(contact),
    )
  }

  /** Returns how to give a conversation back; undefined if its assignee cannot be assigned any more. */
  #back(row: Fields): (() => void) | undefined {
    const before = row.assignee
    if (!before) return () => void this.unassign(row)
    return before.active ? () => void this.assign(row, before) : undefined
  }
}
