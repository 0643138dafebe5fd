/** Why an operation failed: a code of the API, or NETWORK if no answer came. */
export class Failure extends Error {
  override name = 'Failure'

  constructor(
    readonly code: string,
    message: string,
    readonly retryAfterMs?: number,
  ) {
    super(message)
  }

  /** Whether the same operation may succeed later. */
  get passes(): boolean {
    return /^(NETWORK|UNAVAILABLE|INTERNAL|RATE_LIMITED|OPERATION_LIMIT)$/.test(this.code)
  }

  /** Whether a subscription cannot go on from its position, so that the data has to be loaded again. */
  get expired(): boolean {
    return this.code === 'CURSOR_EXPIRED' || this.code === 'CURSOR_INVALID'
  }

  /** Returns the failure that an answer, a close event or an exception stands for. */
  static of(cause: unknown): Failure {
    if (cause instanceof Failure) return cause
    const error = Array.isArray(cause) ? cause[0] : undefined
    if (error) return new Failure(error.extensions?.code ?? 'INTERNAL', error.message, error.extensions?.retryAfterMs)
    const { code, reason, message } = (cause ?? {}) as { code?: unknown; reason?: string; message?: string }
    return new Failure(code === 4403 ? 'UNAUTHENTICATED' : 'NETWORK', reason || message || 'the server does not answer')
  }
}
