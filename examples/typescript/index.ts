// Lists the inbox with types from the schema. `npm run check` finds a field that the schema
// does not have, in the document and in what is done with the answer.
//
//   switchboard schema > schema.graphqls
//   npm install && npm run types
//   SWITCHBOARD_TOKEN=… npm start
import { initGraphQLTada, type TadaDocumentNode } from 'gql.tada'
import { print } from 'graphql'
import type { introspection } from './graphql-env.d.ts'

const graphql = initGraphQLTada<{ introspection: introspection; scalars: { DateTime: string; EventCursor: string } }>()

const inboxQuery = graphql(`query Inbox($first: Int!) {
  inbox(view: ALL, first: $first) { totalCount nodes { id contact { name } assignee { name } waitingSince } }
}`)

async function request<Data, Variables>(document: TadaDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
  const response = await fetch(process.env.SWITCHBOARD_URL ?? 'http://127.0.0.1:8080/graphql', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${process.env.SWITCHBOARD_TOKEN}` },
    body: JSON.stringify({ query: print(document), variables }),
  })
  const { data, errors } = (await response.json()) as { data: Data; errors?: { message: string }[] }
  if (errors) throw new Error(errors[0]?.message)
  return data
}

const { inbox } = await request(inboxQuery, { first: 5 })
console.log(`inbox ${inbox.totalCount} open conversations, the latest:`)
for (const { id, contact, assignee, waitingSince } of inbox.nodes) {
  console.log(id, contact.name, assignee?.name ?? 'nobody', waitingSince ?? 'answered')
}
