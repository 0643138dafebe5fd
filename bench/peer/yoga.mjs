// GraphQL Yoga over the tables of the server, written as its documentation and those of pg and
// dataloader advise: keyset pages, one loader per relation and request, named prepared statements.
import DataLoader from 'dataloader'
import { createSchema, createYoga } from 'graphql-yoga'
import pg from 'pg'
import { options, poolSize, serve } from './serve.mjs'
import { assign } from './assign.mjs'

// Times keep their microseconds as text, which Date would cut off.
pg.types.setTypeParser(1184, text => text.replace(' ', 'T').replace('+00', 'Z'))

const pool = new pg.Pool({ connectionString: options.url, max: poolSize })
const query = async (name, text, values) => (await pool.query({ name, text, values })).rows

const conversation = 'id, contact_id, assignee_id, last_message_id, status, channel, version, opened_at, last_activity_at, waiting_since'

/** The conditions of the views; $2 is the number of rows, $3 and $4 are the cursor, $5 is the agent. */
const views = {
  ALL: "status = 'OPEN' AND NOT blocked",
  UNASSIGNED: "status = 'OPEN' AND NOT blocked AND assignee_id IS NULL",
  MINE: "status = 'OPEN' AND NOT blocked AND assignee_id = $",
  CLOSED: "status = 'CLOSED' AND NOT blocked",
}

async function inbox(_root, { workspace, view, agent, first, after }) {
  const values = [workspace, first + 1]
  let where = `workspace_id = $1 AND ${views[view]}`
  if (view === 'MINE') where += values.push(agent)
  if (after) where += ` AND (last_activity_at, id) < ($${values.push(after.slice(37))}::timestamptz, $${values.push(after.slice(0, 36))}::uuid)`
  const rows = await query(`inbox ${view} ${!!after}`, `SELECT ${conversation} FROM conversations WHERE ${where}
    ORDER BY last_activity_at DESC, id DESC LIMIT $2`, values)
  const nodes = rows.slice(0, first)
  const last = nodes.at(-1)
  return { nodes, pageInfo: { hasNextPage: rows.length > first, endCursor: last && `${last.id} ${last.last_activity_at}` } }
}

/** A loader of rows by their ids, made for each request. */
const loader = (name, table, columns) => workspace => new DataLoader(async ids => {
  const rows = await query(name, `SELECT ${columns} FROM ${table} WHERE workspace_id = $1 AND id = ANY ($2)`, [workspace, ids])
  const byID = new Map(rows.map(row => [row.id, row]))
  return ids.map(id => byID.get(id) ?? null)
})

const loaders = {
  contacts: loader('contacts', 'contacts', 'id, name, email, phone, avatar_url'),
  agents: loader('agents', 'agents', 'id, name, availability'),
  messages: loader('messages', 'messages', 'id, kind, body, created_at'),
}

/** The loader of this request, made when it is first needed. */
const load = (ctx, name, id) => id && (ctx[name] ??= loaders[name](ctx.params.variables.workspace)).load(id)

async function contacts(_root, { workspace, search, first }) {
  const pattern = `%${search.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`
  return { nodes: await query('search', `SELECT id, name, email, phone, avatar_url FROM contacts
    WHERE workspace_id = $1 AND search_text LIKE $2 ORDER BY coalesce(name_text, name COLLATE "C"), id LIMIT $3`, [workspace, pattern, first]) }
}

const counts = (_root, { workspace, agent }) => query('counts', `SELECT
    count(*) FILTER (WHERE status = 'OPEN' AND NOT blocked)::int AS "all",
    count(*) FILTER (WHERE status = 'OPEN' AND NOT blocked AND assignee_id IS NULL)::int AS unassigned,
    count(*) FILTER (WHERE status = 'OPEN' AND NOT blocked AND assignee_id = $2)::int AS mine,
    count(*) FILTER (WHERE status = 'CLOSED' AND NOT blocked)::int AS closed,
    count(*) FILTER (WHERE blocked)::int AS blocked
  FROM conversations WHERE workspace_id = $1`, [workspace, agent]).then(rows => rows[0])

const schema = createSchema({
  typeDefs: /* GraphQL */ `
    type Query {
      inbox(workspace: Int!, view: View!, agent: ID, first: Int!, after: String): Page!
      conversation(workspace: Int!, id: ID!): Conversation
      contacts(workspace: Int!, search: String!, first: Int!): Contacts!
      inboxCounts(workspace: Int!, agent: ID): Counts!
    }
    type Mutation {
      assign(workspace: Int!, conversation: ID!, agent: ID!, expectedVersion: Int!, key: String!): Assigned!
      assignBare(workspace: Int!, conversation: ID!, agent: ID!): Assigned!
    }
    enum View { ALL UNASSIGNED MINE CLOSED }
    type Page { nodes: [Conversation!]! pageInfo: PageInfo! }
    type PageInfo { hasNextPage: Boolean! endCursor: String }
    type Conversation {
      id: ID! status: String! channel: String! version: Int! openedAt: String! lastActivityAt: String! waitingSince: String
      contact: Contact! assignee: Agent lastMessage: Message timeline(first: Int!): Timeline!
    }
    type Contacts { nodes: [Contact!]! }
    type Contact { id: ID! name: String! email: String phone: String avatarUrl: String }
    type Agent { id: ID! name: String! availability: String! }
    type Message { id: ID! kind: String! body: String! createdAt: String! }
    type Timeline { nodes: [Event!]! }
    type Event { id: ID! type: String! occurredAt: String! }
    type Counts { all: Int! unassigned: Int! mine: Int! closed: Int! blocked: Int! }
    type Assigned { conversation: Conversation refusal: String }
  `,
  resolvers: {
    Query: {
      inbox,
      contacts,
      inboxCounts: counts,
      conversation: async (_root, { workspace, id }) => (await query('conversation',
        `SELECT ${conversation} FROM conversations WHERE workspace_id = $1 AND id = $2`, [workspace, id]))[0],
    },
    Mutation: {
      assign: (_root, args) => assign(pool, args),
      assignBare: async (_root, { workspace, conversation: id, agent }) => ({ conversation: (await query('assign bare',
        `UPDATE conversations SET assignee_id = $3 WHERE workspace_id = $1 AND id = $2 RETURNING ${conversation}`, [workspace, id, agent]))[0] }),
    },
    Conversation: {
      openedAt: c => c.opened_at,
      lastActivityAt: c => c.last_activity_at,
      waitingSince: c => c.waiting_since,
      contact: (c, _args, ctx) => load(ctx, 'contacts', c.contact_id),
      assignee: (c, _args, ctx) => load(ctx, 'agents', c.assignee_id),
      lastMessage: (c, _args, ctx) => load(ctx, 'messages', c.last_message_id),
      timeline: async (c, { first }, ctx) => ({ nodes: await query('timeline', `SELECT id, type, created_at FROM events
        WHERE workspace_id = $1 AND conversation_id = $2 ORDER BY seq LIMIT $3`, [ctx.params.variables.workspace, c.id, first]) }),
    },
    Contact: { avatarUrl: c => c.avatar_url },
    Message: { createdAt: m => m.created_at },
    Event: { occurredAt: e => e.created_at },
  },
})

await serve(['graphql-yoga', 'graphql', 'pg', 'dataloader'], server => {
  server.on('request', createYoga({ schema, graphiql: false, landingPage: false, logging: false }))
})
