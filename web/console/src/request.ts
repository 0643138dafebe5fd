/** A workspace in which somebody can work. */
export interface Choice {
  readonly id: string
  readonly name: string
}

/** A problem with a request, in the server's words where it answered. */
export class RequestError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly workspaces: readonly Choice[] = [], // of which the caller has to choose one
  ) {
    super(message)
  }
}

/** Sends an operation with a token, without the library. */
export async function request<Data>(
  token: string,
  query: string,
  variables = {},
  workspace: string | null = null,
): Promise<Data> {
  let response: Response
  try {
    response = await fetch('/graphql', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...(workspace && { 'x-switchboard-workspace': workspace }),
      },
      body: JSON.stringify({ query, variables }),
    })
  } catch {
    throw new RequestError('NETWORK', 'The server does not answer. Is it running?')
  }
  const answer = await response.json().catch(() => null)
  const error = answer?.errors?.[0]
  if (error) {
    const { code, workspaces } = error.extensions ?? {}
    throw new RequestError(code ?? 'INTERNAL', error.message, workspaces)
  }
  if (!answer)
    throw new RequestError('INTERNAL', `The server answered with status ${response.status}.`)
  return answer.data
}
