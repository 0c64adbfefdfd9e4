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

/** If the XMPP server prefers another session of the user. */
export const replaced = 'A newer chat of yours has replaced this one.'

/** The chat starts again if the user returns to the tab. */
export const mayReturn = (code: string | undefined): boolean => code === 'unreachable' || code === 'replaced'
