export class NoChat extends Error {
  /** Undefined if another attempt may help. */
  declare readonly code: string | undefined
  /** Seconds of `Retry-After`. */
  declare readonly retryAfter: number | undefined

  constructor(message: string, code?: string, retryAfter?: number) {
    super(message)
    this.code = code
    this.retryAfter = retryAfter
  }
}

export const replaced = 'A newer chat of yours has replaced this one.'

/** True if the chat starts again when the user returns to the tab. */
export const mayReturn = (code: string | undefined): boolean => code === 'unreachable' || code === 'replaced'
