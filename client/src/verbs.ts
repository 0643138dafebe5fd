import * as documents from './documents.js'
import type * as generated from './generated.js'
import type { Fields } from './list.js'
import type { Patch } from './overlay.js'
import type { Agent, Contact } from './people.js'

type Now = { readonly at: string; readonly viewer: string | undefined; readonly agent: (id: string) => Agent | undefined }

/** A mutation: its document, and how it will probably change the rows of its conversation or contact. */
interface Verb<Input> {
  readonly document: string
  readonly guess?: (input: Input, now: Now) => Patch
}

/** The inputs of the mutations by the names that the library gives them. */
export interface Inputs {
  assign: generated.AssignConversationInput
  assignToMe: generated.AssignToMeInput
  unassign: generated.UnassignConversationInput
  closeConversation: generated.CloseConversationInput
  reopenConversation: generated.ReopenConversationInput
  openConversation: generated.OpenConversationInput
  reply: generated.SendMessageInput
  note: generated.AddNoteInput
  markRead: generated.MarkReadInput
  block: generated.BlockContactInput
  unblock: generated.UnblockContactInput
}

export type VerbName = keyof Inputs

const assigned = (assignee: Agent | null | undefined): Patch => (assignee === undefined ? {} : { assignee })

/** The mutations of the library. */
export const verbs: { readonly [Name in VerbName]: Verb<Inputs[Name]> } = {
  assign: { document: documents.assignConversation, guess: ({ assigneeId }, { agent }) => assigned(agent(assigneeId)) },
  assignToMe: { document: documents.assignToMe, guess: (_, { agent, viewer }) => assigned(agent(viewer ?? '')) },
  unassign: { document: documents.unassignConversation, guess: () => assigned(null) },
  closeConversation: { document: documents.closeConversation, guess: (_, { at }) => ({ status: 'CLOSED', closedAt: at, waitingSince: null }) },
  reopenConversation: { document: documents.reopenConversation, guess: () => ({ status: 'OPEN', closedAt: null, closingNote: null }) },
  openConversation: { document: documents.openConversation },
  reply: { document: documents.sendMessage, guess: () => ({ waitingSince: null, unreadCount: 0 }) },
  note: { document: documents.addNote },
  markRead: { document: documents.markRead, guess: () => ({ unreadCount: 0 }) },
  block: { document: documents.blockContact, guess: () => ({ blocked: true }) },
  unblock: { document: documents.unblockContact, guess: () => ({ blocked: false }) },
}

/** What a mutation returns. A rule that refused it is in `userErrors`, with the object as it now is. */
export interface Payload {
  readonly asOf: string
  readonly conversation?: Fields | null
  readonly contact?: Contact | null
  readonly userErrors: readonly { readonly code: generated.UserErrorCode; readonly message: string; readonly field: readonly string[] | null }[]
}
