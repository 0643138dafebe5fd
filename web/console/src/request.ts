/** A problem with a request, in the server's words where it answered. */
export class RequestError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

/** Sends an operation with a token other than the signed-in person's. */
export async function request<Data>(token: string, query: string, variables = {}): Promise<Data> {
  let response: Response
  try {
    response = await fetch('/graphql', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    })
  } catch {
    throw new RequestError('NETWORK', 'The server does not answer. Is it running?')
  }
  const answer = await response.json().catch(() => null)
  const error = answer?.errors?.[0]
  if (error) throw new RequestError(error.extensions?.code ?? 'INTERNAL', error.message)
  if (!answer)
    throw new RequestError('INTERNAL', `The server answered with status ${response.status}.`)
  return answer.data
}
