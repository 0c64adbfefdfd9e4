export class NoChat extends Error {
  /** Undefined if another attempt may help. */
  declare readonly code: string | undefined
  /** Seconds requested by the backend. */
  declare readonly retryAfter: number | undefined

  constructor(message: string, code?: string, retryAfter?: number) {
    super(message)
    this.code = code
    this.retryAfter = retryAfter
  }
}
