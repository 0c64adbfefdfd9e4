export interface Ending {
  /** `drain`: closed once nothing is left to deliver. `cut`: without closing the stream. `abandon`: with unread data. */
  readonly link: 'close' | 'drain' | 'cut' | 'abandon'
  /** `return`: to the senders. */
  readonly queue: 'deliver' | 'return' | 'discard'
  /** `outcome`: the session stays until the client has it. `outcome-now`: only if a request or socket is open. */
  readonly client: 'outcome' | 'outcome-now' | 'end' | 'return' | 'untold'
}

/** A fault ends a session with `Session.fail`. */
export const endings = {
  /** The service stops, or the server has ended the link. */
  drained: { link: 'drain', queue: 'deliver', client: 'outcome' },
  /** The server does not answer, or the client broke a deadline or limit. */
  told: { link: 'close', queue: 'deliver', client: 'outcome' },
  /** To make room for another session. */
  evicted: { link: 'close', queue: 'deliver', client: 'outcome-now' },
  /** To free memory. */
  freed: { link: 'abandon', queue: 'return', client: 'outcome-now' },
  /** By its user or an admin. */
  loggedOut: { link: 'close', queue: 'return', client: 'end' },
  /** Without a client, or after a reply. */
  untold: { link: 'close', queue: 'return', client: 'untold' },
  /** The client may resume the stream over another connection (XEP-0198 §5). */
  cut: { link: 'cut', queue: 'discard', client: 'untold' },
  /** As `cut`, if the service is about to be restarted. */
  left: { link: 'cut', queue: 'discard', client: 'return' },
} as const satisfies Record<string, Ending>

export type How = keyof typeof endings
