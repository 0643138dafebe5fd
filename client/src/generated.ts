// Written by `npm run generate` from schema.graphqls and documents.ts.

/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
/** What a caller may do. */
export type SessionRole =
  /** An agent, who answers customers. */
  | 'AGENT'
  /** An agent who also manages agents, workflows and the workspace. */
  | 'MANAGER'
  /** A program that brings in messages and business events. */
  | 'INTEGRATION'
  /** A program that reads and changes nothing. */
  | 'READER'
  /** A program that reads counts and the dashboard, without personal data. */
  | 'DASHBOARD';

/** What a token may be used for. */
export type TokenScope =
  /** The token acts as one agent. */
  | 'AGENT'
  /** The token acts as a program that brings in messages and business events. */
  | 'INTEGRATION'
  /** The token may be used for queries and subscriptions only. */
  | 'READ'
  /** The token may be used for counts and the dashboard only, without the agents of the dashboard. */
  | 'DASHBOARD';

/** A named list of conversations. */
export type InboxView =
  /** Open conversations that are assigned to the caller. */
  | 'MINE'
  /** Open conversations without an assignee. */
  | 'UNASSIGNED'
  /** Every open conversation. */
  | 'ALL'
  /** Closed conversations. */
  | 'CLOSED'
  /** The latest conversation of each blocked contact, open or closed; it is in no other view. */
  | 'BLOCKED';

/** Conditions on top of a view; all that are given must hold. */
export type InboxFilter = {
  /** Assigned to one of these agents; a null in the list stands for nobody. */
  assignees?: Array<string | null | undefined> | null | undefined;
  /** On one of these channels, or the contact's last message came by one of them; case makes no difference. */
  channels?: Array<string> | null | undefined;
  /** Closed with one of these categories. */
  closingCategories?: Array<string> | null | undefined;
  /** Whether the contact is waiting for an answer. */
  waiting?: boolean | null | undefined;
  /** Whether the caller, who has to be an agent, has unread messages in it; for lists only, `inboxChanged` refuses it. */
  unread?: boolean | null | undefined;
  /** Opened at this time or later. */
  openedAfter?: string | null | undefined;
  /** Opened earlier than this time. */
  openedBefore?: string | null | undefined;
  /** Closed at this time or later. */
  closedAfter?: string | null | undefined;
  /** Closed earlier than this time. */
  closedBefore?: string | null | undefined;
};

/** The order of a list of conversations. */
export type InboxOrder = {
  /** What the list is ordered by. */
  field?: InboxOrderField;
  /** Which end of the order comes first. */
  direction?: OrderDirection;
};

/** What conversations can be ordered by. */
export type InboxOrderField =
  /** When something last happened in the conversation. */
  | 'LAST_ACTIVITY'
  /** Since when the contact has been waiting; those who are not waiting come last in both directions, by their opening. */
  | 'WAITING_SINCE'
  /** When the conversation was opened. */
  | 'OPENED_AT';

/** Which end of an order comes first. */
export type OrderDirection =
  /** The earliest, or the first of the alphabet. */
  | 'ASC'
  /** The latest, or the last of the alphabet. */
  | 'DESC';

/** Whether a conversation is open or closed. */
export type ConversationStatus =
  /** The conversation is open. */
  | 'OPEN'
  /** The conversation is closed. */
  | 'CLOSED';

/** The direction of a message. */
export type MessageKind =
  /** A message from the contact. */
  | 'INBOUND'
  /** An agent's reply to the contact. */
  | 'OUTBOUND'
  /** An internal note, never sent out. */
  | 'NOTE';

/** The role of an agent. */
export type Role =
  /** An agent who answers customers. */
  | 'AGENT'
  /** An agent who also manages agents, workflows and the workspace. */
  | 'MANAGER';

/** The availability of an agent. */
export type Availability =
  /** The agent is online. */
  | 'ONLINE'
  /** The agent is away and will be back soon. */
  | 'AWAY'
  /** The agent is offline. */
  | 'OFFLINE';

