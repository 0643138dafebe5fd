import { Failure } from './failure.js'
import type { Operation, WireOptions } from './wire.js'

/** Sends a request as the caller. It fails with NETWORK if no answer comes. */
export async function send(options: WireOptions, init: RequestInit, path = ''): Promise<Response> {
  const caller = {
    authorization: `Bearer ${await options.token()}`,
    ...(options.workspace && { 'x-switchboard-workspace': options.workspace }),
  }
  try {
    return await (options.fetch ?? fetch)(options.url + path, { ...init, headers: { ...init.headers, ...caller } })
  } catch (cause) {
    throw Failure.of(cause)
  }
}

const patience = 30_000 // for the answer to a request

/** Sends a query or a mutation and returns its data. */
export async function request(options: WireOptions, { document, variables }: Operation): Promise<any> {
  const response = await send(options, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json, application/json' },
    body: JSON.stringify({ query: document, variables }),
    signal: AbortSignal.timeout(patience),
  })
  let answer
  try {
    answer = await response.json()
  } catch {
    throw new Failure('NETWORK', `the answer with status ${response.status} is not JSON`)
  }
  if (answer.errors) throw Failure.of(answer.errors)
  return answer.data
}
