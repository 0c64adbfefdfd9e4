export class NoChat extends Error {
  /** Undefined if another attempt may help. */
  declare readonly code: string | undefined
  /** Seconds that the backend has requested. */
  declare readonly retryAfter: number | undefined

  constructor(message: string, code?: string, retryAfter?: number) {
    super(message)
    this.code = code
    this.retryAfter = retryAfter
  }
}

export const replaced = 'A newer chat of yours has replaced this one.'

/** The chat starts again if the user returns to the tab. */
export const mayReturn = (code: string | undefined): boolean => code === 'unreachable' || code === 'replaced'
