/** Why there is no chat, and asking again would not help. */
export class Refused extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** Why there is no chat just now. */
export class Unreachable extends Error {
  /** Seconds that the backend wants to be left alone for. */
  readonly retryAfter: number | undefined

  constructor(message: string, retryAfter?: number) {
    super(message)
    this.retryAfter = retryAfter
  }
}
