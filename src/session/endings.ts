/** How a session ends. */
export interface Ending {
  /**
   * The link to the XMPP server. `close`: at once. `drain`: once nothing is left to deliver. `cut`: without closing the stream.
   * `abandon`: at once, with what the server has not read.
   */
  readonly link: 'close' | 'drain' | 'cut' | 'abandon'
  /** Stanzas that wait for the client: delivered before the end, returned to their senders, or discarded. */
  readonly queue: 'deliver' | 'return' | 'discard'
  /** `outcome`: the session stays until the client can be told. `outcome-now`: if it can be told now. `end`: of an orderly end. */
  readonly client: 'outcome' | 'outcome-now' | 'end' | 'untold'
}

/** The ways to end a session. A fault is another one: `Session.fail`. */
export const endings = {
  /** The service stops, or the server has ended the link. */
  drained: { link: 'drain', queue: 'deliver', client: 'outcome' },
  /** The server does not answer, or the client has missed a deadline or broken a limit. */
  told: { link: 'close', queue: 'deliver', client: 'outcome' },
  /** The session makes room for another one. */
  evicted: { link: 'close', queue: 'deliver', client: 'outcome-now' },
  /** The session's memory is needed. */
  freed: { link: 'abandon', queue: 'return', client: 'outcome-now' },
  /** Its user or an admin ends it. */
  loggedOut: { link: 'close', queue: 'return', client: 'end' },
  /** Nobody listens, or the client has been told already. */
  untold: { link: 'close', queue: 'return', client: 'untold' },
  /** The client's connection broke. It may resume the stream over another one (XEP-0198 §5). */
  cut: { link: 'cut', queue: 'discard', client: 'untold' },
} as const satisfies Record<string, Ending>

export type How = keyof typeof endings
