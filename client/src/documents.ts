// The operations of the library. `npm run generate` writes their types to generated.ts.

const agent = `fragment AgentRef on Agent { id revision name avatarUrl availability active }`
const contact = `fragment ContactRef on Contact { id revision name email phone avatarUrl blocked }`
const fields = `fragment Fields on Conversation { id revision version status channel openedAt closedAt closingNote { category text }
  lastActivityAt waitingSince unreadCount lastMessage { id kind preview createdAt }
  assignee { ...AgentRef } contact { ...ContactRef } } ${agent} ${contact}`

/** One page of a view, with the position of the log that it shows. */
export const inboxPage = `query InboxPage($view: InboxView!, $filter: InboxFilter, $orderBy: InboxOrder, $first: Int, $after: String, $counted: Boolean!) {
  inboxCounts(filter: $filter) @include(if: $counted) { mine unassigned all closed blocked asOf }
  inbox(view: $view, filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    asOf pageInfo { hasNextPage } nodes { ...Fields sortKey(orderBy: $orderBy) } } } ${fields}`

/** The changes of a view. */
export const inboxChanged = `subscription InboxChanged($view: InboxView!, $filter: InboxFilter, $orderBy: InboxOrder, $after: EventCursor) {
  inboxChanged(view: $view, filter: $filter, after: $after) { cursor kind conversationId filteredCount conversation { ...Fields sortKey(orderBy: $orderBy) } event { id idempotencyKey } } } ${fields}`

/** Changes of the people whom rows show; a contact's events say nothing in the lists of its earlier conversations. */
export const peopleChanged = `subscription PeopleChanged($after: EventCursor) {
  events(types: [CONTACT_UPDATED, CONTACT_BLOCKED, CONTACT_UNBLOCKED, AGENT_UPDATED, AGENT_DEACTIVATED, AGENT_REACTIVATED, AVAILABILITY_CHANGED], after: $after) {
    cursor contact { ...ContactRef } ... on AgentUpdated { agent { ...AgentRef } } ... on AgentDeactivated { agent { ...AgentRef } } ... on AgentReactivated { agent { ...AgentRef } } ... on AvailabilityChanged { agent { ...AgentRef } } } } ${agent} ${contact}`

/** The counts of all views, whenever they change. */
export const countsChanged = `subscription CountsChanged { inboxCountsChanged { mine mineUnread unassigned all closed blocked asOf } }`

/** How much the caller has not read, whenever that changes. */
export const unreadChanged = `subscription UnreadChanged { unreadChanged { conversationId unreadCount mineUnread } }`

const durations = `today { p50 p90 count } last7Days { p50 p90 count }`

/** The dashboard, whenever it changes. */
export const dashboardChanged = `subscription DashboardChanged { dashboardChanged {
  counts { open unassigned waiting } agents { agent { ...AgentRef } openConversations closedToday longestWaiting } oldestWaiting
  firstResponse { ${durations} } resolution { ${durations} } timeToAssignment { ${durations} } asOf } } ${agent}`

const load = `fragment AgentLoad on Agent { ...AgentRef email role skills openConversations } ${agent}`

/** One page of the active agents, with a position of the log before it was read. */
export const agentsPage = `query AgentsPage($after: String) {
  asOf agents(first: 100, after: $after, orderBy: { field: CREATED_AT, direction: ASC }) { pageInfo { hasNextPage endCursor } nodes { ...AgentLoad } } } ${load}`

/** Changes of agents and of their loads. */
export const agentsChanged = `subscription AgentsChanged($after: EventCursor) {
  agentsChanged(after: $after) { cursor agents { ...AgentLoad } } } ${load}`

/** Who is calling, and the end of the log. */
export const session = `query Session { asOf session { agent { ...AgentRef } role scope expiresAt workspace { id name closingCategories } } } ${agent}`

const mutation = (name: string, object = 'conversation { ...Fields }', fragments = fields) =>
  `mutation ${name}($input: ${name}Input!) {
  ${name[0]!.toLowerCase() + name.slice(1)}(input: $input) { asOf ${object} userErrors { code message field } } } ${fragments}`

export const assignConversation = mutation('AssignConversation')
export const assignToMe = mutation('AssignToMe')
export const unassignConversation = mutation('UnassignConversation')
export const closeConversation = mutation('CloseConversation')
export const openConversation = mutation('OpenConversation')
export const reopenConversation = mutation('ReopenConversation')
export const sendMessage = mutation('SendMessage')
export const addNote = mutation('AddNote')
export const markRead = mutation('MarkRead')
export const blockContact = mutation('BlockContact', 'contact { ...ContactRef }', contact)
export const unblockContact = mutation('UnblockContact', 'contact { ...ContactRef }', contact)

const who = `{ __typename ... on Agent { id name avatarUrl } ... on Contact { id name avatarUrl } ... on Workflow { id name } }`
const message = `fragment MessageEntry on Message { __typename id kind body truncated createdAt automated withheld channel author ${who} }`
const event = `fragment EventEntry on Event { __typename id occurredAt actor ${who}
  ... on AssignmentEvent { from { id name } to { id name } reason } ... on StatusEvent { source closingNote { category text } }
  ... on ContactUpdated { changes { field before after } } ... on BusinessEventRecorded { type payload } }`
const open = `fragment OpenFields on Conversation { ...Fields latest canClose cannotCloseReason canReopen cannotReopenReason canReply cannotReplyReason
  canAssign cannotAssignReason } ${fields}`

/** A conversation with the last of its messages and events before some. */
export const conversationPage = `query ConversationPage($id: ID!, $before: String) {
  asOf conversation(id: $id) { ...OpenFields entries(last: 50, before: $before) { pageInfo { hasPreviousPage startCursor } nodes { ...MessageEntry ...EventEntry } } } } ${open} ${message} ${event}`

/** Everything that happens to a contact, and so to each of its conversations. */
export const contactChanged = `subscription ContactChanged($contactId: ID!, $after: EventCursor) {
  events(contactId: $contactId, after: $after) { cursor ...EventEntry ... on MessageEvent { message { ...MessageEntry } }
    conversation { ...OpenFields } } } ${open} ${message} ${event}`