/** The rules that refuse a mutation. */
export type UserErrorCode =
  /** The conversation has an assignee already, which the payload shows. */
  | 'ALREADY_ASSIGNED'
  /** The contact is blocked. */
  | 'CONTACT_BLOCKED'
  /** A conversation with the contact is open already. */
  | 'ALREADY_OPEN'
  /** The conversation is closed already. */
  | 'ALREADY_CLOSED'
  /** The conversation is not open. */
  | 'NOT_OPEN'
  /** A newer conversation with the contact exists; only the latest can be assigned or reopened. */
  | 'NOT_LATEST'
  /** Another agent has replied after the message that the caller saw last. */
  | 'STALE_REPLY'
  /** The conversation or contact has another version than the caller expected. */
  | 'CONFLICT'
  /** An item of a bulk names a conversation that does not exist; elsewhere an unknown id is a top-level error NOT_FOUND. */
  | 'NOT_FOUND'
  /** The agent is deactivated. */
  | 'AGENT_INACTIVE'
  /** The closing category is not one of the workspace's. */
  | 'UNKNOWN_CATEGORY'
  /** The contact is blocked already. */
  | 'ALREADY_BLOCKED'
  /** The contact is not blocked. */
  | 'NOT_BLOCKED'
  /** Another agent of the workspace has this e-mail address. */
  | 'EMAIL_TAKEN'
  /** Another contact has this id on this channel, or another agent this sign-in. */
  | 'IDENTITY_TAKEN'
  /** The workspace would be left without an active manager. */
  | 'LAST_MANAGER'
  /** The idempotency key was used for another mutation or another input. */
  | 'IDEMPOTENCY_KEY_REUSED'
  /** The workflow cannot be carried out as it is defined; the field says where. */
  | 'INVALID_WORKFLOW'
  /** The same sender delivered something else under this external id before. */
  | 'EXTERNAL_ID_REUSED'
  /** A field could not be used as it is and was left out or kept in another form; nothing else was refused. */
  | 'INVALID_FIELD'
  /** The contact is not known on this channel. */
  | 'UNKNOWN_CHANNEL'
  /** The run of the workflow has ended. */
  | 'RUN_ENDED'
  /** The workspace has as many of these as it may have. */
  | 'LIMIT_REACHED';

/** The conversation and its new assignee. */
export type AssignConversationInput = {
  /** A conv_ id. */
  conversationId: string;
  /** The agent_ id of the agent who becomes responsible. */
  assigneeId: string;
  /** Refuse with CONFLICT unless the version is still this one. */
  expectedVersion?: number | null | undefined;
  /** Makes a repetition of this call return the first outcome instead of acting again; 1 to 100 characters, kept for 24 hours. */
  idempotencyKey?: string | null | undefined;
};

/** The conversation to take. */
export type AssignToMeInput = {
  /** A conv_ id. */
  conversationId: string;
  /** Refuse with CONFLICT unless the version is still this one. */
  expectedVersion?: number | null | undefined;
  /** Makes a repetition of this call return the first outcome instead of acting again; 1 to 100 characters, kept for 24 hours. */
  idempotencyKey?: string | null | undefined;
};

/** The conversation to unassign. */
export type UnassignConversationInput = {
  /** A conv_ id. */
  conversationId: string;
  /** Refuse with CONFLICT unless the version is still this one. */
  expectedVersion?: number | null | undefined;
  /** Makes a repetition of this call return the first outcome instead of acting again; 1 to 100 characters, kept for 24 hours. */
  idempotencyKey?: string | null | undefined;
};

/** The conversation to close. */
export type CloseConversationInput = {
  /** A conv_ id. */
  conversationId: string;
  /** The closing note. */
  note?: ClosingNoteInput | null | undefined;
  /** Refuse with CONFLICT unless the version is still this one. */
  expectedVersion?: number | null | undefined;
  /** Makes a repetition of this call return the first outcome instead of acting again; 1 to 100 characters, kept for 24 hours. */
  idempotencyKey?: string | null | undefined;
};

