import type { Fields, Operation } from '@switchboard/client'
import type { Desk } from './desk'
import { begin, complain, notify } from './notices'
import { chosen } from './screen'

const outcomes = `outcomes { conversationId userErrors { message } } userErrors { message }`
const assign = `mutation AssignMany($input: AssignConversationsInput!) { done: assignConversations(input: $input) { ${outcomes} } }`
const unassign = `mutation UnassignMany($input: UnassignConversationsInput!) { done: unassignConversations(input: $input) { ${outcomes} } }`
const close = `mutation CloseMany($input: CloseConversationsInput!) { done: closeConversations(input: $input) { ${outcomes} } }`

interface Answer {
  readonly done: {
    readonly outcomes: readonly {
      conversationId: string
      userErrors: readonly { message: string }[]
    }[]
    readonly userErrors: readonly { message: string }[]
  }
}

/** Assigns several conversations; null unassigns them. */
export function assignMany(desk: Desk, rows: readonly Fields[], assigneeId: string | null) {
  return assigneeId
    ? send(desk, rows, assign, { assigneeId }, 'assigned')
    : send(desk, rows, unassign, {}, 'unassigned')
}

export function closeMany(
  desk: Desk,
  rows: readonly Fields[],
  note: { category: string | null; text: string | null },
) {
  return send(desk, rows, close, note.category || note.text ? { note } : {}, 'closed')
}

/** Sends one mutation for all. Those that were refused stay chosen. */
async function send(
  desk: Desk,
  rows: readonly Fields[],
  document: string,
  input: object,
  done: string,
) {
  begin() // there is no way back from it, and none from what was before it any more
  const items = rows.map((row) => desk.seen(row))
  const operation: Operation = {
    document,
    variables: { input: { ...input, items, idempotencyKey: crypto.randomUUID() } },
  }
  try {
    const { done: answer }: Answer = await desk.board.wire.request(operation)
    if (answer.userErrors[0]) return complain(answer.userErrors[0].message)
    const refused = answer.outcomes.filter(({ userErrors }) => userErrors.length > 0)
    const count = answer.outcomes.length - refused.length
    chosen.value = new Set(refused.map(({ conversationId }) => conversationId))
    if (count > 0)
      notify(`${count} ${count === 1 ? 'conversation is' : 'conversations are'} ${done}.`)
    if (refused.length > 0)
      complain(`${refused.length} not ${done}: ${refused[0]!.userErrors[0]!.message}`)
  } catch (error) {
    complain((error as Error).message)
  }
}
