/** Why there is no chat, as a sentence for the user. */
export class NoChat extends Error {
  /** Why asking again would not help; undefined if it may help. */
  readonly code: string | undefined
  /** Seconds that the backend wants to be left alone for. */
  readonly retryAfter: number | undefined

  constructor(message: string, code?: string, retryAfter?: number) {
    super(message)
    this.code = code
    this.retryAfter = retryAfter
  }
}
