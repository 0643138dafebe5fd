// What relay-compiler turns into the files of __generated__. After a change of a document:
//
//   switchboard schema > schema.graphql
//   npm run compile
import { graphql } from 'relay-runtime'

graphql`query documentsInboxQuery {
  inbox(view: ALL, first: 5) { asOf totalCount nodes { id contact { name } assignee { name } } }
}`

graphql`mutation documentsTakeMutation($input: AssignToMeInput!) {
  assignToMe(input: $input) { conversation { id assignee { name } } userErrors { code message } }
}`

graphql`subscription documentsChangesSubscription($after: EventCursor) {
  inboxChanged(view: ALL, after: $after) {
    kind cursor conversationId
    conversation { id contact { name } assignee { name } }
    event { __typename id }
  }
}`