/** The contact and the channel of a new conversation. */
export type OpenConversationInput = {
  /** A contact_ id. */
  contactId: string;
  /** The channel it takes place on, 1 to 50 characters. */
  channel: string;
  /** Refuse with CONFLICT unless the version is still this one. */
  expectedVersion?: number | null | undefined;
  /** Makes a repetition of this call return the first outcome instead of acting again; 1 to 100 characters, kept for 24 hours. */
  idempotencyKey?: string | null | undefined;
};

/** The conversation to reopen. */
export type ReopenConversationInput = {
  /** A conv_ id. */
  conversationId: string;
  /** Refuse with CONFLICT unless the version is still this one. */
  expectedVersion?: number | null | undefined;
  /** Makes a repetition of this call return the first outcome instead of acting again; 1 to 100 characters, kept for 24 hours. */
  idempotencyKey?: string | null | undefined;
};

/** The contact to block. */
export type BlockContactInput = {
  /** A contact_ id. */
  contactId: string;
  /** Refuse with CONFLICT unless the version is still this one. */
  expectedVersion?: number | null | undefined;
  /** Makes a repetition of this call return the first outcome instead of acting again; 1 to 100 characters, kept for 24 hours. */
  idempotencyKey?: string | null | undefined;
};

/** The contact to unblock. */
export type UnblockContactInput = {
  /** A contact_ id. */
  contactId: string;
  /** Refuse with CONFLICT unless the version is still this one. */
  expectedVersion?: number | null | undefined;
  /** Makes a repetition of this call return the first outcome instead of acting again; 1 to 100 characters, kept for 24 hours. */
  idempotencyKey?: string | null | undefined;
};

/** A reply to a contact. */
export type SendMessageInput = {
  /** A conv_ id. */
  conversationId: string;
  /** The text, 1 to 16,000 characters. */
  body: string;
  /** The channel on which it goes out, one of the contact's; left out it is that of the contact's last message in the conversation, or the conversation's. */
  channel?: string | null | undefined;
  /** The msg_ id of the last message that the sender saw: refuse with STALE_REPLY if somebody else has replied after it. */
  onlyIfLastMessageId?: string | null | undefined;
  /** Makes a repetition of this call return the first outcome instead of acting again; 1 to 100 characters, kept for 24 hours. */
  idempotencyKey?: string | null | undefined;
};

/** An internal note. */
export type AddNoteInput = {
  /** A conv_ id. */
  conversationId: string;
  /** The text, 1 to 16,000 characters. */
  body: string;
  /** Makes a repetition of this call return the first outcome instead of acting again; 1 to 100 characters, kept for 24 hours. */
  idempotencyKey?: string | null | undefined;
};

/** The conversation that was read. */
export type MarkReadInput = {
  /** A conv_ id. */
  conversationId: string;
  /** Makes a repetition of this call return the first outcome instead of acting again; 1 to 100 characters, kept for 24 hours. */
  idempotencyKey?: string | null | undefined;
};

/** A closing note. */
export type ClosingNoteInput = {
  /** One of the workspace's closing categories. */
  category?: string | null | undefined;
  /** Free text, up to 16,000 characters. */
  text?: string | null | undefined;
};

/** Why an assignment changed. */
export type AssignmentReason =
  /** An agent or integration assigned or unassigned it. */
  | 'MANUAL'
  /** The agent took it. */
  | 'SELF'
  /** The agent replied to an unassigned conversation. */
  | 'REPLY'
  /** A workflow did it. */
  | 'WORKFLOW'
  /** The owner policy applied, or the assignee was deactivated, when it was opened or reopened. */
  | 'OWNER_POLICY'
  /** The agent was deactivated. */
  | 'AGENT_DEACTIVATED';

/** What opened or reopened a conversation. */
export type ConversationSource =
  /** An agent. */
  | 'AGENT'
  /** A program with a token of its own. */
  | 'INTEGRATION'
  /** A message from the contact. */
  | 'MESSAGE'
  /** A business event that requires action. */
  | 'BUSINESS_EVENT';

