// A graphql-ws client for libraries that leave the socket to it. It does not retry: the
// library hears of the end of each subscription.
import { createClient } from 'graphql-ws'
import { authorization, webSocket } from './scenario.mjs'

export const socket = createClient({ url: webSocket, connectionParams: { authorization }, retryAttempts: 0 })
