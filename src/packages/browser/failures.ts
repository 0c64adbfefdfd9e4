export class NoChat extends Error {
  /** `code` is undefined if another attempt may help. `retryAfter`: the header, in seconds. */
  constructor(
    message: string,
    readonly code?: string,
    readonly retryAfter?: number,
  ) {
    super(message)
  }
}

export const replaced = 'A newer chat of yours has replaced this one.'

export const isOver = ({ state, code }: { readonly state: string; readonly code?: string | undefined }): boolean =>
  state === 'ended' && !mayReturn(code)

/** True if the chat starts again when the user returns to the tab. */
export const mayReturn = (code: string | undefined): boolean => code === 'unreachable' || code === 'replaced'