/** What an event did to a conversation's membership in a view. */
export type InboxChangeKind =
  /** It was not in the view and is now. */
  | 'ENTERED'
  /** It was in the view and still is. */
  | 'UPDATED'
  /** It was in the view and is no longer. */
  | 'LEFT';

export type AddNoteMutationVariables = Exact<{
  input: AddNoteInput;
}>;


export type AddNoteMutation = { addNote: { asOf: string, conversation: FieldsFragment | null, userErrors: Array<{ code: UserErrorCode, message: string, field: Array<string> | null }> } | null };

export type FieldsFragment = { id: string, revision: number, version: number, status: ConversationStatus, channel: string, openedAt: string, closedAt: string | null, lastActivityAt: string, waitingSince: string | null, unreadCount: number, closingNote: { category: string | null, text: string | null } | null, lastMessage: { id: string, kind: MessageKind, preview: string, createdAt: string } | null, assignee: AgentRefFragment | null, contact: ContactRefFragment };

export type AgentRefFragment = { id: string, revision: number, name: string, avatarUrl: string | null, availability: Availability, active: boolean };

export type ContactRefFragment = { id: string, revision: number, name: string, email: string | null, phone: string | null, avatarUrl: string | null, blocked: boolean };

export type AgentsChangedSubscriptionVariables = Exact<{
  after?: string | null | undefined;
}>;


export type AgentsChangedSubscription = { agentsChanged: { cursor: string, agents: Array<AgentLoadFragment> } };

export type AgentLoadFragment = (
  { email: string | null, role: Role, skills: Array<string>, openConversations: number }
  & AgentRefFragment
);

export type AgentsPageQueryVariables = Exact<{
  after?: string | null | undefined;
}>;


export type AgentsPageQuery = { asOf: string, agents: { pageInfo: { hasNextPage: boolean, endCursor: string | null }, nodes: Array<AgentLoadFragment> } };

export type AssignConversationMutationVariables = Exact<{
  input: AssignConversationInput;
}>;


export type AssignConversationMutation = { assignConversation: { asOf: string, conversation: FieldsFragment | null, userErrors: Array<{ code: UserErrorCode, message: string, field: Array<string> | null }> } | null };

export type AssignToMeMutationVariables = Exact<{
  input: AssignToMeInput;
}>;


export type AssignToMeMutation = { assignToMe: { asOf: string, conversation: FieldsFragment | null, userErrors: Array<{ code: UserErrorCode, message: string, field: Array<string> | null }> } | null };

export type BlockContactMutationVariables = Exact<{
  input: BlockContactInput;
}>;


export type BlockContactMutation = { blockContact: { asOf: string, contact: ContactRefFragment | null, userErrors: Array<{ code: UserErrorCode, message: string, field: Array<string> | null }> } | null };

export type CloseConversationMutationVariables = Exact<{
  input: CloseConversationInput;
}>;


export type CloseConversationMutation = { closeConversation: { asOf: string, conversation: FieldsFragment | null, userErrors: Array<{ code: UserErrorCode, message: string, field: Array<string> | null }> } | null };

export type ContactChangedSubscriptionVariables = Exact<{
  contactId: string;
  after?: string | null | undefined;
}>;


export type ContactChangedSubscription = { events:
    | (
      { cursor: string, message: MessageEntryFragment | null, conversation: OpenFieldsFragment | null }
      & EventEntry_MessageReceived_Fragment
    )
    | (
      { cursor: string, message: MessageEntryFragment | null, conversation: OpenFieldsFragment | null }
      & EventEntry_MessageSent_Fragment
    )
    | (
      { cursor: string, message: MessageEntryFragment | null, conversation: OpenFieldsFragment | null }
      & EventEntry_NoteAdded_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_ConversationAssigned_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_ConversationUnassigned_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_ConversationOpened_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_ConversationReopened_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_ConversationClosed_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_ConversationImported_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_ContactCreated_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_ContactUpdated_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_ContactBlocked_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_ContactUnblocked_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_AgentCreated_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_AgentUpdated_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_AgentDeactivated_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_AgentReactivated_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_IdentityLinked_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_TokenCreated_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_TokenRevoked_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_AvailabilityChanged_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_WorkspaceUpdated_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_BusinessEventRecorded_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_WorkflowCreated_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_WorkflowUpdated_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_WorkflowEnabled_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_WorkflowDisabled_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_WorkflowDeleted_Fragment
    )
    | (
      { cursor: string, conversation: OpenFieldsFragment | null }
      & EventEntry_WorkflowRan_Fragment
    )
   };

