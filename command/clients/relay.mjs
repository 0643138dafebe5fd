// Relay: its environment, store and all, on a network of fetch and graphql-ws. What its
// compiler would write into a build is made here from the documents, as far as they need it.
import { parse } from 'graphql'
import relay from 'relay-runtime'
import { authorization, graphql, run } from './scenario.mjs'
import { socket } from './socket.mjs'

const { Environment, Network, Observable, RecordSource, Store, commitMutation, fetchQuery, requestSubscription } = relay

const environment = new Environment({
  store: new Store(new RecordSource()),
  network: Network.create(
    async ({ text }, variables) => {
      const response = await fetch(graphql, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json', accept: 'application/graphql-response+json' },
        body: JSON.stringify({ query: text, variables }),
      })
      return response.json()
    },
    ({ text, name }, variables) => Observable.create(sink => socket.subscribe({ query: text, operationName: name, variables }, sink)),
  ),
})

const lists = ['events', 'userErrors']

const compile = text => {
  const [{ operation, name: { value: name }, variableDefinitions, selectionSet }] = parse(text, { noLocation: true }).definitions
  const selections = selectionsOf(selectionSet)
  const argumentDefinitions = variableDefinitions.map(({ variable }) => ({ kind: 'LocalArgument', name: variable.name.value, defaultValue: null }))
  const type = operation[0].toUpperCase() + operation.slice(1)
  return {
    kind: 'Request',
    fragment: { kind: 'Fragment', name, type, metadata: null, argumentDefinitions, selections, abstractKey: null },
    operation: { kind: 'Operation', name, argumentDefinitions, selections },
    params: { id: null, cacheID: name, name, text, operationKind: operation, metadata: {} },
  }
}

const selectionsOf = ({ selections }) => selections.map(({ name: { value: name }, selectionSet }) => {
  const field = { name, alias: null, args: null, storageKey: null }
  return selectionSet
    ? { ...field, kind: 'LinkedField', concreteType: null, plural: lists.includes(name), selections: selectionsOf(selectionSet) }
    : { ...field, kind: 'ScalarField' }
})

run({
  request: (document, variables) => document.startsWith('mutation')
    ? new Promise((onCompleted, onError) => commitMutation(environment, { mutation: compile(document), variables, onCompleted, onError }))
    : fetchQuery(environment, compile(document), variables).toPromise(),
  subscribe: (document, variables, { next, error }) => {
    requestSubscription(environment, { subscription: compile(document), variables, onNext: next, onError: error })
  },
})