export type OpenFieldsFragment = (
  { latest: boolean, canClose: boolean, cannotCloseReason: UserErrorCode | null, canReopen: boolean, cannotReopenReason: UserErrorCode | null, canReply: boolean, cannotReplyReason: UserErrorCode | null, canAssign: boolean, cannotAssignReason: UserErrorCode | null }
  & FieldsFragment
);

export type MessageEntryFragment = { __typename: 'Message', id: string, kind: MessageKind, body: string, truncated: boolean, createdAt: string, automated: boolean, withheld: boolean, channel: string, author:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_MessageReceived_Fragment = { __typename: 'MessageReceived', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_MessageSent_Fragment = { __typename: 'MessageSent', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_NoteAdded_Fragment = { __typename: 'NoteAdded', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_ConversationAssigned_Fragment = { __typename: 'ConversationAssigned', reason: AssignmentReason, id: string, occurredAt: string, from: { id: string, name: string } | null, to: { id: string, name: string } | null, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_ConversationUnassigned_Fragment = { __typename: 'ConversationUnassigned', reason: AssignmentReason, id: string, occurredAt: string, from: { id: string, name: string } | null, to: { id: string, name: string } | null, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_ConversationOpened_Fragment = { __typename: 'ConversationOpened', source: ConversationSource | null, id: string, occurredAt: string, closingNote: { category: string | null, text: string | null } | null, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_ConversationReopened_Fragment = { __typename: 'ConversationReopened', source: ConversationSource | null, id: string, occurredAt: string, closingNote: { category: string | null, text: string | null } | null, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_ConversationClosed_Fragment = { __typename: 'ConversationClosed', source: ConversationSource | null, id: string, occurredAt: string, closingNote: { category: string | null, text: string | null } | null, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_ConversationImported_Fragment = { __typename: 'ConversationImported', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_ContactCreated_Fragment = { __typename: 'ContactCreated', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_ContactUpdated_Fragment = { __typename: 'ContactUpdated', id: string, occurredAt: string, changes: Array<{ field: string, before: string | null, after: string | null }>, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_ContactBlocked_Fragment = { __typename: 'ContactBlocked', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_ContactUnblocked_Fragment = { __typename: 'ContactUnblocked', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_AgentCreated_Fragment = { __typename: 'AgentCreated', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_AgentUpdated_Fragment = { __typename: 'AgentUpdated', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_AgentDeactivated_Fragment = { __typename: 'AgentDeactivated', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_AgentReactivated_Fragment = { __typename: 'AgentReactivated', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_IdentityLinked_Fragment = { __typename: 'IdentityLinked', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_TokenCreated_Fragment = { __typename: 'TokenCreated', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_TokenRevoked_Fragment = { __typename: 'TokenRevoked', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_AvailabilityChanged_Fragment = { __typename: 'AvailabilityChanged', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_WorkspaceUpdated_Fragment = { __typename: 'WorkspaceUpdated', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_BusinessEventRecorded_Fragment = { __typename: 'BusinessEventRecorded', type: string, payload: unknown, id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_WorkflowCreated_Fragment = { __typename: 'WorkflowCreated', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_WorkflowUpdated_Fragment = { __typename: 'WorkflowUpdated', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_WorkflowEnabled_Fragment = { __typename: 'WorkflowEnabled', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_WorkflowDisabled_Fragment = { __typename: 'WorkflowDisabled', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_WorkflowDeleted_Fragment = { __typename: 'WorkflowDeleted', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

type EventEntry_WorkflowRan_Fragment = { __typename: 'WorkflowRan', id: string, occurredAt: string, actor:
    | { __typename: 'Agent', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Contact', id: string, name: string, avatarUrl: string | null }
    | { __typename: 'Integration' }
    | { __typename: 'Workflow', id: string, name: string }
   | null };

export type EventEntryFragment =
  | EventEntry_MessageReceived_Fragment
  | EventEntry_MessageSent_Fragment
  | EventEntry_NoteAdded_Fragment
  | EventEntry_ConversationAssigned_Fragment
  | EventEntry_ConversationUnassigned_Fragment
  | EventEntry_ConversationOpened_Fragment
  | EventEntry_ConversationReopened_Fragment
  | EventEntry_ConversationClosed_Fragment
  | EventEntry_ConversationImported_Fragment
  | EventEntry_ContactCreated_Fragment
  | EventEntry_ContactUpdated_Fragment
  | EventEntry_ContactBlocked_Fragment
  | EventEntry_ContactUnblocked_Fragment
  | EventEntry_AgentCreated_Fragment
  | EventEntry_AgentUpdated_Fragment
  | EventEntry_AgentDeactivated_Fragment
  | EventEntry_AgentReactivated_Fragment
  | EventEntry_IdentityLinked_Fragment
  | EventEntry_TokenCreated_Fragment
  | EventEntry_TokenRevoked_Fragment
  | EventEntry_AvailabilityChanged_Fragment
  | EventEntry_WorkspaceUpdated_Fragment
  | EventEntry_BusinessEventRecorded_Fragment
  | EventEntry_WorkflowCreated_Fragment
  | EventEntry_WorkflowUpdated_Fragment
  | EventEntry_WorkflowEnabled_Fragment
  | EventEntry_WorkflowDisabled_Fragment
  | EventEntry_WorkflowDeleted_Fragment
  | EventEntry_WorkflowRan_Fragment
;

export type ConversationPageQueryVariables = Exact<{
  id: string;
  before?: string | null | undefined;
}>;


export type ConversationPageQuery = { asOf: string, conversation: (
    { entries: { pageInfo: { hasPreviousPage: boolean, startCursor: string | null }, nodes: Array<
        | MessageEntryFragment
        | EventEntry_ConversationAssigned_Fragment
        | EventEntry_ConversationUnassigned_Fragment
        | EventEntry_ConversationOpened_Fragment
        | EventEntry_ConversationReopened_Fragment
        | EventEntry_ConversationClosed_Fragment
        | EventEntry_ConversationImported_Fragment
        | EventEntry_ContactCreated_Fragment
        | EventEntry_ContactUpdated_Fragment
        | EventEntry_ContactBlocked_Fragment
        | EventEntry_ContactUnblocked_Fragment
        | EventEntry_AgentCreated_Fragment
        | EventEntry_AgentUpdated_Fragment
        | EventEntry_AgentDeactivated_Fragment
        | EventEntry_AgentReactivated_Fragment
        | EventEntry_AvailabilityChanged_Fragment
        | EventEntry_WorkspaceUpdated_Fragment
        | EventEntry_BusinessEventRecorded_Fragment
        | EventEntry_WorkflowCreated_Fragment
        | EventEntry_WorkflowUpdated_Fragment
        | EventEntry_WorkflowEnabled_Fragment
        | EventEntry_WorkflowDisabled_Fragment
        | EventEntry_WorkflowDeleted_Fragment
        | EventEntry_WorkflowRan_Fragment
      > } }
    & OpenFieldsFragment
  ) | null };

export type CountsChangedSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type CountsChangedSubscription = { inboxCountsChanged: { mine: number, mineUnread: number, unassigned: number, all: number, closed: number, blocked: number, asOf: string } };

export type DashboardChangedSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type DashboardChangedSubscription = { dashboardChanged: { oldestWaiting: string | null, asOf: string, counts: { open: number, unassigned: number, waiting: number }, agents: Array<{ openConversations: number, closedToday: number, longestWaiting: string | null, agent: AgentRefFragment }>, firstResponse: { today: { p50: number | null, p90: number | null, count: number }, last7Days: { p50: number | null, p90: number | null, count: number } }, resolution: { today: { p50: number | null, p90: number | null, count: number }, last7Days: { p50: number | null, p90: number | null, count: number } }, timeToAssignment: { today: { p50: number | null, p90: number | null, count: number }, last7Days: { p50: number | null, p90: number | null, count: number } } } };

export type InboxChangedSubscriptionVariables = Exact<{
  view: InboxView;
  filter?: InboxFilter | null | undefined;
  orderBy?: InboxOrder | null | undefined;
  after?: string | null | undefined;
}>;


export type InboxChangedSubscription = { inboxChanged: { cursor: string, kind: InboxChangeKind, conversationId: string, filteredCount: number | null, conversation: (
      { sortKey: string }
      & FieldsFragment
    ) | null, event:
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
      | { id: string, idempotencyKey: string | null }
     } };

export type InboxPageQueryVariables = Exact<{
  view: InboxView;
  filter?: InboxFilter | null | undefined;
  orderBy?: InboxOrder | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
  counted: boolean;
}>;


export type InboxPageQuery = { inboxCounts?: { mine: number, unassigned: number, all: number, closed: number, blocked: number, asOf: string }, inbox: { asOf: string, pageInfo: { hasNextPage: boolean }, nodes: Array<(
      { sortKey: string }
      & FieldsFragment
    )> } };

export type MarkReadMutationVariables = Exact<{
  input: MarkReadInput;
}>;


export type MarkReadMutation = { markRead: { asOf: string, conversation: FieldsFragment | null, userErrors: Array<{ code: UserErrorCode, message: string, field: Array<string> | null }> } | null };

export type OpenConversationMutationVariables = Exact<{
  input: OpenConversationInput;
}>;


export type OpenConversationMutation = { openConversation: { asOf: string, conversation: FieldsFragment | null, userErrors: Array<{ code: UserErrorCode, message: string, field: Array<string> | null }> } | null };

export type PeopleChangedSubscriptionVariables = Exact<{
  after?: string | null | undefined;
}>;


export type PeopleChangedSubscription = { events:
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, agent: AgentRefFragment | null, contact: ContactRefFragment | null }
    | { cursor: string, agent: AgentRefFragment | null, contact: ContactRefFragment | null }
    | { cursor: string, agent: AgentRefFragment | null, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, agent: AgentRefFragment | null, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
    | { cursor: string, contact: ContactRefFragment | null }
   };

export type ReopenConversationMutationVariables = Exact<{
  input: ReopenConversationInput;
}>;


export type ReopenConversationMutation = { reopenConversation: { asOf: string, conversation: FieldsFragment | null, userErrors: Array<{ code: UserErrorCode, message: string, field: Array<string> | null }> } | null };

export type SendMessageMutationVariables = Exact<{
  input: SendMessageInput;
}>;


export type SendMessageMutation = { sendMessage: { asOf: string, conversation: FieldsFragment | null, userErrors: Array<{ code: UserErrorCode, message: string, field: Array<string> | null }> } | null };

export type SessionQueryVariables = Exact<{ [key: string]: never; }>;


export type SessionQuery = { asOf: string, session: { role: SessionRole, scope: TokenScope, expiresAt: string | null, agent: AgentRefFragment | null, workspace: { id: string, name: string, closingCategories: Array<string> } } };

export type UnassignConversationMutationVariables = Exact<{
  input: UnassignConversationInput;
}>;


export type UnassignConversationMutation = { unassignConversation: { asOf: string, conversation: FieldsFragment | null, userErrors: Array<{ code: UserErrorCode, message: string, field: Array<string> | null }> } | null };

export type UnblockContactMutationVariables = Exact<{
  input: UnblockContactInput;
}>;


export type UnblockContactMutation = { unblockContact: { asOf: string, contact: ContactRefFragment | null, userErrors: Array<{ code: UserErrorCode, message: string, field: Array<string> | null }> } | null };

export type UnreadChangedSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type UnreadChangedSubscription = { unreadChanged: { conversationId: string, unreadCount: number, mineUnread: number } };
